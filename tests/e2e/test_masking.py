"""What the agent may ask comes back masked, through every driver, protocol and format; a scan follows each test."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest

from tests.harness.proxy import Proxy

MASKED = [
    ("SELECT ssn FROM customers WHERE id = 1", [("***",)]),
    ("SELECT ssn AS name FROM customers WHERE id = 1", [("***",)]),
    ("SELECT c.ssn AS a, c.name FROM customers AS c WHERE c.id = 1", [("***", "Bram Abbott")]),
    ("WITH c AS (SELECT id, ssn AS x FROM customers) SELECT x FROM c WHERE id = 1", [("***",)]),
    ("SELECT x FROM (SELECT ssn AS x, id FROM customers) AS s WHERE id = 1", [("***",)]),
    ("SELECT o.id, c.ssn FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 1", [(1, "***")]),
    ("SELECT ssn FROM customers WHERE id = 1 UNION ALL SELECT ssn FROM customers WHERE id = 2", [("***",), ("***",)]),
    ("SELECT contact FROM customer_contacts WHERE id = 1", [("b***@post.example",)]),
    ("SELECT email FROM customer_totals WHERE id = 1", [("b***@post.example",)]),
    ("SELECT birth_date, profile FROM customers WHERE id = 1", [(None, None)]),
    ("SELECT salary FROM employees WHERE id = 1", [(None,)]),
    ("SELECT card FROM payments WHERE id = 1", [("***3581",)]),
    ("TABLE customer_totals LIMIT 0", []),
]


@pytest.mark.parametrize(("statement", "expected"), MASKED)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg(shared_proxy: Proxy, statement: str, expected: list[tuple[object, ...]], binary: bool) -> None:
    with shared_proxy.connect() as connection, connection.cursor(binary=binary) as cursor:
        assert cursor.execute(statement.encode()).fetchall() == expected  # a simple Query, when text
        assert cursor.execute(statement.encode(), prepare=True).fetchall() == expected
        assert cursor.execute(statement.encode(), prepare=True).fetchall() == expected  # now without Parse


@pytest.mark.parametrize(("statement", "expected"), MASKED)
async def test_asyncpg(shared_proxy: Proxy, statement: str, expected: list[tuple[object, ...]]) -> None:
    connection = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        for _ in range(2):  # the second time from its cache, without Describe
            assert [tuple(row) for row in await connection.fetch(statement)] == expected
        async with connection.transaction():
            rows = [
                tuple(row) async for row in connection.cursor(statement, prefetch=1)
            ]  # row limits, suspended portal
        assert rows == expected
    finally:
        await connection.close()


@pytest.mark.parametrize(("statement", "expected"), MASKED)
def test_psql(shared_proxy: Proxy, statement: str, expected: list[tuple[object, ...]]) -> None:
    lines = "".join("|".join("" if cell is None else str(cell) for cell in row) + "\n" for row in expected)
    ended = shared_proxy.psql(statement)
    assert (ended.stdout, ended.stderr) == (lines, "")


def test_star_masks_by_column_whatever_is_around_it(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        rows = connection.execute("SELECT * FROM customers").fetchall()
    assert len(rows) == 239
    assert {(row[3], row[5], row[6], row[7]) for row in rows} == {("***", None, "***", None)}
    assert all(row[4].startswith("***") and "***@" in row[2] for row in rows)


def test_returning(proxy18: Proxy) -> None:
    with proxy18.connect() as connection:
        row = connection.execute("UPDATE customers SET city = 'Bergen' WHERE id = 1 RETURNING city, ssn").fetchone()
    assert row == ("Bergen", "***")


def test_copy_to_stdout(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        for statement in ("COPY customers (id, ssn) TO STDOUT", "COPY (SELECT id, ssn FROM customers) TO STDOUT"):
            with connection.cursor().copy(statement.encode()) as copy:
                rows = list(copy.rows())
            assert len(rows) == 239
            assert {row[1] for row in rows} == {"***"}


def test_cursors_and_prepared_statements_of_sql(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("PREPARE p (int) AS SELECT ssn FROM customers WHERE id = $1")
        assert connection.execute("EXECUTE p(1)").fetchall() == [("***",)]
        connection.execute("BEGIN")
        connection.execute("DECLARE c CURSOR FOR SELECT id, ssn FROM customers ORDER BY id")
        assert connection.execute("FETCH 2 FROM c").fetchall() == [(1, "***"), (2, "***")]
        connection.execute("COMMIT")


def test_a_pipeline(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, connection.pipeline():
        cursors = [connection.execute("SELECT ssn FROM customers WHERE id = %s", [number]) for number in range(1, 6)]
        assert [cursor.fetchone() for cursor in cursors] == [("***",)] * 5


def test_clean_columns_are_exactly_the_servers(shared_proxy: Proxy) -> None:
    for statement in (
        "SELECT * FROM orders ORDER BY id",
        "SELECT * FROM products ORDER BY id",
        "SELECT * FROM sales_by_city ORDER BY city",
        "SELECT id, order_id, amount, paid_on FROM payments ORDER BY id",
        "SELECT status, count(*), min(ordered_on) FROM orders GROUP BY status HAVING count(*) > 1 ORDER BY 2, 1",
        "SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) FROM orders ORDER BY id LIMIT 20",
    ):
        with psycopg.connect(shared_proxy.database.admin) as direct, shared_proxy.connect() as connection:
            for binary in (False, True):
                expected = direct.cursor(binary=binary).execute(statement.encode()).fetchall()
                assert connection.cursor(binary=binary).execute(statement.encode()).fetchall() == expected
