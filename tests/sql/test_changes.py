"""What the text deletes, updates and tests for NULL, by what it implies over the corpus schema with an index."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Use
from pgmaskproxy.sql.catalog import Catalog, Column, Index, Operator, Relation
from pgmaskproxy.sql.implied import OVER_AN_INDEX
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep


@pytest.fixture(scope="module")
def indexed(catalog: Catalog) -> Catalog:
    """customers.ssn is the key of an index."""
    customers = catalog.by_name["public", "customers"]
    ssn = customers.column("ssn")
    assert ssn is not None
    with_index = replace(customers, indexes=(Index((ssn.number,), (ssn.number,), unique=True, scanned=True),))
    return replace(catalog, relations=tuple(with_index if each is customers else each for each in catalog.relations))


def implied(catalog: Catalog, sql: str) -> set[str]:
    (found,) = deep(lambda: read(sql, catalog, SEARCH_PATH))
    return {
        f"{use.column.table}.{use.column.column}"
        for use in found.analysis.uses
        if use.where == OVER_AN_INDEX or (use.use is Use.PREDICATE and use.where.startswith("a "))
    }


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM customers WHERE id = 10",
        "DELETE FROM ONLY public.customers",
        "WITH d AS (DELETE FROM customers RETURNING id) SELECT count(*) FROM d",
        "EXPLAIN DELETE FROM customers",
        "MERGE INTO customers c USING scratch s ON c.id = s.id WHEN MATCHED THEN DELETE",
        "DELETE FROM v_customers WHERE id = 10",
    ],
)
def test_a_delete_asks_what_references_the_row(indexed: Catalog, sql: str) -> None:
    assert "tax_filings.ssn" in implied(indexed, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customers SET ssn = 'x'",
        "UPDATE v_customers SET tax_no = 'x'",
        "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET ssn = 'x'",
        "MERGE INTO customers c USING scratch s ON c.id = s.id WHEN MATCHED THEN UPDATE SET ssn = 'x'",
    ],
)
def test_so_does_an_update_of_the_key(indexed: Catalog, sql: str) -> None:
    assert "tax_filings.ssn" in implied(indexed, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE customers SET name = 'x'",
        "INSERT INTO customers (ssn) VALUES ('x')",
        "COPY customers (ssn) FROM STDIN",
        "DELETE FROM tax_filings",
        "SELECT id FROM customers",
    ],
)
def test_nothing_else_does(indexed: Catalog, sql: str) -> None:
    assert implied(indexed, sql) == set()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM customers WHERE ssn IS NOT NULL LIMIT 3",
        "SELECT id FROM customers WHERE NOT ssn IS NULL",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL GROUP BY id",
        "SELECT string_agg(name, ',') FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*), array_agg(id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(1 / id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL AND 1 / id = 1",
        "SELECT count(*) OVER () FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(DISTINCT id) FROM (SELECT id FROM customers WHERE ssn IS NOT NULL LIMIT 3) s",
        "SELECT id FROM (SELECT id, ssn IS NOT NULL AS given FROM customers) s WHERE given",
        "WITH s AS (SELECT id FROM customers WHERE ssn IS NOT NULL) SELECT count(*) FROM s",
        "SELECT id FROM customers WHERE ssn IS NULL UNION ALL SELECT 1",
        "UPDATE customers SET name = 'x' WHERE ssn IS NOT NULL",
        "SELECT id FROM v_customers WHERE tax_no IS NOT NULL",
        "SELECT count(*) FROM v_customers WHERE tax_no IS NOT NULL",
        "SELECT (SELECT id FROM customers WHERE ssn IS NOT NULL LIMIT 1)",
        "SELECT public.count(id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT bool_and(DISTINCT id = 1) FROM customers WHERE ssn IS NOT NULL",
        "COPY (SELECT id FROM customers WHERE ssn IS NOT NULL) TO STDOUT",
    ],
)
def test_is_null_orders_the_rows_that_are_seen(indexed: Catalog, sql: str) -> None:
    assert implied(indexed, sql) == {"customers.ssn"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, ssn IS NULL FROM customers ORDER BY id LIMIT 3",
        "SELECT count(*) FILTER (WHERE ssn IS NOT NULL), name FROM customers GROUP BY name",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(DISTINCT name), bool_and(id = 1) FROM customers c WHERE c.ssn IS NULL AND id = $1",
        "SELECT id FROM customers WHERE name IS NOT NULL",
        "SELECT id FROM customers WHERE email IS NOT NULL",
    ],
)
def test_and_not_those_of_which_no_order_shows(indexed: Catalog, sql: str) -> None:
    assert implied(indexed, sql) == set()


def test_an_operator_of_somebodys_own_may_notice_the_order(indexed: Catalog) -> None:
    own = replace(indexed, operators=(*indexed.operators, Operator("public", "=", 25, 25)))
    assert implied(own, "SELECT count(*) FROM customers WHERE ssn IS NOT NULL AND id = 1") == {"customers.ssn"}


def test_a_views_column_of_unknown_origin_is_every_column_behind_it(indexed: Catalog) -> None:
    columns = (Column(1, "id", 23), Column(2, "made", 25))
    definition = "SELECT c.id, public.unknown_function(c.ssn, 1) AS made FROM public.customers c"
    view = Relation(99_999, "public", "v_made", "v", columns, definition=definition)
    catalog = replace(indexed, relations=(*indexed.relations, view))
    assert "customers.ssn" in implied(catalog, "SELECT id FROM v_made WHERE made IS NOT NULL")
    assert "tax_filings.ssn" in implied(catalog, "UPDATE v_made SET made = 'x'")
