"""The tour: a scripted agent does what agents do, and every answer is compared with what it should be.

Nothing is mocked: psycopg and asyncpg talk through the proxy to a real server, people decide through
REST, and at the end every byte that the agent was sent is searched for every secret of the shop.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import psycopg

from pgmaskproxy.audit.verify import audit_files, verify
from pgmaskproxy.demo import shop
from pgmaskproxy.demo.agent import REQUEST_ID, AsyncpgAgent, Pending, PsycopgAgent, Reply
from pgmaskproxy.demo.approver import Approver
from pgmaskproxy.demo.cards import card_text
from pgmaskproxy.demo.narrator import Narrator
from pgmaskproxy.demo.stage import AGENT, OWNER, SECOND, Passwords
from pgmaskproxy.demo.steps import MASKED, PLAIN, REFUSED, describe, differs, not_refused, truth
from pgmaskproxy.demo.tap import ByteTap
from pgmaskproxy.demo.teams import TeamsRoom

NOTICE_SECONDS: Final = 15.0
REPLY_SECONDS: Final = 15.0
CARD_SECONDS: Final = 15.0
PATIENCE: Final = 1800.0
"""Seconds a human has for a decision: more than the policy's deadline."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Where everything is. `agent` is a conninfo to the proxy; `admin` one to the server behind it."""

    agent: str
    admin: str
    web: str
    audit: Path
    passwords: Passwords
    tap: ByteTap
    room: TeamsRoom | None = None
    """Where the cards arrive; None where nobody is told."""


@final
class Tour:
    """One run. `automatic`: decide as the second person; else wait until a human has decided."""

    def __init__(self, scene: Scene, narrator: Narrator, *, automatic: bool) -> None:
        self._scene = scene
        self._tell = narrator
        self._automatic = automatic
        self._requests: list[str] = []

    def play(self) -> bool:
        """Every step; whether all came out right."""
        with PsycopgAgent(self._scene.agent) as agent:
            self._plain(agent)
            self._masked(agent)
            self._refused(agent)
            self._held(agent)
        self._audit()
        self._scan()
        tell = self._tell
        tell.say("")
        if tell.wrong:
            tell.say(f"{len(tell.wrong)} of {tell.right + len(tell.wrong)} checks came out wrong.", "bold red")
            return False
        tell.say(f"All {tell.right} checks came out right.", "bold green")
        return True

    def _plain(self, agent: PsycopgAgent) -> None:
        self._tell.title("1. Ordinary work passes untouched")
        for why, statement in PLAIN:
            reply = agent.ask(statement)
            self._show(agent.name, statement, reply)
            self._tell.check(why, differs(reply, truth(self._scene.admin, statement)))

    def _masked(self, agent: PsycopgAgent) -> None:
        tell = self._tell
        tell.title("2. Sensitive columns come back masked, whatever the query calls them")
        for why, statement, expected in MASKED:
            reply = agent.ask(statement)
            self._show(agent.name, statement, reply)
            tell.check(why, differs(reply, expected))

        statement = "SELECT name, salary, department FROM employees WHERE id = $1"
        other = AsyncpgAgent(self._scene.agent)
        replies = other.ask(statement, 7, times=2)
        self._show(other.name, f"{statement}   -- binary, executed twice from one prepared statement", replies[-1])
        row = ("Yara Conti", None, "finance")
        tell.check("binary results and cached statements, too", [p for r in replies for p in differs(r, (row,))])

        statement = "COPY customers (id, name, email, ssn) TO STDOUT"
        reply = agent.copy(statement)
        self._show(agent.name, statement, reply)
        problems = [] if reply.error or len(reply.rows) == 239 else [f"{len(reply.rows)} rows"]
        first = Reply(rows=reply.rows[:1], error=reply.error)
        tell.check("and COPY", [*problems, *differs(first, (("1", "Bram Abbott", "b***@post.example", "***"),))])

    def _refused(self, agent: PsycopgAgent) -> None:
        tell = self._tell
        tell.title("3. What could leak around a mask is refused, with a word about what would work")
        for why, statement in REFUSED:
            reply = agent.ask(statement)
            self._show(agent.name, statement, reply)
            tell.check(f"{why} is refused", not_refused(reply))
        other = AsyncpgAgent(self._scene.agent)
        statement = "SELECT id, ssn FROM customers WHERE card = $1"
        reply = other.ask(statement, "4111110001047294")[0]
        self._show(other.name, statement, reply)
        tell.check("to asyncpg as well", not_refused(reply))
        tell.check("the session goes on after it", differs(agent.ask("SELECT 1 + 1"), ((2,),)))

    def _held(self, agent: PsycopgAgent) -> None:
        tell = self._tell
        tell.title("4. Dangerous statements wait for a person who is not behind them")
        before = truth(self._scene.admin, "SELECT sum(price) FROM products")
        with (
            Approver(self._scene.web, OWNER, self._scene.passwords.owner) as owner,
            Approver(self._scene.web, SECOND, self._scene.passwords.second) as second,
        ):

            def consent(request: str) -> None:
                self._bystanders(request, owner)
                tell.decided(SECOND, f"approves {request}")
                self._decided(second.approve(request, "the sale was announced").status)

            statement = "UPDATE products SET price = price + 1"
            reply, state = self._hold(agent, statement, second, consent)
            after = truth(self._scene.admin, "SELECT sum(price) FROM products")
            if state == "rejected":
                tell.check(
                    "it did not run", [*not_refused(reply, hint=False), *([] if before == after else ["it ran"])]
                )
            else:
                problems = [] if reply.tag == "UPDATE 24" else [describe(reply)]
                problems += [] if after[0][0] - before[0][0] == 24 else ["prices are not as they should be"]
                tell.check(f"approved by {SECOND}, it ran once", problems)

            why = "not before the month is closed"

            def dissent(request: str) -> None:
                tell.decided(SECOND, f"rejects {request}: {why}")
                self._decided(second.reject(request, why).status)

            statement = "DELETE FROM payments"
            paid = truth(self._scene.admin, "SELECT count(*) FROM payments")
            reply, state = self._hold(agent, statement, second, dissent)
            if state == "rejected":
                told = reply.error is not None and (why in reply.error.detail or not self._automatic)
                left = truth(self._scene.admin, "SELECT count(*) FROM payments")
                tell.check("it did not run", [] if left == paid else ["payments are gone"])
                tell.check(
                    "the reason arrives", [*not_refused(reply, hint=False), *([] if told else [describe(reply)])]
                )
            tell.check("the session goes on after it", differs(agent.ask("SELECT 1 + 1"), ((2,),)))

    def _hold(
        self, agent: PsycopgAgent, statement: str, second: Approver, decide: Callable[[str], None]
    ) -> tuple[Reply, str]:
        """Ask, be held, have it decided. The reply, and the state that the request ended in."""
        tell = self._tell
        tell.asked(agent.name, statement)
        pending = agent.begin(statement)
        notice = _first_notice(agent, pending)
        found = REQUEST_ID.search(notice)
        tell.notice(notice)
        if found is None:
            reply = pending.finished(REPLY_SECONDS) or Reply()
            self._print(reply)
            tell.check("a notice says that it is held", [notice or "no notice came"])
            return reply, ""
        request = found.group()
        self._requests.append(request)
        early = pending.finished(0.2)
        tell.check("a notice says that it is held", [] if early is None else [f"it did not wait: {describe(early)}"])
        self._card(request)
        if self._automatic:
            decide(request)
        else:
            self._how_to_decide(request)
        started = time.monotonic()
        reply = self._wait(pending)
        if self._automatic and reply.error is None:
            tell.say(f"  the answer arrived {1000 * (time.monotonic() - started):.0f} ms later", "dim")
        self._print(reply)
        return reply, str(second.request(request).body.get("state", ""))

    def _card(self, request: str) -> None:
        room = self._scene.room
        if room is None:
            return
        card = room.wait_for(request, CARD_SECONDS)
        self._tell.say(f"  the approvers' channel in Teams, which {room.url} stands in for, shows a card", "dim")
        said = card_text(card) if card is not None else ""
        told = "EVERY row of" in said and "Asked by" in said and bool(card and card.get("actions"))
        self._tell.check("a card says what it would do, and leads to where one decides", [] if told else [said])

    def _wait(self, pending: Pending) -> Reply:
        reply = pending.finished(REPLY_SECONDS if self._automatic else PATIENCE)
        if reply is None:
            self._tell.check("an answer comes", ["none did"])
        return reply or Reply()

    def _bystanders(self, request: str, owner: Approver) -> None:
        answer = owner.approve(request, "my own agent's")
        self._tell.decided(OWNER, f"tries to approve: {answer.status} {answer.detail}")
        self._tell.check(
            f"{OWNER} owns the agent, so she may not", [] if answer.status == 403 else [str(answer.status)]
        )
        with Approver(self._scene.web, AGENT, self._scene.passwords.agent) as agent:
            answer = agent.approve(request)
        self._tell.decided(AGENT, f"tries its database login: {answer.status} {answer.detail}")
        self._tell.check("a database login is nobody here", [] if answer.status == 401 else [str(answer.status)])

    def _decided(self, status: int) -> None:
        self._tell.check("the decision counts", [] if status == 200 else [f"REST answered {status}"])

    def _how_to_decide(self, request: str) -> None:
        password = self._scene.passwords.second
        self._tell.say(f"Your turn: in another terminal, as {SECOND} (password {password}), say one of", "bold")
        for word in ("approve", "reject"):
            reason = " --reason 'why not'" if word == "reject" else ""
            self._tell.say(
                f"  PGMASKPROXY_URL={self._scene.web} PGMASKPROXY_PASSWORD={password} "
                f"{command_line()} approvals {word} --person {SECOND} {request}{reason}"
            )

    def _audit(self) -> None:
        tell = self._tell
        tell.title("5. All of it is in the audit log, and nothing that should not be")
        tell.asked("sh", f"pgmaskproxy audit verify {self._scene.audit}")
        report = verify([self._scene.audit])
        tell.say(f"{report.records} records in {len(report.chains)} chain(s)")
        tell.check("the chain of hashes is unbroken", [str(problem) for problem in report.problems])
        log = b"".join(path.read_bytes() for path in audit_files([self._scene.audit]))
        missing = [request for request in self._requests if request.encode() not in log]
        tell.check("every held statement is in it", [f"{request} is missing" for request in missing])
        tell.check("no secret is in it", shop.leaks(log, self._secrets()))
        if self._scene.room is not None:
            cards = json.dumps(self._scene.room.cards, ensure_ascii=False).encode()
            tell.check("nor on any card", shop.leaks(cards, self._secrets()))

    def _scan(self) -> None:
        secrets, sent = self._secrets(), self._scene.tap.to_client
        self._tell.title("6. And the proof: every byte that the agent was sent")
        self._tell.say(f"{len(sent):,} bytes, searched for {len(secrets):,} secrets in every form they could take")
        found = shop.leaks(sent, secrets)
        self._tell.check("none is there", [*found[:5], *(["the agent was sent nothing"] if not sent else [])])

    def _secrets(self) -> list[shop.Secret]:
        with psycopg.connect(self._scene.admin) as connection:
            return shop.seeded_values(connection)

    def _show(self, who: str, statement: str, reply: Reply) -> None:
        self._tell.asked(who, statement)
        self._print(reply)

    def _print(self, reply: Reply) -> None:
        if reply.error is not None:
            self._tell.refused(reply.error.sqlstate, reply.error.message, reply.error.detail, reply.error.hint)
        elif reply.rows:
            columns = reply.columns or [""] * len(reply.rows[0])
            self._tell.rows(columns, reply.rows)
        else:
            self._tell.say(reply.tag)


def _first_notice(agent: PsycopgAgent, pending: Pending) -> str:
    """What the server side says first of a statement; '' when the statement ends without a word."""
    deadline = time.monotonic() + NOTICE_SECONDS
    while time.monotonic() < deadline:
        if notice := agent.notice(0.05):
            return notice
        if pending.finished(0) is not None:
            return agent.notice(0)
    return ""


def command_line() -> str:
    """How to call `pgmaskproxy` from another terminal: by its place where it is not on the path."""
    installed = Path(sys.executable).with_name("pgmaskproxy")
    return "pgmaskproxy" if shutil.which("pgmaskproxy") or not installed.exists() else str(installed)
