"""The client repeats a read that this session was allowed before: Bind, Execute and Sync at once (DESIGN 3c).

Drivers send a prepared statement so. What `Extended` would find out of each message for itself is found out once for
all of them, and they go upstream as they came; what is unusual about the batch or about the session leaves it to
`Extended`.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.early import Allowed
from pgmaskproxy.session.execution import DESCRIBE_UNNAMED, EXECUTE_UNNAMED, Execution
from pgmaskproxy.session.extended import Extended
from pgmaskproxy.session.flow import Flow
from pgmaskproxy.session.link import IDLE, SYNC_FRAME, Link
from pgmaskproxy.session.repeated import BIND_COMPLETE, Repeated
from pgmaskproxy.wire.framing import HEADER_SIZE, Frame, FrameBuffer, pack
from pgmaskproxy.wire.frontend import Bind, decode

BIND: Final = ord("B")
ROW_DESCRIPTION: Final = ord("T")
BARE: Final = EXECUTE_UNNAMED + SYNC_FRAME
DESCRIBED: Final = DESCRIBE_UNNAMED + BARE
"""What may stand behind the Bind, to the byte."""

LONGEST: Final = 64 * 1024
"""Bytes of a Bind that is looked at: a large value is not copied once more for what else it would take."""


@final
class Repeat:
    """See the module."""

    def __init__(self, link: Link, asking: Asking, extended: Extended, execution: Execution) -> None:
        self._link = link
        self._asking = asking
        self._extended = extended
        self._execution = execution

    def take(self, buffer: FrameBuffer) -> Flow[None] | None:
        """The flow of the batch that is all there is in `buffer`, consumed; None where it is none of these.

        PeerError as `decode` has it.
        """
        link = self._link
        if not self._at_rest():
            return None
        peeked = buffer.peek()
        if peeked is None or peeked[0] != BIND or peeked[1] > LONGEST:
            return None
        data, start = buffer.view()
        behind = start + peeked[1]
        tail = len(data) - behind
        if buffer.pending != len(data) - start or tail not in (len(BARE), len(DESCRIBED)):
            return None
        if not data.endswith(DESCRIBED if tail == len(DESCRIBED) else BARE):
            return None
        bind = decode(Frame(BIND, data[start + HEADER_SIZE : behind]))
        assert isinstance(bind, Bind)
        if bind.portal or link.names.full:
            return None
        prepared = link.names.statements.get(bind.statement)
        if prepared is None or prepared.attested is None:
            return None
        allowed = self._extended.allowed_before(prepared, bind)
        if allowed is None or allowed.ruling.decision.inputs or not _opening(allowed):
            return None
        owed = Repeated(link, self._extended.naming, prepared, bind, allowed, link.serial())
        owed.described = tail == len(DESCRIBED)
        frames = data[start:] if owed.described else data[start:behind] + DESCRIBED
        buffer.consume_to(len(data))
        return self._run(owed, frames, allowed)

    def _at_rest(self) -> bool:
        """Nothing is under way or in doubt, and no transaction is open: a portal ends with its batch."""
        link = self._link
        return (
            link.status == IDLE
            and not link.unsynced
            and not len(link.pipeline)
            and not link.pipeline.discarding
            and not link.cancelled
            and b"" not in link.names.portals
        )

    def _run(self, owed: Repeated, frames: bytes, allowed: Allowed) -> Flow[None]:
        """Record, then release; what the server says is `Repeated`'s to read."""
        link, ruling = self._link, allowed.ruling
        refusal = yield from self._asking.record_execution(owed.serial, ruling, allowed.shown, 0, "")
        if refusal is None:
            refusal = yield from self._asking.cancelled()
        if refusal is not None:
            self._execution.refuse(refusal, ruling, ruling.sql, offset=ruling.offset, serial=owed.serial)
            link.sync(forward=True)
            return
        link.send_whole(frames, owed)


def _opening(allowed: Allowed) -> bytes:
    """What the server's answer begins with, '' where its description was not seen since it was allowed."""
    if not allowed.opening and allowed.described:
        allowed.opening = BIND_COMPLETE + pack(ROW_DESCRIPTION, allowed.described[0])
    return allowed.opening
