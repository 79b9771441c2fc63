"""What an operator sees and does: health, metrics, logs, drain by SIGTERM, reload by SIGHUP."""

from __future__ import annotations

import contextlib
import json
import signal
from pathlib import Path

import psycopg
import pytest

from tests.e2e.commands import active, backend, eventually, health, pgmaskproxy, policy
from tests.e2e.waiting import SECONDS, ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy


def _signal(proxy: Proxy, number: signal.Signals) -> None:
    assert proxy.process is not None
    proxy.process.send_signal(number)


def _metric(proxy: Proxy, line: str) -> float:
    """A sample by its name and labels as they are exposed, 0 where it is not."""
    for sample in health(proxy, "/metrics")[1].splitlines():
        name, _, value = sample.rpartition(" ")
        if name == f"pgmaskproxy_{line}":
            return float(value)
    return 0.0


def test_health_and_metrics(served: Proxy) -> None:
    assert health(served, "/healthz")[0] == 200
    assert health(served, "/readyz")[0] == 200
    with served.connect() as connection:
        connection.execute("SELECT ssn FROM customers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT lower(ssn) FROM customers")
        waiting = ask(connection, "DELETE FROM payments")
        waiting.request()
        assert _metric(served, "approvals_pending") == 1
        assert _metric(served, "client_connections") == 1
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(served.conninfo(password="wrong"))
    eventually(lambda: _metric(served, "client_connections") == 0, "a connection is left")
    eventually(lambda: _metric(served, "approvals_pending") == 0, "a request is left")
    text = health(served, "/metrics")[1]
    assert _metric(served, 'rows_masked_total{strategy="redact"}') == 239
    assert _metric(served, 'auth_attempts_total{method="scram-sha-256",outcome="failed"}') == 1
    assert _metric(served, 'auth_attempts_total{method="scram-sha-256",outcome="ok"}') == 1
    for decision in ("allow", "deny"):
        assert f'decision="{decision}"' in text
    assert "audit_events_total" in text
    for word in ("ssn FROM", "agent", "DELETE"):  # neither users nor SQL
        assert word not in text


def test_the_log_is_json_lines_without_values(served: Proxy) -> None:
    with served.connect() as connection:
        connection.execute("SELECT name FROM customers WHERE email = 'bram.abbott1@post.example'")
        connection.execute("SELECT name FROM customers WHERE email = %s", ["bram.abbott1@post.example"])
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 'a very private literal' FROM nowhere")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(served.conninfo(password="a wrong password"))
    lines = (served.directory / "log").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    assert all({"ts", "level", "event"} <= each.keys() for each in found)
    assert {"server_started", "session_refused"} <= {each["event"] for each in found}
    text = "\n".join(lines)
    for value in ("bram.abbott1", "private literal", "a wrong password", served.passwords.agent):
        assert value not in text


def test_sigterm_drains(served: Proxy) -> None:
    """Who is idle is told 57P01 at once, a statement that runs may finish, and so may a transaction."""
    assert served.process is not None
    with served.connect() as idle, served.connect() as busy, served.connect() as within:
        within.execute("BEGIN")
        process = backend(busy)
        running = ask(busy, "SELECT count(*) FROM generate_series(1, 20000000)")
        eventually(lambda: active(served, process), "it does not run")
        _signal(served, signal.SIGTERM)
        eventually(lambda: served.tap.to_client.count(b"C57P01\0") >= 1, "the idle one was not told")
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            served.connect()
        assert within.execute("UPDATE products SET stock = -13 WHERE id = 1").statusmessage == "UPDATE 1"
        within.execute("COMMIT")
        assert running.result() == ("SELECT 1", [(20000000,)])
        assert served.process.wait(SECONDS) == 0
        assert served.tap.to_client.count(b"C57P01\0") == 3
    with psycopg.connect(served.database.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.products WHERE stock = -13").fetchone() == (1,)


def test_what_is_held_when_the_proxy_ends_is_withdrawn(shop18: servers.Database, tmp_path: Path) -> None:
    """The harness drains for a second: nobody's decision is waited for longer."""
    with contextlib.ExitStack() as stack:
        with proxies.in_process(shop18, tmp_path) as proxy:
            # Not through the tap: the harness closes that first, and it would be a hang-up.
            connection = stack.enter_context(psycopg.connect(proxy.conninfo(port=proxy.port), autocommit=True))
            waiting = ask(connection, "DELETE FROM payments")
            waiting.request()
        with pytest.raises(psycopg.OperationalError) as raised:
            waiting.result()
        assert raised.value.sqlstate == "57P01" or "terminating connection" in str(raised.value)
        proxy.check_bytes()
        assert b'"approval.withdrawn"' in proxy.audit_records()
    with psycopg.connect(shop18.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)


def _reloads(proxy: Proxy, outcome: str) -> float:
    return _metric(proxy, f'policy_reload_total{{outcome="{outcome}"}}')


def test_a_reload_counts_at_once_and_a_broken_file_changes_nothing(served: Proxy) -> None:
    file = served.directory / "policies" / "default.yaml"
    with served.connect() as connection:
        statement = "SELECT name, ssn FROM customers WHERE id = 1"
        for _ in range(2):
            assert connection.execute(statement, prepare=True).fetchone() == ("Bram Abbott", "***")
        # A label more: the session that is open masks by it, with the statement that it had prepared.
        file.write_text(
            policy(("  pii.ssn: ", '  pii.name: {columns: ["*.*.name"], mask: {kind: redact}}\n  pii.ssn: '))
        )
        _signal(served, signal.SIGHUP)
        eventually(lambda: _reloads(served, "ok") == 1, "no reload")
        assert connection.execute(statement, prepare=True).fetchone() == ("***", "***")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT upper(name) FROM customers")

        for number, broken in enumerate(
            (
                "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: x\nrules: [{id: a, effects: [REED], decide: allow}]\n",
                "not yaml: [",
                "",
            ),
            1,
        ):
            file.write_text(broken, encoding="utf-8")
            _signal(served, signal.SIGHUP)
            eventually(lambda wanted=number: _reloads(served, "failed") == wanted, "no reload was tried")  # type: ignore[misc]
            assert connection.execute(statement, prepare=True).fetchone() == ("***", "***")
        file.unlink()
        _signal(served, signal.SIGHUP)
        eventually(lambda: _reloads(served, "failed") == 4, "no reload was tried")
        assert connection.execute(statement, prepare=True).fetchone() == ("***", "***")
        assert _reloads(served, "ok") == 1
    log = (served.directory / "log").read_text(encoding="utf-8")
    assert "policy_reload_failed" in log
    assert "default.yaml" in log
    assert "REED" in log
    file.write_text(policy(), encoding="utf-8")
    _signal(served, signal.SIGHUP)
    eventually(lambda: _reloads(served, "ok") == 2, "no reload")
    with served.connect() as connection:
        assert connection.execute(statement).fetchone() == ("Bram Abbott", "***")


def test_a_login_that_is_taken_away_ends_at_its_next_statement(served: Proxy) -> None:
    principals = served.directory / "principals.yaml"
    with served.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        text = principals.read_text(encoding="utf-8")
        principals.write_text(text.replace("name: agent\n", "name: other\n"), encoding="utf-8")
        _signal(served, signal.SIGHUP)
        eventually(lambda: _reloads(served, "ok") == 1, "no reload")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 2 FROM orders")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        served.connect()


def test_check_says_all_that_is_wrong_at_once(served: Proxy) -> None:
    config = served.directory / "pgmaskproxy.yaml"
    assert pgmaskproxy("check", "-c", str(config)).returncode in {0, 1}
    file = served.directory / "policies" / "default.yaml"
    file.write_text(policy(("kind: redact", "kind: redcat"), ("decide: hold", "decide: hodl")), encoding="utf-8")
    ended = pgmaskproxy("check", "-c", str(config))
    assert ended.returncode == 78, ended.stdout + ended.stderr
    said = ended.stdout + ended.stderr
    for word in ("redcat", "hodl", "default.yaml:"):
        assert word in said
