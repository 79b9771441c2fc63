"""A repeated batch that was sent whole, and its answer where that is the expected one to the byte (DESIGN 3c).

Bind, Describe, Execute and Sync of a read that this session was allowed before are owed as one. Its answer must begin
with the very bytes that it began with before, and be here in full: then only its rows are new. Whatever else comes, the
batch is owed as its four frames again, and `results` reads what the server says, message by message.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.kernel import relay
from pgmaskproxy.session.early import Allowed
from pgmaskproxy.session.events import RecordOutcome
from pgmaskproxy.session.link import IDLE, Link
from pgmaskproxy.session.naming import Naming
from pgmaskproxy.session.pipeline import BIND, DESCRIBE, EXECUTE, SYNC, Exchange
from pgmaskproxy.session.statements import Portal, Prepared
from pgmaskproxy.wire.backend import BindComplete, CommandComplete, ReadyForQuery, decode
from pgmaskproxy.wire.framing import HEADER_SIZE, Frame, FrameBuffer
from pgmaskproxy.wire.frontend import Bind

BIND_COMPLETE: Final = BindComplete().encode()
READY: Final = ReadyForQuery(IDLE).encode()
COMMAND_COMPLETE: Final = ord("C")


@final
class Repeated:
    """What the server owes for one such batch. It is alone in the pipeline."""

    def __init__(  # noqa: PLR0917 - what was sent, and what it rests on
        self, link: Link, naming: Naming, prepared: Prepared, bind: Bind, allowed: Allowed, serial: int
    ) -> None:
        self._link = link
        self._naming = naming
        self._prepared = prepared
        self._bind = bind
        self.allowed = allowed
        self.serial = serial
        self.described = True
        """The client asked for the description, too: else it is ours."""
        self.generation = 0
        """How many Syncs were sent before its own."""

    def spread(self) -> list[Exchange]:
        """Its four frames, each owed by itself: as they would be had they been sent one by one."""
        link, prepared, ruling = self._link, self._prepared, self.allowed.ruling
        bound = Exchange(BIND, forward=True)
        bound.scrub, bound.promise = ruling.decision.scrub, self.allowed.at_bind()
        prepared.analysed_by(bound)
        portal = Portal(b"", prepared, self._bind, self.generation, holdable=False)
        portal.allowed, portal.started = self.allowed, True
        bound.undo = link.names.bind(portal)
        described = Exchange(DESCRIBE, forward=self.described)
        described.scrub, described.offset = ruling.decision.scrub, ruling.offset
        described.promise = self.allowed.at_describe()
        portal.description = described
        executed = Exchange(EXECUTE, forward=True)
        executed.plan = self.allowed.plan
        executed.scrub, executed.offset = ruling.decision.scrub, ruling.offset
        executed.serial, executed.ruling = self.serial, ruling
        executed.expected = self._naming.expected(portal.prepared)
        synced = Exchange(SYNC, forward=True)
        synced.generation = self.generation
        return [bound, described, executed, synced]

    def answered(self, buffer: FrameBuffer) -> Answered | None:
        """The answer, consumed, if it is all in `buffer` with nothing behind it, as expected, and the server is idle.

        PeerError for a row that is malformed; SealedError never: what is allowed has a plan.
        """
        data, start = buffer.view()
        size, opening = len(data), self.allowed.opening
        if buffer.pending != size - start or size - start > self._link.limits.row_bytes:
            return None
        if not data.startswith(opening, start):
            return None
        relayed = relay(data, start + len(opening), self.allowed.plan)
        end, ready = relayed.end, size - len(READY)
        if end + HEADER_SIZE > ready or data[end] != COMMAND_COMPLETE or data[ready:] != READY:
            return None
        if int.from_bytes(data[end + 1 : end + HEADER_SIZE], "big") + 1 != ready - end:
            return None
        complete = decode(Frame(COMMAND_COMPLETE, data[end + HEADER_SIZE : ready]))
        if not isinstance(complete, CommandComplete):
            return None
        buffer.consume_to(size)
        outcome = RecordOutcome(
            self.serial,
            self.allowed.ruling,
            complete.tag.decode(errors="replace"),
            "",
            relayed.rows,
            relayed.cells,
            len(relayed.out),
        )
        return Answered(opening if self.described else BIND_COMPLETE, relayed.out, outcome, data[end:])


@final
class Answered:
    """What the client is told, and what is recorded of it."""

    __slots__ = ("completion", "opening", "outcome", "rows")

    def __init__(self, opening: bytes, rows: bytes, outcome: RecordOutcome, completion: bytes) -> None:
        self.opening = opening
        """BindComplete, and RowDescription where it was asked for."""
        self.rows = rows
        """DataRows, masked."""
        self.outcome = outcome
        self.completion = completion
        """CommandComplete and ReadyForQuery."""
