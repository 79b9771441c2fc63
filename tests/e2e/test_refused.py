"""What no mask could make safe is refused, through every driver, and the error says what would work."""

from __future__ import annotations

import json
import subprocess

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.e2e.drivers import psql_environment
from tests.e2e.waiting import ask, status
from tests.harness.proxy import Proxy

USES = [
    # Computed on
    "SELECT row_to_json(c) FROM customers c",
    "SELECT to_jsonb(c) FROM customers c",
    "SELECT c::text FROM customers c",
    "SELECT array_agg(c) FROM customers c",
    "SELECT ROW(c.ssn) FROM customers c",
    "SELECT ARRAY(SELECT ssn FROM customers)",
    "SELECT lower(ssn) FROM customers",
    "SELECT ssn || '' FROM customers",
    "SELECT ssn::int FROM customers",
    "SELECT ssn::varchar FROM customers",
    "SELECT max(ssn), string_agg(ssn, ',') FROM customers",
    "SELECT @salary FROM employees",
    "SELECT profile->>'phone' FROM customers",
    "SELECT date_part('year', birth_date) FROM customers",
    "SELECT CASE WHEN ssn > '5' THEN 1 END FROM customers",
    "SELECT coalesce(ssn, '') FROM customers",
    # Decided by
    "SELECT name FROM customers WHERE ssn LIKE '1%'",
    "SELECT name FROM customers WHERE birth_date < '1960-01-01'",
    "SELECT name FROM customers WHERE ssn = (SELECT min(name) FROM products)",
    "SELECT count(*) FROM customers WHERE (ssn, id) IN (SELECT name, id FROM products)",
    "SELECT name FROM customers ORDER BY ssn",
    "SELECT ssn FROM customers ORDER BY 1",
    "SELECT count(*) FROM customers GROUP BY ssn",
    "SELECT count(*) FROM customers HAVING max(ssn) > '5'",
    "SELECT DISTINCT ssn FROM customers",
    "SELECT DISTINCT ON (ssn) name FROM customers",
    "SELECT rank() OVER (ORDER BY ssn) FROM customers",
    "SELECT a.name FROM customers a JOIN customers b USING (ssn)",
    "SELECT g FROM generate_series(1, 9) g JOIN customers c ON substr(c.ssn, 1, 1) = g::text",
    "SELECT name FROM products LIMIT (SELECT count(*) FROM customers WHERE ssn > '5')",
    "EXPLAIN ANALYZE SELECT name FROM customers WHERE ssn > '5'",
    "DELETE FROM products WHERE EXISTS (SELECT FROM customers WHERE ssn > '5')",
    # A code book
    "SELECT ssn FROM customers UNION SELECT '000-00-0000'",
    "SELECT ssn FROM customers UNION ALL SELECT '000-00-0000'",
    "SELECT ssn FROM customers UNION ALL SELECT lpad(g::text, 11, '0') FROM generate_series(1, 9) g",
    "SELECT email FROM customers UNION ALL VALUES ('a@b.example')",
    "SELECT ssn FROM customers INTERSECT SELECT name FROM customers",
]
LAUNDERING = [
    "INSERT INTO products (name, price, stock) SELECT ssn, 1, 1 FROM customers",
    "UPDATE customers SET name = ssn WHERE id = 1",
    "UPDATE customers SET notes = ssn WHERE id = 1",
    "UPDATE products SET name = (SELECT ssn FROM customers WHERE id = 1) WHERE id = 1",
    "UPDATE products SET name = c.ssn FROM customers c WHERE c.id = products.id AND products.id = 1",
    "CREATE TABLE shop.copied AS SELECT name, ssn FROM customers",
    "CREATE TEMP TABLE copied AS SELECT name, ssn FROM customers",
    "SELECT name, ssn INTO TEMP copied FROM customers",
    "MERGE INTO products p USING customers c ON p.id = c.id WHEN MATCHED THEN UPDATE SET name = c.ssn",
    "WITH w AS (INSERT INTO products (name, price, stock) SELECT ssn, 1, 1 FROM customers RETURNING 1) SELECT 1",
]
REFUSED = [*USES, *LAUNDERING]
DENIED = [
    ("COPY products TO '/tmp/products.csv'", {"42501"}),
    ("COPY (SELECT 1) TO PROGRAM 'cat'", {"42501"}),
    ("COPY products FROM '/etc/passwd'", {"42501"}),
    ("SELECT pg_read_file('/etc/passwd')", {"42501", "0A000"}),
    ("SELECT lo_import('/etc/passwd')", {"42501", "0A000"}),
    ("SELECT database_to_xml(true, false, '')", {"42501", "0A000"}),
    ("SELECT query_to_xml('SELECT 1', true, false, '')", {"42501", "0A000"}),
    ("SELECT most_common_vals FROM pg_stats", {"42501"}),
    ("SELECT query FROM pg_stat_activity", {"42501"}),
    ("SELECT pg_terminate_backend(1)", {"42501"}),
    ("SET ROLE shop_owner", {"42501"}),
    ("SET SESSION AUTHORIZATION shop_owner", {"42501"}),
    ("SET enable_seqscan = off", {"42501"}),
    ("SET debug_print_plan = on", {"42501"}),
    ("SELECT set_config('enable_seqscan', 'off', false)", {"42501"}),
    ("SET client_encoding = 'SJIS'", {"22023"}),
    ("SET standard_conforming_strings = off", {"42501"}),
    ("ALTER SYSTEM SET work_mem = '4MB'", {"42501"}),
    ("LISTEN everything", {"42501"}),
    ("NOTIFY everything, 'x'", {"42501"}),
]


def _left(proxy: Proxy) -> tuple[object, ...]:
    """What a laundering write would have changed."""
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute(
            "SELECT count(*), max(length(p.name)), (SELECT md5(string_agg(c::text, '' ORDER BY id)) FROM customers c),"
            " to_regclass('shop.copied') FROM products p"
        ).fetchone()
    assert row is not None
    return tuple(row)


def _check_words(statement: str, primary: str | None, detail: str | None, hint: str | None) -> None:
    assert "permission denied by policy" in (primary or ""), statement
    assert hint, statement
    last = (detail or "").splitlines()[-1]
    assert last.startswith("pgmaskproxy:"), statement
    assert json.loads(last.removeprefix("pgmaskproxy:"))["why"], statement  # for an agent that can parse


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "extended"])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg(shared_proxy: Proxy, prepare: bool, binary: bool) -> None:
    before = _left(shared_proxy)
    with shared_proxy.connect() as connection:
        for statement in REFUSED:
            cursor = connection.cursor(binary=binary)
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
                cursor.execute(statement.encode(), prepare=prepare)
            said = raised.value.diag
            _check_words(statement, said.message_primary, said.message_detail, said.message_hint)
            assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert _left(shared_proxy) == before


async def test_asyncpg(shared_proxy: Proxy) -> None:
    before = _left(shared_proxy)
    connection = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        for statement in REFUSED:
            for call in (connection.fetch, connection.execute):
                with pytest.raises(asyncpg.InsufficientPrivilegeError) as raised:
                    await call(statement)
                said = raised.value
                _check_words(statement, said.args[0], said.detail, said.hint)
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()
    assert _left(shared_proxy) == before


def test_psql(shared_proxy: Proxy) -> None:
    before = _left(shared_proxy)
    ended = subprocess.run(
        [str(shared_proxy.database.server.bindir / "psql"), "-X", "-q", "-t", "-A", "-f", "-"],
        env=psql_environment(shared_proxy.conninfo()),
        input="".join(f"{statement};\n" for statement in [*REFUSED, "SELECT 'went on'"]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.stdout == "went on\n"
    assert ended.stderr.count("ERROR:  permission denied by policy") == len(REFUSED)
    assert ended.stderr.count("HINT:  ") == len(REFUSED)
    assert _left(shared_proxy) == before


def test_what_the_default_policy_denies(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        for statement, states in DENIED:
            with pytest.raises(psycopg.Error) as raised:
                connection.execute(statement.encode())
            assert raised.value.sqlstate in states, statement
        assert connection.execute("SHOW client_encoding").fetchone() == ("UTF8",)


def test_an_error_cites_the_policy_file(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
        connection.execute("SELECT lower(ssn) FROM customers")
    said = raised.value.diag
    policy = (shared_proxy.directory / "policies" / "default.yaml").read_text(encoding="utf-8").splitlines()
    assert (said.source_file or "").endswith("default.yaml")
    assert "pii.ssn" in policy[int(said.source_line or 0) - 1]
    assert (said.schema_name, said.table_name, said.column_name) == ("shop", "customers", "ssn")


def test_a_block_is_aborted_as_by_any_error(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("SAVEPOINT before")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT lower(ssn) FROM customers")
        assert status(connection) == TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.execute("ROLLBACK TO before")
        assert status(connection) == TransactionStatus.INTRANS
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.execute("COMMIT")
        assert status(connection) == TransactionStatus.IDLE


def test_what_a_block_did_before_a_refusal_is_rolled_back(proxy18: Proxy) -> None:
    with proxy18.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE products SET stock = -7 WHERE id = 1")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT lower(ssn) FROM customers")
        assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
        row = connection.execute("SELECT stock FROM products WHERE id = 1").fetchone()
    assert row is not None
    assert row[0] != -7


def test_what_the_server_says_of_a_failed_write_does_not_quote_the_row(proxy: Proxy) -> None:
    """PostgreSQL would say "Failing row contains (1, Bram Abbott, bram.abbott1@..., 937-63-8919, ...)"."""
    with proxy.connect() as connection:
        for statement, state in (
            ("UPDATE customers SET city = NULL WHERE id = 1", "23502"),
            ("UPDATE customers SET id = 2 WHERE id = 1", "23505"),
            ("INSERT INTO orders (customer_id, product_id, quantity, status, ordered_on)"
             " VALUES (9999, 1, 1, 'new', '2024-01-01')", "23503"),
        ):  # fmt: skip
            with pytest.raises(psycopg.Error) as raised:
                connection.execute(statement.encode())
            assert raised.value.sqlstate == state
            detail = raised.value.diag.message_detail or ""
            # Orders and what they refer to have no label: that the client's own 9999 is not there may be said.
            assert "(" not in detail or (state == "23503" and "(9999)" in detail)


def test_functions_of_the_shops_own_are_not_run_without_a_person(shared_proxy: Proxy) -> None:
    """Their results cannot be proven: see test_held for what a person may allow."""
    with shared_proxy.connect() as connection:
        for statement in ("SELECT customer_tax_id(1)", "SELECT * FROM customer_tax_id(1)", "SELECT order_total(1)"):
            waiting = ask(connection, statement)
            waiting.request()
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiting.result()
