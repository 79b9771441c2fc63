"""Another session changes definitions between any two messages: nothing runs by what they were (THREATS M02)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
import pytest

from tests.e2e.waiting import ask
from tests.harness.proxy import Proxy

VIEW = "CREATE OR REPLACE VIEW shop.handy AS SELECT id, {} AS tag FROM shop.customers"


@pytest.fixture
def owner(proxy: Proxy) -> Iterator[psycopg.Connection]:
    """Whoever owns the definitions, directly at the server; the agent may use what it makes."""
    with psycopg.connect(proxy.database.admin, autocommit=True) as connection:
        connection.execute(VIEW.format("city").encode())
        connection.execute("CREATE TABLE shop.scratch (id int, tag text)")
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA shop TO {proxy.database.role}".encode())
        yield connection


def _names(proxy: Proxy) -> set[str]:
    with proxy.connect() as connection:
        return {str(row[0]) for row in connection.execute("SELECT tag FROM handy WHERE id < 3")}


def _settled(proxy: Proxy) -> None:
    """The proxy knows what was made a moment ago."""
    for _ in range(100):
        try:
            if _names(proxy):
                return
        except psycopg.Error:
            continue
    pytest.fail("the view is not known after all this time")


@pytest.mark.parametrize("by_sql", [True, False], ids=["execute", "protocol"])
def test_a_view_replaced_under_a_prepared_read(proxy: Proxy, owner: psycopg.Connection, by_sql: bool) -> None:
    _settled(proxy)
    with proxy.connect() as connection:
        if by_sql:
            connection.execute("PREPARE p AS SELECT tag FROM handy WHERE id = 1")

        def read() -> list[tuple[object, ...]]:
            if by_sql:
                return connection.execute("EXECUTE p").fetchall()
            return connection.execute("SELECT tag FROM handy WHERE id = 1", prepare=True).fetchall()

        assert read() == read() == [("Porto",)]
        owner.execute(VIEW.format("ssn").encode())
        with contextlib.suppress(psycopg.errors.AdminShutdown, psycopg.errors.InternalError):  # on its way already
            assert read() in ([("***",)], [(None,)])


def test_a_view_replaced_under_a_prepared_write(proxy: Proxy, owner: psycopg.Connection) -> None:
    """A write returns no rows that could be sealed: it must be understood before it runs."""
    _settled(proxy)
    with proxy.connect() as connection:
        connection.execute("PREPARE u AS INSERT INTO scratch SELECT id, tag FROM handy WHERE id = 1")
        connection.execute("PREPARE x (text) AS UPDATE handy SET tag = $1 WHERE id = 1")
        connection.execute("EXECUTE u")
        connection.execute("EXECUTE x('Faro')")
        owner.execute(VIEW.format("ssn").encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("EXECUTE u")
        waiting = ask(connection, "EXECUTE x('000-00-0000')")  # a labelled column is written: somebody must agree
        assert waiting.request()
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
    assert owner.execute("SELECT tag FROM scratch").fetchall() == [("Porto",)]
    assert owner.execute("SELECT ssn, city FROM shop.customers WHERE id = 1 AND ssn <> '000-00-0000'").fetchone()


@pytest.mark.parametrize("prepared", [True, False])
def test_a_column_that_comes_to_be_labelled_while_the_catalog_cannot_be_read(
    proxy: Proxy, owner: psycopg.Connection, prepared: bool
) -> None:
    """Somebody's lock keeps the proxy from reading: what it knew before must not stand meanwhile."""
    owner.execute("CREATE TABLE shop.plain (id int, ssn_of text)")
    owner.execute("CREATE TABLE shop.kept (LIKE shop.customers)")
    owner.execute("INSERT INTO shop.kept SELECT * FROM shop.customers WHERE id = 1")
    owner.execute("ALTER TABLE shop.kept RENAME ssn TO code")
    owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA shop TO {proxy.database.role}".encode())
    _settled(proxy)
    with proxy.connect() as connection, psycopg.connect(proxy.database.admin) as blocker:
        statement = "SELECT city FROM kept"
        for _ in range(100):
            try:
                if connection.execute(statement, prepare=prepared).fetchall():
                    break
            except psycopg.Error:
                continue
        blocker.execute("LOCK TABLE shop.handy IN ACCESS EXCLUSIVE MODE")
        # From now on the column holds what is labelled elsewhere, and the tree of the statement is what it was.
        owner.execute("ALTER TABLE shop.kept RENAME city TO town")
        owner.execute("ALTER TABLE shop.kept RENAME code TO city")
        for _ in range(50):
            try:
                rows = connection.execute(statement, prepare=prepared).fetchall()
            except psycopg.Error:
                break
            assert all(row[0] in {None, "***", "Porto"} for row in rows)
