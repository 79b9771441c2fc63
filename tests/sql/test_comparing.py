"""What compares values as they are, and what only looks like it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Use
from pgmaskproxy.sql.catalog import Catalog, Column, TypeName
from pgmaskproxy.sql.comparing import comparable
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep

PATH_TYPE, INT4, INT8, FLOAT8, NUMERIC, TEXT, DATE, DOMAIN = 602, 23, 20, 701, 1700, 25, 1082, 16_480


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (INT4, INT4, True),
        (INT4, INT8, True),
        (TEXT, 0, True),
        (0, NUMERIC, True),
        (DATE, 1184, True),
        (0, 0, True),
        (INT4, FLOAT8, False),
        (NUMERIC, INT4, False),
        (TEXT, 1042, False),
        (PATH_TYPE, PATH_TYPE, False),
        (PATH_TYPE, 0, False),
        (DOMAIN, DOMAIN, False),
        (INT4, None, False),
        (None, None, False),
    ],
)
def test_types(left: int | None, right: int | None, same: bool) -> None:
    assert comparable(left, right) is same


def uses(catalog: Catalog, condition: str, column: str) -> set[Use]:
    sql = f"SELECT 1 FROM customers c JOIN orders o ON true WHERE {condition}"
    found = deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis
    return {use.use for use in found.uses if use.column.column == column}


def with_column(catalog: Catalog, type_oid: int) -> Catalog:
    """The catalog with a column `x` of that type in customers and in orders."""
    relations = tuple(
        replace(relation, columns=(*relation.columns, Column(99, "x", type_oid)))
        if relation.name in {"customers", "orders"}
        else relation
        for relation in catalog.relations
    )
    return replace(catalog, relations=relations)


@pytest.mark.parametrize(
    ("type_oid", "condition", "use"),
    [
        (TEXT, "c.x = 'a'", Use.EQUALITY),
        (TEXT, "c.x = 'a'::varchar", Use.EQUALITY),
        (INT4, "c.x = 5", Use.EQUALITY),
        (INT4, "c.x = '5'::int8", Use.EQUALITY),
        (INT4, "c.x = $1", Use.EQUALITY),
        (DATE, "c.x = date '2020-01-01'", Use.EQUALITY),
        (INT4, "c.x = o.x", Use.JOIN),
        (PATH_TYPE, "c.x = $1", Use.PREDICATE),
        (PATH_TYPE, "c.x = o.x", Use.PREDICATE),
        (NUMERIC, "c.x = 5", Use.PREDICATE),
        (INT4, "c.x = 5::numeric", Use.PREDICATE),
        (INT4, "c.x = 5::int8", Use.PREDICATE),
        (INT4, "c.x = '5'::numeric(3)", Use.PREDICATE),
        (INT4, "c.x = '5'::public.int4", Use.PREDICATE),
        (TEXT, "c.x = 'abc'::varchar(2)", Use.PREDICATE),
        (TEXT, "c.x = '{a}'::varchar[]", Use.PREDICATE),
        (DOMAIN, "c.x = 'a'", Use.PREDICATE),
    ],
)
def test_what_the_types_make_of_a_comparison(type_oid: int, condition: str, use: Use, catalog: Catalog) -> None:
    assert uses(with_column(catalog, type_oid), condition, "x") == {use}


def test_a_type_of_ones_own_under_a_systems_name_tells_nothing(catalog: Catalog) -> None:
    own = replace(with_column(catalog, TEXT), types=(*catalog.types, TypeName(99_999, "public", "varchar", "d", True)))
    assert uses(own, "c.x = 'a'::varchar", "x") == {Use.PREDICATE}


def test_columns_that_a_join_merges(catalog: Catalog) -> None:
    def merged(type_oid: int) -> set[Use]:
        sql = "SELECT 1 FROM customers JOIN orders USING (x)"
        found = deep(lambda: read(sql, with_column(catalog, type_oid), SEARCH_PATH))[0].analysis
        return {use.use for use in found.uses if use.column.column == "x"}

    assert merged(TEXT) == {Use.JOIN}
    assert merged(PATH_TYPE) == {Use.PREDICATE}


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("ssn = 'x'", [(0, "x", False)]),
        ("ssn = $1", [(1, "", False)]),
        ("$2::text = ssn", [(2, "", False)]),
        ("ssn IN ($1, $2)", [(1, "", False), (2, "", False)]),
        ("ssn = ANY ($3)", [(3, "", True)]),
        ("ssn = ANY ($3::text[])", [(3, "", True)]),
        ("ssn = lower($1)", []),
        ("ssn IN ($1, 'x')", []),
        ("ssn = ALL ($1)", []),
        ("ssn > $1", []),
    ],
)
def test_what_is_compared(condition: str, found: list[tuple[int, str, bool]], catalog: Catalog) -> None:
    analysis = deep(lambda: read(f"SELECT 1 FROM customers WHERE {condition}", catalog, SEARCH_PATH))[0].analysis
    assert [(each.number, each.literal, each.many) for each in analysis.inputs] == found
    assert all((each.column.column, each.use, each.where) == ("ssn", Use.EQUALITY, "WHERE") for each in analysis.inputs)
