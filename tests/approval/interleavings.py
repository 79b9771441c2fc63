"""Any interleaving of two processes over one store: one release at most, never without the people asked."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from pgmaskproxy.approval.refusals import NotAllowed, NotPending
from pgmaskproxy.approval.request import TRANSITIONS, State
from pgmaskproxy.audit.tail import tail
from pgmaskproxy.audit.verify import verify
from tests.approval.making import ALICE, BOB, CAROL, DAVE, EVE, Clock, Desk, Somebody, make_request, open_desk, term

_T = TypeVar("_T")

EVERYONE = [ALICE, BOB, CAROL, DAVE, EVE, Somebody("sales-agent", frozenset({"dba", "privacy"}))]
TERMS = [(term("dba"),), (term("dba", quorum=2),), (term("dba"), term("privacy")), (term("dba", "privacy", quorum=3),)]


class Interleavings(RuleBasedStateMachine):
    requests: Bundle[str] = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.clock = Clock()
        self.desks: list[Desk] = []
        self.opened = 0
        self.digests: dict[str, str] = {}
        self.last: dict[str, State] = {}
        self.released: dict[str, int] = {}

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    @initialize()
    def start(self) -> None:
        self.desks = [self.run(open_desk(self.directory, writer, self.clock)) for writer in ("w1", "w2")]

    @rule(target=requests, terms=st.sampled_from(TERMS), which=st.integers(0, 1), wait=st.integers(1, 100))
    def open(self, terms: Any, which: int, wait: int) -> str:
        self.opened += 1
        request = make_request(self.opened, terms=terms, deadline=self.clock() + wait, person="eve")
        self.run(self.desks[which].broker.open(request))
        self.digests[request.id] = request.digest
        return request.id

    @rule(request=requests, who=st.sampled_from(EVERYONE), which=st.integers(0, 1), approve=st.booleans())
    def vote(self, request: str, who: Somebody, which: int, approve: bool) -> None:
        try:
            self.run(self.desks[which].broker.decide(request, who, approve=approve))
        except (NotAllowed, NotPending):
            return
        assert who.id not in {"alice", "sales-agent", "eve"}

    @rule(
        request=requests,
        who=st.lists(st.sampled_from(EVERYONE), min_size=2, max_size=4),
        releases=st.integers(0, 3),
        cancel=st.booleans(),
    )
    def at_once(self, request: str, who: list[Somebody], releases: int, cancel: bool) -> None:
        """Both processes at the same time."""

        async def race() -> list[object]:
            digest = self.digests[request]
            steps: list[Coroutine[Any, Any, object]] = [
                *(self.desks[number % 2].broker.release(request, digest) for number in range(releases)),
                *(self.desks[n % 2].broker.decide(request, person, approve=True) for n, person in enumerate(who)),
            ]
            if cancel:
                steps.append(self.desks[0].broker.withdraw(request, State.CANCELLED))
            return list(await asyncio.gather(*steps, return_exceptions=True))

        for result in self.run(race()):
            if result is True:
                self.released[request] = self.released.get(request, 0) + 1
            assert not isinstance(result, BaseException) or isinstance(result, NotAllowed | NotPending)

    @rule(request=requests, which=st.integers(0, 1), right=st.booleans())
    def release(self, request: str, which: int, right: bool) -> None:
        digest = self.digests[request] if right else "0" * 64
        due = self.run(self.desks[which].broker.get(request)).deadline <= self.clock()
        if self.run(self.desks[which].broker.release(request, digest)):
            assert right
            assert not due
            self.released[request] = self.released.get(request, 0) + 1

    @rule(request=requests, which=st.integers(0, 1), why=st.sampled_from([State.WITHDRAWN, State.CANCELLED]))
    def withdraw(self, request: str, which: int, why: State) -> None:
        assert self.run(self.desks[which].broker.withdraw(request, why)).state.final

    @rule(seconds=st.integers(1, 60), which=st.integers(0, 1), sweep=st.booleans())
    def pass_time(self, seconds: int, which: int, sweep: bool) -> None:
        self.clock.now += seconds
        if sweep:
            self.run(self.desks[which].broker.expire_due())

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        writer = self.desks[which].audit.writer
        self.run(self.desks[which].close())
        self.desks[which] = self.run(open_desk(self.directory, writer, self.clock))
        self.run(self.desks[which].broker.recover())

    @invariant()
    def every_request_is_as_it_may_be(self) -> None:
        for request_id in self.digests:
            request = self.run(self.desks[0].broker.get(request_id))
            before = self.last.get(request_id, State.PENDING)
            assert request.state is before or request.state in _reachable(before)
            self.last[request_id] = request.state
            assert self.released.get(request_id, 0) == (request.state is State.RELEASED)
            approvals = {vote.person for vote in request.votes if vote.approve}
            assert not {vote.person for vote in request.votes} & {"alice", "sales-agent", "eve"}
            if request.state in {State.APPROVED, State.RELEASED}:
                assert all(vote.approve for vote in request.votes)
                for each in request.terms:
                    members = {who.id for who in EVERYONE if who.groups & set(each.groups)}
                    assert len(approvals & members) >= each.quorum

    def teardown(self) -> None:
        for desk in self.desks:
            self.run(desk.close())
        self.runner.close()
        if self.desks:
            assert verify([self.directory / "audit"]).ok
            records = list(tail([self.directory / "audit"], last=10_000))
            released = [record.ids["request"] for record in records if record.kind == "approval.released"]
            assert sorted(released) == sorted(self.released)
        shutil.rmtree(self.directory)


def _reachable(state: State) -> set[State]:
    direct = {then for (start, _), then in TRANSITIONS.items() if start is state}
    return direct.union(*(_reachable(each) for each in direct)) if direct else set()
