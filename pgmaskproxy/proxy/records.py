"""A session's commands as audit events: written before what they tell of happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import final

from pgmaskproxy.audit import events
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.logs import get_logger
from pgmaskproxy.mask.kinds import strength
from pgmaskproxy.model import Analysis, AuditEvent, Decision, Effect, Mask, Outcome, Principal, Refusal, Ruling
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session.events import RecordExecution, RecordOutcome, RecordRefusal
from pgmaskproxy.wire.sqlstate import condition

QUOTING = frozenset({"22021", "22023", "42601", "42704"})
"""SQLSTATEs of refusals whose message quotes the client's own text, which may be a literal."""

UNREADABLE = Analysis(kind="", effects=frozenset({Effect.UNKNOWN}))


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
        self._ids: dict[int, str] = {}
        self._decided: set[int] = set()
        self._started: dict[int, float] = {}
        self._strategies: dict[int, str] = {}
        """The strongest mask kind of what is running, where anything is masked."""

    def statement_id(self, serial: int) -> str:
        """The `stm_` id of a statement of this session."""
        found = self._ids.get(serial)
        if found is None:
            found = self._ids[serial] = self._services.new_id("stm")
        return found

    def decided(self, serial: int, ruling: Ruling) -> list[AuditEvent]:
        """That a statement was judged; once for each."""
        if serial in self._decided:
            return []
        self._decided.add(serial)
        return [self._decision(serial, ruling.analysis, ruling.decision)]

    def execution(self, command: RecordExecution) -> tuple[list[AuditEvent], bool]:
        """What is written before Execute, and whether it must survive a power cut: all but reads (DESIGN 1)."""
        ruling, unmask = command.ruling, command.ruling.decision.unmask
        executing = events.statement_executing(
            self.session,
            self.statement_id(command.serial),
            self._name(),
            masked=[_word(mask) for mask in command.shown],
            conflicts=command.conflicts,
            request=command.request,
            unmask=[str(column) for column in unmask.columns] if unmask is not None and command.request else (),
            unmask_rows=unmask.rows if unmask is not None else 0,
        )
        self.statements += 1
        self._started[command.serial] = time.perf_counter()
        kinds = {kind for mask in command.shown if mask is not None for kind in mask.kinds}
        if kinds:
            self._strategies[command.serial] = min(kinds, key=strength)
        metrics = self._services.metrics
        metrics.statement(self.database, ruling.analysis.kind, ruling.decision.outcome.value)
        if command.conflicts:
            metrics.lineage_disagreements.labels("conflict").inc(command.conflicts)
        durable = bool(ruling.analysis.effects - {Effect.READ}) or bool(command.request)
        return [*self.decided(command.serial, ruling), executing], durable

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
        self.write([self._decision(command.serial, analysis, decision)])
        self._forget(command.serial)

    def outcome(self, command: RecordOutcome) -> None:
        """What came of an execution."""
        started = self._started.get(command.serial)
        seconds = time.perf_counter() - started if started is not None else 0.0
        metrics = self._services.metrics
        metrics.statement_duration.labels("upstream").observe(seconds)
        metrics.rows.inc(command.rows)
        metrics.cells_masked.inc(command.cells)
        metrics.rows_unmasked.inc(command.unmasked)
        strategy = self._strategies.get(command.serial)
        if strategy is not None:
            metrics.rows_masked.labels(strategy).inc(command.rows)
        finished = events.statement_finished(
            self.session,
            self.statement_id(command.serial),
            self._name(),
            tag=command.tag,
            rows=command.rows,
            cells=command.cells,
            size=command.size,
            seconds=seconds,
            sqlstate=command.sqlstate,
            unmasked=command.unmasked if command.ruling.decision.unmask is not None else None,
        )
        self.write([finished])
        self._forget(command.serial)

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

    def write(self, batch: Sequence[AuditEvent], *, durable: bool = False) -> Refusal | None:
        """None when it is written; else the refusal that everything waiting for it gets."""
        metrics = self._services.metrics
        try:
            self._services.audit.write_all(batch, durable)
        except AuditFailed as error:
            metrics.audit_events.labels("file", "failed").inc(len(batch))
            return Refusal(
                error.sqlstate,
                "the audit log cannot be written, so nothing may run",
                hint="Tell the operator; the proxy goes on as soon as the log does.",
            )
        metrics.audit_events.labels("file", "written").inc(len(batch))
        return None

    async def write_durably(self, batch: Sequence[AuditEvent]) -> Refusal | None:
        """The same, on the disk, without holding up the event loop."""
        return await asyncio.to_thread(self.write, batch, durable=True)

    def _decision(self, serial: int, analysis: Analysis, decision: Decision) -> AuditEvent:
        return events.statement_decided(
            self.session,
            self.statement_id(serial),
            self._name(),
            database=self.database,
            role=self.role,
            analysis=analysis,
            decision=decision,
        )

    def _name(self) -> str:
        return self.principal.name if self.principal is not None else ""

    def _forget(self, serial: int) -> None:
        self._ids.pop(serial, None)
        self._decided.discard(serial)
        self._started.pop(serial, None)
        self._strategies.pop(serial, None)


def _reason(refusal: Refusal) -> str:
    """Why, without what the client wrote: `syntax error at or near "'937-63-8919'"` would be a value in the log."""
    quotes = refusal.sqlstate in QUOTING or any(name == "setting" for name, _ in refusal.facts)
    return condition(refusal.sqlstate).replace("_", " ") if quotes else refusal.message


def _word(mask: Mask | None) -> str | None:
    return None if mask is None else str(mask)
