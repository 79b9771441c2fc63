"""A held statement and the broker: the request is opened, time is told, the verdict is brought back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, final

from pgmaskproxy.approval.reason import REASON, bounded, reason_of
from pgmaskproxy.approval.refusals import NoSuchRequest, NotPending
from pgmaskproxy.approval.request import (
    ApprovalRequest,
    State,
    digest_of,
    new_request,
    unmasked_columns,
    unmasked_rows,
)
from pgmaskproxy.errors import AuditFailed, Unavailable
from pgmaskproxy.model import ApprovalTerms, ColumnRef, Columns, Mask, Principal, Refusal
from pgmaskproxy.proxy.budgets import costs
from pgmaskproxy.proxy.facts import facts_of
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.session.events import Hold, HoldEnded, HoldOpened, HoldTick, Release, WithdrawHold

RETRY_SECONDS: Final = 1.0
WITHDRAWN: Final = Refusal("57014", "the statement was withdrawn before anybody was asked")
"""Nobody hears it, since its session has moved on: but it is not an approval."""

Feed = Callable[[HoldOpened | HoldTick | HoldEnded], None]


@final
class Holds:
    """One session's side of the broker. At most one request is open at a time."""

    def __init__(self, services: Services, records: Records, feed: Feed) -> None:
        self._services = services
        self._records = records
        self._feed = feed
        self._salts: dict[str, str] = {}
        self._withdrawn: dict[int, State] = {}

    def part(self) -> None:
        """It is over: nobody waits any more."""
        self._feed = _unheard

    async def hold(self, command: Hold, principal: Principal) -> None:
        """Open a request, tell the session, and tell it again until a person, or time, has decided."""
        ticket = command.ticket
        command = replace(command, reason=reason_of(command.ruling.sql) or bounded(command.reason))
        if any(term.reason_required for term in command.ruling.decision.terms) and not command.reason:
            return self._feed(HoldEnded(ticket, _reason_missing(command.ruling.decision.terms)))
        charges = costs(command.ruling)
        over = await self._services.budgets.exhausted(principal.name, charges) if charges else None
        if over is not None:
            return self._feed(HoldEnded(ticket, over))
        limit = self._services.config.limits.held_requests
        held = self._services.held
        if not await held.take(principal.name, limit):
            return self._feed(HoldEnded(ticket, _too_many(limit)))
        try:
            request = await self._request(command, principal)
            refusal = await self._records.write_durably(self._records.decided(command.serial, command.ruling))
            if ticket in self._withdrawn:
                refusal = WITHDRAWN
            elif refusal is None:
                refusal = await self._open_and_wait(ticket, request)
        except (AuditFailed, Unavailable) as error:
            refusal = Refusal(error.sqlstate, "the statement needs approval, and asking for it failed: nothing ran")
        finally:
            held.give_back(principal.name)
            self._withdrawn.pop(ticket, None)
        self._feed(HoldEnded(ticket, refusal))
        return None

    def withdraw(self, command: WithdrawHold) -> Coroutine[Any, Any, None]:
        """The client cancelled, or is gone. That is noted at once: the request may be about to be opened."""
        state = State.CANCELLED if command.cancelled else State.WITHDRAWN
        self._withdrawn[command.ticket] = state
        return self._withdraw(command.request, state)

    async def release(self, command: Release) -> Refusal | None:
        """Claim the one execution: bound to what would run now, not to what is remembered of it."""
        request = command.request
        digest = digest_of(
            sql=command.statement.sql,
            parameters=command.parameters,
            principal=self._records.principal.name if self._records.principal is not None else "",
            role=command.statement.role,
            database=command.statement.database,
            search_path=command.ruling.search_path,
            policy_version=command.ruling.decision.policy_version,
            salt=self._salts.pop(request, ""),
            unmask=unmasked_columns(command.ruling.decision),
            unmask_rows=unmasked_rows(command.ruling.decision),
        )
        try:
            released = await self._services.broker.release(request, digest)
        except (AuditFailed, Unavailable) as error:
            return Refusal(error.sqlstate, "the approval could not be recorded: nothing ran")
        if released:
            return None
        return Refusal(
            "42501",
            "the approval does not cover this execution",
            detail=f"Request {request}.",
            hint="Run the statement again to ask again.",
            facts=(("why", "not_as_approved"), ("request", request)),
        )

    async def _open_and_wait(self, ticket: int, request: ApprovalRequest) -> Refusal | None:
        services = self._services
        await services.broker.open(request)
        services.metrics.approvals_pending.inc()
        try:
            if ticket in self._withdrawn:
                await self._withdraw(request.id, self._withdrawn[ticket])
            else:
                self._feed(HoldOpened(ticket, request.id, services.link(request.id)))
            decided = await self._wait(ticket, request)
        finally:
            services.metrics.approvals_pending.dec()
        services.metrics.approval_wait.labels(decided.state.value).observe(services.clock() - request.created)
        return _refusal(decided)

    async def _wait(self, ticket: int, request: ApprovalRequest) -> ApprovalRequest:
        heartbeat = self._services.config.hold.heartbeat
        waiting = asyncio.ensure_future(self._services.broker.wait(request.id))
        ticks = 0
        try:
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=heartbeat)
                if done:
                    return waiting.result()
                ticks += 1
                self._feed(HoldTick(ticket, int(ticks * heartbeat)))
        finally:
            waiting.cancel()

    async def _withdraw(self, request: str, state: State) -> None:
        if not request:
            return  # it was not open yet; `_open_and_wait` sees that it is not wanted any more
        while True:
            try:
                with suppress(NoSuchRequest, NotPending):  # it may have ended by itself meanwhile
                    await self._services.broker.withdraw(request, state)
            except (AuditFailed, Unavailable):
                # Until this can be recorded people are still asked, for what no vote can release any more.
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _request(self, command: Hold, principal: Principal) -> ApprovalRequest:
        services = self._services
        facts = await facts_of(services.judge, command, self._records.application)
        request_id = services.ids.new("apr")
        salt = self._salts[request_id] = services.randbytes(16).hex()
        return new_request(
            request_id=request_id,
            session=self._records.session,
            statement=self._records.statement_id(command.serial),
            principal=principal,
            ruling=replace(command.ruling, sql=command.statement.sql),
            database=command.statement.database,
            role=command.statement.role,
            parameters=command.parameters,
            shown=_shown(command, principal.name),
            reason=command.reason,
            created=services.clock(),
            in_transaction=command.in_transaction,
            salt=salt,
            facts=facts,
        )


def _unheard(_event: HoldOpened | HoldTick | HoldEnded) -> None:
    """Nobody waits for it."""


def _shown(command: Hold, principal: str) -> tuple[str, ...]:
    ruling = command.ruling
    masks, outputs = ruling.decision.masks, ruling.analysis.outputs or ()
    unmask = ruling.decision.unmask
    clear = {each.ordinal: each.column for each in unmask.outputs} if unmask is not None else {}
    words = []
    for number, name in enumerate(command.columns):
        if masks is None or number >= len(masks):
            words.append(f"{name}: as the server describes it")
            continue
        mask: Mask | None = masks[number]
        if unmask is not None and number in clear:
            otherwise = mask.kind if mask is not None else "null"
            words.append(f"{name}: {clear[number]} AS IT IS in {unmask.rows} rows at most, {otherwise} behind them")
            continue
        if mask is not None and mask.fields:
            fields = ", ".join(f"field {place} {each.kind} ({each.label})" for place, each in mask.fields)
            words.append(f"{name}: a row, {fields}, the others clear")
            continue
        if mask is not None:
            words.append(f"{name}: {mask.kind} ({mask.label or 'unproven'})")
            continue
        origin = outputs[number] if number < len(outputs) else None
        columns = origin.columns if isinstance(origin, Columns) else frozenset()
        words.append(f"{name}: clear{_cleared(principal, sorted(columns & set(ruling.decision.cleared)))}")
    return tuple(words)


def _cleared(principal: str, columns: list[ColumnRef]) -> str:
    return f" ({principal} is cleared for {', '.join(map(str, columns))})" if columns else ""


def _refusal(request: ApprovalRequest) -> Refusal | None:
    if request.state is State.APPROVED:
        return None
    if request.state is State.REJECTED:
        said = next((vote.reason for vote in reversed(request.votes) if not vote.approve), "")
        return Refusal(
            "42501",
            "the statement was rejected",
            detail=f'Request {request.id}: "{said}"',
            hint="Do not repeat it as it is; change what the reason objects to.",
            facts=(("why", "rejected"), ("request", request.id), ("state", "rejected"), ("reason", said)),
        )
    seconds = int(request.deadline - request.created)
    return Refusal(
        "57014",
        "the statement was held for approval and nobody decided in time",
        detail=f"Request {request.id} {request.state.value} after {seconds} s.",
        hint="Run the statement again to ask again.",
        facts=(
            ("why", request.state.value),
            ("request", request.id),
            ("state", request.state.value),
            ("waited", seconds),
        ),
    )


def _reason_missing(terms: Sequence[ApprovalTerms]) -> Refusal:
    rule = next(term.rule for term in terms if term.reason_required)
    return Refusal(
        "42501",
        "this statement needs approval, and a reason to ask for it",
        detail=f'Rule "{rule.id}" wants to know why, and nothing was said. Nobody was asked.',
        hint="Run it again after SET pgmaskproxy.reason = 'why', or begin it with /* reason: why */.",
        rule=rule,
        facts=(("why", "reason_required"), ("rule", rule.id), ("setting", REASON)),
    )


def _too_many(limit: int) -> Refusal:
    return Refusal(
        "53400",
        "too many statements of yours are held for approval",
        detail=f"At most {limit} may be open at once.",
        hint="Wait for a decision, or cancel one.",
        facts=(("why", "too_many_held"), ("limit", limit)),
    )
