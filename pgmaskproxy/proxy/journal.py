"""The audit log as the event loop writes it: all records of one turn together, before anything that depends on them.

A turn is what the event loop finds ready at once. Whoever stages records is told at its end, and sends nothing before
that; what must survive a power cut is synced by a thread, once for all who wait for it at that time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias, final

from pgmaskproxy.audit.line import Entry
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent, Refusal

Told: TypeAlias = Callable[[Refusal | None], None]
"""What is called when the records are written; with the refusal of what depends on them when they could not be."""

BROKEN: Final = Refusal("XX000", "the audit log cannot be written, so nothing may run", hint="Tell the operator.")
ROUNDS: Final = 4
"""Of one turn: a pipeline's statements follow each other without another look at the sockets."""
HINT: Final = "Tell the operator; the proxy goes on as soon as the log does."


@final
class Journal:
    """See the module. One per process, used by its event loop alone."""

    def __init__(self, audit: AuditLog, metrics: Metrics) -> None:
        self._audit = audit
        self._written = metrics.audit_events.labels("file", "written")
        self._failed = metrics.audit_events.labels("file", "failed")
        self._count = 0
        """Records that are staged and not written."""
        self._scheduled = False
        self._afterwards: deque[Callable[[], None]] = deque()
        self._waiting: list[Told] = []
        self._durable: list[Told] = []
        """The same of what must survive a power cut."""
        self._unsynced: list[Told] = []
        """Who waits for the next sync."""
        self._syncing = False

    def stage(self, events: Sequence[AuditEvent | Entry], told: Told, *, durable: bool = False) -> None:
        """Write `events` at the end of this turn, then call `told`: when they survive kill -9, or a power cut if
        `durable`."""
        try:
            self._audit.stage(events)
        except AuditFailed as error:
            self._failed.inc(len(events))
            failed = refusal(error)
            asyncio.get_running_loop().call_soon(told, failed)
            return
        self._count += len(events)
        if durable:
            self._durable.append(told)
        else:
            self._waiting.append(told)
        self._schedule()

    def afterwards(self, work: Callable[[], None]) -> None:
        """Call `work` at the end of this turn, when all that was staged until then is written, or known not to be."""
        self._afterwards.append(work)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Write what was staged, and what those stage who are told of it; then what comes afterwards. Who goes on
        without end goes on behind the others."""
        rounds = 0
        try:
            while self._count and rounds < ROUNDS:
                rounds += 1
                self._flush()
            while self._afterwards and not self._count:
                self._afterwards.popleft()()
        finally:
            self._scheduled = False
            if self._count or self._afterwards:
                self._schedule()

    def _flush(self) -> None:
        count, self._count = self._count, 0
        waiting, self._waiting = self._waiting, []
        durable, self._durable = self._durable, []
        answer: Refusal | None = BROKEN  # whatever goes wrong, nobody takes his records for written
        try:
            self._audit.flush()
            answer = None
        except AuditFailed as error:
            answer = refusal(error)
        finally:
            if answer is None:
                self._written.inc(count)
                self._unsynced += durable
            else:
                self._failed.inc(count)
                waiting += durable
            self._sync_if_due()
            self._tell(deque(waiting), answer)

    def _tell(self, waiting: deque[Told], answer: Refusal | None) -> None:
        """One's fault keeps no other from hearing."""
        try:
            while waiting:
                waiting.popleft()(answer)
        finally:
            if waiting:
                asyncio.get_running_loop().call_soon(self._tell, waiting, answer)

    def _sync_if_due(self) -> None:
        if self._unsynced and not self._syncing:
            self._syncing = True
            unsynced, self._unsynced = self._unsynced, []
            work = asyncio.get_running_loop().run_in_executor(None, self._sync)
            work.add_done_callback(partial(self._synced, unsynced))

    def _sync(self) -> Refusal | None:
        try:
            self._audit.sync()
        except AuditFailed as error:
            return refusal(error)
        return None

    def _synced(self, unsynced: list[Told], done: asyncio.Future[Refusal | None]) -> None:
        self._syncing = False
        answer: Refusal | None = BROKEN
        try:
            answer = done.result()
        finally:
            try:
                self._tell(deque(unsynced), answer)
            finally:
                self._sync_if_due()


def refusal(error: AuditFailed) -> Refusal:
    """Of what may not run, since it cannot be recorded."""
    return Refusal(error.sqlstate, "the audit log cannot be written, so nothing may run", hint=HINT)
