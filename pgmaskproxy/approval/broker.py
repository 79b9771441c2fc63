"""The broker: opens requests, takes votes, releases once, and wakes whoever waits.

Every step is decided, recorded and stored inside one transaction of the store, in that order: when
the record cannot be written nothing changes, and no two steps of one request can overlap, whichever
processes take them.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Protocol

from pgmaskproxy.approval import events
from pgmaskproxy.approval.duty import Person, agreed, counts_for, may_decide
from pgmaskproxy.approval.notification import Notification, notification_data
from pgmaskproxy.approval.refusals import NoSuchRequest, NotAllowed, NotPending
from pgmaskproxy.approval.request import ApprovalRequest, State, Step, Vote, after
from pgmaskproxy.errors import AuditFailed, InternalError, Unavailable
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.store.protocol import Change, Filter, Page, Store

POLL_SECONDS: Final = 0.25
"""How often a waiter looks for a decision made by another process."""

_ENDS: Final = {State.WITHDRAWN: Step.WITHDRAW, State.CANCELLED: Step.CANCEL}
_STEPS: Final = {
    State.APPROVED: Step.APPROVE,
    State.REJECTED: Step.REJECT,
    State.EXPIRED: Step.EXPIRE,
    State.RELEASED: Step.RELEASE,
    **_ENDS,
}


class Recorder(Protocol):
    """The audit log, as far as the broker knows it."""

    def write_all(self, events: Sequence[AuditEvent], durable: bool) -> None:
        """Append all or none; AuditFailed."""


class Route(Protocol):
    """A channel, as far as the broker knows it."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def groups(self) -> Collection[str]:
        """The groups it reaches; none means everybody."""


class Broker:
    """See the module. All times are Unix seconds by `clock`; one object belongs to one event loop.

    `writer` names this process in the store (the audit log's writer id), `link` makes the address
    where a request can be decided, `notified` is called when there is something to deliver, `changed` with the id of
    what has changed, and `make_id` gives ids for notifications.
    """

    def __init__(
        self,
        store: Store,
        audit: Recorder,
        channels: Sequence[Route],
        clock: Callable[[], float],
        *,
        writer: str,
        make_id: Callable[[], str],
        link: Callable[[str], str] = lambda _request_id: "",
        notified: Callable[[], None] = lambda: None,
        changed: Callable[[str], None] = lambda _request_id: None,
    ) -> None:
        self._store = store
        self._audit = audit
        self._channels = tuple(channels)
        self._clock = clock
        self._writer = writer
        self._make_id = make_id
        self._link = link
        self._notified = notified
        self._changed = changed
        self._waiters: dict[str, set[asyncio.Event]] = {}

    async def open(self, request: ApprovalRequest) -> None:
        """Record and store a new request, and queue what the channels tell.

        Raises AuditFailed or Unavailable, and then there is no request; InternalError for a request that is
        not new, that asks nobody, or whose digest is not its content's.
        """
        if request.state is not State.PENDING or request.votes or not request.terms or not request.groups:
            raise InternalError(f"{request.id} cannot be opened: it is not a new request to somebody")
        if request.digest != request.bound_digest():
            raise InternalError(f"{request.id} cannot be opened: its digest is not its content's")
        told = self._tell(request, "approval.requested", request.created, request.deadline)
        done: list[str] = []
        try:
            await self._store.insert(
                request, self._writer, told, lambda: self._record([events.requested(request)], done)
            )
        except Unavailable:
            await self._undone(request.id, done)
            raise
        self._say(request.id)

    async def decide(self, request_id: str, person: Person, *, approve: bool, reason: str = "") -> ApprovalRequest:
        """Count one person's vote and return the request as it is then.

        The same vote by the same person again changes nothing. One rejection rejects; who has
        approved may still reject while others are missing. Raises NoSuchRequest, NotAllowed (and
        records who tried), NotPending, AuditFailed or Unavailable.
        """
        reason = reason.encode("utf-8", "replace").decode()  # JSON can spell what is not Unicode text

        def step(request: ApprovalRequest, done: list[str]) -> Change | None:
            try:
                may_decide(person, request)
            except NotAllowed as refused:
                self._record([events.vote_refused(request, person.id, approve=approve, why=refused.message)], done)
                raise
            if any(vote.person == person.id and vote.approve == approve for vote in request.votes):
                return None
            if request.state is not State.PENDING:
                raise NotPending(request)
            now = self._clock()
            if now >= request.deadline:
                return self._move(request, State.EXPIRED, now, done)
            groups = counts_for(person, request)
            vote = Vote(person.id, approve, reason, now, groups)
            records = [events.voted(request, person.id, groups, approve=approve, reason=reason)]
            if not approve:
                return self._move(request, State.REJECTED, now, done, before=records, vote=vote)
            if agreed(request, (*request.votes, vote)):
                return self._move(request, State.APPROVED, now, done, before=records, vote=vote)
            self._record(records, done)
            return Change(State.PENDING, vote)

        request = await self._change(request_id, step)
        if not any(vote.person == person.id and vote.approve == approve for vote in request.votes):
            raise NotPending(request)
        return request

    async def release(self, request_id: str, digest: str) -> bool:
        """Whether the statement may run now: True once, for an approved request with this digest, in time.

        On False nothing may run. Raises NoSuchRequest, AuditFailed or Unavailable, and then nothing may either.
        """
        released = False

        def step(request: ApprovalRequest, done: list[str]) -> Change | None:
            nonlocal released
            now = self._clock()
            if request.state is State.APPROVED and now >= request.deadline:
                return self._move(request, State.EXPIRED, now, done)
            why = _unreleasable(request, digest)
            if why:
                self._record([events.release_refused(request, why)], done)
                return None
            change = self._move(request, State.RELEASED, now, done)
            released = True
            return change

        await self._change(request_id, step)
        return released

    async def withdraw(self, request_id: str, why: State, note: str = "") -> ApprovalRequest:
        """End an open request as WITHDRAWN or CANCELLED; one that has ended stays as it is.

        Raises NoSuchRequest, AuditFailed, Unavailable; ValueError for another state.
        """
        if why not in _ENDS:
            raise ValueError(f"a request is not withdrawn to {why.value}")

        def step(request: ApprovalRequest, done: list[str]) -> Change | None:
            return None if request.state.final else self._move(request, why, self._clock(), done, note=note)

        return await self._change(request_id, step)

    async def wait(self, request_id: str) -> ApprovalRequest:
        """The request, once it is no longer PENDING: at once when decided here, else within `POLL_SECONDS`.

        Expires it itself when its time has come. Raises NoSuchRequest, AuditFailed or Unavailable.
        """
        woken = asyncio.Event()
        waiters = self._waiters.setdefault(request_id, set())
        waiters.add(woken)
        try:
            request = await self.get(request_id)
            while request.state is State.PENDING:
                left = request.deadline - self._clock()
                if left <= 0:
                    request = await self._expire(request_id)
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), min(left, POLL_SECONDS))
                woken.clear()
                if await self._store.state(request_id) is not State.PENDING:
                    request = await self.get(request_id)
            return request
        finally:
            waiters.discard(woken)
            if not waiters:
                self._waiters.pop(request_id, None)

    async def expire_due(self) -> int:
        """End every open request whose deadline has come, whoever holds it; returns how many were looked at."""
        due = await self._store.due(self._clock())
        for request_id in due:
            await self._expire(request_id)
        return len(due)

    def wake(self, request_id: str) -> None:
        """Let who waits for it look now: it has changed, perhaps by another process."""
        for woken in self._waiters.get(request_id, ()):
            woken.set()

    async def recover(self, writers: Collection[str] = ()) -> int:
        """Withdraw what `writers`, or a predecessor under this writer id, left open: their clients are gone.

        Only for who is known to be dead.
        """
        left = [each for writer in writers or (self._writer,) for each in await self._store.held_by(writer)]
        for request_id in left:
            await self.withdraw(request_id, State.WITHDRAWN, "the proxy that held it stopped")
        return len(left)

    async def get(self, request_id: str) -> ApprovalRequest:
        """One request. Raises NoSuchRequest or Unavailable."""
        request = await self._store.get(request_id)
        if request is None:
            raise NoSuchRequest(request_id)
        return request

    async def search(self, which: Filter, limit: int = 50, cursor: str | None = None) -> Page:
        """Requests, newest first. Raises Unavailable."""
        return await self._store.list(which, limit, cursor)

    async def _expire(self, request_id: str) -> ApprovalRequest:
        def step(request: ApprovalRequest, done: list[str]) -> Change | None:
            now = self._clock()
            return (
                None if request.state.final or now < request.deadline else self._move(request, State.EXPIRED, now, done)
            )

        return await self._change(request_id, step)

    async def _change(
        self, request_id: str, step: Callable[[ApprovalRequest, list[str]], Change | None]
    ) -> ApprovalRequest:
        done: list[str] = []
        try:
            request = await self._store.change(request_id, lambda found: step(found, done))
        except Unavailable:
            await self._undone(request_id, done)
            raise
        if request is None:
            raise NoSuchRequest(request_id)
        if done:
            self.wake(request_id)
            self._say(request_id)
        return request

    def _say(self, request_id: str) -> None:
        self._notified()
        self._changed(request_id)

    async def _undone(self, request_id: str, kinds: Sequence[str]) -> None:
        """Say in the log that what was just recorded did not come true. The caller raises in any case."""
        if kinds:
            with suppress(AuditFailed):
                await asyncio.to_thread(self._audit.write_all, [events.not_stored(request_id, kinds)], durable=True)

    def _move(
        self,
        request: ApprovalRequest,
        state: State,
        now: float,
        done: list[str],
        *,
        before: Sequence[AuditEvent] = (),
        vote: Vote | None = None,
        note: str = "",
    ) -> Change:
        """Record a step along the transition table, and say what it changes. Runs inside the transaction."""
        if after(request.state, _STEPS[state]) is not state:
            raise InternalError(f"{request.id} cannot go from {request.state.value} to {state.value}")
        self._record([*before, events.moved(request, state, note)], done)
        votes = request.votes if vote is None else (*request.votes, vote)
        told = self._tell(replace(request, state=state, votes=votes), f"approval.{state.value}", now, now + 3600)
        return Change(state, vote, None if state is State.APPROVED else now, note, told)

    def _record(self, records: Sequence[AuditEvent], done: list[str]) -> None:
        self._audit.write_all(records, durable=True)
        done.extend(each.kind for each in records)

    def _tell(
        self, request: ApprovalRequest, kind: str, at: float, useless_after: float
    ) -> tuple[tuple[str, Notification], ...]:
        asked = set(request.groups)
        if request.state is State.RELEASED:
            return ()
        names = [channel.name for channel in self._channels if not channel.groups or asked & set(channel.groups)]
        data = notification_data(request, self._link(request.id))
        return tuple((name, Notification(self._make_id(), kind, at, useless_after, data)) for name in names)


def _unreleasable(request: ApprovalRequest, digest: str) -> str:
    """Why `request` may not be released to who brings `digest`, or ''."""
    if request.state is not State.APPROVED:
        return f"it is {request.state.value}"
    if not hmac.compare_digest(request.digest, digest):
        return "the statement is not the one that was approved"
    if request.bound_digest() != request.digest:
        return "what is stored is not what was asked"
    if not agreed(request, request.votes):
        return "the votes that are stored are not enough"
    return ""
