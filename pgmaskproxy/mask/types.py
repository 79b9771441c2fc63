"""What a column's values are made of: its family, its limits, and what is inside it (manual, chapter 8).

A RowDescription names a type by OID and modifier, a domain as what it is over. PostgreSQL's own types have fixed
OIDs (src/include/catalog/pg_type.dat); of any other only the catalog can tell, and one that it does not know is OTHER,
of which nothing but NULL can be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, final

from pgmaskproxy.model import DataType, TypeKind

TEXT: Final = "text"
NAME: Final = "name"
BPCHAR: Final = "character"
BYTEA: Final = "bytea"
BOOL: Final = "boolean"
INT2: Final = "smallint"
INT4: Final = "integer"
INT8: Final = "bigint"
FLOAT4: Final = "real"
FLOAT8: Final = "double precision"
NUMERIC: Final = "numeric"
MONEY: Final = "money"
DATE: Final = "date"
TIME: Final = "time"
TIMETZ: Final = "time with time zone"
TIMESTAMP: Final = "timestamp"
TIMESTAMPTZ: Final = "timestamp with time zone"
INTERVAL: Final = "interval"
UUID: Final = "uuid"
INET: Final = "inet"
CIDR: Final = "cidr"
JSON: Final = "json"
JSONB: Final = "jsonb"
XML: Final = "xml"
ENUM: Final = "enum"
ARRAY: Final = "array"
COMPOSITE: Final = "composite"
OTHER: Final = "other"

TEXTS: Final = frozenset({TEXT, NAME, BPCHAR})
"""Their binary format is their text (`textsend`): any text may stand in either, as far as it is not too long."""
INTEGERS: Final = frozenset({INT2, INT4, INT8})

_FAMILIES: Final[Mapping[int, str]] = MappingProxyType(
    {
        16: BOOL, 17: BYTEA, 19: NAME, 20: INT8, 21: INT2, 23: INT4, 25: TEXT, 114: JSON, 142: XML, 650: CIDR,
        700: FLOAT4, 701: FLOAT8, 705: TEXT, 790: MONEY, 869: INET, 1042: BPCHAR, 1043: TEXT, 1082: DATE, 1083: TIME,
        1114: TIMESTAMP, 1184: TIMESTAMPTZ, 1186: INTERVAL, 1266: TIMETZ, 1700: NUMERIC, 2950: UUID, 3802: JSONB,
    }
)  # fmt: skip

_ELEMENTS: Final[Mapping[int, int]] = MappingProxyType(
    {
        1000: 16, 1001: 17, 1003: 19, 1016: 20, 1005: 21, 1007: 23, 1009: 25, 199: 114, 143: 142, 651: 650, 1021: 700,
        1022: 701, 791: 790, 1041: 869, 1014: 1042, 1015: 1043, 1182: 1082, 1183: 1083, 1115: 1114, 1185: 1184,
        1187: 1186, 1270: 1266, 1231: 1700, 2951: 2950, 3807: 3802,
    }
)  # fmt: skip
"""Array types, and the types of their elements."""

_VARCHAR: Final = 1043
_NAME_BYTES: Final = 63
_DEEPEST: Final = 16
_MOST_PARTS: Final = 4096
_MODIFIER_HEADER: Final = 4  # VARHDRSZ: what character types and numeric add to their modifier


@final
class Shape:
    """What is known of a value by its type. `type_oid` is the server's, with a domain resolved.

    `limit` is the number of characters (of a name: bytes) that it may have, -1 without one; `scale` the digits behind a
    numeric's point, -1 where each value has its own; `first` an enum's first value. Of an array `parts` has its
    element's shape, of a composite type each field's; `part_oids` are their types as the binary format says them,
    domains unresolved.
    """

    def __init__(
        self,
        type_oid: int,
        family: str,
        *,
        limit: int = -1,
        scale: int = -1,
        first: str = "",
        parts: tuple[Shape, ...] = (),
        part_oids: tuple[int, ...] = (),
    ) -> None:
        self.type_oid: Final = type_oid
        self.family: Final = family
        self.limit: Final = limit
        self.scale: Final = scale
        self.first: Final = first
        self.parts: Final = parts
        self.part_oids: Final = part_oids
        self.size: Final[int] = 1 + sum([part.size for part in parts])
        """How many shapes it is made of, itself counted."""


def shape_of(type_oid: int, modifier: int, types: Mapping[int, DataType]) -> Shape:
    """The shape of a type with this modifier (-1 for none), by what the catalog says of those that are not
    PostgreSQL's own. OTHER for what is not known, and for what has more parts, or deeper, than anybody follows."""
    return _Shapes(types).of(type_oid, modifier, 0)


@final
class _Shapes:
    """One type and all that is inside of it. Types within types are as many as a power: each is made once."""

    def __init__(self, types: Mapping[int, DataType]) -> None:
        self._types: Final = types
        self._made: Final[dict[tuple[int, int, int], Shape]] = {}

    def of(self, type_oid: int, modifier: int, depth: int) -> Shape:
        key = (type_oid, modifier, depth)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._new(type_oid, modifier, depth)
        return made

    def _new(self, type_oid: int, modifier: int, depth: int) -> Shape:
        family = _FAMILIES.get(type_oid)
        if family is not None:
            return _plain(type_oid, family, modifier)
        if type_oid in _ELEMENTS:
            element = _ELEMENTS[type_oid]
            part = _plain(element, _FAMILIES[element], modifier)
            return Shape(type_oid, ARRAY, parts=(part,), part_oids=(element,))
        known = self._types.get(type_oid)
        if known is None or depth > _DEEPEST:
            return Shape(type_oid, OTHER)
        if known.kind is TypeKind.TEXT:
            return Shape(type_oid, TEXT)
        if known.kind is TypeKind.ENUM:
            return Shape(type_oid, ENUM, first=known.first)
        if known.kind is TypeKind.DOMAIN:
            return self.of(known.of, known.modifier, depth + 1)
        if known.kind is TypeKind.ARRAY:
            part = self.of(known.of, modifier, depth + 1)
            return Shape(type_oid, ARRAY, parts=(part,), part_oids=(known.of,))
        parts = tuple([self.of(oid, its, depth + 1) for oid, its in known.fields])
        whole = Shape(type_oid, COMPOSITE, parts=parts, part_oids=tuple([oid for oid, _ in known.fields]))
        return whole if whole.size <= _MOST_PARTS else Shape(type_oid, OTHER)


def _plain(type_oid: int, family: str, modifier: int) -> Shape:
    if family == NAME:
        return Shape(type_oid, family, limit=_NAME_BYTES)
    if modifier < _MODIFIER_HEADER:
        # char without a length is char(1) in a column, and then has a modifier; an expression's has none.
        return Shape(type_oid, family)
    if family == BPCHAR or type_oid == _VARCHAR:
        return Shape(type_oid, family, limit=modifier - _MODIFIER_HEADER)
    if family == NUMERIC:
        # numeric.c, make_numeric_typmod: eleven bits of scale, with a sign since version 15.
        scale = (modifier - _MODIFIER_HEADER) & 0x7FF
        return Shape(type_oid, family, scale=max((scale ^ 1024) - 1024, 0))
    return Shape(type_oid, family)
