"""A held statement and the people who are asked: over a real broker, store and log, without a client."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import (
    ROW,
    Analysis,
    ApprovalTerms,
    Charge,
    ColumnRef,
    Columns,
    Constant,
    Decision,
    Effect,
    Mask,
    Outcome,
    Parameter,
    Principal,
    RuleRef,
    Ruling,
    Statement,
    Use,
)
from pgmaskproxy.proxy import holds as holding
from pgmaskproxy.proxy.budgets import Budgets
from pgmaskproxy.proxy.cancel import CancelKeys
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.holds import Holds
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session.events import Hold, HoldEnded, HoldOpened, HoldTick, Release, WithdrawHold
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.store.protocol import Filter
from tests.approval.making import BOB, Clock, Desk, open_desk
from tests.proxy import known
from tests.proxy.stage import failing, until

SQL = "DELETE FROM customers WHERE id = $1"
TERM = ApprovalTerms(RuleRef("deletes", "p.yaml", 3), ("dba",), deadline=900.0, in_transaction=30.0)
PARAMETERS = (Parameter(1, 23, "17"),)


def ruling(*terms: ApprovalTerms, **changes: Any) -> Ruling:
    analysis = Analysis(kind="DeleteStmt", effects=frozenset({Effect.WRITE}), redacted="DELETE FROM customers")
    masks = (None, Mask("redact", "pii.ssn"))
    decision = Decision(Outcome.HOLD, (RuleRef("deletes"),), masks=masks, terms=terms or (TERM,), policy_version="v1")
    return replace(Ruling(SQL, 0, analysis, decision, 1, known.PATH), **changes)


def hold(ticket: int = 1, *terms: ApprovalTerms, **changes: Any) -> Hold:
    statement = Statement(SQL, "shop", "pgmaskproxy", known.PATH, extended=True)
    made = Hold(ticket, ticket, ruling(*terms), statement, PARAMETERS, ("id", "ssn"), in_transaction=False)
    return replace(made, **changes)


def release(request: str, **changes: Any) -> Release:
    asked = hold()
    made = Release(9, 1, request, asked.ruling, asked.statement, asked.parameters, (None, None))
    return replace(made, **changes)


@dataclass
class Told:
    """A session's side: what it was told."""

    services: Services
    desk: Desk
    records: Records
    heard: list[HoldOpened | HoldTick | HoldEnded] = field(default_factory=list)
    holds: Holds = field(init=False)

    def __post_init__(self) -> None:
        self.holds = Holds(self.services, self.records, self.heard.append)

    def start(self, command: Hold | None = None, principal: Principal | None = None) -> asyncio.Task[None]:
        return asyncio.ensure_future(self.holds.hold(command or hold(), principal or known.principal()))

    async def opened(self) -> ApprovalRequest:
        """The request, once the session has been told of it."""
        await until(lambda: any(isinstance(event, HoldOpened) for event in self.heard))
        (event,) = [event for event in self.heard if isinstance(event, HoldOpened)]
        return await self.desk.broker.get(event.request)

    def ended(self) -> HoldEnded:
        """What it was told last."""
        (event,) = [event for event in self.heard if isinstance(event, HoldEnded)]
        return event

    @property
    def code(self) -> str:
        refusal = self.ended().refusal
        return refusal.sqlstate if refusal is not None else ""

    async def states(self) -> list[State]:
        page = await self.desk.broker.search(Filter())
        return [request.state for request in page.requests]

    @property
    def pending(self) -> float:
        return self.services.metrics.registry.get_sample_value("pgmaskproxy_approvals_pending") or 0.0


async def _no_catalog(database: str) -> Catalog:
    raise AssertionError(f"nobody reads the catalog of {database}")


@pytest.fixture
async def told(tmp_path: Path) -> AsyncIterator[Told]:
    desk = await open_desk(tmp_path, clock=Clock())
    limits = type("Limits", (), {"held_requests": 2})
    config: Any = type("Config", (), {"limits": limits, "hold": type("Beat", (), {"heartbeat": 0.05})})
    metrics, deep = Metrics(process=False), DeepThread()
    judge = Judge(known.knowledge(), deep, metrics, _no_catalog)
    services = Services(
        config=config,
        judge=judge,
        prover=Prover(judge, deep, metrics),
        broker=desk.broker,
        budgets=Budgets(desk.store, desk.clock),
        audit=desk.audit,
        metrics=metrics,
        mock_secret=b"",
        link=lambda request: f"https://approvals.example.com/{request}",
        cancel=CancelKeys(lambda size: b"\1" * size),
        clock=desk.clock,
    )
    records = Records(services, "ses_1")
    records.principal = known.principal()
    made = Told(services, desk, records)
    yield made
    assert made.pending == 0
    assert not len(services.held)
    await desk.close()
    deep.close()


# --- asking ---


async def test_people_see_exactly_what_was_asked(told: Told) -> None:
    task = told.start(hold(reason="INC-1"))
    request = await told.opened()
    assert (request.sql, request.parameters, request.principal) == (SQL, PARAMETERS, "agent")
    assert (request.owner, request.database, request.role) == ("alice", "shop", "pgmaskproxy")
    assert (request.search_path, request.policy_version, request.reason) == (known.PATH, "v1", "INC-1")
    assert request.shown == ("id: clear", "ssn: redact (pii.ssn)")
    assert request.facts.does[0] == "deletes rows of customers"
    assert request.deadline == request.created + 900
    assert told.pending == 1
    assert told.services.held.of("agent") == 1
    await told.desk.broker.decide(request.id, BOB, approve=True)
    await task
    assert told.ended() == HoldEnded(1, None)


async def test_what_is_unproven_is_said_to_be(told: Told) -> None:
    decision = replace(ruling().decision, masks=None)
    said = "as the server describes it"
    assert holding._shown(hold(ruling=ruling(decision=decision)), "bot") == (f"id: {said}", f"ssn: {said}")
    unproven = replace(ruling().decision, masks=(Mask("null", ""), None))
    assert holding._shown(hold(ruling=ruling(decision=unproven)), "bot") == ("id: null (unproven)", "ssn: clear")


async def test_of_a_row_each_field_is_said(told: Told) -> None:
    fields = (("2", Mask("redact", "pii.ssn")), ("4", Mask("email", "pii.email")))
    row = replace(ruling().decision, masks=(Mask(ROW, "", (("columns", 4), ("fields", fields))), None))
    said = "id: a row, field 2 redact (pii.ssn), field 4 email (pii.email), the others clear"
    assert holding._shown(hold(ruling=ruling(decision=row)), "bot") == (said, "ssn: clear")


async def test_what_is_labelled_and_clear_says_who_is_cleared(told: Told) -> None:
    ssn = ColumnRef("shop", "customers", "ssn")
    asked = ruling()
    cleared = replace(
        asked,
        analysis=replace(asked.analysis, outputs=(Constant(), Columns(frozenset({ssn})))),
        decision=replace(asked.decision, masks=(None, None), cleared=(ssn,)),
    )
    shown = ("id: clear", "ssn: clear (bot is cleared for shop.customers.ssn)")
    assert holding._shown(hold(ruling=cleared), "bot") == shown


async def test_in_a_transaction_the_time_is_shorter(told: Told) -> None:
    task = told.start(hold(in_transaction=True))
    request = await told.opened()
    assert request.deadline == request.created + 30
    await told.desk.broker.decide(request.id, BOB, approve=False, reason="no")
    await task


async def test_time_is_told_while_nobody_decides(told: Told) -> None:
    task = told.start()
    request = await told.opened()
    await until(lambda: sum(isinstance(event, HoldTick) for event in told.heard) >= 2)
    await told.desk.broker.decide(request.id, BOB, approve=True)
    await task
    assert isinstance(told.heard[0], HoldOpened)
    assert isinstance(told.heard[-1], HoldEnded)
    assert told.heard[0].link == f"https://approvals.example.com/{request.id}"


async def test_a_rejection_gives_the_reason(told: Told) -> None:
    task = told.start()
    request = await told.opened()
    await told.desk.broker.decide(request.id, BOB, approve=False, reason="use the archive")
    await task
    refusal = told.ended().refusal
    assert refusal is not None
    assert refusal.sqlstate == "42501"
    assert "use the archive" in refusal.detail
    assert dict(refusal.facts) == {
        "why": "rejected",
        "request": request.id,
        "state": "rejected",
        "reason": "use the archive",
    }


async def test_a_deadline_that_passes_is_57014(told: Told) -> None:
    task = told.start()
    await told.opened()
    told.desk.clock.now += 901
    await task
    assert told.code == "57014"
    assert await told.states() == [State.EXPIRED]


async def test_nobody_is_asked_for_a_look_up_that_the_budget_does_not_allow(told: Told) -> None:
    charge = Charge("pii.email", Use.EQUALITY, 1, 3600.0, ColumnRef("shop", "customers", "email"))
    costing = ruling(decision=replace(ruling().decision, charges=(charge,)))
    task = told.start(hold(ruling=costing))
    request = await told.opened()
    await told.desk.broker.decide(request.id, BOB, approve=True)
    await task
    assert told.ended() == HoldEnded(1, None), "asking costs nothing: running does"
    assert await told.services.budgets.charge("agent", [charge]) is None
    told.heard.clear()
    await told.start(hold(ruling=costing))
    assert told.code == "53400"
    assert await told.states() == [State.APPROVED]


async def test_a_reason_that_is_required_is_asked_for_before_anybody(told: Told) -> None:
    term = replace(TERM, reason_required=True)
    await told.start(hold(1, term))
    refusal = told.ended().refusal
    assert refusal is not None
    assert "pgmaskproxy.reason" in refusal.hint
    assert dict(refusal.facts) == {"why": "reason_required", "rule": TERM.rule.id, "setting": "pgmaskproxy.reason"}
    assert await told.states() == []


async def test_a_statements_own_comment_is_its_reason_before_what_was_set(told: Told) -> None:
    term = replace(TERM, reason_required=True)
    said = replace(hold(1, term), reason="INC-1 as it\nwas set")
    task = told.start(said)
    assert (await told.opened()).reason == "INC-1 as it was set"
    own = replace(said, ruling=replace(said.ruling, sql="/* reason: INC-2 */ DELETE FROM shop.orders"))
    other = told.start(replace(own, ticket=2))
    await until(lambda: sum(isinstance(event, HoldOpened) for event in told.heard) == 2)
    asked = [await told.desk.broker.get(event.request) for event in told.heard if isinstance(event, HoldOpened)]
    assert [each.reason for each in asked] == ["INC-1 as it was set", "INC-2"]
    for each in asked:
        await told.desk.broker.decide(each.id, BOB, approve=True)
    await asyncio.gather(task, other)


async def test_more_than_the_limit_of_one_principal_is_53400(told: Told) -> None:
    waiting = [told.start(hold(ticket)) for ticket in (1, 2)]
    await until(lambda: sum(isinstance(event, HoldOpened) for event in told.heard) == 2)
    await told.start(hold(3))
    assert told.ended() == HoldEnded(3, told.ended().refusal)
    assert told.code == "53400"
    other = told.start(hold(4), known.principal("carol"))
    await until(lambda: sum(isinstance(event, HoldOpened) for event in told.heard) == 3)
    for event in [event for event in told.heard if isinstance(event, HoldOpened)]:
        await told.desk.broker.decide(event.request, BOB, approve=True)
    await asyncio.gather(*waiting, other)
    again = told.start(hold(5))
    await until(lambda: sum(isinstance(event, HoldOpened) for event in told.heard) == 4)
    await told.desk.broker.decide(told.heard[-1].request, BOB, approve=True)  # type: ignore[union-attr]
    await again


# --- it is not wanted any more ---


@pytest.mark.parametrize(("cancelled", "state"), [(True, State.CANCELLED), (False, State.WITHDRAWN)])
async def test_an_open_request_is_withdrawn(told: Told, cancelled: bool, state: State) -> None:
    task = told.start()
    request = await told.opened()
    await told.holds.withdraw(WithdrawHold(1, request.id, cancelled))
    await task
    assert told.code == "57014"
    assert await told.states() == [state]


async def test_one_that_is_not_open_yet_is_never_asked(told: Told) -> None:
    task = told.start()
    await asyncio.sleep(0)
    withdrawing = told.holds.withdraw(WithdrawHold(1, "", cancelled=False))
    async with asyncio.timeout(10):
        await asyncio.gather(task, withdrawing)
    assert told.code == "57014"
    assert await told.states() == []


async def test_one_that_is_being_opened_is_withdrawn_as_soon_as_it_is(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hang-up comes in the very turn of the loop in which the request has been opened."""
    open_ = told.desk.broker.open
    withdrawing: list[Any] = []

    async def opening(request: ApprovalRequest) -> None:
        await open_(request)
        withdrawing.append(told.holds.withdraw(WithdrawHold(1, "", cancelled=False)))

    monkeypatch.setattr(told.desk.broker, "open", opening)
    await asyncio.wait_for(told.start(), 10)
    await withdrawing[0]
    assert await told.states() == [State.WITHDRAWN]
    assert told.code == "57014"
    assert not [event for event in told.heard if isinstance(event, HoldOpened)]


async def test_withdrawing_what_has_ended_does_nothing(told: Told) -> None:
    task = told.start()
    request = await told.opened()
    await told.desk.broker.decide(request.id, BOB, approve=False)
    await task
    await told.holds.withdraw(WithdrawHold(1, request.id, cancelled=False))
    await told.holds.withdraw(WithdrawHold(1, "apr_unknown", cancelled=False))
    assert await told.states() == [State.REJECTED]


# --- releasing ---


async def approved(told: Told) -> str:
    task = told.start()
    request = await told.opened()
    await told.desk.broker.decide(request.id, BOB, approve=True)
    await task
    return request.id


async def test_an_approval_is_released_once(told: Told) -> None:
    request = await approved(told)
    assert await told.holds.release(release(request)) is None
    again = await told.holds.release(release(request))
    assert again is not None
    assert again.sqlstate == "42501"


OTHER = Statement("DELETE FROM customers", "shop", "pgmaskproxy", known.PATH, extended=True)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"statement": OTHER}, id="text"),
        pytest.param({"parameters": (Parameter(1, 23, "18"),)}, id="parameter"),
        pytest.param({"parameters": (Parameter(1, 23, None),)}, id="null"),
        pytest.param({"parameters": (Parameter(1, 25, "17"),)}, id="type"),
        pytest.param({"parameters": ()}, id="no parameters"),
        pytest.param({"statement": replace(hold().statement, database="other")}, id="database"),
        pytest.param({"statement": replace(hold().statement, role="postgres")}, id="role"),
        pytest.param({"ruling": ruling(search_path=("pg_catalog", "other"))}, id="search_path"),
        pytest.param({"ruling": ruling(decision=replace(ruling().decision, policy_version="v2"))}, id="policy"),
    ],
)
async def test_what_is_not_what_was_asked_is_not_released(told: Told, changes: dict[str, Any]) -> None:
    request = await approved(told)
    refusal = await told.holds.release(release(request, **changes))
    assert refusal is not None
    assert refusal.sqlstate == "42501"
    assert await told.states() == [State.APPROVED]


async def test_nor_for_another_principal(told: Told) -> None:
    request = await approved(told)
    told.records.principal = known.principal("carol")
    assert await told.holds.release(release(request)) is not None


async def test_nor_by_another_session(told: Told) -> None:
    """The salt is the session's own: another cannot make the digest."""
    request = await approved(told)
    other = Told(told.services, told.desk, told.records)
    assert await other.holds.release(release(request)) is not None


async def test_nor_what_was_never_approved(told: Told) -> None:
    task = told.start()
    request = await told.opened()
    assert await told.holds.release(release(request.id)) is not None
    await told.holds.withdraw(WithdrawHold(1, request.id, cancelled=False))
    await task


# --- something fails ---


@pytest.mark.parametrize(("path", "sqlstate"), [("/dev/full", "53100"), ("/dev/null", "58030")])
async def test_nothing_is_asked_that_cannot_be_recorded(told: Told, path: str, sqlstate: str) -> None:
    with failing(told.desk.audit, path):
        await told.start()
    assert told.code == sqlstate
    assert await told.states() == []


async def test_a_request_that_cannot_be_recorded_is_not_there(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is written and then the disk is full."""
    open_ = told.desk.broker.open

    async def on_a_full_disk(request: ApprovalRequest) -> None:
        with failing(told.desk.audit):
            await open_(request)

    monkeypatch.setattr(told.desk.broker, "open", on_a_full_disk)
    await told.start()
    assert told.code == "53100"
    assert await told.states() == []


async def test_an_approval_whose_release_cannot_be_recorded_runs_nothing(told: Told) -> None:
    request = await approved(told)
    with failing(told.desk.audit):
        refusal = await told.holds.release(release(request))
    assert refusal is not None
    assert refusal.sqlstate == "53100"
    assert await told.states() == [State.APPROVED]


async def test_a_state_file_that_is_locked_asks_nobody(told: Told, tmp_path: Path) -> None:
    blocker = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        await told.start()
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    assert told.code == "08006"
    assert await told.states() == []
