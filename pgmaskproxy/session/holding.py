"""A statement that waits for a person: held with the upstream idle, never with a lock (DESIGN decision 6)."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.lifting import is_confirmed
from pgmaskproxy.model import Mask, Refusal, Ruling
from pgmaskproxy.session.answers import held_notice, not_confirmed
from pgmaskproxy.session.asking import CANCELLED, Asking
from pgmaskproxy.session.decoding import decode_parameters
from pgmaskproxy.session.events import (
    CancelRequested,
    Hold,
    HoldEnded,
    HoldOpened,
    HoldTick,
    Release,
    Released,
    WithdrawHold,
)
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.grant import Grant
from pgmaskproxy.session.link import IDLE, Link
from pgmaskproxy.session.pipeline import CLOSE, DESCRIBE, PARSE, Exchange
from pgmaskproxy.session.scrub import passes
from pgmaskproxy.session.statements import Portal, Prepared
from pgmaskproxy.wire.backend import Field
from pgmaskproxy.wire.frontend import Bind, Close, Describe, Parse

MAX_PARAMETERS: Final = 256 * 1024
"""Bytes of a held statement's parameters: people are shown them, they are kept, and signed."""
TOO_LONG: Final = Refusal(
    "54000",
    "the parameters of a statement that waits for approval are too long",
    detail=f"They may have {MAX_PARAMETERS} bytes together.",
    hint="Split the statement into several.",
)


@final
class Holding:
    """Asks people, and claims what they granted."""

    def __init__(self, link: Link, asking: Asking) -> None:
        self._link = link
        self._asking = asking
        self.request = ""
        """The request that is open now, if any: what a hang-up withdraws."""
        self.ticket = 0
        self._granted: list[str] = []
        """Approved, and not claimed yet: the flow that will claim them is running."""
        self._kept: list[Portal] = []
        """Bound after a yes, and not executed yet."""

    def hold(
        self,
        ruling: Ruling,
        serial: int,
        *,
        prepared: Prepared | None,
        bind: Bind | None,
        attest: bool = True,
    ) -> Flow[Grant | Refusal | None]:
        """Attest alone, let the upstream go idle, ask, wait.

        `prepared` is the client's prepared statement, None for a simple Query. None is returned when the
        server itself refused the statement: the client has its error already.
        """
        link = self._link
        if bind is not None and sum(len(value) for value in bind.parameters if value is not None) > MAX_PARAMETERS:
            return TOO_LONG
        yield from link.drain()
        if link.pipeline.discarding:
            return None
        described = Exchange(DESCRIBE, forward=False)
        if attest:
            described = yield from self._describe(ruling, prepared)
            if described.failed:
                return None
        unmask = ruling.decision.unmask
        if unmask is not None and (link.redefined or not is_confirmed(unmask, described.fields)):
            return not_confirmed(unmask)
        if link.unsynced and not link.executed:
            # Nothing is lost by ending an implicit transaction that ran nothing, and an explicit block
            # stays open over a Sync. One that has run something would be committed by it.
            synced = link.sync(forward=False)
            yield Wait(exchange=synced)
        cancelled = yield from self._asking.cancelled()
        if cancelled is not None:
            return cancelled
        in_block = link.executed or link.status != IDLE
        parameters = decode_parameters(bind, described.parameter_types)
        statement = self._asking.bound_to(ruling)
        ticket = link.ticket()
        self.ticket, self.request = ticket, ""
        names = tuple(field.name.decode(errors="replace") for field in described.fields)
        link.commands.append(Hold(ticket, serial, ruling, statement, parameters, names, in_block, link.reason))
        refusal = yield from self._wait(ticket, ruling)
        request, self.request, self.ticket = self.request, "", 0
        if refusal is not None:
            return refusal
        if request:
            self._granted.append(request)
        fields = described.fields if attest else None
        version = ruling.decision.policy_version
        return Grant(request, serial, statement, parameters, fields, version, ruling.attested, unmask)

    def release(
        self, grant: Grant, ruling: Ruling, fields: tuple[Field, ...], shown: tuple[Mask | None, ...]
    ) -> Flow[Refusal | None]:
        """Claim the one execution granted: same statement, same shape, same policy, or not at all."""
        moved = self.moved(grant, ruling)
        if moved is not None or not (grant.fields is None or same_shape(fields, grant.fields)):
            return moved or _not_approved(grant)
        ticket = self._link.ticket()
        if grant.request in self._granted:
            self._granted.remove(grant.request)
        self._link.commands.append(
            Release(ticket, grant.serial, grant.request, ruling, grant.statement, grant.parameters, shown)
        )
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, Released)
        return answer.refusal

    def moved(self, grant: Grant, ruling: Ruling) -> Refusal | None:
        """Whether this is another statement, or under another policy, than was approved."""
        same = ruling.decision.policy_version == grant.policy_version and ruling.decision.unmask == grant.unmask
        same = same and (not grant.attested or ruling.attested == grant.attested)
        return None if same and self._asking.bound_to(ruling) == grant.statement else _not_approved(grant)

    def put_by(self, grant: Grant, portal: Portal) -> None:
        """It is kept with the portal, for the Execute that is still to come."""
        portal.grant = grant
        if grant.request in self._granted:
            self._granted.remove(grant.request)
            self._kept.append(portal)

    def take_up(self, portal: Portal) -> Grant | None:
        """The Execute has come: what it does not claim, it lets go."""
        grant, portal.grant = portal.grant, None
        if portal in self._kept:
            self._kept.remove(portal)
            if grant is not None:
                self._granted.append(grant.request)
        return grant

    def let_go(self) -> None:
        """Nothing can claim any more what was granted (something before it failed, or the client left): withdraw it."""
        for request in self._granted:
            self._link.commands.append(WithdrawHold(0, request, cancelled=False))
        self._granted.clear()

    def let_go_of_lost(self) -> None:
        """The same for portals that are gone: closed, bound anew, or ended with their transaction."""
        for portal in [p for p in self._kept if self._link.names.portals.get(p.name) is not p]:
            self.take_up(portal)
            self.let_go()

    def let_go_of_all(self) -> None:
        """The session ends."""
        for portal in list(self._kept):
            self.take_up(portal)
        self.let_go()

    def _describe(self, ruling: Ruling, prepared: Prepared | None) -> Flow[Exchange]:
        """The statement's own shape and parameter types, from the server, without binding or running it."""
        link = self._link
        exchange = Exchange(DESCRIBE, forward=False)
        exchange.scrub = ruling.decision.scrub
        if prepared is not None:
            prepared.analysed_by(exchange)
            link.send(Describe(b"S", prepared.name).encode(), exchange)
        else:
            reserved = link.reserved + b"_held"
            parse = Exchange(PARSE, forward=False)
            parse.scrub, parse.offset = ruling.decision.scrub, ruling.offset
            link.send(Parse(reserved, ruling.sql.encode(), ()).encode(), parse)
            link.send(Describe(b"S", reserved).encode(), exchange)
            link.send(Close(b"S", reserved).encode(), Exchange(CLOSE, forward=False))
        link.flush()
        yield Wait(exchange=exchange)
        return exchange

    def _wait(self, ticket: int, ruling: Ruling) -> Flow[Refusal | None]:
        link = self._link
        link_text = ""
        while True:
            answer = yield Wait(ticket=ticket, held=True)
            if isinstance(answer, HoldOpened):
                self.request, link_text = answer.request, answer.link
                link.to_client(held_notice(ruling, answer.request, 0, link_text))
            elif isinstance(answer, HoldTick):
                if passes({}, link.min_messages):
                    link.to_client(held_notice(ruling, self.request, answer.elapsed, link_text))
            elif isinstance(answer, CancelRequested):
                link.commands.append(WithdrawHold(ticket, self.request, cancelled=True))
                return Refusal("57014", CANCELLED, detail=f"Request {self.request} was withdrawn.")
            else:
                assert isinstance(answer, HoldEnded)
                return answer.refusal


def _not_approved(grant: Grant) -> Refusal:
    return Refusal(
        "42501",
        "what was approved is not what would run",
        detail=f"Request {grant.request}: policy, a definition or the search_path changed since it was asked.",
        hint="Run the statement again to ask for approval of what it means now.",
        facts=(("why", "not_as_approved"), ("request", grant.request)),
    )


def same_shape(now: tuple[Field, ...], then: tuple[Field, ...]) -> bool:
    """Equal but for the format, which a statement's own description does not know yet."""
    return len(now) == len(then) and all(
        a.name == b.name
        and a.table_oid == b.table_oid
        and a.column_number == b.column_number
        and a.type_oid == b.type_oid
        and a.type_modifier == b.type_modifier
        for a, b in zip(now, then, strict=True)
    )
