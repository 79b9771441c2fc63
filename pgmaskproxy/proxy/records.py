"""A session's commands as audit events: written before what they tell of happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import final

from pgmaskproxy.audit import events
from pgmaskproxy.audit.line import Entry, entry_of, ids_of
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.logs import get_logger
from pgmaskproxy.model import Analysis, AuditEvent, Decision, Effect, Outcome, Principal, Refusal, Ruling
from pgmaskproxy.proxy.journal import refusal as refused
from pgmaskproxy.proxy.phrases import DECIDED, EXECUTING, FINISHED, decided_data, finished, word
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session.events import RecordExecution, RecordOutcome, RecordRefusal
from pgmaskproxy.wire.sqlstate import condition

QUOTING = frozenset({"22021", "22023", "42601", "42704"})
"""SQLSTATEs of refusals whose message quotes the client's own text, which may be a literal."""

ONLY_READ = frozenset({Effect.READ})

UNREADABLE = Analysis(kind="", effects=frozenset({Effect.UNKNOWN}))


@final
class _Noted:
    """What is known of a statement while it is under way."""

    __slots__ = ("decided", "ids", "name", "started", "statement", "strategy")

    def __init__(self, statement: str, name: str, ids: bytes) -> None:
        self.statement = statement
        self.name = name
        self.ids = ids
        """Of its records, in canonical form, for this principal's `name`."""
        self.decided = False
        self.started = 0.0
        """By the performance counter; 0 before it runs."""
        self.strategy = ""
        """The strongest mask kind, where anything is masked."""


@final
class Records:
    """Writes one session's part of the log."""

    def __init__(self, services: Services, session: str) -> None:
        self._services = services
        self.session = session
        self.principal: Principal | None = None
        self.database = ""
        self.role = ""
        self.application = ""
        """`application_name` at login."""
        self.statements = 0
        self._noted: dict[int, _Noted] = {}

    def statement_id(self, serial: int) -> str:
        """The `stm_` id of a statement of this session."""
        return self._note(serial).statement

    def decided(self, serial: int, ruling: Ruling) -> list[Entry]:
        """That a statement was judged; once for each."""
        noted = self._note(serial)
        if noted.decided:
            return []
        noted.decided = True
        data = self._services.phrases.decided(self.database, self.role, ruling.analysis, ruling.decision)
        return [Entry(DECIDED, noted.ids, data)]

    def execution(self, command: RecordExecution) -> tuple[list[Entry], bool]:
        """What is written before Execute, and whether it must survive a power cut: all but reads (DESIGN 1)."""
        ruling = command.ruling
        entries = self.decided(command.serial, ruling)
        noted = self._note(command.serial)
        if command.request or command.conflicts:
            entries.append(self._executing(command, noted))
        else:
            entries.append(Entry(EXECUTING, noted.ids, self._services.phrases.masked(command.shown)))
        self.statements += 1
        noted.started = time.perf_counter()
        noted.strategy = self._services.phrases.strategy(command.shown)
        metrics = self._services.metrics
        metrics.statement(self.database, ruling.analysis.kind, ruling.decision.outcome.value)
        if command.conflicts:
            metrics.lineage_disagreements.labels("conflict").inc(command.conflicts)
        durable = bool(ruling.analysis.effects - ONLY_READ) or bool(command.request)
        return entries, durable

    def _executing(self, command: RecordExecution, noted: _Noted) -> Entry:
        unmask = command.ruling.decision.unmask
        return entry_of(
            events.statement_executing(
                self.session,
                noted.statement,
                noted.name,
                masked=[word(mask) for mask in command.shown],
                conflicts=command.conflicts,
                request=command.request,
                unmask=[str(column) for column in unmask.columns] if unmask is not None and command.request else (),
                unmask_rows=unmask.rows if unmask is not None else 0,
            )
        )

    def refusal(self, command: RecordRefusal) -> None:
        """A statement that was refused; the refusal stands whether or not it can be written."""
        ruling, refusal = command.ruling, command.refusal
        analysis = ruling.analysis if ruling is not None else UNREADABLE
        decision = Decision(
            Outcome.DENY,
            rules=ruling.decision.rules if ruling is not None else (),
            reason=_reason(refusal),
            refusal=refusal,
            labels=ruling.decision.labels if ruling is not None else (),
            policy_version=ruling.decision.policy_version if ruling is not None else "",
        )
        self._services.metrics.statement(self.database, analysis.kind, Outcome.DENY.value)
        noted = self._noted.pop(command.serial, None) or self._note(command.serial)
        self._noted.pop(command.serial, None)
        try:
            data = decided_data(self.database, self.role, analysis, decision)
        except AuditFailed:
            self._services.metrics.audit_events.labels("file", "failed").inc()
        else:
            self.write([Entry(DECIDED, noted.ids, data)])

    def outcome(self, command: RecordOutcome) -> list[Entry]:
        """What came of an execution: for the log, and counted."""
        noted = self._note(command.serial)
        seconds = time.perf_counter() - noted.started if noted.started else 0.0
        metrics = self._services.metrics
        metrics.statement_duration.labels("upstream").observe(seconds)
        metrics.rows.inc(command.rows)
        metrics.cells_masked.inc(command.cells)
        metrics.rows_unmasked.inc(command.unmasked)
        if noted.strategy:
            metrics.rows_masked.labels(noted.strategy).inc(command.rows)
        del self._noted[command.serial]
        data = finished(
            tag=command.tag,
            rows=command.rows,
            cells=command.cells,
            size=command.size,
            seconds=seconds,
            sqlstate=command.sqlstate,
            unmasked=command.unmasked if command.ruling.decision.unmask is not None else -1,
        )
        return [Entry(FINISHED, noted.ids, data)]

    def canary(self, canary_id: str) -> None:
        """The alarm: a canary was about to be sent. It is on the disk before the client sees the session's end."""
        services = self._services
        services.metrics.canaries_seen.inc()
        label, column = services.canaries.place(canary_id)
        seen = events.canary_seen(
            self.session, self._name(), database=self.database, canary=canary_id, label=label, column=column
        )
        get_logger("session", session_id=self.session).error(
            "canary_seen", canary=canary_id, label=label, column=column, database=self.database, user=self._name()
        )
        self.write([seen], durable=True)

    def write(self, batch: Sequence[AuditEvent | Entry], *, durable: bool = False) -> Refusal | None:
        """At once. None when it is written; else the refusal that everything waiting for it gets."""
        metrics = self._services.metrics
        try:
            self._services.audit.write_all(batch, durable)
        except AuditFailed as error:
            metrics.audit_events.labels("file", "failed").inc(len(batch))
            return refused(error)
        metrics.audit_events.labels("file", "written").inc(len(batch))
        return None

    async def write_durably(self, batch: Sequence[AuditEvent | Entry]) -> Refusal | None:
        """The same, on the disk, without holding up the event loop."""
        return await asyncio.to_thread(self.write, batch, durable=True)

    def _note(self, serial: int) -> _Noted:
        found = self._noted.get(serial)
        if found is None or found.name != self._name():
            statement = self._services.ids.new("stm") if found is None else found.statement
            name = self._name()
            made = _Noted(statement, name, ids_of(self.session, statement, name))
            if found is not None:
                made.decided, made.started, made.strategy = found.decided, found.started, found.strategy
            found = self._noted[serial] = made
        return found

    def _name(self) -> str:
        return self.principal.name if self.principal is not None else ""


def _reason(refusal: Refusal) -> str:
    """Why, without what the client wrote: `syntax error at or near "'937-63-8919'"` would be a value in the log."""
    quotes = refusal.sqlstate in QUOTING or any(name == "setting" for name, _ in refusal.facts)
    return condition(refusal.sqlstate).replace("_", " ") if quotes else refusal.message
