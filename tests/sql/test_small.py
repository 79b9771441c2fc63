"""What an event loop reads itself: the same as anybody else reads, and nothing that could take long."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.proxy.deep import ROOM_BYTES
from pgmaskproxy.sql.catalog import Catalog, Column
from pgmaskproxy.sql.reader import ReadStatement, read
from pgmaskproxy.sql.small import LONGEST, MOST_COLUMNS, read_small
from tests.sql.conftest import SEARCH_PATH, deep


def small(sql: str, catalog: Catalog) -> ReadStatement | None:
    return deep(lambda: read_small(sql, catalog, SEARCH_PATH))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, ssn AS harmless FROM customers WHERE id = 7",
        "SELECT count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.ssn = '123'",
        "SELECT * FROM (SELECT id FROM customers UNION SELECT id FROM orders) x ORDER BY 1",
        "SELECT 1; -- and no more",
        "VALUES (1), (2)",
    ],
)
def test_it_says_what_the_reader_says(sql: str, catalog: Catalog) -> None:
    assert (small(sql, catalog),) == deep(lambda: read(sql, catalog, SEARCH_PATH))


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1; SELECT 2",
        "BEGIN",
        "DELETE FROM orders",
        "SELECT id INTO TEMP x FROM customers",
        "WITH a AS (SELECT 1), b AS (SELECT * FROM a, a x) SELECT * FROM b, b y",
        "WITH customers AS (SELECT 1), orders AS (SELECT * FROM customers, customers x) SELECT * FROM orders, orders y",
        "SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) x",
        "SELECT id FROM v_customers",
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM public.v_customers)",
        "SELECT id FROM nowhere",
        "EXPLAIN SELECT id FROM customers",
        "SELECT '" + "x" * LONGEST + "'",
        "SELECT '" + "é" * (LONGEST // 2) + "'",
    ],
)
def test_what_may_take_long_is_not_small(sql: str, catalog: Catalog) -> None:
    assert small(sql, catalog) is None


def test_so_many_columns_are_not_small(catalog: Catalog) -> None:
    columns = tuple(Column(number, f"c{number}", 25) for number in range(1, MOST_COLUMNS // 2 + 2))
    wide = replace(catalog.resolve(SEARCH_PATH, None, "customers") or pytest.fail("no table"), columns=columns)
    others = tuple(each for each in catalog.relations if each.oid != wide.oid)
    catalog = replace(catalog, relations=(*others, wide))
    assert small("SELECT 1 FROM customers", catalog) is not None
    assert small("SELECT 1 FROM customers, customers x", catalog) is None


def test_what_cannot_be_read_raises_as_ever(catalog: Catalog) -> None:
    for sql in ("SELECT (", "SELECT '\0'"):
        with pytest.raises(Unparsable):
            small(sql, catalog)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT {open}1{close} FROM customers",
        "SELECT * FROM {open}SELECT 1{close} x",
        "{open}SELECT 1{close}",
        "SELECT 1 FROM customers WHERE {open}id = 1{close}",
    ],
)
def test_the_deepest_fits_in_a_quarter_of_the_room(sql: str, catalog: Catalog) -> None:
    """A fault would end this process: brackets leave nothing in the tree whose depth is measured."""
    depth = (LONGEST - len(sql) + len("{open}{close}")) // 2
    text = sql.format(open="(" * depth, close=")" * depth)
    before = threading.stack_size(ROOM_BYTES // 4)
    try:
        thread = threading.Thread(target=lambda: read_small(text, catalog, SEARCH_PATH))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(text.encode()) <= LONGEST
