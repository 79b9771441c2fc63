"""What the server computes by itself when a row is written: generated columns, and the expressions of indexes (manual,
"Generated Columns", "Indexes on Expressions"). What it is computed from, and whether that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.catalog import Column, Index, Relation
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.total import TEXT_TYPES, total_expression
from pgmaskproxy.sql.tree import Node, descend, items, mapping, strings, unwrap

_TEXT_OID: Final = 25
_TEXT: Final = frozenset({("text",), ("pg_catalog", "text")})
_COMPARISONS: Final = frozenset({("=",), ("<>",), ("<",), ("<=",), (">",), (">=",)})
"""Printed under an empty search_path, other people's operators have a schema."""


def computed_from(relation: Relation, column: Column) -> tuple[Column, ...]:
    """The columns in a generation expression; all of the relation's others when it cannot be read."""
    others = tuple(other for other in relation.columns if other is not column)
    expressions = _expressions(column.expression)
    return others if len(expressions) != 1 else _named_in(expressions[0], others)


def can_fail(relation: Relation, column: Column) -> bool:
    """Whether computing the column's value may end in an error: it then tells something of what it is computed from."""
    expressions = _expressions(column.expression)
    text_only = all(each.type_oid in TEXT_TYPES for each in computed_from(relation, column))
    # Of character varying(n), the result could be too long.
    return len(expressions) != 1 or column.type_oid != _TEXT_OID or not text_only or _fails(expressions[0], relation)


def failing_expressions(relation: Relation, index: Index) -> Iterator[tuple[Column, ...]]:
    """The columns of each part of an index's expressions and predicate that may end in an error."""
    for text in index.expressions:
        pending = list(_expressions(text))
        if not pending:
            yield relation.columns
        while pending:
            node = pending.pop()
            inside = _parts(node)
            pending.extend(inside)
            if not inside and _fails(node, relation):
                yield _named_in(node, relation.columns)


def _parts(node: Node) -> list[Node]:
    """The operands of what cannot fail itself: comparisons, IS NULL, AND, OR, NOT."""
    kind, fields = unwrap(node)
    if kind == "BoolExpr":
        return items(fields.get("args"))
    if kind in {"NullTest", "BooleanTest"}:
        return [mapping(fields.get("arg"))]
    if kind == "A_Expr" and fields.get("kind") == "AEXPR_OP" and strings(fields.get("name")) in _COMPARISONS:
        return [mapping(fields[side]) for side in ("lexpr", "rexpr") if side in fields]
    return []


def _fails(node: Node, relation: Relation) -> bool:
    plain = _uncast(node)
    if unwrap(plain)[0] in {"ColumnRef", "A_Const"}:
        # Cast to another type than text, it would not be plain.
        return False
    text_only = all(column.type_oid in TEXT_TYPES for column in _named_in(node, relation.columns))
    return not text_only or total_expression(plain) is None


def _named_in(node: Node, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    names = {strings(fields.get("fields"))[-1:] for kind, fields in descend(node) if kind == "ColumnRef"}
    return tuple(column for column in columns if (column.name,) in names)


def _expressions(text: str) -> list[Node]:
    """The grammar's nodes, of the text that pg_get_expr gives; none where it cannot be read."""
    if not text:
        return []
    try:
        statements = parse(f"SELECT {text}")
    except (Unparsable, RecursionError):
        return []
    if len(statements) != 1:
        return []
    return [mapping(unwrap(target)[1].get("val")) for target in items(statements[0].node.get("targetList"))]


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
