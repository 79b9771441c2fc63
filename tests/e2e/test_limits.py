"""Every bound of the configuration: what goes beyond it gets the documented code, and nobody else notices."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.wire.frontend import Parse, Query, Sync
from tests.e2e.commands import eventually, health
from tests.e2e.raw import logged_in, sqlstate, unknown
from tests.e2e.waiting import ask
from tests.harness import proxy as proxies
from tests.harness import servers


def test_connections(shop18: servers.Database, tmp_path: Path) -> None:
    with (
        proxies.in_process(shop18, tmp_path, overrides={"limits.connections": 2}) as proxy,
        proxy.connect() as first,
    ):
        with proxy.connect() as second:
            with pytest.raises(psycopg.OperationalError, match="too many clients"):
                proxy.connect()
            assert second.execute("SELECT 1").fetchone() == (1,)
            assert b"C53300\0" in proxy.tap.to_client
        assert first.execute("SELECT 1").fetchone() == (1,)
        eventually(lambda: _connects(proxy), "nobody is let in any more")


def _connects(proxy: proxies.Proxy) -> bool:
    with contextlib.suppress(psycopg.OperationalError), proxy.connect():
        return True
    return False


def test_time_to_log_in(shop18: servers.Database, tmp_path: Path) -> None:
    with proxies.in_process(shop18, tmp_path, overrides={"limits.login_seconds": 1}) as proxy, unknown(proxy) as raw:
        states = [sqlstate(frame) for frame in raw.until_closed()]
    assert states == [("FATAL", "57014")]


def test_what_a_session_may_keep_and_send(shop18: servers.Database, tmp_path: Path) -> None:
    overrides: dict[str, str | int | bool] = {
        "limits.statement_bytes": "2KiB",
        "limits.names": 20,
        "limits.row_bytes": "8KiB",
    }
    with proxies.in_process(shop18, tmp_path, overrides=overrides) as proxy:
        with proxy.connect() as connection:
            with pytest.raises(psycopg.errors.ProgramLimitExceeded):
                connection.execute("SELECT '" + "x" * 2100 + "'")
            row = connection.execute("SELECT length(%s)", ["x" * 100_000]).fetchone()  # a parameter is no statement
            assert row == (100_000,)
        with logged_in(proxy.conninfo()) as raw:
            for number in range(30):
                raw.send(Parse(b"s%d" % number, b"SELECT 1").encode(), Sync().encode())
            answers = [raw.until_ready()[0] for _ in range(30)]
        assert answers == ["B\t4\tParseComplete"] * 20 + ["ERROR 53400"] * 10
        with proxy.connect() as connection:
            row = connection.execute("SELECT repeat('x', 100000)").fetchone()  # nothing to mask: it streams
            assert row is not None
            assert len(row[0]) == 100_000
        with proxy.connect() as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT ssn, repeat('x', 100000) FROM customers")


def test_what_is_sent_behind_a_held_statement(shop18: servers.Database, tmp_path: Path) -> None:
    with proxies.in_process(shop18, tmp_path, overrides={"limits.held_bytes": "16KiB"}) as proxy:
        with logged_in(proxy.conninfo()) as raw:
            raw.send(Query(b"DELETE FROM payments").encode())
            first = raw.frame()
            assert first is not None
            assert first.type == ord("N")
            raw.send(Query(b"SELECT 'in the meantime'").encode() * 10)
            with contextlib.suppress(OSError):  # it may have hung up before all was sent
                raw.send(Query(b"SELECT '" + b"x" * 1000 + b"'").encode() * 100)
            last = raw.until_closed()[-1]
            assert sqlstate(last) == ("FATAL", "53400")
        eventually(lambda: b'"approval.withdrawn"' in proxy.audit_records(), "it is still pending")
    with psycopg.connect(shop18.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)


def test_requests_at_once_and_reminders(shop18: servers.Database, tmp_path: Path) -> None:
    overrides: dict[str, str | int | bool] = {"limits.held_requests": 1, "hold.heartbeat": 1}
    with (
        proxies.in_process(shop18, tmp_path, overrides=overrides) as proxy,
        proxy.connect() as first,
        proxy.connect() as second,
    ):
        waiting = ask(first, "UPDATE products SET stock = stock")
        waiting.request()
        with pytest.raises(psycopg.Error) as raised:
            second.execute("DELETE FROM payments")
        assert raised.value.sqlstate == "53400"
        assert second.execute("SELECT 1").fetchone() == (1,)
        eventually(lambda: len(waiting.notices) >= 3, "no reminder came")
        assert "elapsed" in waiting.notices[2].primary
        first.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
        eventually(lambda: " 0.0" in _pending(proxy), "it still counts")
        waiting = ask(second, "UPDATE products SET stock = stock")
        with proxy.person() as bob:
            bob.approve(waiting.request())
        assert waiting.result() == ("UPDATE 24", None)


def _pending(proxy: proxies.Proxy) -> str:
    return next(
        line for line in health(proxy, "/metrics")[1].splitlines() if line.startswith("pgmaskproxy_approvals_pending")
    )


@pytest.mark.parametrize("role", ["trusting", "cleartext"])
def test_other_logins_at_the_server(shop18: servers.Database, tmp_path: Path, role: str) -> None:
    """pg_hba.conf's trust and password methods; SCRAM is what every other test uses."""
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"GRANT USAGE ON SCHEMA shop TO {role}".encode())
        admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {role}".encode())
    database = dataclasses.replace(shop18, role=role)
    with proxies.in_process(database, tmp_path) as proxy, proxy.connect() as connection:
        assert connection.execute("SELECT current_user, ssn FROM customers WHERE id = 1").fetchone() == (role, "***")
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"DROP OWNED BY {role}".encode())


def test_a_server_that_does_not_take_the_password(shop18: servers.Database, tmp_path: Path) -> None:
    """The client is told that it is not its fault; the reason is in the log."""
    with proxies.in_process(shop18, tmp_path) as proxy:
        with psycopg.connect(shop18.admin, autocommit=True) as admin:
            admin.execute("ALTER ROLE pgmaskproxy PASSWORD 'another'")
        try:
            with pytest.raises(psycopg.OperationalError, match="cannot log in to the upstream server"):
                proxy.connect()
            assert b"C08006\0" in proxy.tap.to_client
        finally:
            with psycopg.connect(shop18.admin, autocommit=True) as admin:
                admin.execute(f"ALTER ROLE pgmaskproxy PASSWORD '{shop18.password}'".encode())
        with proxy.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
