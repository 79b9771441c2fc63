"""The environment stays as it was pinned, whatever a client, a role's or a database's settings say (DESIGN 3d)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgmaskproxy.demo.server import EmbeddedServer
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: settings
labels:
  pii: {columns: ["shop.customers.ssn"], mask: {kind: redact}}
rules:
  - {id: reads, effects: [READ], relations: ["shop.*", "pg_catalog.*"], decide: allow}
  - {id: writes, effects: [WRITE], relations: ["shop.*", "pg_catalog.*"], decide: allow}
"""


@pytest.fixture(scope="module")
def standing(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with (
        servers.fresh_shop(server) as database,
        proxies.in_process(database, tmp_path_factory.mktemp("settings"), policy=POLICY) as running,
    ):
        yield running
        running.check_bytes()


def pinned(connection: psycopg.Connection) -> dict[str, str]:
    """What the server says of what was pinned, and that trees still come: without one nothing is shown."""
    assert connection.execute("SELECT id + 1, ssn FROM shop.customers WHERE id = 1").fetchone() == (2, "***")
    names = "debug_print_rewritten debug_pretty_print client_min_messages client_encoding standard_conforming_strings"
    found: dict[str, str] = {}
    for name in names.split():
        (found[name],) = connection.execute(f"SELECT setting FROM pg_settings WHERE name = '{name}'").fetchone() or (
            "",
        )
    return found


PINNED = {
    "debug_print_rewritten": "on",
    "debug_pretty_print": "off",
    "client_min_messages": "log",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
}

ALLOWED = [
    "RESET ALL",
    "DISCARD ALL",
    "SET client_min_messages TO error",
    "SET LOCAL client_min_messages TO error",
    "SET client_min_messages TO DEFAULT",
    "RESET client_min_messages",
    "SET statement_timeout = '1min'",
    "SET LOCAL lock_timeout = 5",
    "SELECT set_config('application_name', 'x', false)",
    "SELECT set_config('search_path', 'shop, public', true)",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET client_encoding = 'utf8'",
    "SET NAMES 'UTF8'",
    "SET TIME ZONE 'UTC'",
    "SET search_path = public; SET search_path = shop, public",
]


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_may_be_set_leaves_what_is_pinned(standing: Proxy, statement: str) -> None:
    with standing.connect() as connection:
        connection.execute(statement.encode())
        assert pinned(connection) == PINNED
        with connection.transaction():
            if "DISCARD" not in statement:
                connection.execute(statement.encode())
            assert pinned(connection) == PINNED


NAMES = [
    "debug_print_rewritten", "debug_print_parse", "debug_pretty_print", "client_min_messages_", "log_min_messages",
    "standard_conforming_strings", "backslash_quote", "session_replication_role", "role",
    "session_authorization", "enable_seqscan", "enable_indexscan", "random_page_cost", "cpu_tuple_cost", "geqo",
    "geqo_seed", "jit_above_cost", "work_mem", "default_statistics_target", "lc_messages", "xmlbinary",
    "transform_null_equals", "plan_cache_mode", "pgmaskproxy.client_min_messages", "pgmaskproxy.principal", "my.own",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_what_may_not_be_set_in_any_way(standing: Proxy, name: str) -> None:
    quoted = ".".join(f'"{part}"' for part in name.split("."))
    ways = [
        f"SET {quoted} = 'off'",
        f"SET LOCAL {quoted} = 'off'",
        f"SET SESSION {quoted} TO off",
        f"SET {quoted} TO DEFAULT",
        f"RESET {quoted}",
        f"SET {quoted} FROM CURRENT",
        f"SELECT set_config('{name}', 'off', false)",
        f"SELECT set_config('{name}', 'off', true) FROM shop.customers",
        f"SELECT 1 WHERE set_config('{name.upper()}', 'off', false) = ''",
        f"UPDATE pg_settings SET setting = 'off' WHERE name = '{name}'",
    ]
    with standing.connect() as connection:
        for way in ways:
            with pytest.raises(psycopg.Error) as raised:
                connection.execute(way.encode())
            # Refused by the proxy, or in no way that a statement can be written.
            assert raised.value.sqlstate in {"42501", "42704", "0A000", "42601"}, way
        assert pinned(connection) == PINNED


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config(name, 'off', false) FROM pg_settings",
        "SELECT set_config('app' || 'lication_name', 'x', false)",
        "SELECT set_config('search_path', ssn, false) FROM shop.customers",
        "SELECT set_config('application_name', (SELECT name FROM shop.customers LIMIT 1), false)",
        "SELECT set_config('application_name', 'x', id = 1) FROM shop.customers",
        "SET SESSION AUTHORIZATION DEFAULT",
        "RESET SESSION AUTHORIZATION",
        "SET ROLE NONE",
        "RESET ROLE",
        "SET client_encoding = 'LATIN1'",
        "SET NAMES 'SJIS'",
        "SET DateStyle = 'German'",
        "SET client_min_messages = 'nonsense'",
        "SELECT set_config('client_min_messages', 'error', false)",
        "ALTER ROLE CURRENT_USER SET search_path = evil",
        "ALTER ROLE ALL RESET ALL",
        "ALTER DATABASE postgres SET debug_print_rewritten = off",
        "ALTER SYSTEM SET debug_print_rewritten = off",
        "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'",
        "DO $$ BEGIN SET debug_print_rewritten = off; END $$",
        "LOAD 'auto_explain'",
    ],
)
def test_other_ways_to_change_it_are_refused(standing: Proxy, statement: str) -> None:
    with standing.connect() as connection:
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(statement.encode())
        assert raised.value.sqlstate in {"42501", "0A000", "22023"}, statement
        assert pinned(connection) == PINNED


def test_a_parameter_cannot_say_what_is_set(standing: Proxy) -> None:
    with standing.connect() as connection:
        for arguments in (("application_name", "x"), ("debug_print_rewritten", "off")):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT set_config(%s, %s, false)", arguments)
        assert pinned(connection) == PINNED


@pytest.fixture
def altered(shop_database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        yield admin
        admin.execute(sql.SQL("ALTER ROLE {} RESET ALL").format(sql.Identifier(shop_database.role)))
        admin.execute(sql.SQL("ALTER ROLE {} SET log_min_messages = panic").format(sql.Identifier(shop_database.role)))


def test_settings_of_role_and_database_do_not_reach_it(
    shop_database: Database, tmp_path: Path, altered: psycopg.Connection
) -> None:
    role, name = sql.Identifier(shop_database.role), sql.Identifier(shop_database.name)
    for setting, value in (
        ("debug_print_rewritten", "off"),
        ("debug_pretty_print", "on"),
        ("client_min_messages", "error"),
        ("client_encoding", "LATIN1"),
    ):
        for what in (sql.SQL("ROLE {}").format(role), sql.SQL("DATABASE {}").format(name)):
            altered.execute(sql.SQL("ALTER {} SET {} = {}").format(what, sql.Identifier(setting), sql.Literal(value)))
    with proxies.in_process(shop_database, tmp_path, policy=POLICY) as proxy, proxy.connect() as connection:
        assert pinned(connection) == PINNED
        connection.execute("RESET ALL")
        assert pinned(connection) == PINNED
        connection.execute("DISCARD ALL")
        assert pinned(connection) == PINNED
        proxy.check_bytes()


def test_a_role_that_reads_strings_otherwise_lets_nobody_in(
    shop_database: Database, tmp_path: Path, altered: psycopg.Connection
) -> None:
    altered.execute(
        sql.SQL("ALTER ROLE {} SET standard_conforming_strings = off").format(sql.Identifier(shop_database.role))
    )
    with (
        proxies.in_process(shop_database, tmp_path, policy=POLICY) as proxy,
        pytest.raises(psycopg.OperationalError, match="cannot log in to the upstream"),
    ):
        proxy.connect()
