"""A decided statement is run: described, its plan bound, released, recorded, executed.

**Verdict before Execute** (DESIGN 3c): Parse, Bind and Describe have been answered and the plan is
bound before Execute is sent. Sending it early and masking later is unsound even for reads: a
refused one has already run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copy import CopyStream, OpenCopy
from pgmaskproxy.mask.lifting import ClearRows, lifted
from pgmaskproxy.mask.plan import SEALED, CopyPlan, MaskPlan, bind_copy, bind_plan
from pgmaskproxy.model import CopyShape, Effect, Mask, Outcome, Refusal, Ruling, Unmask, Visibility
from pgmaskproxy.session.answers import not_confirmed
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.early import Allowed, may_go_early
from pgmaskproxy.session.events import RecordOutcome
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.grant import Grant
from pgmaskproxy.session.holding import Holding
from pgmaskproxy.session.inputs import CopiedIn, literal_refusal
from pgmaskproxy.session.link import Link
from pgmaskproxy.session.naming import Naming
from pgmaskproxy.session.pipeline import CLOSE, DESCRIBE, EXECUTE, PARSE, SKIPPED, Exchange
from pgmaskproxy.session.statements import Prepared
from pgmaskproxy.session.trees import Trees, latest
from pgmaskproxy.wire.backend import Field
from pgmaskproxy.wire.copy import CopyData, CopyDone, CopyFail
from pgmaskproxy.wire.frontend import Close, Describe, Execute, Flush, Parse, Sync, Terminate

REDEFINING = frozenset({Effect.DDL, Effect.PRIVILEGE, Effect.ROUTINE, Effect.UNKNOWN})
"""After one of these the catalog has to be read again."""

CHANGED = Refusal(
    "42501",
    "permission denied by policy",
    detail="A table's definition changed, and the statement needs approval now.",
    hint="Run the statement again to ask for it.",
)


ANALYSED_ANEW = Refusal(
    "0A000",
    "a definition changed while this statement was bound",
    hint="Bind the statement again and execute that.",
)


DESCRIBE_UNNAMED: Final = Describe(b"P", b"").encode()
EXECUTE_UNNAMED: Final = Execute(b"", 0).encode()


@final
class Decided:
    """A statement and the ruling that counts of it: its tree's, where there is one."""

    def __init__(self, prepared: Prepared, ruling: Ruling, formats: tuple[int, ...] = ()) -> None:
        self.prepared = prepared
        self.ruling = ruling
        self.key = (prepared.ruling.sql, prepared.types, formats)
        """What it is found by when it is sent again."""
        self.again = True
        """It may go early when it is sent again, with whatever parameters."""


@final
class Verdict:
    """How an execution's rows are shown."""

    def __init__(
        self, plan: MaskPlan, copy_plan: CopyPlan | None, shown: tuple[Mask | None, ...], conflicts: int
    ) -> None:
        self.clear: ClearRows | None = None
        """The first rows, where a person agreed to see more of them than `plan` shows; then `shown` is of these."""
        self.plan = plan
        self.copy_plan = copy_plan
        self.shown = shown
        self.conflicts = conflicts


@final
class Execution:
    """What the simple and the extended protocol share on the way from a ruling to an Execute."""

    def __init__(self, link: Link, asking: Asking, holding: Holding, naming: Naming) -> None:
        self._link = link
        self._asking = asking
        self._holding = holding
        self._naming = naming
        self._attesting = naming.attesting

    def run(
        self,
        portal: bytes,
        max_rows: int,
        decided: Decided,
        description: Exchange,
        grant: Grant | None,
    ) -> Flow[Exchange | None]:
        """From a settled description to an Execute that was sent; None when it was refused in its place."""
        if description.failed:
            return None
        prepared, ruling = decided.prepared, decided.ruling
        verdict = literal_refusal(ruling, self._link.keys) or (yield from self._verdict(prepared, ruling, description))
        if verdict is None:
            return None
        if grant is not None and ruling.decision.unmask is not None and isinstance(verdict, Verdict):
            verdict = self._unmasked(verdict, ruling.decision.unmask, description.fields)
        serial = grant.serial if grant is not None else self._link.serial()
        if isinstance(verdict, Refusal):
            self.refuse(verdict, ruling, ruling.sql, offset=ruling.offset, serial=serial)
            return None
        refusal = yield from self._leave(ruling, serial, verdict, description.fields, grant)
        if refusal is not None:
            self.refuse(refusal, ruling, ruling.sql, offset=ruling.offset, serial=serial)
            return None
        if grant is None and decided.again and prepared.independent and may_go_early(ruling):
            self._remember(decided, description, verdict)
        return self._execute(portal, max_rows, decided, serial, verdict)

    def run_early(self, portal: bytes, max_rows: int, decided: Decided, allowed: Allowed) -> Flow[Exchange | None]:
        """The same for what this session was allowed before, without waiting for what the server says on the way."""
        serial, ruling = self._link.serial(), decided.ruling
        verdict = Verdict(allowed.plan, None, allowed.shown, 0)
        refusal = yield from self._leave(ruling, serial, verdict, allowed.fields, None)
        if refusal is not None:
            self.refuse(refusal, ruling, ruling.sql, offset=ruling.offset, serial=serial)
            return None
        return self._execute(portal, max_rows, decided, serial, verdict)

    def _remember(self, decided: Decided, description: Exchange, verdict: Verdict) -> None:
        trees = latest(decided.prepared.sources)
        if isinstance(trees, Trees) and trees.own is not None and not trees.nested and not verdict.conflicts:
            allowed = Allowed(decided.ruling, trees.own, description.fields, verdict.plan, verdict.shown)
            self._link.early.keep(decided.key, allowed)
            self._link.early.meet(decided.prepared.ruling)

    @staticmethod
    def takes_data(ruling: Ruling) -> bool:
        """Whether it is COPY FROM STDIN, or a text that nobody could read and that passes all the same: it may be."""
        copy = ruling.analysis.copy
        unread = ruling.decision.transparent and Effect.UNKNOWN in ruling.analysis.effects
        return unread or (copy is not None and not copy.to_stdout)

    def describe(self, portal: bytes, ruling: Ruling, *, forward: bool = False) -> Exchange:
        """Ask for the portal's own RowDescription: the statement's names may have moved since Parse (THREATS M02)."""
        exchange = Exchange(DESCRIBE, forward=forward)
        exchange.scrub, exchange.offset = ruling.decision.scrub, ruling.offset
        return self._link.send(Describe(b"P", portal).encode() if portal else DESCRIBE_UNNAMED, exchange)

    def refuse(
        self, refusal: Refusal, ruling: Ruling | None, sql: str, *, offset: int = 0, serial: int | None = None
    ) -> None:
        """Write the refusal down, under the number the statement already has if any, and make the server fail there."""
        self._asking.record_refusal(serial or self._link.serial(), refusal, ruling, sql)
        self._link.substitute(refusal).offset = offset

    def refuse_unproven(self, refusal: Refusal, ruling: Ruling, parse: Parse, *, offset: int = 0) -> Flow[None]:
        """Refuse, but let the server speak first: if the statement is wrong, its error is the better answer.

        Parse runs nothing, and what it says quotes nothing but the statement's own text.
        """
        link = self._link
        name = link.reserved + b"_unproven"
        exchange, closed = Exchange(PARSE, forward=False), Exchange(CLOSE, forward=False)
        exchange.offset = offset
        link.send(Parse(name, parse.query, parse.parameter_types).encode(), exchange)
        link.send(Close(b"S", name).encode(), closed)
        link.flush()
        yield Wait(exchange=closed)
        if exchange.failed:
            self._asking.record_refusal(link.serial(), refusal, ruling, ruling.sql)
        else:
            self.refuse(refusal, ruling, ruling.sql, offset=offset)

    def copy_in(self, exchange: Exchange) -> Flow[None]:
        """Relay the client's COPY data until it ends. Nothing is sent behind COPY FROM STDIN before that.

        Flush and Sync are ignored meanwhile, as the server does (manual, "COPY Operations").
        """
        link, ruling = self._link, exchange.ruling
        copied = CopiedIn(ruling, link.keys, self._visibility().types) if ruling is not None else None
        link.flush()
        yield Wait(exchange=exchange)
        while True:
            message = yield Wait(message=True, unless=exchange)
            if message is None:
                return  # the server gave up half-way; what the client still sends of it is dropped
            if isinstance(message, Terminate):
                message = CopyFail(b"the client left")
            piece = message if isinstance(message, CopyData | CopyDone) else None
            refusal = copied.passed(piece) if copied is not None and piece is not None else None
            if refusal is not None:
                # The server forgets the rows that it has, and its error is replaced by this one.
                self._asking.record_refusal(exchange.serial, refusal, ruling, ruling.sql if ruling is not None else "")
                exchange.refusal = refusal
                message = CopyFail(b"refused by pgmaskproxy")
            if isinstance(message, CopyData | CopyDone | CopyFail):
                link.to_server(message.encode())
            elif not isinstance(message, Flush | Sync):
                raise PeerError("an unexpected message during COPY from stdin")
            if isinstance(message, CopyDone | CopyFail):
                link.flush()
                return

    def _verdict(self, prepared: Prepared, ruling: Ruling, description: Exchange) -> Flow[Verdict | Refusal | None]:
        """Bind the plan: the text and the server's own column references must both clear a column."""
        visibility = self._visibility()
        copy = ruling.analysis.copy
        if copy is not None and (ruling.decision.transparent or not copy.to_stdout):
            return Verdict(SEALED, None, (), 0)
        if copy is not None:
            return (yield from self._copy_verdict(ruling, copy, visibility))
        if not description.returns_rows:
            return Verdict(SEALED, None, (), 0)
        fields = description.fields
        link = self._link
        bound = link.shapes.plan(fields, self._masks(ruling), visibility, link.keys, link.customs, bind_plan)
        if bound.unknown and ruling.decision.unmask is not None:
            return not_confirmed(ruling.decision.unmask)
        if bound.unknown:
            # The server names a relation that the catalog does not have: read the catalog again, once.
            again = yield from self._judged_anew(prepared, ruling)
            if isinstance(again, Refusal):
                return again
            decision = again.decision
            if decision.outcome is Outcome.DENY and decision.refusal is not None:
                return decision.refusal
            if decision.outcome is Outcome.HOLD and ruling.decision.outcome is Outcome.ALLOW:
                return CHANGED
            # What a name stands for was read under the old catalog: there the server's word alone counts.
            masks = None if self._naming.goes_by_name(ruling) else self._masks(again)
            bound = bind_plan(fields, masks, self._visibility(), self._link.keys, self._link.customs)
        return Verdict(bound.plan, None, bound.shown, bound.conflicts)

    def _unmasked(self, verdict: Verdict, unmask: Unmask, fields: tuple[Field, ...]) -> Verdict | Refusal:
        """The verdict without the masks that a person agreed to take off, if all witnesses agree what they are of."""
        if self._link.redefined or verdict.conflicts or verdict.copy_plan is not None:
            return not_confirmed(unmask)
        found = lifted(verdict.plan, verdict.shown, unmask, fields)
        if found is None:
            return not_confirmed(unmask)
        unmasked = Verdict(verdict.plan, None, found[1], 0)
        unmasked.clear = found[0]
        return unmasked

    def _judged_anew(self, prepared: Prepared, ruling: Ruling) -> Flow[Ruling | Refusal]:
        """The same statement under a catalog that was read again."""
        again = yield from self._asking.judge_one(ruling.sql, refresh=True, path=ruling.search_path)
        if isinstance(again, Refusal) or self._naming.goes_by_name(ruling):
            return again
        prepared.ruling, prepared.attested = replace(again, offset=ruling.offset), None
        return (yield from self._attesting.decided(prepared))

    def _masks(self, ruling: Ruling) -> tuple[Mask | None, ...] | None:
        """What the text says of the outputs. It was read with a catalog that cannot see what this transaction
        itself has redefined: until that is committed the server's word alone counts, and an expression is NULL. Its
        tree names what it means by OID, and what the catalog does not have is refused."""
        return None if self._link.redefined and not ruling.attested else ruling.decision.masks

    def _copy_verdict(self, ruling: Ruling, copy: CopyShape, visibility: Visibility) -> Flow[Verdict | None]:
        """COPY has no description of its own: ask for that of a SELECT with the same outputs, in the same transaction.

        The locks that Parse takes keep DDL away until the COPY itself runs.
        """
        link = self._link
        name = link.reserved + b"_copy"
        parse, described = Exchange(PARSE, forward=False), Exchange(DESCRIBE, forward=False)
        parse.scrub = described.scrub = ruling.decision.scrub
        link.send(Parse(name, copy.probe.encode(), ()).encode(), parse)
        link.send(Describe(b"S", name).encode(), described)
        link.send(Close(b"S", name).encode(), Exchange(CLOSE, forward=False))
        link.flush()
        yield Wait(exchange=described)
        if described.failed:
            return None
        keys, customs = self._link.keys, self._link.customs
        plan = bind_copy(described.fields, self._masks(ruling), visibility, copy.layout, keyring=keys, customs=customs)
        return Verdict(SEALED, plan, plan.shown, plan.conflicts)

    def _leave(
        self, ruling: Ruling, serial: int, verdict: Verdict, fields: tuple[Field, ...], grant: Grant | None
    ) -> Flow[Refusal | None]:
        """Claim the grant, if one was needed, and write down what is about to happen, unless it was cancelled."""
        if ruling.decision.outcome is not Outcome.ALLOW and grant is None:
            return Refusal("42501", "permission denied by policy", detail="This statement needs approval.")
        if grant is not None:
            refusal = yield from self._holding.release(grant, ruling, fields, verdict.shown)
            if refusal is not None:
                return refusal
        request = grant.request if grant is not None else ""
        refusal = yield from self._asking.record_execution(serial, ruling, verdict.shown, verdict.conflicts, request)
        return refusal if refusal is not None else (yield from self._asking.cancelled())

    def _execute(
        self, portal: bytes, max_rows: int, decided: Decided, serial: int, verdict: Verdict
    ) -> Exchange | None:
        """Send Execute; its rows come back through this verdict's plan and no other."""
        link, prepared, ruling = self._link, decided.prepared, decided.ruling
        exchange = Exchange(EXECUTE, forward=True)
        exchange.plan, exchange.clear = verdict.plan, verdict.clear
        if verdict.copy_plan is not None:
            exchange.copy = CopyStream(verdict.copy_plan)
        elif ruling.decision.transparent:
            exchange.copy = OpenCopy()  # whatever the text is to us, the server may answer with it
        exchange.scrub, exchange.offset = ruling.decision.scrub, ruling.offset
        exchange.serial, exchange.ruling = serial, ruling
        exchange.expected = self._naming.expected(prepared)
        exchange.undo = self._naming.apply(ruling, prepared, exchange)
        if verdict.clear is not None:
            # Once: what runs behind it is masked, unless this fails.
            link.wish.spend()
            exchange.undo = link.wish.take_back
        link.send(Execute(portal, max_rows).encode() if portal or max_rows else EXECUTE_UNNAMED, exchange)
        if exchange.failed:
            # Something before it failed meanwhile: it was not sent.
            link.commands.append(RecordOutcome(serial, ruling, SKIPPED, "", 0, 0, 0))
            return None
        link.executed = True
        self._asking.note_settings(ruling)
        if ruling.analysis.effects & REDEFINING:
            link.redefined = True
            link.definitions_changed()
        return exchange

    def _visibility(self) -> Visibility:
        visibility = self._link.visibility
        assert visibility is not None, "a ruling came without a visibility"
        return visibility
