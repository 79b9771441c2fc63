"""Which comparisons are of a value with a value, so that a label may opt in to them (`Use.EQUALITY`, `Use.JOIN`).

The server's tree has the operator that `=` became, and only those that hash or merge joins know are equality; paths
are "equal" with as many points. The text has the types, and where they do not tell for certain, it is a predicate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.tree import Node, items, mapping, strings, text, unwrap

NAMED_TYPES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bool": 16, "bytea": 17, "char": 18, "name": 19, "int8": 20, "int2": 21, "int4": 23, "text": 25, "oid": 26,
        "float4": 700, "float8": 701, "inet": 869, "bpchar": 1042, "varchar": 1043, "date": 1082,
        "time": 1083, "timestamp": 1114, "timestamptz": 1184, "interval": 1186, "numeric": 1700,
        "uuid": 2950, "jsonb": 3802,
    }
)  # fmt: skip
"""pg_type.oid of the types that columns mostly have: the same in every version."""

_FAMILIES: Final = (
    frozenset({20, 21, 23}),
    frozenset({19, 25, 1043}),
    frozenset({700, 701}),
    frozenset({1082, 1114, 1184}),
)
"""Types that `=` compares with each other as they are."""

_EQUAL: Final = frozenset(NAMED_TYPES.values())
_UNTYPED: Final = 0


def comparable(left: int | None, right: int | None) -> bool:
    """Whether `=` between these types (OIDs; 0 untyped, None unknown) certainly compares the values as they are."""
    if left is None or right is None or not {left, right} - {_UNTYPED} <= _EQUAL:
        return False
    return left == right or _UNTYPED in {left, right} or any({left, right} <= family for family in _FAMILIES)


def comparand(node: Node) -> str | None:
    """`A_Const` or `ParamRef` when the node is one, cast to a type or not; None for anything else."""
    kind, fields = unwrap(node)
    if kind == "TypeCast":
        kind, fields = unwrap(fields.get("arg"))
        if kind == "A_Const" and "sval" not in fields:
            return None  # a number cast to another type is computed
    return kind if kind in {"A_Const", "ParamRef"} else None


@dataclass(frozen=True, slots=True)
class Given:
    """A value that the statement itself brings: a parameter, or a literal, of which a string's text is kept."""

    number: int = 0
    literal: str = ""
    array: bool = False
    """A parameter that holds several values."""
    at: int = field(default=-1, compare=False)
    """Where a literal is, in bytes of the text."""


def given(node: Node) -> Given | None:
    """What a comparand, or what is written, is; None for anything that is computed."""
    kind, fields = unwrap(node)
    while kind == "TypeCast":
        kind, fields = unwrap(fields.get("arg"))
    if kind == "ParamRef":
        number = fields.get("number", 0)
        return Given(number) if isinstance(number, int) and number else None
    if kind == "A_Const":
        place = fields.get("location", 0)
        literal = text(mapping(fields.get("sval")).get("sval"))
        return Given(literal=literal, at=place if isinstance(place, int) else 0)
    return None


def one_of(fields: Node) -> tuple[Given, ...]:
    """The parameters on the right of `= ANY ($1)` or `IN ($1, $2)`; none where something else is there."""
    right = mapping(fields.get("rexpr"))
    if fields.get("kind") == "AEXPR_OP_ANY":
        found = given(right)
        return (replace(found, array=True),) if found is not None and found.number else ()
    if fields.get("kind") != "AEXPR_IN":
        return ()
    listed = [given(element) for element in items(unwrap(right)[1].get("items"))]
    params = tuple(each for each in listed if each is not None and each.number)
    return params if len(params) == len(listed) else ()


def cast_type(catalog: Catalog, type_name: Node) -> int | None:
    """The OID of the type that a cast names, None when that is not certain."""
    type_name = mapping(type_name)
    names = strings(type_name.get("names"))
    if type_name.get("typmods") or type_name.get("arrayBounds") or names[:-1] not in {(), ("pg_catalog",)}:
        return None
    if not names or names[-1] in catalog.types_by_name:
        return None
    return NAMED_TYPES.get(names[-1])
