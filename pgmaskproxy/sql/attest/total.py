"""Expressions that can neither fail nor show anything by themselves, by OID: the tree's side of `sql/total`.

What the literals say (a position that is not negative, a replacement that does not grow) is the text's to judge: a
verdict may be found again by a tree without its constants.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.shape import flag, members, number
from pgmaskproxy.sql.total import MAX_COLUMNS, TEXT_TYPES

FUNCTIONS: Final = {
    401: "text(character)",
    870: "lower(text)",
    871: "upper(text)",
    872: "initcap(text)",
    875: "ltrim(text,text)",
    876: "rtrim(text,text)",
    877: "substr(text,integer,integer)",
    881: "ltrim(text)",
    882: "rtrim(text)",
    883: "substr(text,integer)",
    884: "btrim(text,text)",
    885: "btrim(text)",
    936: '"substring"(text,integer,integer)',
    937: '"substring"(text,integer)',
    1317: "length(text)",
    1318: "length(character)",
    2087: "replace(text,text,text)",
    2311: "md5(text)",
    3058: 'concat("any")',
    3060: '"left"(text,integer)',
    3061: '"right"(text,integer)',
    3062: "reverse(text)",
}
"""OIDs of pg_catalog's, the same in all of MAJORS; character to text is what the server adds by itself."""

CONCATENATION: Final = 654
"""pg_operator.oid of text || text."""

LITERALS: Final = TEXT_TYPES | {23, 705}
"""Types of literals: a position is an integer, and what "any" takes stays of type unknown."""


def total_columns(expression: Value) -> list[Node] | None:
    """The VARs of an expression that is total wherever they are columns as they are; None for any other, and for a
    column alone. What its nodes have in other fields is for whoever walks them to check."""
    columns: list[Node] = []
    pending: list[tuple[Value, bool]] = [(expression, True)]
    while pending:
        node, outermost = pending.pop()
        if not isinstance(node, Node):
            return None
        below = _below(node, outermost=outermost)
        if below is None:
            return None
        if node.label == "VAR":
            columns.append(node)
        pending.extend((part, False) for part in below)
    alone = expression
    while isinstance(alone, Node) and alone.label == "RELABELTYPE":  # another type for the same bytes
        alone = alone.fields.get("arg")
    bare = isinstance(alone, Node) and alone.label == "VAR"
    return None if bare or not columns or len(columns) > MAX_COLUMNS else columns


def _below(node: Node, *, outermost: bool) -> list[Value] | None:
    """What of a node is to be looked at; None when it is not total. All that is not outermost is text or a literal: a
    number that was computed may be one that fails."""
    fields = node.fields
    match node.label:
        case "VAR":
            return [] if number(fields.get("vartype")) in TEXT_TYPES else None
        case "CONST":
            return [] if number(fields.get("consttype")) in LITERALS else None
        case "RELABELTYPE":
            return [fields.get("arg")] if number(fields.get("resulttype")) in TEXT_TYPES else None
        case "COALESCEEXPR":
            return members(fields.get("args")) if number(fields.get("coalescetype")) in TEXT_TYPES else None
        case "OPEXPR":
            return members(fields.get("args")) if number(fields.get("opno")) == CONCATENATION else None
        case "FUNCEXPR":
            own = number(fields.get("funcid")) in FUNCTIONS and not flag(fields.get("funcvariadic"))
            text = outermost or number(fields.get("funcresulttype")) in TEXT_TYPES
            return members(fields.get("args")) if own and text else None
        case _:
            return None
