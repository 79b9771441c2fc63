"""How the cases write an attestation down.

An output is `customers.ssn` (bare; `|` between several, ` !` after one that is not pure, ` row` after a whole row),
`f(customers.ssn)` (computed from), both beside each other, or `-`. A use is `PREDICATE customers.ssn WHERE`, with
`> customers.notes` for what it is written to or compared with, `$` for a parameter, `@view` inside a view (`@policy`
in row security) and `& bands.lo, rows` for what else is in the term there. `named` is there when it is not all of
`reads`.
"""

from __future__ import annotations

from collections.abc import Mapping

from pgmaskproxy.sql.attest.attestation import ROW_SECURITY, ROWS, Attestation, Called, Output, TreeUse
from pgmaskproxy.sql.attest.flows import Column

Relations = Mapping[int, tuple[str, list[str]]]
"""Name and column names of each relation by OID."""


def column(found: Column, relations: Relations) -> str:
    oid, number = found
    name, columns = relations.get(oid, (str(oid), []))
    if number == 0:
        return f"{name}.*"
    return f"{name}.{columns[number - 1] if 0 < number <= len(columns) else number}"


def output(found: Output, relations: Relations) -> str:
    text = "|".join(column(one, relations) for one in sorted(found.bare))
    if found.derived:
        text += f" f({', '.join(column(one, relations) for one in sorted(found.derived))})"
    elif found.bare and not found.pure:
        text += " !"
    return (text.strip() or "-") + (" row" if found.whole_row else "")


def use(found: TreeUse, relations: Relations) -> str:
    text = f"{found.use.name} {column(found.column, relations)} {found.where}"
    if found.target is not None:
        text += f" > {column(found.target, relations)}"
    if found.parameter:
        text += " $"
    if found.total:
        text += " total"
    if found.view:
        text += f" @{relations[found.view][0]}" if found.view != ROW_SECURITY else " @policy"
    beside = [column(one, relations) if one != ROWS else "rows" for one in found.beside if one != found.column]
    return text + (f" & {', '.join(beside)}" if beside else "")


def written(found: Attestation, relations: Relations) -> dict[str, object]:
    """What a case names of an attestation; parts that say nothing are left out."""

    def names(oids: frozenset[int]) -> list[str]:
        return sorted(relations[oid][0] if oid in relations else str(oid) for oid in oids)

    parts: dict[str, object] = {
        "command": found.command if found.command != "SELECT" else "",
        "outputs": [output(one, relations) for one in found.outputs],
        "uses": sorted(use(one, relations) for one in found.uses),
        "reads": names(found.reads),
        "writes": sorted(f"{names(frozenset({oid}))[0]} {command}" for oid, command in found.writes),
        "locks": names(found.locks),
        "sequences": names(found.sequences),
        "named": names(found.named) if found.named != found.reads else [],
        "calls": calls(found.called),
        "viewed": {names(frozenset({view}))[0]: what for view, called in found.viewed if (what := calls(called))},
        "row_security": calls(found.row_security),
        "cursors": sorted(found.cursors),
        "parameters": found.parameters,
    }
    return {key: value for key, value in parts.items() if value not in ("", [], {}, 0)}


def calls(found: Called) -> dict[str, list[object]]:
    """OIDs below 10000 only: the others differ from server to server."""
    parts: dict[str, list[object]] = {}
    for name in ("functions", "aggregates", "windows", "operators", "families", "classes", "compared", "domains"):
        oids = sorted(getattr(found, name))
        if oids:
            parts[name] = [oid if oid < 10_000 else "other" for oid in oids]
    if found.casts:
        parts["casts"] = [" ".join(str(o) if o < 10_000 else "other" for o in pair) for pair in sorted(found.casts)]
    if found.special:
        parts["special"] = [*sorted(found.special)]
    return parts
