"""COPY in text format: out it is masked, in it arrives whole or not at all; anything else is refused."""

from __future__ import annotations

import io
import subprocess

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.e2e.drivers import direct, psql_environment
from tests.e2e.shapes import EVERY_CUSTOMER, Masker, card, email, redacted
from tests.e2e.waiting import ask, status
from tests.harness.proxy import Proxy

OUT: dict[str, dict[int, Masker]] = {
    "COPY customers TO STDOUT": dict(EVERY_CUSTOMER),
    "COPY shop.customers (ssn, id, name) TO STDOUT": {0: redacted},
    "COPY (SELECT id, ssn AS harmless, city FROM customers ORDER BY id) TO STDOUT": {1: redacted},
    "COPY (WITH c AS (SELECT * FROM customers) SELECT name, card FROM c ORDER BY id) TO STDOUT": {1: card},
    "COPY (SELECT * FROM customer_contacts ORDER BY id) TO STDOUT": {2: email},
    "COPY payments_2024 TO STDOUT": {3: card},
    "COPY (TABLE payments) TO STDOUT (FORMAT text)": {3: card},
    "COPY (UPDATE customers SET city = city WHERE id = 1 RETURNING city, ssn) TO STDOUT": {1: redacted},
    "COPY orders TO STDOUT": {},
    r"COPY (SELECT E'a\tb\\c\nd', NULL, '\N', '') TO STDOUT": {},
    "COPY (SELECT id FROM orders WHERE false) TO STDOUT": {},
}
REFUSED = {
    "COPY customers TO STDOUT (FORMAT csv)": {"0A000", "42501"},
    "COPY customers TO STDOUT (FORMAT binary)": {"0A000", "42501"},
    "COPY (SELECT lower(ssn) FROM customers) TO STDOUT": {"42501"},
    "COPY (SELECT name FROM customers ORDER BY ssn) TO STDOUT": {"42501"},
    "COPY customers TO STDOUT (ENCODING 'SJIS')": {"0A000", "42501", "22023"},
    "COPY customers TO PROGRAM 'cat'": {"42501"},
    "COPY customers TO '/tmp/customers'": {"42501"},
}


def _copied(conninfo: str, statement: str) -> bytes:
    with psycopg.connect(conninfo) as connection, connection.cursor().copy(statement.encode()) as copy:
        return b"".join(bytes(block) for block in copy)


def _masked(line: bytes, masks: dict[int, Masker]) -> bytes:
    cells: list[bytes] = []
    for ordinal, cell in enumerate(line.split(b"\t")):
        mask = masks.get(ordinal)
        shown = cell.decode() if mask is None or cell == rb"\N" else mask(cell.decode())
        cells.append(rb"\N" if shown is None else shown.encode())
    return b"\t".join(cells)


def test_out_is_masked_and_else_exactly_the_servers(shared_proxy: Proxy) -> None:
    for statement, masks in OUT.items():
        truth = _copied(direct(shared_proxy), statement)
        expected = b"".join(_masked(line, masks) + b"\n" for line in truth.split(b"\n")[:-1])
        assert _copied(shared_proxy.conninfo(), statement) == expected, statement


async def test_out_by_asyncpg(shared_proxy: Proxy) -> None:
    agent = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        out = io.BytesIO()
        await agent.copy_from_table("customers", columns=["id", "ssn"], output=out)
        assert {line.split(b"\t")[1] for line in out.getvalue().splitlines()} == {b"***"}
        out = io.BytesIO()
        await agent.copy_from_query("SELECT id, ssn FROM customers WHERE id < $1", 9, output=out)
        assert out.getvalue().count(b"\t***\n") == 8
        assert await agent.fetchval("SELECT 1") == 1
    finally:
        await agent.close()


def test_out_by_psql(shared_proxy: Proxy) -> None:
    ended = shared_proxy.psql(
        "COPY (SELECT ssn, city FROM customers WHERE id = 1) TO STDOUT", "\\copy orders to stdout"
    )
    assert ended.stdout.splitlines()[0] == "***\tPorto"
    assert len(ended.stdout.splitlines()) == 1 + 600


def test_what_is_refused(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        for statement, states in REFUSED.items():
            with pytest.raises(psycopg.Error) as raised, connection.cursor().copy(statement.encode()) as copy:
                list(copy)
            assert raised.value.sqlstate in states, statement
            assert status(connection) == TransactionStatus.IDLE
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_in(proxy18: Proxy) -> None:
    with proxy18.connect() as connection:
        with connection.cursor().copy("COPY products (id, name, price, stock) FROM STDIN") as copy:
            for number in range(1000, 3000):
                copy.write_row((number, f"thing\t{number}\\", 1.5, None if number < 0 else 3))
        assert connection.execute("SELECT count(*), max(name) FROM products WHERE id >= 1000").fetchone() == (
            2000,
            "thing\t2999\\",
        )


def test_in_by_psql_and_asyncpg_in_other_formats_as_the_issue_has_it(shared_proxy18: Proxy) -> None:
    """Only text for now: binary, which asyncpg wants for records, and csv say so."""
    with shared_proxy18.connect() as connection:
        for form in ("csv", "binary"):
            with (
                pytest.raises(psycopg.Error) as raised,
                connection.cursor().copy(f"COPY products FROM STDIN (FORMAT {form})".encode()) as copy,
            ):
                copy.write(b"x")
            assert raised.value.sqlstate in {"0A000", "42501"}
        assert connection.execute("SELECT count(*) FROM products").fetchone() != (0,)


@pytest.mark.parametrize("block", [False, True], ids=["alone", "in a block"])
def test_in_that_fails_midway_leaves_nothing(shared_proxy: Proxy, block: bool) -> None:
    """A bad row in the middle, with much still to come: the error is the server's, and the session goes on."""
    with shared_proxy.connect() as connection:
        before = connection.execute("SELECT count(*) FROM products").fetchone()
        if block:
            connection.execute("BEGIN")
        lines = [f"{number + 1000}\tthing {number}\t{'cheap' if number == 7000 else 1}\t1\n" for number in range(20000)]
        copying = connection.cursor().copy("COPY products (id, name, price, stock) FROM STDIN")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation), copying as copy:
            copy.write("".join(lines))
        assert status(connection) == (TransactionStatus.INERROR if block else TransactionStatus.IDLE)
        if block:
            connection.execute("ROLLBACK")
        assert connection.execute("SELECT count(*) FROM products").fetchone() == before


def test_in_that_the_client_gives_up(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        before = connection.execute("SELECT count(*) FROM products").fetchone()

        def give_up() -> None:
            with connection.cursor().copy("COPY products (id, name, price, stock) FROM STDIN") as copy:
                copy.write_row((5000, "half", 1, 1))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            give_up()
        assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT count(*) FROM products").fetchone() == before


def test_in_to_labelled_columns_is_held(shared_proxy: Proxy) -> None:
    statement = "COPY customers (name, email, ssn, card, birth_date, city) FROM STDIN"
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        waiting = ask(connection, statement)
        assert bob.reject(waiting.request(), "by hand, please").status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
            waiting.result()
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (239,)


def test_in_to_labelled_columns_that_fails_quotes_no_row(shared_proxy: Proxy) -> None:
    """CONTEXT would say "COPY customers, line 1: ..." with the whole line, which here is the agent's own; still."""
    process = subprocess.run(
        [str(shared_proxy.database.server.bindir / "psql"), "-X", "-c", "COPY orders FROM STDIN"],
        env=psql_environment(shared_proxy.conninfo()),
        input="1\t1\t1\t1\tnew\t2024-01-01\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 1
    assert "ERROR:" in process.stderr
