"""A session's questions about its statements, answered: who asks, what is decided, what it costs, what is recorded."""

from __future__ import annotations

from asyncio import Task
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, final

from pgmaskproxy.errors import AuditFailed, InternalError
from pgmaskproxy.model import Charge, Principal, Refusal
from pgmaskproxy.proxy.budgets import costs
from pgmaskproxy.proxy.journal import refusal as refused
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session import events as ev

GONE = Refusal("57P01", "terminating connection: this login does not exist any more")


@final
class Questions:
    """One session's. `feed` takes the answers; `start` runs what has to wait for something."""

    def __init__(
        self,
        services: Services,
        records: Records,
        feed: Callable[[ev.Event], None],
        start: Callable[[Coroutine[Any, Any, None]], Task[None]],
    ) -> None:
        self._services = services
        self._records = records
        self._feed = feed
        self._start = start
        self.user = ""
        """Who logs in, as the start-up packet says."""
        self.address = ""
        """From where."""
        self.method = ""
        """And how that was proven."""
        self.principal: Principal | None = None
        """Who that was when a question was answered last; None before the login."""

    def who(self) -> Principal | None:
        """Who the login is now; None when principals.yaml has it no more."""
        return self._services.judge.knowledge.now.directory.principal(self.user, self.address, self.method)

    def part(self) -> None:
        """It is over: nobody waits for answers any more."""
        self._feed, self._start = _unheard, _undone

    def judge(self, command: ev.Judge, *, refresh: bool) -> None:
        """The rulings on a text."""
        principal = self._asker()
        if principal is None:
            return
        found = None if refresh else self._services.judge.at_once(command.statement, principal)
        if found is not None:
            self._feed(ev.Judged(command.ticket, found.rulings, found.visibility, found.refusal))
        else:
            self._start(self._judge_anew(command, principal, refresh=refresh))

    def attest(self, command: ev.Attest) -> None:
        """The ruling as the server's tree proves it."""
        principal = self._asker()
        if principal is None:
            return
        found = self._services.prover.at_once(command, principal)
        if found is not None:
            self._feed(ev.Attested(command.ticket, found.ruling, found.visibility, found.refusal, found.independent))
        else:
            self._start(self._attest_anew(command, principal))

    def record_execution(self, command: ev.RecordExecution) -> None:
        """What runs next is charged for, then written down."""
        charges = costs(command.ruling)
        if charges:
            self._start(self._charge(command, charges))
        else:
            self._write_execution(command)

    def _asker(self) -> Principal | None:
        """Who asks; the session ends where that is nobody any more."""
        principal = self.who()
        if principal is None:
            self._feed(ev.Shutdown(GONE))
        else:
            self.principal = self._records.principal = principal
        return principal

    async def _judge_anew(self, command: ev.Judge, principal: Principal, *, refresh: bool) -> None:
        found = await self._services.judge.judge(command.statement, principal, refresh=refresh)
        self._feed(ev.Judged(command.ticket, found.rulings, found.visibility, found.refusal))

    async def _attest_anew(self, command: ev.Attest, principal: Principal) -> None:
        found = await self._services.prover.prove(command, principal)
        self._feed(ev.Attested(command.ticket, found.ruling, found.visibility, found.refusal, found.independent))

    async def _charge(self, command: ev.RecordExecution, charges: Sequence[Charge]) -> None:
        refusal = await self._services.budgets.charge(self.user, charges)
        if refusal is not None:
            self._feed(ev.Recorded(command.ticket, refusal))
        else:
            self._write_execution(command)

    def _write_execution(self, command: ev.RecordExecution) -> None:
        try:
            batch, durable = self._records.execution(command)
        except AuditFailed as error:
            self._feed(ev.Recorded(command.ticket, refused(error)))
            return
        self._services.journal.stage(batch, partial(self._recorded, command.ticket), durable=durable)

    def _recorded(self, ticket: int, refusal: Refusal | None) -> None:
        self._feed(ev.Recorded(ticket, refusal))


def _unheard(_event: ev.Event) -> None:
    """Nobody waits for it."""


def _undone(work: Coroutine[Any, Any, None]) -> Task[None]:
    work.close()
    raise InternalError("a question of a session that is over")
