"""Generated columns (manual, "Generated Columns"): what they are computed from, and whether that can fail."""

from __future__ import annotations

from typing import Final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.catalog import Column, Relation
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.total import TEXT_TYPES, total_expression
from pgmaskproxy.sql.tree import Node, descend, items, mapping, strings, unwrap

_TEXT_OID: Final = 25
_TEXT: Final = frozenset({("text",), ("pg_catalog", "text")})


def computed_from(relation: Relation, column: Column) -> tuple[Column, ...]:
    """The columns in a generation expression; all of the relation's others when it cannot be read."""
    others = tuple(other for other in relation.columns if other is not column)
    expression = _expression(column)
    if expression is None:
        return others
    names = {strings(fields.get("fields"))[-1:] for kind, fields in descend(expression) if kind == "ColumnRef"}
    return tuple(other for other in others if (other.name,) in names)


def can_fail(relation: Relation, column: Column) -> bool:
    """Whether computing the column's value may end in an error: it then tells something of what it is computed from."""
    expression = _expression(column)
    sources = computed_from(relation, column)
    # Of character varying(n), the result could be too long.
    if expression is None or column.type_oid != _TEXT_OID or any(each.type_oid not in TEXT_TYPES for each in sources):
        return True
    plain = _uncast(expression)
    return unwrap(plain)[0] != "ColumnRef" and total_expression(plain) is None


def _expression(column: Column) -> Node | None:
    """The grammar's node, of the text that pg_get_expr gives."""
    if not column.expression:
        return None
    try:
        statements = parse(f"SELECT {column.expression}")
    except (Unparsable, RecursionError):
        return None
    if len(statements) != 1:
        return None
    targets = items(statements[0].node.get("targetList"))
    return mapping(unwrap(targets[0])[1].get("val")) if len(targets) == 1 else None


def _uncast(node: Node) -> Node:
    """Without the casts to text that pg_get_expr writes down: around text, they do nothing."""
    kind, fields = unwrap(node)
    if kind == "TypeCast":
        type_name = mapping(fields.get("typeName"))
        if strings(type_name.get("names")) in _TEXT and not items(type_name.get("arrayBounds")):
            return _uncast(mapping(fields.get("arg")))
        return node
    return {
        kind: {
            name: [_uncast(each) for each in value]
            if name == "args" and isinstance(value, list)
            else _uncast(value)
            if name in {"lexpr", "rexpr"} and isinstance(value, dict)
            else value
            for name, value in fields.items()
        }
    }
