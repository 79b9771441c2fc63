"""Who may decide, how, until when; and that an approval is worth nothing for anything but what was seen."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg.pq import TransactionStatus

from pgmaskproxy.demo.approver import Approver
from tests.e2e.commands import eventually, health, pgmaskproxy, policy
from tests.e2e.waiting import ask, status
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

MASS = "UPDATE products SET stock = stock + 1"


def test_only_a_person_who_is_not_behind_it_may_decide(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        waiting = ask(connection, MASS)
        request = waiting.request()
        url = f"{shared_proxy.web}/api/v1/requests/{request}/approve"
        for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic !"}):
            call = urllib.request.Request(
                url, data=b"{}", method="POST", headers={"Content-Type": "application/json", **headers}
            )
            with pytest.raises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(call)
            with raised.value as answer:
                assert (answer.code, answer.headers["Content-Type"]) == (401, "application/problem+json")
                assert json.load(answer)["status"] == 401
        with shared_proxy.person("alice") as alice:
            assert alice.approve(request).status == 403  # she owns the agent
        with shared_proxy.person("agent") as agent:
            assert agent.approve(request).status == 401  # a database login is nobody here
        with Approver(shared_proxy.web, "bob", "wrong") as impostor:
            assert impostor.approve(request).status == 401
        with Approver(shared_proxy.web, "bob", shared_proxy.passwords.agent) as impostor:
            assert impostor.approve(request).status == 401
        with shared_proxy.person() as bob:
            assert bob.request(request).body["state"] == "pending"
            assert waiting.held
            assert bob.reject(request, "enough").status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            waiting.result()


def test_from_the_command_line(shared_proxy18: Proxy) -> None:
    bob = {"PGMASKPROXY_URL": shared_proxy18.web, "PGMASKPROXY_PASSWORD": shared_proxy18.passwords.second}
    alice = {"PGMASKPROXY_URL": shared_proxy18.web, "PGMASKPROXY_PASSWORD": shared_proxy18.passwords.owner}
    with shared_proxy18.connect() as connection:
        waiting = ask(connection, MASS)
        request = waiting.request()
        listed = pgmaskproxy("approvals", "list", "--person", "bob", **bob)
        assert request in listed.stdout, listed.stderr
        shown = pgmaskproxy("approvals", "show", request, "--person", "bob", **bob)
        assert MASS in shown.stdout, shown.stderr
        refused = pgmaskproxy("approvals", "approve", request, "--person", "alice", **alice)
        assert refused.returncode == 77
        assert waiting.held
        approved = pgmaskproxy("approvals", "approve", request, "--person", "bob", "--reason", "ok", **bob)
        assert approved.returncode == 0, approved.stderr
        assert waiting.result() == ("UPDATE 24", None)

        waiting = ask(connection, "DELETE FROM payments")
        rejected = pgmaskproxy("approvals", "reject", waiting.request(), "--person", "bob", "--reason", "no way", **bob)
        assert rejected.returncode == 0, rejected.stderr
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
            waiting.result()
        assert "no way" in (raised.value.diag.message_detail or "")
        late = pgmaskproxy("approvals", "approve", request, "--person", "bob", **bob)
        assert late.returncode in {0, 1}


def test_a_deadline_that_passes(shop_database: servers.Database, tmp_path: Path) -> None:
    text = policy(("deadline: 15m", "deadline: 1s"), ("in_transaction: 30s", "in_transaction: 1s"))
    with proxies.in_process(shop_database, tmp_path, policy=text) as proxy, proxy.connect() as connection:
        for block in (False, True):
            if block:
                connection.execute("BEGIN")
            waiting = ask(connection, MASS)
            request = waiting.request()
            with pytest.raises(psycopg.errors.QueryCanceled) as raised:
                waiting.result()
            assert request in (raised.value.diag.message_detail or "")
            assert raised.value.diag.message_hint
            assert "user request" not in (raised.value.diag.message_primary or "")
            assert status(connection) == (TransactionStatus.INERROR if block else TransactionStatus.IDLE)
            with proxy.person() as bob:
                assert bob.request(request).body["state"] == "expired"
                assert bob.approve(request).status == 409
        connection.execute("ROLLBACK")
        proxy.check_bytes()


def test_two_must_agree(shop18: servers.Database, tmp_path: Path) -> None:
    """Quorum two: the owner of the agent is not one of them, whoever she is."""
    text = policy(("quorum: 1, ", ""), ("groups: [dba]", "groups: [dba], quorum: 2"))
    with proxies.as_process(shop18, tmp_path, policy=text) as proxy:
        principals = proxy.directory / "principals.yaml"
        hashed = PasswordHasher().hash("carol's")
        text = principals.read_text(encoding="utf-8")
        text = text.replace("users:", f'  - {{id: carol, groups: [dba], password: "{hashed}"}}\nusers:', 1)
        principals.write_text(text, encoding="utf-8")
        assert proxy.process is not None
        proxy.process.send_signal(signal.SIGHUP)
        eventually(lambda: 'policy_reload_total{outcome="ok"} 1' in health(proxy, "/metrics")[1], "no reload")
        with (
            proxy.connect() as connection,
            proxy.person() as bob,
            proxy.person("alice") as alice,
            Approver(proxy.web, "carol", "carol's") as carol,
        ):
            waiting = ask(connection, MASS)
            request = waiting.request()
            assert bob.approve(request).body["state"] == "pending"
            assert bob.approve(request).body["state"] == "pending"  # the same person again
            assert alice.approve(request).status == 403
            time.sleep(0.2)
            assert waiting.held
            assert carol.approve(request).status == 200
            assert waiting.result() == ("UPDATE 24", None)

            waiting = ask(connection, MASS)
            request = waiting.request()
            assert bob.approve(request).status == 200
            assert carol.reject(request, "changed my mind").status == 200
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                waiting.result()
        proxy.check_bytes()


@pytest.mark.parametrize(
    "ddl",
    [
        "ALTER TABLE shop.payments ALTER COLUMN amount TYPE float8",
        "ALTER TABLE shop.payments RENAME COLUMN amount TO sum",
        "DROP TABLE shop.payments CASCADE",
    ],
)
def test_a_table_that_changed_meanwhile(proxy18: Proxy, ddl: str) -> None:
    """The approval was of another shape. Without RETURNING the server itself says what does not fit."""
    with proxy18.connect() as connection, proxy18.person() as bob:
        waiting = ask(connection, "DELETE FROM payments RETURNING id, amount")
        request = waiting.request()
        with psycopg.connect(proxy18.database.admin, autocommit=True) as admin:
            admin.execute(ddl.encode())
        assert bob.approve(request).status == 200
        with pytest.raises(psycopg.Error) as raised:
            waiting.result()
        assert raised.value.sqlstate in {"42501", "42P01", "42703"}
        assert connection.execute("SELECT 1").fetchone() == (1,)
    if "DROP" not in ddl:
        with psycopg.connect(proxy18.database.admin) as admin:
            assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)


def test_a_policy_that_changed_meanwhile(served: Proxy) -> None:
    with served.connect() as connection, served.person() as bob:
        waiting = ask(connection, MASS)
        request = waiting.request()
        file = served.directory / "policies" / "default.yaml"
        file.write_text(policy(("Changes every row of a table", "Changes each row")), encoding="utf-8")
        assert served.process is not None
        served.process.send_signal(signal.SIGHUP)
        eventually(lambda: 'policy_reload_total{outcome="ok"} 1' in health(served, "/metrics")[1], "no reload")
        assert bob.approve(request).status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="what was approved is not what would run"):
            waiting.result()
        again = ask(connection, MASS)
        assert bob.approve(again.request()).status == 200
        assert again.result() == ("UPDATE 24", None)
