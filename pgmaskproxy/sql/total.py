"""Expressions that can neither fail nor show anything by themselves (THREATS R2): total functions of text over bare
columns and literals.

No cast, arithmetic, CASE, comparison, regular expression or parsing is among them, and nothing that can grow out of
bounds: `replace` may only shrink, and so many columns may be put together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.sql.tree import Node, items, mapping, strings, text, unwrap

MAX_COLUMNS: Final = 16
"""In one expression: what they make together stays far below the gigabyte where the server gives up."""

TEXT_TYPES: Final = frozenset({25, 1042, 1043})
"""OIDs of text, character and character varying: other types have functions of the same names that fail."""

_VALUE, _STRING, _POSITION, _SHRINKS = "value", "string literal", "position literal", "replacement"

_SHAPES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    **dict.fromkeys(("upper", "lower", "initcap", "reverse", "length", "md5"), ((_VALUE,),)),
    **dict.fromkeys(("btrim", "ltrim", "rtrim"), ((_VALUE,), (_VALUE, _STRING))),
    **dict.fromkeys(("left", "right"), ((_VALUE, _POSITION),)),
    **dict.fromkeys(("substr", "substring"), ((_VALUE, _POSITION), (_VALUE, _POSITION, _POSITION))),
    "replace": ((_VALUE, _STRING, _SHRINKS),),
}
"""What each function takes."""

BY_VALUE: Final = frozenset(name for name, all_of in _SHAPES.items() if {_POSITION, _SHRINKS} & {*sum(all_of, ())})
"""Those of them that are total or not by what their literals say."""

_PLAIN_CALL: Final = frozenset({"funcname", "args", "funcformat", "location"})


@dataclass(frozen=True, slots=True)
class TotalExpression:
    """One such expression: the columns it names (nodes of the grammar), and what it calls."""

    columns: tuple[Node, ...]
    functions: frozenset[tuple[str | None, str]]
    """(schema or None, name)."""
    concatenates: bool
    """By the operator `||`."""


def total_expression(node: Node) -> TotalExpression | None:
    """What `node` is made of when it is total wherever its columns are text; None for anything else, and for a column
    or a literal alone."""
    columns: list[Node] = []
    functions: set[tuple[str | None, str]] = set()
    concatenates = False
    pending: list[tuple[Node, str]] = [(node, _VALUE)]
    while pending:
        current, shape = pending.pop()
        kind, fields = unwrap(current)
        if shape != _VALUE:
            if not _literal(kind, fields, shape):
                return None
        elif kind == "ColumnRef":
            columns.append(current)
        elif kind == "A_Const":
            if not (fields.get("isnull") or "sval" in fields):
                return None
        elif kind == "CoalesceExpr":
            pending.extend((argument, _VALUE) for argument in items(fields.get("args")))
        elif kind == "A_Expr":
            if fields.get("kind") != "AEXPR_OP" or strings(fields.get("name")) != ("||",) or "lexpr" not in fields:
                return None
            concatenates = True
            pending.extend((mapping(fields.get(side)), _VALUE) for side in ("lexpr", "rexpr"))
        elif kind == "FuncCall":
            called = _call(fields)
            if called is None:
                return None
            functions.add(called)
            shapes = _shapes(called[1], items(fields.get("args")))
            if shapes is None:
                return None
            pending.extend(zip(items(fields.get("args")), shapes, strict=True))
        else:
            return None
    alone = unwrap(node)[0] in {"ColumnRef", "A_Const"}
    if alone or not columns or len(columns) > MAX_COLUMNS:
        return None
    return TotalExpression(tuple(columns), frozenset(functions), concatenates)


def _call(fields: Node) -> tuple[str | None, str] | None:
    names = strings(fields.get("funcname"))
    if fields.keys() - _PLAIN_CALL or not 1 <= len(names) <= 2 or (len(names) == 2 and names[0] != "pg_catalog"):
        return None
    return (names[0] if len(names) == 2 else None, names[-1])


def _shapes(name: str, arguments: list[Node]) -> tuple[str, ...] | None:
    if name == "concat":
        return (_VALUE,) * len(arguments)
    for shapes in _SHAPES.get(name, ()):
        if len(shapes) == len(arguments):
            return shapes if _SHRINKS not in shapes or _shrinks(arguments) else None
    return None


def _shrinks(arguments: list[Node]) -> bool:
    """Whether the third argument is no longer than the second, in bytes: nested, a growing one grows by powers."""
    pattern, replacement = (unwrap(argument)[1].get("sval") for argument in arguments[1:])
    if not isinstance(pattern, dict) or not isinstance(replacement, dict):
        return False
    return len(text(replacement.get("sval")).encode()) <= len(text(pattern.get("sval")).encode())


def _literal(kind: str, fields: Node, shape: str) -> bool:
    if kind != "A_Const":
        return False
    if shape == _POSITION:
        # Negative ones count from the end, or are an error: only where there is a value.
        number = mapping(fields.get("ival")).get("ival", 0)
        return "ival" in fields and isinstance(number, int) and number >= 0
    return "sval" in fields
