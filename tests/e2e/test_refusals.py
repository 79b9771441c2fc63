"""What a mask could not make safe is refused, with an error that says what would work, and the session goes on."""

from __future__ import annotations

import asyncpg
import psycopg
import pytest

from tests.harness.proxy import Proxy

REFUSED = [
    "SELECT row_to_json(c) FROM customers c",
    "SELECT lower(ssn) FROM customers",
    "SELECT ssn || '' FROM customers",
    "SELECT ssn::varchar FROM customers",
    "SELECT replace(ssn, '-', '')::int FROM customers",
    "SELECT max(ssn) FROM customers",
    "SELECT CASE WHEN ssn = '937-63-8919' THEN 1 END FROM customers",
    "SELECT name FROM customers WHERE ssn LIKE '9%'",
    "SELECT name FROM customers WHERE birth_date < '1960-01-01'",
    "SELECT name FROM customers ORDER BY ssn",
    "SELECT count(*) FROM customers GROUP BY ssn",
    "SELECT DISTINCT ssn FROM customers",
    "SELECT ssn FROM customers UNION SELECT '937-63-8919'",
    "SELECT a.name FROM customers a JOIN employees b ON a.email = b.email AND a.ssn = b.name",
    "SELECT g FROM generate_series(1, 9) g JOIN customers c ON substr(c.ssn, 1, 1) = g::text",
    "INSERT INTO products (name, price, stock) SELECT ssn, 1, 1 FROM customers",
    "UPDATE products SET name = (SELECT ssn FROM customers WHERE id = 1) WHERE id = 1",
    "EXPLAIN ANALYZE SELECT name FROM customers WHERE ssn = '937-63-8919'",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_psycopg(shared_proxy: Proxy, statement: str) -> None:
    with shared_proxy.connect() as connection:
        for prepare in (False, True):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
                connection.execute(statement.encode(), prepare=prepare)
            said = raised.value.diag
            assert said.message_hint
            assert "policy" in (said.message_primary or "")
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("statement", REFUSED[:3])
async def test_asyncpg(shared_proxy: Proxy, statement: str) -> None:
    connection = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(statement)
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


def test_the_transaction_status_stays_true(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("BEGIN")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT lower(ssn) FROM customers")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_psql_shows_the_hint(shared_proxy: Proxy) -> None:
    ended = shared_proxy.psql("SELECT lower(ssn) FROM customers")
    assert ended.stdout == ""
    assert "ERROR:  permission denied by policy" in ended.stderr
    assert "HINT:  " in ended.stderr


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SELEC 1", "42601"),
        ("SELECT " + "+".join(["1"] * 21500), "54001"),
        ("SELECT '" + "x" * 300_000 + "'", "54000"),
        ("SELECT 1 FROM nowhere", "42P01"),
        ("SELECT nothing FROM orders", "42703"),
        ("SELECT 1/0", "22012"),
    ],
    ids=["syntax", "43 KB of 1+1", "too long", "no table", "no column", "the server's own"],
)
def test_what_is_wrong_with_a_statement_is_said_as_postgresql_says_it(
    shared_proxy: Proxy, statement: str, sqlstate: str
) -> None:
    with shared_proxy.connect() as connection:
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(statement.encode())
        assert raised.value.sqlstate == sqlstate
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_wrong_password_and_an_unknown_user_are_told_the_same(shared_proxy: Proxy) -> None:
    told = []
    for user in ("agent", "nobody"):
        with pytest.raises(psycopg.OperationalError) as raised:
            psycopg.connect(shared_proxy.conninfo(user, "wrong"))
        told.append(str(raised.value).replace(user, "USER"))
    assert told[0] == told[1]
    assert "password authentication failed" in told[0]
