"""COPY TO STDOUT through every driver, and what of COPY is refused. Every row's bytes: `test_copy_formats`."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from pathlib import Path

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.frontend import Query
from tests.e2e.commands import eventually
from tests.e2e.copying import READERS, masked
from tests.e2e.drivers import direct, psql_environment
from tests.e2e.raw import logged_in
from tests.e2e.shapes import EVERY_CUSTOMER, redacted
from tests.e2e.waiting import Waiting, status
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

REFUSED = {
    "COPY (SELECT lower(ssn) FROM customers) TO STDOUT (FORMAT csv)": "42501",
    "COPY (SELECT name FROM customers ORDER BY ssn) TO STDOUT (FORMAT binary)": "42501",
    "COPY customers TO STDOUT (ENCODING 'SJIS')": "0A000",
    "COPY orders TO STDOUT (FORMAT csv, ENCODING 'latin1')": "0A000",
    "COPY orders FROM STDIN (ENCODING 'SJIS')": "0A000",
    "COPY orders TO STDOUT (FORMAT xml)": "0A000",
    "COPY orders TO STDOUT (DELIMITER 5)": "0A000",
    "COPY orders TO STDOUT (COMPRESSION gzip)": "0A000",
    "COPY payments TO STDOUT (FORMAT csv)": "42809",  # partitioned: the server's own error
    "COPY customer_contacts TO STDOUT": "42809",  # a view
    "COPY orders (nope) TO STDOUT (FORMAT binary)": "42703",
}
NEVER = [
    f"COPY {what} {place}{form}"
    for what, way in (("customers", "TO"), ("orders", "TO"), ("(SELECT 1)", "TO"), ("orders", "FROM"))
    for place in (f"{way} PROGRAM 'cat'", f"{way} '/tmp/copied'")
    for form in ("", " (FORMAT csv)", " (FORMAT binary)")
]


def test_what_is_refused(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        for statement, state in REFUSED.items():
            with pytest.raises(psycopg.Error) as raised, connection.cursor().copy(statement.encode()) as copy:
                list(copy)
            assert raised.value.sqlstate == state, statement
            assert state != "0A000" or raised.value.diag.message_hint, statement
            assert status(connection) == TransactionStatus.IDLE
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_file_or_program_is_neither_read_nor_written(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        for statement in NEVER:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="administration"):
                connection.execute(statement.encode())
    assert not Path("/tmp/copied").exists()


async def test_asyncpg(shared_proxy: Proxy) -> None:
    agent = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    people = dict(EVERY_CUSTOMER)
    try:
        for form, reader in (("text", "text"), ("csv", "csv"), ("binary", "binary")):
            truth, out = io.BytesIO(), io.BytesIO()
            with (
                psycopg.connect(direct(shared_proxy)) as own,
                own.cursor().copy(f"COPY customers TO STDOUT (FORMAT {form})".encode()) as copy,
            ):
                truth.write(b"".join(bytes(block) for block in copy))
            await agent.copy_from_table("customers", output=out, format=form)
            assert READERS[reader](out.getvalue()) == masked(READERS[reader](truth.getvalue()), people, form)

            out = io.BytesIO()
            query = "SELECT id, ssn FROM customers WHERE id < $1 ORDER BY id"
            done = await agent.copy_from_query(query, 9, output=out, format=form)
            assert done == "COPY 8"
            assert [row[1] for row in READERS[reader](out.getvalue())] == [b"***"] * 8
        assert await agent.fetchval("SELECT 1") == 1
    finally:
        await agent.close()


def test_psycopgs_rows_are_those_of_a_select(shared_proxy: Proxy) -> None:
    query = "SELECT id, name, ssn, email, birth_date FROM customers ORDER BY id"
    with shared_proxy.connect() as connection:
        rows = connection.execute(query.encode()).fetchall()
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()) as copy:
            copy.set_types(["int4", "text", "text", "text", "date"])
            assert list(copy.rows()) == rows
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
            copy.set_types(["int4", "text", "text", "text", "date"])
            assert list(copy.rows()) == rows
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy:
            lines = b"".join(bytes(block) for block in copy).decode()
        found = list(csv.reader(io.StringIO(lines, newline="")))
        assert found == [["" if cell is None else str(cell) for cell in row] for row in rows]


def _psql(proxy: Proxy, conninfo: str, command: str, *, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(proxy.database.server.bindir / "psql"), "-X", "-q", "-c", command],
        env=psql_environment(conninfo),
        input=given,
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
@pytest.mark.parametrize("command", ["COPY {} TO STDOUT (FORMAT {})", "\\copy {} to stdout (format {})"])
def test_psql(shared_proxy: Proxy, command: str, form: str) -> None:
    for source, masks in (
        ("customers", dict(EVERY_CUSTOMER)),
        ("(SELECT ssn, city FROM customers ORDER BY id)", {0: redacted}),
    ):
        seen = _psql(shared_proxy, shared_proxy.conninfo(), command.format(source, form))
        truth = _psql(shared_proxy, direct(shared_proxy), command.format(source, form))
        assert (seen.returncode, seen.stderr, truth.returncode) == (0, b"", 0)
        assert READERS[form](seen.stdout) == masked(READERS[form](truth.stdout), masks, form)


def test_a_copy_that_is_held_runs_once_and_is_masked_as_it_was_approved(shared_proxy: Proxy) -> None:
    statement = "COPY (UPDATE customers SET city = city RETURNING id, ssn, card) TO STDOUT (FORMAT csv)"
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        for approve in (True, False):
            with connection.transaction(force_rollback=True):
                waiting = Waiting(connection, lambda: _read(connection, statement))
                if approve:
                    assert bob.approve(waiting.request()).status == 200
                    lines = waiting.result().splitlines()
                    assert len(lines) == 239
                    assert {line.split(b",")[1] for line in lines} == {b"***"}
                    continue
                assert bob.reject(waiting.request(), "not now").status == 200
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
                    waiting.result()


def _read(connection: psycopg.Connection, statement: str) -> bytes:
    with connection.cursor().copy(statement.encode()) as copy:
        return b"".join(bytes(block) for block in copy)


def test_several_in_one_query(shared_proxy: Proxy) -> None:
    one, two = "COPY customers (ssn) TO STDOUT", "COPY customers (ssn, name) TO STDOUT (FORMAT csv, HEADER)"
    with logged_in(shared_proxy.conninfo()) as client:
        client.send(Query(f"{one}; SELECT 1; {two}; COPY (SELECT 1) TO STDOUT (FORMAT binary)".encode()).encode())
        seen: list[Frame] = []
        while not seen or seen[-1].type != ord("Z"):
            frame = client.frame()
            assert frame is not None
            seen.append(frame)
    kinds = "".join(chr(each.type) for each in seen)
    assert re.sub("d+", "d", kinds) == "HdcCTDCHdcCHdcCZ"
    assert kinds.count("d") == 239 + 240 + 2
    assert [each.body for each in seen if each.type == ord("d")][:239] == [b"***\n"] * 239


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_a_copy_that_is_cancelled_or_left_is_over_on_the_server_too(shared_proxy: Proxy, form: str) -> None:
    # Slow enough that little of it is there to be looked through for secrets.
    slow = "SELECT a, (SELECT count(*) FROM generate_series(1, 5000) x WHERE x <> a) FROM generate_series(1, 99999) a"
    statement = f"COPY ({slow}) TO STDOUT (FORMAT {form})"
    with shared_proxy.connect() as connection:

        def cancel() -> None:
            with connection.cursor().copy(statement.encode()) as copy:
                for number, _ in enumerate(copy):
                    if number == 10:
                        connection.cancel_safe()

        with pytest.raises(psycopg.errors.QueryCanceled):
            cancel()
        assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with logged_in(shared_proxy.conninfo()) as client:
        client.send(Query(statement.encode()).encode())
        for _ in range(10):
            client.frame()
    with psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin:
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY (SELECT a, (%' AND state = 'active'"
        eventually(lambda: admin.execute(running).fetchone() == (0,), "a COPY outlived its client")


def test_what_belongs_to_a_table_is_what_the_server_says(shop_database: servers.Database, tmp_path: Path) -> None:
    """Children have rows of their own, and generated columns are left out; COPY of a table with row security is a
    query that the server makes by itself, with generated columns in it (as of 18)."""
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        for statement in (
            "CREATE TABLE shop.people (name text, ssn text, n int GENERATED ALWAYS AS (length(ssn)) STORED)",
            "CREATE TABLE shop.staff (desk text) INHERITS (shop.people)",
            "INSERT INTO shop.people VALUES ('Ann', '000-11-2222')",
            "INSERT INTO shop.staff VALUES ('Bob', '000-33-4444', DEFAULT, 'a')",
            "CREATE TABLE shop.patients (id int, ssn text)",
            "INSERT INTO shop.patients VALUES (1, '000-11-2222'), (2, '000-33-4444')",
            "ALTER TABLE shop.patients ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY one ON shop.patients USING (id = 1)",
            "CREATE TABLE shop.guarded (id int, ssn text, s text GENERATED ALWAYS AS (ssn) STORED)",
            "INSERT INTO shop.guarded VALUES (1, '000-11-2222')",
            "ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY one ON shop.guarded USING (true)",
            "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO pgmaskproxy",
        ):
            admin.execute(statement.encode())
    with proxies.in_process(shop_database, tmp_path) as proxy:
        with proxy.connect() as connection:
            for statement, expected in (
                ("people TO STDOUT (FORMAT csv)", b"Ann,***\n"),
                ("staff TO STDOUT (FORMAT csv, HEADER)", b"name,ssn,desk\nBob,***,a\n"),
                ("patients TO STDOUT (FORMAT csv)", b"1,***\n"),
                ("patients (ssn) TO STDOUT (FORMAT csv)", b"***\n"),
                ("patients (ssn, id) TO STDOUT", b"***\t1\n"),
                ("guarded (ssn) TO STDOUT", b"***\n"),
            ):
                with connection.cursor().copy(f"COPY {statement}".encode()) as copy:
                    assert b"".join(bytes(block) for block in copy) == expected, statement
            with (
                pytest.raises(psycopg.errors.InvalidColumnReference),
                connection.cursor().copy(b"COPY people (n) TO STDOUT (FORMAT csv)") as copy,
            ):
                list(copy)
        # Another query than was decided on, with a column that was not described: no row of it is sent.
        with (
            proxy.connect() as connection,
            pytest.raises(psycopg.errors.InternalError, match="withheld"),
            connection.cursor().copy(b"COPY guarded TO STDOUT") as copy,
        ):
            list(copy)
        proxy.check_bytes()
