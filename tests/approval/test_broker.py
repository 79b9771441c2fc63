"""The broker over a real store and a real log: votes, single release, waking, recovery."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pgmaskproxy.approval.broker import POLL_SECONDS
from pgmaskproxy.approval.refusals import NoSuchRequest, NotAllowed, NotPending
from pgmaskproxy.approval.request import State
from pgmaskproxy.audit.tail import tail
from pgmaskproxy.audit.verify import verify
from pgmaskproxy.errors import AuditFailed, InternalError, Unavailable
from pgmaskproxy.store.protocol import Filter
from tests.approval.interleavings import Interleavings
from tests.approval.making import (
    ALICE,
    BOB,
    CANARY,
    CAROL,
    DAVE,
    EVE,
    Desk,
    Reaches,
    Somebody,
    make_request,
    open_desk,
    term,
)

Interleavings.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestInterleavings = Interleavings.TestCase

TWO_TERMS = (term("dba", quorum=2), term("privacy"))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = await open_desk(tmp_path, channels=(Reaches("all"), Reaches("hr", frozenset({"hr"}))))
    yield made
    await made.close()


def kinds(desk: Desk) -> list[str]:
    return [record.kind for record in tail([desk.audit.path], last=100)][1:]


async def test_approve_then_release_once(desk: Desk) -> None:
    request = make_request()
    await desk.broker.open(request)
    assert not await desk.broker.release(request.id, request.digest)
    approved = await desk.broker.decide(request.id, BOB, approve=True, reason="ok")
    assert approved.state is State.APPROVED
    assert [(vote.person, vote.groups, vote.reason) for vote in approved.votes] == [("bob", ("dba",), "ok")]
    assert approved.ended is None
    assert await desk.broker.release(request.id, request.digest)
    assert not await desk.broker.release(request.id, request.digest)
    assert (await desk.broker.get(request.id)).state is State.RELEASED
    assert kinds(desk) == [
        "approval.requested",
        "approval.release_refused",
        "approval.voted",
        "approval.approved",
        "approval.released",
        "approval.release_refused",
    ]
    assert CANARY not in desk.audit.path.read_text()
    assert verify([desk.audit.path]).ok


async def test_what_the_approver_sees_is_exactly_what_was_asked(desk: Desk) -> None:
    request = make_request()
    await desk.broker.open(request)
    assert await desk.broker.get(request.id) == request


async def test_another_digest_is_never_released(desk: Desk) -> None:
    request = make_request()
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    for digest in ("", make_request(sql="SELECT 1").digest, request.digest.upper()):
        assert not await desk.broker.release(request.id, digest)
    assert await desk.broker.release(request.id, request.digest)


async def test_a_reason_that_is_not_unicode_text_is_made_so(desk: Desk) -> None:
    request = make_request()
    await desk.broker.open(request)
    decided = await desk.broker.decide(request.id, BOB, approve=True, reason="\ud800 é")
    assert decided.votes[0].reason == "? é"


async def test_several_terms_and_a_quorum_add_up(desk: Desk) -> None:
    request = make_request(terms=TWO_TERMS)
    await desk.broker.open(request)
    for person, then in ((BOB, State.PENDING), (CAROL, State.PENDING), (DAVE, State.APPROVED)):
        assert (await desk.broker.decide(request.id, person, approve=True)).state is then


async def test_one_rejection_by_anyone_entitled_rejects(desk: Desk) -> None:
    request = make_request(terms=TWO_TERMS)
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    rejected = await desk.broker.decide(request.id, CAROL, approve=False, reason="not on a Friday")
    assert rejected.state is State.REJECTED
    assert rejected.votes[-1].reason == "not on a Friday"
    with pytest.raises(NotPending) as caught:
        await desk.broker.decide(request.id, DAVE, approve=True)
    assert caught.value.request.state is State.REJECTED
    assert not await desk.broker.release(request.id, request.digest)


async def test_who_approved_may_still_reject_while_others_are_missing(desk: Desk) -> None:
    request = make_request(terms=TWO_TERMS)
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    assert (await desk.broker.decide(request.id, BOB, approve=False)).state is State.REJECTED


async def test_the_same_vote_again_changes_nothing_even_after_the_end(desk: Desk) -> None:
    request = make_request(terms=TWO_TERMS)
    await desk.broker.open(request)
    first = await desk.broker.decide(request.id, BOB, approve=True, reason="a")
    assert await desk.broker.decide(request.id, BOB, approve=True, reason="b") == first
    await desk.broker.decide(request.id, CAROL, approve=True)
    last = await desk.broker.decide(request.id, DAVE, approve=True)
    assert await desk.broker.decide(request.id, DAVE, approve=True) == last
    with pytest.raises(NotPending):
        await desk.broker.decide(request.id, DAVE, approve=False)
    assert kinds(desk).count("approval.voted") == 3


@pytest.mark.parametrize("who", [ALICE, EVE, Somebody("sales-agent", frozenset({"dba"}))])
@pytest.mark.parametrize("approve", [True, False])
async def test_who_may_not_decide_changes_nothing_and_is_recorded(desk: Desk, who: Somebody, approve: bool) -> None:
    request = make_request()
    await desk.broker.open(request)
    with pytest.raises(NotAllowed):
        await desk.broker.decide(request.id, who, approve=approve)
    assert await desk.broker.get(request.id) == request
    assert kinds(desk) == ["approval.requested", "approval.vote_refused"]


async def test_the_deadline_ends_a_vote_a_release_and_a_wait(desk: Desk) -> None:
    voted, released, waited = (make_request(number) for number in (1, 2, 3))
    for request in (voted, released, waited):
        await desk.broker.open(request)
    await desk.broker.decide(released.id, BOB, approve=True)
    desk.clock.now = voted.deadline
    with pytest.raises(NotPending) as caught:
        await desk.broker.decide(voted.id, BOB, approve=True)
    assert caught.value.request.state is State.EXPIRED
    assert caught.value.request.votes == ()
    assert not await desk.broker.release(released.id, released.digest)
    assert (await desk.broker.get(released.id)).state is State.EXPIRED
    assert (await desk.broker.wait(waited.id)).state is State.EXPIRED


async def test_expire_due_ends_what_is_due_and_nothing_else(desk: Desk) -> None:
    early, approved, late = make_request(1), make_request(2), make_request(3, deadline=make_request().deadline + 60)
    for request in (early, approved, late):
        await desk.broker.open(request)
    await desk.broker.decide(approved.id, BOB, approve=True)
    assert await desk.broker.expire_due() == 0
    desk.clock.now = early.deadline
    assert await desk.broker.expire_due() == 2
    states = [(await desk.broker.get(request.id)).state for request in (early, approved, late)]
    assert states == [State.EXPIRED, State.EXPIRED, State.PENDING]


@pytest.mark.parametrize("why", [State.WITHDRAWN, State.CANCELLED])
async def test_withdraw_ends_what_is_open_and_leaves_the_rest(desk: Desk, why: State) -> None:
    pending, approved, rejected = (make_request(number) for number in (1, 2, 3))
    for request in (pending, approved, rejected):
        await desk.broker.open(request)
    await desk.broker.decide(approved.id, BOB, approve=True)
    await desk.broker.decide(rejected.id, BOB, approve=False)
    for request, then in ((pending, why), (approved, why), (rejected, State.REJECTED)):
        for _ in range(2):
            assert (await desk.broker.withdraw(request.id, why, "client hung up")).state is then
    assert (await desk.broker.get(pending.id)).note == "client hung up"
    assert not await desk.broker.release(approved.id, approved.digest)
    with pytest.raises(ValueError, match="not withdrawn to approved"):
        await desk.broker.withdraw(pending.id, State.APPROVED)


async def test_no_such_request(desk: Desk) -> None:
    for attempt in (
        desk.broker.get("apr_0"),
        desk.broker.wait("apr_0"),
        desk.broker.decide("apr_0", BOB, approve=True),
        desk.broker.withdraw("apr_0", State.WITHDRAWN),
        desk.broker.release("apr_0", "x"),
    ):
        with pytest.raises(NoSuchRequest):
            await attempt


@pytest.mark.parametrize("changes", [{"state": State.APPROVED}, {"terms": ()}, {"digest": "0" * 64}])
async def test_only_a_new_and_true_request_is_opened(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(InternalError):
        await desk.broker.open(make_request(**changes))
    assert kinds(desk) == []


async def test_a_waiter_wakes_at_once_when_decided_here(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgmaskproxy.approval.broker.POLL_SECONDS", 3600.0)
    request = make_request()
    await desk.broker.open(request)
    waiting = [asyncio.create_task(desk.broker.wait(request.id)) for _ in range(3)]
    await desk.store.get(request.id)
    await asyncio.sleep(0.05)
    await desk.broker.decide(request.id, BOB, approve=False)
    async with asyncio.timeout(5):
        assert {each.state for each in await asyncio.gather(*waiting)} == {State.REJECTED}
    assert desk.broker._waiters == {}


ELSEWHERE = """
    import asyncio, pathlib, sys
    from tests.approval.making import BOB, open_desk

    async def main():
        desk = await open_desk(pathlib.Path(sys.argv[1]), "w2")
        await desk.broker.decide(sys.argv[2], BOB, approve=True)
        print(await desk.broker.release(sys.argv[2], sys.argv[3]))
        await desk.close()

    asyncio.run(main())
"""


async def test_a_waiter_wakes_when_another_process_decides_and_one_of_them_releases(desk: Desk, tmp_path: Path) -> None:
    assert POLL_SECONDS <= 0.5
    request = make_request()
    await desk.broker.open(request)
    waiting = asyncio.create_task(desk.broker.wait(request.id))
    other = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(ELSEWHERE), str(tmp_path), request.id, request.digest),
        # The same modules as here, whether these are the sources or what is installed.
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        assert (await waiting).state in {State.APPROVED, State.RELEASED}
        said, _ = await other.communicate()
    mine = await desk.broker.release(request.id, request.digest)
    assert [said.strip() == b"True", mine].count(True) == 1
    assert (await desk.broker.get(request.id)).state is State.RELEASED
    assert verify([tmp_path / "audit"]).ok


async def test_a_restart_withdraws_what_the_dead_writer_held(tmp_path: Path) -> None:
    before, other = await open_desk(tmp_path, "w1"), await open_desk(tmp_path, "w2")
    pending, approved, released, theirs = (make_request(number) for number in (1, 2, 3, 4))
    for request in (pending, approved, released):
        await before.broker.open(request)
    await other.broker.open(theirs)
    for request in (approved, released):
        await before.broker.decide(request.id, BOB, approve=True)
    await before.broker.release(released.id, released.digest)
    await before.close()
    now = await open_desk(tmp_path, "w1")
    assert await now.broker.recover() == 2
    states = [(await now.broker.get(each.id)).state for each in (pending, approved, released, theirs)]
    assert states == [State.WITHDRAWN, State.WITHDRAWN, State.RELEASED, State.PENDING]
    assert not await now.broker.release(approved.id, approved.digest)
    await now.close()
    await other.close()


async def test_without_a_record_nothing_changes(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    request, second = make_request(1), make_request(2)
    await desk.broker.open(request)
    await desk.broker.open(second)
    await desk.broker.decide(second.id, BOB, approve=True)
    desk.audit.close()
    for attempt in (
        desk.broker.open(make_request(3)),
        desk.broker.decide(request.id, BOB, approve=True),
        desk.broker.decide(request.id, BOB, approve=False),
        desk.broker.decide(request.id, ALICE, approve=True),
        desk.broker.release(second.id, second.digest),
        desk.broker.withdraw(request.id, State.WITHDRAWN),
    ):
        with pytest.raises(AuditFailed):
            await attempt
    assert await desk.broker.get(request.id) == request
    assert (await desk.broker.get(second.id)).state is State.APPROVED
    with pytest.raises(NoSuchRequest):
        await desk.broker.get(make_request(3).id)
    await desk.store.close()


async def test_a_state_that_cannot_be_written_is_said_in_the_log(desk: Desk, tmp_path: Path) -> None:
    request = make_request()
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    with sqlite3.connect(tmp_path / "state.db") as other:
        other.execute("CREATE TRIGGER no BEFORE UPDATE ON requests BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
    other.close()
    with pytest.raises(Unavailable):
        await desk.broker.release(request.id, request.digest)
    assert kinds(desk)[-2:] == ["approval.released", "approval.not_stored"]
    assert (await desk.broker.get(request.id)).state is State.APPROVED


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE requests SET body = json_set(body, '$.sql', 'DROP TABLE customers')",
        "UPDATE requests SET body = json_set(body, '$.parameters', json('[]'))",
        "UPDATE requests SET principal = 'other'",
        "UPDATE votes SET person = 'alice'",
        "UPDATE votes SET groups = '[]'",
        "DELETE FROM votes",
    ],
)
async def test_a_row_changed_behind_the_broker_is_not_released(desk: Desk, tmp_path: Path, tampering: str) -> None:
    request = make_request()
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    with sqlite3.connect(tmp_path / "state.db") as other:
        other.execute(tampering)
    other.close()
    assert not await desk.broker.release(request.id, request.digest)
    assert kinds(desk)[-1] == "approval.release_refused"


async def test_the_channels_that_reach_the_asked_are_told(desk: Desk) -> None:
    request = make_request()
    await desk.broker.open(request)
    await desk.broker.decide(request.id, BOB, approve=True)
    await desk.broker.release(request.id, request.digest)
    items = await desk.store.claim(desk.clock(), 60, 10)
    assert [(item.channel, item.notification.type) for item in items] == [
        ("all", "approval.requested"),
        ("all", "approval.approved"),
    ]
    assert items[0].notification.useless_after == request.deadline
    assert items[0].notification.data["link"] == f"https://approvals.example.com/{request.id}"
    assert items[1].notification.data["decided_by"] == ["bob"]
    assert items[1].notification.data["state"] == "approved"
    assert len(desk.told) >= 2


async def test_search_pages_newest_first(desk: Desk) -> None:
    for number in range(5):
        await desk.broker.open(make_request(number))
    page = await desk.broker.search(Filter(states=frozenset({State.PENDING})), limit=2)
    rest = await desk.broker.search(Filter(), limit=3, cursor=page.next)
    found = [request.id for request in (*page.requests, *rest.requests)]
    assert found == sorted(found, reverse=True)
    assert len(found) == 5
    assert rest.next is None
