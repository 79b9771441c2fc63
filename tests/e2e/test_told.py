"""What approvers are told in Teams of a held statement, from a real proxy in front of a real server; and what an
operator is told when nobody takes it."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.cards import card_text
from pgmaskproxy.demo.teams import TeamsRoom
from tests.channels.receiver import Receiver
from tests.e2e.waiting import SECONDS, ask
from tests.harness import proxy as proxies
from tests.harness.servers import Database

HELD = "UPDATE customers SET ssn = '900-10-1000', city = 'Lyon' WHERE id = 1 RETURNING id, email AS mail, ssn"


def counted(metrics_port: int, line: str) -> bool:
    """Whether the metrics have `line`, or come to have it."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=5) as answer:
            if line in answer.read().decode().splitlines():
                return True
        time.sleep(0.1)
    return False


def test_approvers_are_told_and_so_is_an_operator_whose_flow_is_gone(shop18: Database, tmp_path: Path) -> None:
    with TeamsRoom() as room, Receiver([404]) as gone:
        environment = {
            f"PGMASKPROXY_CHANNELS__{name}__{key}": value
            for name, url in (("ROOM", room.flow), ("OLD", gone.url))
            for key, value in (("KIND", "teams"), ("URL", url), ("GROUPS", "dba"))
        }
        with proxies.as_process(shop18, tmp_path, environment=environment) as proxy:
            with proxy.connect(application_name="nightly [job](https://evil.example)") as agent:
                agent.execute("SET pgmaskproxy.reason = 'INC-7'")
                waiting = ask(agent, HELD)
                request = waiting.request()
                card = room.wait_for(request, SECONDS)
                assert card is not None
                said = card_text(card)
                for each in (
                    "changes rows of shop.customers: ssn, city",
                    "Asked by: agent (agent) of alice · calls itself nightly [job](https://evil.example)",
                    "shop.customers (read and written)",
                    "• shop.customers.email (pii.email): returned\n• shop.customers.ssn (pii.ssn): returned, written",
                    "• id: clear\n• mail: email (pii.email)\n• ssn: redact (pii.ssn)",
                    "Rule: labelled-writes (",
                    "Reason given: INC-7",
                    "never alice",
                    "UPDATE customers SET ssn = ?, city = ? WHERE id = ? RETURNING id, email AS mail, ssn",
                ):
                    assert each in said
                assert card["actions"][0]["url"] == f"{proxy.web}/requests/{request}"
                with proxy.person() as bob:
                    assert bob.reject(request, "not **before** the month is closed").status == 200
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
                    waiting.result()
                end = room.wait_for('"Rejected"', SECONDS)
                assert end is not None
                assert "bob rejected it: not **before** the month is closed" in card_text(end)
            lost = 'pgmaskproxy_approval_notifications_total{channel="old",outcome="gone"} 2.0'
            assert counted(proxy.metrics_port, lost)
            assert counted(
                proxy.metrics_port, 'pgmaskproxy_approval_notifications_total{channel="room",outcome="accepted"} 2.0'
            )
            assert not shop.leaks(json.dumps(room.cards, ensure_ascii=False).encode(), proxy.secrets)
            assert b"900-10-1000" not in json.dumps(room.cards).encode()
            proxy.check_bytes()
    log = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    told = [line for line in log if line["event"] == "notification_lost"]
    assert {(line["level"], line["channel"], line["outcome"]) for line in told} == {("error", "old", "gone")}
    assert "the flow is gone or turned off" in told[0]["reason"]
    assert not any(gone.url.rsplit("/", 1)[0] in json.dumps(line) for line in told), "an address is a capability"
