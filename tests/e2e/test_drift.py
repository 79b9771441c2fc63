"""Definitions that move under the labels while clients are there: nothing is shown that was not before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.store.sqlite import SqliteStore
from tests.e2e.waiting import SECONDS
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: drift
labels:
  pii: {columns: ["shop.customers.ssn", "shop.customers.email"], mask: {kind: redact}}
rules:
  - {id: all, effects: [READ], relations: ["shop.*"], decide: allow}
"""
MOVES = [
    (["ALTER TABLE shop.customers RENAME COLUMN ssn TO tax_number"], "SELECT tax_number FROM shop.customers"),
    (["ALTER TABLE shop.customers RENAME TO clients"], "SELECT ssn FROM shop.clients"),
    (
        [
            "ALTER TABLE shop.customers RENAME TO people",
            "CREATE VIEW shop.customers AS SELECT id, name, ssn AS note FROM shop.people",
            "GRANT SELECT ON shop.customers TO {role}",
        ],
        "SELECT note FROM shop.customers",
    ),
]


@pytest.fixture(autouse=True)
def _secrets_by_their_first_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read where they were before anything moved."""
    found: dict[str, list[shop.Secret]] = {}

    def read(database: Database) -> list[shop.Secret]:
        if database.name not in found:
            with psycopg.connect(database.admin) as connection:
                found[database.name] = shop.seeded_values(connection)
        return [secret for secret in found[database.name] if secret.label in {"ssn", "email"}]

    monkeypatch.setattr(proxies, "_secrets", read)


@contextmanager
def served(database: Database, directory: Path) -> Iterator[Proxy]:
    """A proxy over one state, however often it is started."""
    state = f"sqlite:///{directory.parent}/state.db"
    directory.mkdir()
    with proxies.in_process(database, directory, policy=POLICY, overrides={"state": state}) as proxy:
        yield proxy
        proxy.check_bytes()


def change(database: Database, statements: list[str]) -> None:
    with psycopg.connect(database.admin, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement.replace("{role}", database.role).encode())


def until_shown(connection: psycopg.Connection, query: str, wanted: set[object]) -> None:
    """Ask until that is the answer, and never anything else but an error or what came before."""
    deadline = time.monotonic() + SECONDS
    found: object = None
    while found != wanted:
        assert time.monotonic() < deadline, found
        try:
            found = {value for (value,) in connection.execute(query.encode())}
        except psycopg.Error as error:
            found = error
            time.sleep(0.1)


def until_recorded(proxy: Proxy) -> None:
    """The server's tree names columns by OID: what moved is masked before the catalog has been read again."""
    deadline = time.monotonic() + SECONDS
    while b'"kind":"renamed"' not in proxy.audit_records():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(("moves", "query"), MOVES, ids=["column", "table", "view"])
def test_what_moved_stays_masked_after_a_restart_too(
    shop_database: Database, tmp_path: Path, moves: list[str], query: str
) -> None:
    with served(shop_database, tmp_path / "first") as proxy, proxy.connect() as connection:
        until_shown(connection, "SELECT ssn FROM shop.customers", {"***"})
        change(shop_database, moves)
        until_shown(connection, query, {"***"})
        until_recorded(proxy)
    with served(shop_database, tmp_path / "second") as proxy, proxy.connect() as connection:
        until_shown(connection, query, {"***"})


def test_what_moved_while_the_proxy_was_away(shop18: Database, tmp_path: Path) -> None:
    with served(shop18, tmp_path / "first"):
        pass
    moves, query = MOVES[0]
    change(shop18, moves)
    with served(shop18, tmp_path / "second") as proxy, proxy.connect() as connection:
        until_shown(connection, query, {"***"})
        until_recorded(proxy)


def test_a_new_column_is_shown_when_somebody_has_looked(shop18: Database, tmp_path: Path) -> None:
    query = "SELECT pet FROM shop.customers"
    with served(shop18, tmp_path / "first") as proxy, proxy.connect() as connection:
        change(shop18, ["ALTER TABLE shop.customers ADD COLUMN pet text DEFAULT 'Rex'"])
        until_shown(connection, query, {None})
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="pet"):
            connection.execute("SELECT name FROM shop.customers WHERE pet = 'Rex'")

        async def accept() -> None:
            store = await SqliteStore.open(proxy.config.state)
            try:
                found = await store.labels(shop18.name)
                assert found is not None
                waiting = [record.key for record in found.records if record.drift]
                assert await store.accept_labels(shop18.name, waiting) == 1
            finally:
                await store.close()

        asyncio.run(accept())
        until_shown(connection, query, {"Rex"})
