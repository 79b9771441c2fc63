from __future__ import annotations

import pytest

from pgmaskproxy.mask import types
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import DataType, TypeKind

CATALOG = {
    17000: DataType(TypeKind.TEXT),
    17001: DataType(TypeKind.ENUM, first="new"),
    17002: DataType(TypeKind.DOMAIN, of=1043, modifier=4 + 12),
    17003: DataType(TypeKind.DOMAIN, of=17002),
    17004: DataType(TypeKind.ARRAY, of=17003),
    17005: DataType(TypeKind.COMPOSITE, fields=((23, -1), (17004, -1), (1042, 4 + 2))),
    17006: DataType(TypeKind.DOMAIN, of=17006),
    17007: DataType(TypeKind.DOMAIN, of=99999),
}


@pytest.mark.parametrize(
    ("oid", "modifier", "family", "limit", "scale"),
    [
        (25, -1, types.TEXT, -1, -1),
        (1043, 4 + 9, types.TEXT, 9, -1),
        (1042, 4 + 1, types.BPCHAR, 1, -1),
        (1042, -1, types.BPCHAR, -1, -1),
        (19, -1, types.NAME, 63, -1),
        (1700, -1, types.NUMERIC, -1, -1),
        (1700, 4 + (10 << 16 | 2), types.NUMERIC, -1, 2),
        (1700, 4 + (3 << 16 | 0x7FE), types.NUMERIC, -1, 0),  # numeric(3, -2), since 15
        (1083, 3, types.TIME, -1, -1),
        (600, -1, types.OTHER, -1, -1),
        (18, -1, types.OTHER, -1, -1),  # "char", of one byte
        (1560, 5, types.OTHER, -1, -1),
        (17000, -1, types.TEXT, -1, -1),
        (17002, -1, types.TEXT, 12, -1),
        (17003, -1, types.TEXT, 12, -1),
        (17007, -1, types.OTHER, -1, -1),
    ],
)
def test_a_types_family_and_its_limits(oid: int, modifier: int, family: str, limit: int, scale: int) -> None:
    shape = shape_of(oid, modifier, CATALOG)
    assert (shape.family, shape.limit, shape.scale) == (family, limit, scale)


def test_what_is_inside_an_array_and_a_composite_type() -> None:
    shape = shape_of(17005, -1, CATALOG)
    assert shape.family == types.COMPOSITE
    assert shape.part_oids == (23, 17004, 1042)
    assert [part.family for part in shape.parts] == [types.INT4, types.ARRAY, types.BPCHAR]
    inner = shape.parts[1]
    assert inner.part_oids == (17003,)  # the domain, as the binary format says it
    assert (inner.parts[0].family, inner.parts[0].limit) == (types.TEXT, 12)
    assert shape_of(17001, -1, CATALOG).first == "new"


def test_an_arrays_modifier_is_its_elements() -> None:
    assert shape_of(1015, 4 + 5, {}).parts[0].limit == 5
    assert shape_of(1231, 4 + (10 << 16 | 2), {}).parts[0].scale == 2


def test_a_type_without_an_end_is_one_that_nobody_knows() -> None:
    assert shape_of(17006, -1, CATALOG).family == types.OTHER


def test_types_within_types_are_not_followed_without_an_end() -> None:
    """Sixteen fields of a type with sixteen fields of a type with ...: as many as a power."""
    known = {20000 + level: DataType(TypeKind.COMPOSITE, fields=((20001 + level, -1),) * 16) for level in range(8)}
    known[20008] = DataType(TypeKind.COMPOSITE, fields=((23, -1), (25, -1)))
    assert shape_of(20008, -1, known).size == 3
    assert shape_of(20007, -1, known).size == 1 + 16 * 3
    deep = shape_of(20000, -1, known)
    assert deep.size < 10_000
    assert shape_of(20004, -1, known).parts[0].size <= 4096
