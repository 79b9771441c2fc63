"""LISTEN and NOTIFY on the channels that policy lists, and nothing of any other (THREATS M30 and M31)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: notify
labels:
  pii: {columns: ["shop.customers.ssn"], mask: {kind: redact}}
rules:
  - {id: reads, effects: [READ], relations: ["shop.*"], decide: allow}
  - {id: feed, effects: [ADMIN], channels: ["orders*"], decide: allow}
"""


@pytest.fixture
def proxy(shop_database: Database, tmp_path: Path) -> Iterator[Proxy]:
    with proxies.in_process(shop_database, tmp_path, policy=POLICY) as running:
        yield running
        running.check_bytes()


def said(connection: psycopg.Connection, count: int) -> list[tuple[str, str]]:
    return [(each.channel, each.payload) for each in connection.notifies(timeout=20, stop_after=count)]


def test_listed_channels_work_as_directly(proxy: Proxy) -> None:
    with proxy.connect() as one, proxy.connect() as other:
        one.execute("LISTEN orders_new")
        other.execute("NOTIFY orders_new, 'seventeen'")
        assert said(one, 1) == [("orders_new", "seventeen")]
        with psycopg.connect(proxy.database.admin, autocommit=True) as admin:
            admin.execute("NOTIFY orders_new, 'from elsewhere'")
        assert said(one, 1) == [("orders_new", "from elsewhere")]
        one.execute("UNLISTEN *")


def test_who_notifies_itself_knows_itself(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        connection.execute("LISTEN orders")
        connection.execute("NOTIFY orders")
        (found,) = connection.notifies(timeout=20, stop_after=1)
        assert found.pid == connection.info.backend_pid


@pytest.mark.parametrize(
    "statement",
    [
        "LISTEN secrets",
        "NOTIFY secrets, 'x'",
        'LISTEN "Orders"',
        "SELECT pg_notify('orders', 'x')",
        "SELECT pg_notify('orders', ssn) FROM shop.customers",
    ],
)
def test_what_is_not_listed_is_refused(proxy: Proxy, statement: str) -> None:
    with proxy.connect() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement.encode())
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_channel_that_a_function_listens_to_says_nothing(proxy: Proxy) -> None:
    """A trigger can LISTEN, and another NOTIFY a value: neither has asked policy."""
    with psycopg.connect(proxy.database.admin, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION shop.ears() RETURNS int LANGUAGE plpgsql AS 'BEGIN LISTEN secrets; RETURN 1; END'"
        )
        admin.execute("CREATE VIEW shop.heard AS SELECT shop.ears() AS e")
        admin.execute(f"GRANT SELECT ON shop.heard TO {proxy.database.role}".encode())
        rules = POLICY + "  - {id: ears, effects: [ROUTINE], functions: [shop.ears], decide: allow}\n"
        with proxies.in_process(proxy.database, _fresh(proxy), policy=rules) as allowed:
            with allowed.connect() as connection:
                connection.execute("SELECT e FROM shop.heard")
                connection.execute("LISTEN orders")
                ssn = admin.execute("SELECT ssn FROM shop.customers WHERE id = 1").fetchone()
                assert ssn is not None
                admin.execute("SELECT pg_notify('secrets', %s)", ssn)
                admin.execute("NOTIFY orders, 'after it'")
                assert said(connection, 1) == [("orders", "after it")]
            allowed.check_bytes()


def _fresh(proxy: Proxy) -> Path:
    place = proxy.directory / "again"
    place.mkdir()
    return place
