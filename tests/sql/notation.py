"""How the fixtures write an analysis down.

An output is `customers.ssn` (a bare column; ` | ` between several, ` !` after ones that are not pure), `-` (no column),
`f(customers.ssn)` (computed from) or `?` (opaque). A use is `PREDICATE customers.ssn`, with ` > customers.notes`
for what it is written to or compared with. The schema `public` is left out.
"""

from __future__ import annotations

from pgmaskproxy.model import Analysis, ColumnOrigin, ColumnRef, Columns, ColumnUse, Opaque


def column(ref: ColumnRef) -> str:
    return str(ref).removeprefix("public.")


def output(origin: ColumnOrigin) -> str:
    if isinstance(origin, Opaque):
        return "?"
    names = " | ".join(sorted(column(ref) for ref in origin.columns))
    if isinstance(origin, Columns):
        return names if origin.pure else f"{names} !"
    return f"f({names})" if names else "-"


def use(found: ColumnUse) -> str:
    target = f" > {column(found.target)}" if found.target is not None else ""
    return f"{found.use.name} {column(found.column)}{target}"


def written(analysis: Analysis) -> dict[str, object]:
    """The parts of an analysis that a fixture names, those that say nothing left out."""
    names = analysis.names
    shape = analysis.copy
    parts: dict[str, object] = {
        "kind": analysis.kind,
        "effects": " ".join(sorted(effect.name for effect in analysis.effects)),
        "reads": sorted(str(ref).removeprefix("public.") for ref in analysis.reads),
        "writes": sorted(str(ref).removeprefix("public.") for ref in analysis.writes),
        "outputs": None if analysis.outputs is None else [output(origin) for origin in analysis.outputs],
        "uses": sorted({use(found) for found in analysis.uses}),
        "functions": sorted(analysis.functions),
        "settings": [
            f"{'LOCAL ' if setting.local else ''}{setting.name} = {setting.value}"
            + ("" if setting.constant else " (not constant)")
            for setting in analysis.settings
        ],
        "names": f"{names.verb.name} {names.name}{' WITH HOLD' if names.holdable else ''}" if names else "",
        "copy": (
            f"{'TO' if shape.to_stdout else 'FROM'} {shape.unsupported or shape.layout.format} "
            f"{shape.columns}: {shape.probe}"
            if shape
            else ""
        ),
        "inner": analysis.inner or "",
        "transaction": analysis.transaction.name if analysis.transaction else "",
        "channel": analysis.channel or "",
        "without_where": analysis.without_where,
        "moves_names": analysis.moves_names,
        "parameters": analysis.parameters,
    }
    return {key: value for key, value in parts.items() if value not in ("", [], False, 0)}
