"""The grammar's tree as libpg_query's JSON gives it, and how to walk it.

A node is `{"SelectStmt": {...fields}}` where the grammar has any node, and the bare fields where the type is fixed
(`relation`, `withClause`, `larg`). Fields at their default (0, false, "") are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

Node: TypeAlias = dict[str, Any]
"""Fields of a node, or a node under its type's name."""


def kind_of(node: object) -> str:
    """The type's name of a wrapped node, '' for an empty one."""
    if isinstance(node, dict) and len(node) == 1:
        name = next(iter(node))
        return name if isinstance(name, str) else ""
    return ""


def unwrap(node: object) -> tuple[str, Node]:
    """A wrapped node's type and fields; ('', {}) for an empty one."""
    kind = kind_of(node)
    return (kind, mapping(mapping(node)[kind])) if kind else ("", {})


def mapping(value: object) -> Node:
    """`value` when it is a node, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Node]:
    """A list of nodes, empty when absent."""
    return [mapping(item) for item in value] if isinstance(value, list) else []


def text(value: object) -> str:
    """A field that holds a string, '' when absent."""
    return value if isinstance(value, str) else ""


def string(node: object) -> str | None:
    """The content of a String node, None when the node is another."""
    kind, fields = unwrap(node)
    return text(fields.get("sval")) if kind == "String" else None


def strings(value: object) -> tuple[str, ...]:
    """A list of String nodes; others among them are skipped."""
    return tuple(found for found in (string(node) for node in items(value)) if found is not None)


def without_locations(value: object) -> object:
    """The tree with every `location` and length taken out, for comparing two texts' trees."""
    if isinstance(value, dict):
        return {
            key: without_locations(item)
            for key, item in value.items()
            if key not in _PLACES and not key.endswith("_location")
        }
    if isinstance(value, list):
        return [without_locations(item) for item in value]
    return value


_PLACES = frozenset({"location", "stmt_len", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end"})


def descend(value: object) -> Iterator[tuple[str, Node]]:
    """Every wrapped node in a tree with its type, in no promised order, without recursion."""
    pending: list[object] = [value]
    while pending:
        current = pending.pop()
        if isinstance(current, list):
            pending.extend(current)
        elif isinstance(current, dict):
            kind = kind_of(current)
            if kind and kind[0].isupper():
                yield kind, mapping(current[kind])
            pending.extend([part for part in current.values() if isinstance(part, (dict, list))])
