"""Every shape of statement, through every driver: what is labelled is masked, and all else is exactly the server's.

"Exactly" is measured: the same statement goes to the server directly, and the answers may differ in
the masked cells alone. For psycopg the cells are the bytes on the wire.
"""

from __future__ import annotations

from pathlib import Path

import asyncpg
import psycopg
import pytest

from tests.e2e.drivers import NULL, Result, by_asyncpg, by_psql, by_psycopg, direct
from tests.e2e.shapes import CLEAN, RETURNING, SHAPES, masked
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

STATEMENTS = [*SHAPES, *CLEAN]


def _assert_masked(statements: list[str], seen: list[Result], truth: list[Result], null_as: str | None = None) -> None:
    """Names the statements that came out otherwise, with the first row that did."""
    wrong = {}
    for statement, found, true in zip(statements, seen, truth, strict=True):
        masks = SHAPES.get(statement) or RETURNING.get(statement, {})
        expected = masked(true, masks, null_as=null_as)
        if found != expected:
            rows = [pair for pair in zip(found.rows, expected.rows, strict=False) if pair[0] != pair[1]]
            wrong[statement] = rows[:1] or (found.columns, expected.columns, found.tag, expected.tag, len(found.rows))
        elif masks:
            assert true.rows, f"proves nothing, there is no row: {statement}"
    assert not wrong


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "prepared"])
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg(shared_proxy: Proxy, binary: bool, prepare: bool) -> None:
    seen = by_psycopg(shared_proxy.conninfo(), STATEMENTS, binary=binary, prepare=prepare)
    truth = by_psycopg(direct(shared_proxy), STATEMENTS, binary=binary, prepare=prepare)
    _assert_masked(STATEMENTS, seen, truth)


async def test_asyncpg(shared_proxy: Proxy) -> None:
    seen = await by_asyncpg(shared_proxy.conninfo(), STATEMENTS)
    truth = await by_asyncpg(direct(shared_proxy), STATEMENTS, times=1)
    _assert_masked(STATEMENTS, seen, truth)


def test_psql(shared_proxy: Proxy) -> None:
    seen = by_psql(shared_proxy, shared_proxy.conninfo(), STATEMENTS)
    truth = by_psql(shared_proxy, direct(shared_proxy), STATEMENTS)
    _assert_masked(STATEMENTS, seen, truth, NULL)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_returning(shared_proxy: Proxy, binary: bool) -> None:
    statements = list(RETURNING)
    seen = by_psycopg(shared_proxy.conninfo(), statements, binary=binary)
    truth = by_psycopg(direct(shared_proxy), statements, binary=binary)
    _assert_masked(statements, seen, truth)


async def test_returning_by_asyncpg(shared_proxy: Proxy) -> None:
    statements = list(RETURNING)
    rollback = [each for each in statements if "INSERT" not in each]
    seen = await by_asyncpg(shared_proxy.conninfo(), rollback, times=1)
    truth = await by_asyncpg(direct(shared_proxy), rollback, times=1)
    _assert_masked(rollback, seen, truth)


def test_what_derives_from_a_labelled_column_is_masked_wherever_it_is(
    shop_database: servers.Database, tmp_path: Path
) -> None:
    """Nobody but the catalog says that these columns derive from labelled ones: what is only computed is NULL."""
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        for statement in (
            "CREATE VIEW letters AS SELECT id, substr(ssn, 1, 3) AS area, name, birth_date AS b FROM customers",
            "CREATE VIEW over AS SELECT area AS a, b AS name, id FROM letters",
            "CREATE TABLE vips () INHERITS (customers)",
            "INSERT INTO vips SELECT * FROM customers WHERE id = 1",
            "ALTER TABLE customers ADD COLUMN area text GENERATED ALWAYS AS (substr(ssn, 1, 3)) STORED",
            "CREATE TABLE holders (n text PRIMARY KEY REFERENCES customers (ssn), remark text)",
            "INSERT INTO holders SELECT ssn, 'holds' FROM ONLY customers WHERE id = 1",
            "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO pgmaskproxy",
        ):
            admin.execute(statement.encode())
    with proxies.in_process(shop_database, tmp_path) as proxy, proxy.connect() as agent:
        for statement, row in (
            ("SELECT * FROM letters WHERE id = 2", (2, None, "Chloe Abbott", None)),
            ("SELECT * FROM over WHERE id = 2", (None, None, 2)),
            ("SELECT name, ssn, card, area FROM vips", ("Bram Abbott", "***", "***7294", None)),
            ("SELECT area, ssn FROM customers WHERE id = 2", (None, "***")),
            ("SELECT * FROM holders", ("***", "holds")),
        ):
            assert agent.execute(statement.encode()).fetchone() == row, statement
        proxy.check_bytes()


async def test_a_cached_statement_goes_on_masking_after_ddl_by_another(proxy: Proxy) -> None:
    """The statement is prepared, the table changes its shape under it, and the driver executes it again."""
    agent = await asyncpg.connect(**proxy.asyncpg_arguments())
    statement = "SELECT * FROM customers WHERE id = $1"
    try:
        before = await agent.fetchrow(statement, 1)
        assert (before["name"], before["ssn"]) == ("Bram Abbott", "***")
        with psycopg.connect(proxy.database.admin, autocommit=True) as admin:
            admin.execute("ALTER TABLE shop.customers RENAME COLUMN ssn TO plain")
            admin.execute("ALTER TABLE shop.customers RENAME COLUMN name TO ssn")
            admin.execute("ALTER TABLE shop.customers RENAME COLUMN plain TO name")
        for _ in range(2):
            row = await agent.fetchrow("SELECT city FROM customers WHERE id = $1", 1)
            assert tuple(row) == ("Porto",)
            try:
                after = await agent.fetchrow(statement, 1)
            except asyncpg.PostgresError as error:
                assert error.sqlstate in {"0A000", "42501", "57P01"}  # noqa: PT017 - an error is as good as a mask
            else:
                assert "937-63-8919" not in after.values()
    finally:
        await agent.close()


def test_a_renamed_column_stays_masked_in_a_prepared_statement(proxy: Proxy) -> None:
    """THREATS M02a: other columns under the same names, and no new RowDescription."""
    with proxy.connect() as agent, psycopg.connect(proxy.database.admin, autocommit=True) as admin:
        statement = "SELECT name FROM customers WHERE id = 1"
        for _ in range(3):
            assert agent.execute(statement, prepare=True).fetchone() == ("Bram Abbott",)
        admin.execute("ALTER TABLE shop.customers RENAME COLUMN ssn TO plain")
        admin.execute("ALTER TABLE shop.customers RENAME COLUMN name TO ssn")
        admin.execute("ALTER TABLE shop.customers RENAME COLUMN plain TO name")
        for _ in range(3):
            try:
                row = agent.execute(statement, prepare=True).fetchone()
            except psycopg.errors.AdminShutdown:
                break  # it was on its way when the server understood it anew: the session has ended, its rows sealed
            except psycopg.Error as error:
                assert error.sqlstate in {"0A000", "42501"}  # noqa: PT017 - an error is as good as a mask
            else:
                assert row in {("***",), (None,)}
