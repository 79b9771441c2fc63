"""Statements, portals and cursors under their names, by SQL and by protocol: what runs is what its name means then."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.e2e.drivers import direct
from tests.e2e.waiting import status
from tests.harness.proxy import Proxy

FIRST = [("Bram Abbott", "***"), ("Chloe Abbott", "***"), ("Dario Abbott", "***")]
LISTED = "SELECT name, ssn FROM customers ORDER BY id"


def test_prepare_and_execute(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("PREPARE p (int, text) AS SELECT name, ssn, $2 AS said FROM customers WHERE id = $1")
        for _ in range(7):  # past the five after which the server makes a generic plan
            assert connection.execute("EXECUTE p(1, 'x')").fetchall() == [("Bram Abbott", "***", "x")]
        assert connection.execute("EXECUTE p(1 + 1, 'it''s')").fetchall() == [("Chloe Abbott", "***", "it's")]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("EXECUTE p((SELECT length(ssn) FROM customers WHERE id = 1), 'x')")
        with pytest.raises(psycopg.errors.DuplicatePreparedStatement):
            connection.execute("PREPARE p AS SELECT 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("PREPARE q AS SELECT lower(ssn) FROM customers")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            connection.execute("EXECUTE q")
        connection.execute("DEALLOCATE p")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            connection.execute("EXECUTE p(1, 'x')")


def test_a_name_made_anew_means_the_new_statement(shared_proxy: Proxy) -> None:
    """THREATS M07: a map from names to texts that is out of date would show the second under the first's plan."""
    with shared_proxy.connect() as connection:
        connection.execute("PREPARE p AS SELECT name, city FROM customers WHERE id = 1")
        assert connection.execute("EXECUTE p").fetchall() == [("Bram Abbott", "Porto")]
        connection.execute("DEALLOCATE ALL")
        connection.execute("PREPARE p AS SELECT ssn, city FROM customers WHERE id = 1")
        assert connection.execute("EXECUTE p").fetchall() == [("***", "Porto")]
        connection.execute("DISCARD ALL")
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            connection.execute("EXECUTE p")
        # By protocol, then replaced by SQL, then executed by protocol again.
        connection.pgconn.prepare(b"x", b"SELECT city, name FROM customers WHERE id = 1")
        assert connection.pgconn.exec_prepared(b"x", []).get_value(0, 0) == b"Porto"
        connection.execute("DEALLOCATE x")
        connection.execute("PREPARE x AS SELECT ssn, name FROM customers WHERE id = 1")
        assert connection.pgconn.exec_prepared(b"x", []).get_value(0, 0) == b"***"
        assert connection.execute("EXECUTE x").fetchall() == [("***", "Bram Abbott")]


def test_a_prepare_that_is_rolled_back_stays(shared_proxy: Proxy) -> None:
    """Prepared statements are not transactional; cursors are."""
    with shared_proxy.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("PREPARE p AS SELECT ssn FROM customers WHERE id = 1")
        connection.execute("DECLARE c CURSOR FOR SELECT ssn FROM customers")
        connection.execute("ROLLBACK")
        assert connection.execute("EXECUTE p").fetchall() == [("***",)]
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.InvalidCursorName):
            connection.execute("FETCH c")
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopgs_named_cursors(shared_proxy: Proxy, binary: bool) -> None:
    with shared_proxy.connect() as connection, connection.transaction():
        with connection.cursor("named", binary=binary) as cursor:
            cursor.itersize = 50
            cursor.execute(LISTED)
            rows = list(cursor)
            assert rows[:3] == FIRST
            assert len(rows) == 239
        with connection.cursor("scrolled", scrollable=True, binary=binary) as cursor:
            cursor.execute("SELECT name, ssn FROM customers WHERE id > %s ORDER BY id", [0])
            assert cursor.fetchmany(2) == FIRST[:2]
            cursor.scroll(-1)
            assert cursor.fetchone() == FIRST[1]
            cursor.scroll(0, mode="absolute")
            assert cursor.fetchone() == FIRST[0]


def test_cursors_of_sql(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(f"DECLARE c SCROLL CURSOR FOR {LISTED}".encode())
        connection.execute(f"DECLARE b BINARY CURSOR FOR {LISTED}".encode())
        connection.execute(f"DECLARE h CURSOR WITH HOLD FOR {LISTED}".encode())
        for fetch, rows in (
            ("FETCH 2 FROM c", FIRST[:2]),
            ("FETCH NEXT FROM c", FIRST[2:]),
            ("FETCH PRIOR FROM c", FIRST[1:2]),
            ("FETCH FIRST FROM c", FIRST[:1]),
            ("FETCH ABSOLUTE 3 FROM c", FIRST[2:]),
            ("FETCH BACKWARD 2 FROM c", FIRST[1::-1]),
            ("FETCH RELATIVE 0 FROM b", []),
            ("FETCH 3 FROM b", FIRST),
            ("FETCH ALL FROM h", None),
        ):
            found = connection.execute(fetch.encode()).fetchall()
            assert len(found) == 239 if rows is None else found == rows, fetch
        assert connection.execute("MOVE 5 IN b").statusmessage == "MOVE 5"
        connection.execute("COMMIT")
        assert connection.execute("FETCH h").fetchall() == []
        with pytest.raises(psycopg.errors.InvalidCursorName):
            connection.execute("FETCH c")
        connection.execute("CLOSE h")
        with pytest.raises(psycopg.errors.InvalidCursorName):
            connection.execute("FETCH h")


def test_a_cursor_for_what_is_refused_is_refused(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DECLARE c CURSOR FOR SELECT name FROM customers ORDER BY ssn")
        assert status(connection) == TransactionStatus.INERROR
        connection.execute("ROLLBACK")


def test_a_statement_that_psycopg_prepared_by_itself(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.prepare_threshold = 1
        for number in (1, 2, 3, 1, 2, 3):
            row = connection.execute("SELECT name, ssn FROM customers WHERE id = %s", [number]).fetchone()
            assert row == FIRST[number - 1]
    sent = shared_proxy.tap.to_server.count(b"SELECT name, ssn FROM customers WHERE id = $1")
    assert sent == 2, "once unnamed and once to be kept; after that only Bind and Execute"


async def test_asyncpgs_cache_cursors_and_row_limits(shared_proxy: Proxy) -> None:
    agent = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        for number in (1, 2, 3, 1):
            row = await agent.fetchrow("SELECT name, ssn FROM customers WHERE id = $1", number)
            assert tuple(row) == FIRST[number - 1]
        assert tuple(await agent.fetchrow(LISTED)) == FIRST[0]  # a limit of one row: the portal is suspended
        async with agent.transaction():
            rows = [tuple(row) async for row in agent.cursor(LISTED, prefetch=10)]
            assert rows[:3] == FIRST
            assert len(rows) == 239
            cursor = await agent.cursor("SELECT name, ssn FROM customers WHERE id > $1 ORDER BY id", 0)
            assert [tuple(row) for row in await cursor.fetch(2)] == FIRST[:2]
            assert await cursor.forward(1) == 1
            assert len(await cursor.fetch(500)) == 236
        await agent.executemany("SELECT ssn FROM customers WHERE id = $1", [(1,), (2,)])
    finally:
        await agent.close()


async def test_a_whole_row_by_asyncpg_is_masked_field_by_field(shared_proxy: Proxy) -> None:
    """Its type has to be asked for first, by a query over the catalogs with `jit` turned off."""
    agent = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        whole, number = await agent.fetchrow("SELECT c, id FROM customers c WHERE id = 1")
        assert number == 1
        assert tuple(whole) == tuple(await agent.fetchrow("SELECT * FROM customers WHERE id = 1"))
        assert await agent.fetchval("SELECT o FROM orders o WHERE id = 1") == tuple(
            await agent.fetchrow("SELECT * FROM orders WHERE id = 1")
        )
        assert await agent.fetchval("SHOW jit") == await _direct(shared_proxy, "SHOW jit")
    finally:
        await agent.close()


async def _direct(proxy: Proxy, query: str) -> object:
    with psycopg.connect(direct(proxy)) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
