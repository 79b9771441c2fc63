"""The scripted agent of examples/agent.py gets on by DETAIL and HINT alone, and docs/agents.md shows how it went."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psycopg

from tests.e2e.commands import pgmaskproxy, policy
from tests.e2e.waiting import ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "agents.md"
BEGIN, END = "```text transcript\n", "```"
POLICY = policy(
    ("equality: {budget: 100, per: 1h}", "equality: {budget: 1, per: 3s}"),
    ('    card: "Changes every row of a table"', '    require: [reason]\n    card: "Changes every row of a table"'),
    (
        'approvers: {groups: [dba], deadline: 15m, in_transaction: 30s}\n    card: "Changes the schema',
        'approvers: {groups: [dba], deadline: 4s}\n    card: "Changes the schema',
    ),
)
WHYS = {
    *("column_use", "budget", "mixed_output", "setting", "too_long"),
    *("reason_required", "expired", "rejected", "laundering", "compared_twice"),
}


@contextmanager
def bob(proxy: Proxy) -> Iterator[list[tuple[str, str]]]:
    """A person who looks at the inbox: approves what has a reason, lets the first CREATE TABLE expire and approves
    the second, and rejects the DELETE. Yields what was asked, and why."""
    asked: list[tuple[str, str]] = []
    seen: set[str] = set()
    stop = threading.Event()

    def look(inbox: httpx2.Client) -> None:
        answer = inbox.get("/api/v1/requests", params={"state": "pending"}).json()
        for request in answer["requests"]:
            if request["id"] in seen:
                continue
            seen.add(request["id"])
            asked.append((request["redacted"], request["reason"]))
            verdict, said = "approve", ""
            if "CREATE" in request["redacted"] and sum("CREATE" in sql for sql, _ in asked) == 1:
                continue
            if "DELETE" in request["redacted"]:
                verdict, said = "reject", "not before the month is closed"
            inbox.post(f"/api/v1/requests/{request['id']}/{verdict}", json={"reason": said}).raise_for_status()

    def work() -> None:
        with httpx2.Client(base_url=proxy.web, auth=("bob", proxy.passwords.second), trust_env=False) as inbox:
            while not stop.wait(0.1):
                look(inbox)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()


def shown(said: str) -> str:
    """The transcript as the page has it: without what differs from run to run."""
    text = re.sub(r"apr_[0-9a-f]{32}", "apr_01a1...", said)
    text = re.sub(r'"retry_after": \d+', '"retry_after": 3', text)
    text = re.sub(r"possible in \d+ s", "possible in 3 s", text)
    text = re.sub(r"(?<=HINT: A client may set ).*", "application_name, client_encoding, DateStyle, ...", text)
    return re.sub(r"\(\S*default\.yaml:", "(default.yaml:", text).strip() + "\n"


def test_it_recovers_from_every_refusal_it_meets(shop18: servers.Database, tmp_path: Path) -> None:
    limits: dict[str, str | int | bool] = {"limits.statement_bytes": 2048}
    with (
        proxies.in_process(shop18, tmp_path, policy=POLICY, overrides=limits) as proxy,
        bob(proxy) as asked,
    ):
        ran = subprocess.run(
            [sys.executable, str(ROOT / "examples" / "agent.py"), proxy.conninfo()],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        proxy.check_bytes()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert set(re.findall(r'pgmaskproxy:\{"why": "(\w+)"', ran.stdout)) == WHYS
    assert 'Perhaps you meant to reference the column "products.stock"' in ran.stdout, "the server's own words, whole"
    assert [why for sql, why in asked if sql.startswith("UPDATE")] == ["INC-4711, spring sale"]
    with psycopg.connect(shop18.admin) as admin:
        row = admin.execute("SELECT count(*) > 0, min(price) < 8.9 FROM shop.payments, shop.products").fetchone()
    assert row == (True, True), "what was rejected did not run, what was approved did"
    page = PAGE.read_text(encoding="utf-8")
    assert BEGIN in page, shown(ran.stdout)
    assert page.partition(BEGIN)[2].partition(END)[0] == shown(ran.stdout), shown(ran.stdout)


def test_why_is_told_by_option_setting_and_comment(shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    asked = "UPDATE products SET stock = stock"
    wanted = [
        (asked, "INC-1 as an option"),
        ("SET pgmaskproxy.reason = 'INC-2,\n  set'", ""),
        (asked, "INC-2, set"),
        (f"-- made by a tool\n/* reason: INC-3 \x1b[2J\u202e */ {asked}", "INC-3 \x1b[2J\u202e"),
        (asked, "INC-2, set"),
        (f"SELECT 1; /* reason: INC-4 */ {asked}", "INC-4"),
        ("SET pgmaskproxy.reason = ''", ""),
        (asked, ""),
        ("RESET pgmaskproxy.reason", ""),
        (asked, "INC-1 as an option"),
    ]
    with proxy.connect(options=r"-c pgmaskproxy.reason=INC-1\ as\ an\ option") as connection, proxy.person() as bob:
        for statement, reason in wanted:
            if asked not in statement:
                connection.execute(statement.encode())
                continue
            waiting = ask(connection, statement)
            request = waiting.request()
            assert bob.request(request).body["reason"] == reason, statement
            if "INC-3" in statement:
                shown = pgmaskproxy(
                    *("approvals", "show", request, "--person", "bob"),
                    PGMASKPROXY_URL=proxy.web,
                    PGMASKPROXY_PASSWORD=proxy.passwords.second,
                ).stdout
                assert "INC-3 ⟨U+001B⟩[2J⟨U+202E⟩" in shown
                assert "made by a tool" in shown, "what was written is what is shown"
            assert bob.approve(request).status == 200
            waiting.result()
