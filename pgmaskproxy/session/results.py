"""The server's answers: which exchange each belongs to, and what of it the client may see.

Every message is on the list below or ends the session, and each that can carry data has its
guard: rows go through the exchange's plan, errors and notices through `scrub` (DESIGN 7 and 8).
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.errors import PeerError, Reinterpreted, SealedError
from pgmaskproxy.mask.kernel import relay
from pgmaskproxy.mask.lifting import ClearRows, end_of_rows
from pgmaskproxy.model import Ruling, Use
from pgmaskproxy.session.answers import error_response, partly_masked
from pgmaskproxy.session.events import CancelUpstream, RecordOutcome
from pgmaskproxy.session.link import IDLE, OFF, Link
from pgmaskproxy.session.pipeline import BIND, CLOSE, DESCRIBE, EXECUTE, FUNCTION, PARSE, SKIPPED, SYNC, Exchange, Whole
from pgmaskproxy.session.repeated import Answered, Repeated
from pgmaskproxy.session.scrub import passes, rebuilt, reduced, shifted
from pgmaskproxy.session.trees import is_tree, kept, same_but_for_positions
from pgmaskproxy.wire.backend import (
    BackendMessage,
    BindComplete,
    CloseComplete,
    CommandComplete,
    CopyInResponse,
    CopyOutResponse,
    EmptyQueryResponse,
    ErrorResponse,
    Field,
    FunctionCallResponse,
    NoData,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    ParseComplete,
    PortalSuspended,
    ReadyForQuery,
    RowDescription,
    decode,
)
from pgmaskproxy.wire.copy import CopyDone
from pgmaskproxy.wire.framing import BACKEND_LIMITS, Frame, FrameBuffer

DATA_ROW: Final = ord("D")
COPY_DATA: Final = ord("d")
ROW_DESCRIPTION: Final = ord("T")

REPORTED: Final = frozenset(
    {
        b"server_version",
        b"server_encoding",
        b"client_encoding",
        b"DateStyle",
        b"IntervalStyle",
        b"TimeZone",
        b"integer_datetimes",
        b"standard_conforming_strings",
        b"default_transaction_read_only",
        b"in_hot_standby",
        b"application_name",
        b"search_path",
        b"scram_iterations",
    }
)
"""Settings whose value may be told: others can be made to carry one (THREATS M21)."""

PINNED: Final = {b"client_encoding": b"UTF8", b"server_encoding": b"UTF8", b"standard_conforming_strings": b"on"}
"""What the reading of every statement rests on; another value ends the session. The server's encoding, too: it cuts
a long identifier by bytes of that, and two names that differ there would be one here."""


def unpins(link: Link, name: bytes) -> bool:
    """Whether it may move all the same: what a transparent policy passes need not be read as the server reads it. The
    encodings stay, since what is between the two speaks UTF8."""
    return link.transparent and name == b"standard_conforming_strings"


LISTEN: Final = "ListenStmt"

FATAL: Final = (b"FATAL", b"PANIC")


@final
class Results:
    """The backend half of an established session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._buffer = FrameBuffer(BACKEND_LIMITS)
        self._streaming = 0
        """Bytes still to come of a row that is passed on as it arrives."""
        self._held_back = b""
        self._behind = b""
        """What the server says behind a completion that is held back: it has its place behind it."""
        self.ended = False
        """The server said FATAL; it will close."""

    @property
    def within_row(self) -> bool:
        """Part of a row is out: nothing else may be said before its end."""
        return self._streaming > 0

    def receive(self, data: bytes) -> None:
        """Bytes arrived. PeerError, or SealedError when a row comes that nothing decided about."""
        self._buffer.feed(data)
        whole = self._link.pipeline.whole
        if whole is not None:
            answered = whole.answered(self._buffer) if isinstance(whole, Repeated) else None
            if answered is not None:
                self._pass_whole(whole, answered)
            else:
                self._link.pipeline.spread()
        while self._rows() or self._message():
            pass

    def _pass_whole(self, whole: Whole, answered: Answered) -> None:
        """A repeated batch was answered as it was before; its rows are new, and masked."""
        link = self._link
        link.pipeline.whole = None
        link.to_client(answered.opening)
        link.to_client(answered.rows, cleared=_released(answered.outcome.ruling))
        link.commands.append(answered.outcome)
        self._is_ready(IDLE, whole.generation)
        link.cancelled = False
        link.to_client(answered.completion)

    def _message(self) -> bool:
        if self._streaming:
            return self._stream()
        frame = self._buffer.next()
        if frame is None:
            return False
        known = self._link.shapes.fields(frame.body) if frame.type == ROW_DESCRIPTION else None
        if known is not None:
            self._described(known, frame)
        else:
            self._dispatch(decode(frame), frame)
        return True

    def _rows(self) -> bool:
        """Run whole rows through the head's plan; False when the next frame is something else or incomplete."""
        if self._streaming:
            return False
        peeked = self._buffer.peek()
        if peeked is None or peeked[0] not in (DATA_ROW, COPY_DATA):
            return False
        kind, size = peeked
        head = self._link.pipeline.head
        if head is None or head.kind != EXECUTE:
            raise SealedError("a row arrived that belongs to no statement")
        if head.capture is not None:
            return self._capture(head)
        if kind == COPY_DATA:
            return self._copy_rows(head, size)
        if head.clear is not None and head.clear.left:
            return self._clear_rows(head, head.clear, size)
        masked = head.plan.masked or head.plan.sealed
        if masked and size > self._link.limits.row_bytes:
            raise PeerError("a row to be masked is too large")
        view, start = self._buffer.view()
        relayed = relay(view, start, head.plan)
        if relayed.end == start:
            return not masked and self._begin_stream(size)
        self._pass_on(head, relayed.out, relayed.rows, relayed.cells)
        self._buffer.consume_to(relayed.end)
        return True

    def _clear_rows(self, head: Exchange, clear: ClearRows, size: int) -> bool:
        """No more rows than a person agreed to show, whatever else has arrived with them."""
        if size > self._link.limits.row_bytes:
            raise PeerError("a row to be masked is too large")
        view, start = self._buffer.view()
        relayed = relay(view[: end_of_rows(view, start, clear.left)], start, clear.plan)
        if relayed.end == start:
            return False
        clear.left -= relayed.rows
        self._pass_on(head, relayed.out, relayed.rows, relayed.cells, cleared=True)
        self._buffer.consume_to(relayed.end)
        return True

    def _copy_rows(self, head: Exchange, size: int) -> bool:
        if head.copy is None:
            raise SealedError("COPY data arrived without a plan")
        if size > self._link.limits.row_bytes:
            raise PeerError("a row to be masked is too large")
        view, start = self._buffer.view()
        try:
            relayed = head.copy.relay(view, start)
        except PeerError:
            # No row of it can be told apart any more. The connection goes, and the statement is not to outlive it.
            self._link.commands.append(CancelUpstream())
            raise
        if relayed.end == start:
            return False
        self._pass_on(head, relayed.out, relayed.rows, relayed.cells)
        self._buffer.consume_to(relayed.end)
        return True

    def _pass_on(
        self, head: Exchange, out: bytes, rows: int, cells: int, *, unfinished: bool = False, cleared: bool = False
    ) -> None:
        head.rows += rows
        head.cells += cells
        head.size += len(out)
        if head.forward:
            cleared = cleared or (head.ruling is not None and _released(head.ruling))
            self._link.to_client(out, cleared=cleared, unfinished=unfinished)

    def _capture(self, head: Exchange) -> bool:
        frame = self._buffer.next()
        if frame is None:
            return False
        assert head.capture is not None
        head.capture.append(frame.body)
        return True

    def _begin_stream(self, size: int) -> bool:
        """An unmasked row that is not all here is passed on as it comes: it may be larger than memory allows."""
        head = self._link.pipeline.head
        if head is None or self._buffer.pending < 7:
            return False
        begun = b""
        while len(begun) < 7:  # it may lie in several chunks
            begun += self._buffer.take(7 - len(begun))
        if int.from_bytes(begun[5:], "big") != head.plan.columns:
            raise PeerError("a row with another number of columns than was described")
        self._pass_on(head, begun, 1, 0, unfinished=size > len(begun))
        self._streaming = size - len(begun)
        return True

    def _stream(self) -> bool:
        part = self._buffer.take(self._streaming)
        head = self._link.pipeline.head
        assert head is not None, "a row belongs to the exchange that it began under"
        self._pass_on(head, part, 0, 0, unfinished=len(part) < self._streaming)
        self._streaming -= len(part)
        return bool(part)

    def _dispatch(self, message: BackendMessage, frame: Frame) -> None:
        """What is forwarded goes as it came: decoding is exact."""
        link = self._link
        if isinstance(message, ErrorResponse):
            self._error(message)
        elif isinstance(message, NoticeResponse):
            self._notice(message)
        elif isinstance(message, CommandComplete | EmptyQueryResponse | PortalSuspended):
            self._executed(message, frame)
        elif isinstance(message, ParseComplete):
            self._forward(self._as_promised(link.pipeline.complete(PARSE)), frame)
        elif isinstance(message, BindComplete):
            self._forward(self._as_promised(link.pipeline.complete(BIND)), frame)
        elif isinstance(message, CloseComplete):
            self._forward(link.pipeline.complete(CLOSE), frame)
        elif isinstance(message, ParameterDescription):
            head = link.pipeline.expect(DESCRIBE)
            head.parameter_types = message.types
            self._forward(head, frame)
        elif isinstance(message, RowDescription):
            link.shapes.read(frame.body, message.fields)
            self._described(message.fields, frame)
        elif isinstance(message, NoData):
            self._described(None, frame)
        elif isinstance(message, ReadyForQuery):
            self._ready(message, frame)
        elif isinstance(message, ParameterStatus):
            self._parameter(message)
        elif isinstance(message, CopyInResponse):
            head = link.pipeline.expect(EXECUTE)
            copy = head.ruling.analysis.copy if head.ruling is not None else None
            if (copy is None or copy.to_stdout) and not link.transparent:
                raise PeerError("the server asks for COPY data that no statement has")
            head.copy_in = True
            self._forward(head, frame)
        elif isinstance(message, CopyOutResponse):
            head = link.pipeline.expect(EXECUTE)
            if head.copy is None:
                raise SealedError("COPY data was announced without a plan")
            head.copy.announced(message.format, message.column_formats)
            self._forward(head, frame)
        elif isinstance(message, CopyDone):
            head = link.pipeline.expect(EXECUTE)
            if head.copy is None:
                raise SealedError("COPY data ended without a plan")
            head.copy.finish()
            self._forward(head, frame)
        elif isinstance(message, NotificationResponse):
            self._notified(message)
        elif isinstance(message, FunctionCallResponse):
            called = link.pipeline.complete(FUNCTION)
            self._record(called)
            self._forward(called, frame)
        else:
            raise PeerError("the server sent a message that has no place here")

    @staticmethod
    def _as_promised(exchange: Exchange) -> Exchange:
        """What follows was sent already, on the strength of what this answer was before."""
        if not kept(exchange):
            raise Reinterpreted(
                "the server understood a statement otherwise than before, and it was on its way already"
            )
        return exchange

    def _notified(self, message: NotificationResponse) -> None:
        """Its payload can be a value (THREATS M30): it passes on the channels that policy lists, and nowhere else."""
        if message.channel in self._link.channels or self._link.transparent:
            own = message.process_id == self._link.upstream_process_id
            sender = self._link.process_id if own else message.process_id
            self._in_turn(NotificationResponse(sender, message.channel, message.payload).encode())

    def _in_turn(self, data: bytes) -> None:
        if self._held_back:
            self._behind += data
        else:
            self._link.to_client(data)

    def _forward(self, exchange: Exchange, frame: Frame) -> None:
        if exchange.forward:
            self._link.to_client(frame.encode())

    def _described(self, fields: tuple[Field, ...] | None, frame: Frame) -> None:
        """RowDescription, or None for NoData."""
        exchange = self._link.pipeline.complete(DESCRIBE)
        if fields is not None:
            exchange.fields = fields
            exchange.returns_rows = True
        self._forward(self._as_promised(exchange), frame)
        promise = exchange.promise
        if promise is not None and promise.fields is not None and promise.exact is not None:
            promise.exact[:] = [frame.body]

    def _executed(self, message: CommandComplete | EmptyQueryResponse | PortalSuspended, frame: Frame) -> None:
        exchange = self._link.pipeline.complete(EXECUTE)
        exchange.suspended = isinstance(message, PortalSuspended)
        if isinstance(message, CommandComplete):
            exchange.tag = message.tag
            analysis = exchange.ruling.analysis if exchange.ruling is not None else None
            if analysis is not None and analysis.kind == LISTEN and analysis.channel is not None:
                self._link.channels.add(analysis.channel.encode())
        self._record(exchange)
        if exchange.clear is not None and exchange.rows > exchange.clear.rows and self._hears(b"WARNING"):
            self._link.to_client(partly_masked(exchange.clear.rows))
        if exchange.hold_back:
            self._held_back = frame.encode()
        else:
            self._forward(exchange, frame)

    def _record(self, exchange: Exchange) -> None:
        if exchange.ruling is not None:
            tag = exchange.tag.decode(errors="replace") or ("SUSPENDED" if exchange.suspended else "")
            unmasked = exchange.clear.shown if exchange.clear is not None else 0
            counts = exchange.rows, exchange.cells, exchange.size, unmasked
            self._link.commands.append(RecordOutcome(exchange.serial, exchange.ruling, tag, exchange.sqlstate, *counts))

    def _ready(self, message: ReadyForQuery, frame: Frame) -> None:
        link = self._link
        exchange = link.pipeline.complete(SYNC)
        self._is_ready(message.status, exchange.generation)
        if exchange.forward:
            link.cancelled = False
            link.to_client(self._held_back + self._behind + frame.encode())
            self._held_back = self._behind = b""

    def _is_ready(self, status: bytes, generation: int) -> None:
        """The server has answered a Sync before which so many were sent."""
        link = self._link
        link.status = status
        link.wish.ready(status, generation)
        if status == IDLE:
            link.names.end_transaction(generation)
            if link.path_moved_in_block:
                link.path_moved_in_block = False
                link.names_moved()
            if link.redefined:
                # Only now others can see it: read the catalog once more.
                link.redefined = False
                link.definitions_changed()

    def _parameter(self, message: ParameterStatus) -> None:
        pinned = PINNED.get(message.name)
        if pinned is not None and message.value != pinned and not unpins(self._link, message.name):
            raise PeerError(f"{message.name.decode()} is no longer {pinned.decode()}")
        if message.name == b"search_path":
            # PostgreSQL 18 says so itself when it moved, whoever moved it.
            self._link.names_moved()
        if message.name in REPORTED or self._link.transparent:
            self._in_turn(message.encode())

    def _error(self, message: ErrorResponse) -> None:
        link = self._link
        fields = message.fields
        state = fields.get(b"C", b"XX000")
        fatal = fields.get(b"V") in FATAL
        link.to_client(self._behind)
        self._held_back = self._behind = b""
        link.wish.failed()
        head = link.pipeline.head
        if fatal:
            self.ended = True
            link.to_client(ErrorResponse(fields if link.transparent else rebuilt(fields)).encode())
            return
        if head is None:
            if not link.unsynced:
                raise PeerError("the server reported an error that belongs to nothing")
            # A limit (statement_timeout) was reached between two messages of a batch: the server skips to Sync now, and
            # so does what was about to be sent.
            link.pipeline.discarding = True
            link.to_client(ErrorResponse(fields if link.transparent else rebuilt(fields)).encode())
            return
        head.sqlstate = state.decode("ascii", errors="replace")
        if head.kind == SYNC:
            # The commit that Sync does failed; ReadyForQuery still follows.
            link.to_client(ErrorResponse(fields if link.transparent else rebuilt(fields)).encode())
            return
        for lost in link.pipeline.fail():
            lost.sqlstate = head.sqlstate
            if lost is not head and lost.kind == EXECUTE:
                lost.tag = SKIPPED.encode()
            self._record(lost)
        if head.refusal is not None:
            link.to_client(error_response(head.refusal, offset=head.offset))
        elif head.show_errors:
            link.to_client(ErrorResponse(self._shown(head, fields)).encode())

    def _hears(self, severity: bytes) -> bool:
        return passes({b"V": severity}, self._link.min_messages)

    def _shown(self, head: Exchange, fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
        if self._link.transparent:
            return shifted(fields, head.offset)
        # What Parse says quotes only the statement's own text, unless a function ran in it: that has a context.
        own_text = head.kind == PARSE and not head.nested and b"W" not in fields
        if head.scrub and not own_text:
            return rebuilt(fields, _text(head))
        return shifted(fields, head.offset)

    def _notice(self, message: NoticeResponse) -> None:
        fields = message.fields
        head = self._link.pipeline.head
        if self._link.transparent:
            self._notice_as_it_is(head, fields)
            return
        if fields.get(b"V") == b"LOG":
            if head is not None and is_tree(fields):
                self._tree(head, fields)
            return
        if head is None or not head.show_notices:
            return
        shown = reduced(fields, _text(head)) if head.scrub else fields
        if shown is not None and passes(fields, self._link.min_messages):
            self._link.to_client(NoticeResponse(shifted(shown, head.offset)).encode())

    def _notice_as_it_is(self, head: Exchange | None, fields: dict[bytes, bytes]) -> None:
        """The client's own client_min_messages is the server's then, but where trees are asked of it: those are LOG."""
        if head is None or not head.show_notices or (fields.get(b"V") == b"LOG" and self._link.attestation != OFF):
            return
        self._link.to_client(NoticeResponse(shifted(fields, head.offset)).encode())

    def _tree(self, head: Exchange, fields: dict[bytes, bytes]) -> None:
        """A tree belongs to what the server is answering now. One that comes when rows were decided already must be
        the one they were decided by: the server has just analysed the statement once more."""
        tree = fields.get(b"D", b"")
        sealed = head.plan.sealed and head.copy is None
        decided = head.kind == EXECUTE and (not sealed or head.expected is not None)
        if not decided:
            (head.nested if b"W" in fields else head.own).append(tree)
        elif self._link.attestation != OFF and b"W" not in fields and self._is_another(tree, head):
            raise SealedError("the server analysed a statement anew, and understood something else than was decided")

    @staticmethod
    def _is_another(tree: bytes, head: Exchange) -> bool:
        return head.expected is None or not same_but_for_positions(tree, head.expected)


def _text(exchange: Exchange) -> str:
    """The client's own words that the server answers, where they are known."""
    return exchange.ruling.sql if exchange.ruling is not None else ""


def _released(ruling: Ruling) -> bool:
    """Whether labelled values may be in its rows as they are: the principal is cleared, or a person agreed to an
    expression over them. Canaries among them are then no alarm."""
    decision = ruling.decision
    computed = any(use.use is Use.EXPRESSION for use in ruling.analysis.uses)
    return bool(decision.cleared) or (computed and bool(decision.terms) and bool(decision.labels))
