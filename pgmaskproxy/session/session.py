"""`Session`: events in, commands out; one client connection from its first byte to its last.

One flow at a time reads the client's messages in order (login, then one per message); the server's
answers are handled as they come and may be what the flow waits for. An error is final.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.errors import CanarySeen, PeerError, Reinterpreted, SealedError
from pgmaskproxy.model import Refusal
from pgmaskproxy.session.answers import error_response
from pgmaskproxy.session.events import (
    CancelRequested,
    CancelSent,
    CancelUpstream,
    ClientClosed,
    ClientData,
    Close,
    Command,
    DefinitionsDoubted,
    Encrypted,
    EpochMoved,
    Event,
    NextTurn,
    RecordCanary,
    ServerClosed,
    ServerData,
    Shutdown,
    TicketedAnswer,
    UseKeys,
    WatchFor,
    WithdrawHold,
)
from pgmaskproxy.session.flow import Answer, Flow, TooLong, Wait
from pgmaskproxy.session.handshake import Handshake
from pgmaskproxy.session.link import Door, Entropy, Limits, Link
from pgmaskproxy.session.query import Frontend
from pgmaskproxy.session.results import Results
from pgmaskproxy.session.upstream import Upstream
from pgmaskproxy.wire.authentication import AuthenticationOk
from pgmaskproxy.wire.backend import BackendKeyData, ReadyForQuery
from pgmaskproxy.wire.backend import decode as decode_backend
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FRONTEND_LIMITS, FrameBuffer
from pgmaskproxy.wire.frontend import Terminate
from pgmaskproxy.wire.frontend import decode as decode_frontend
from pgmaskproxy.wire.startup import StartupBuffer, StartupMessage, decode_startup

LOST = Refusal("08006", "the upstream server closed the connection unexpectedly")
WITHHELD = Refusal("XX000", "a result was withheld: nothing has decided about it")
REDEFINED = Refusal(
    "57P01",
    "terminating connection: a statement means something else than when it was decided",
    hint="Somebody has changed a definition meanwhile. Nothing was changed by the statement; connect and ask again.",
)
"""Only what reads is on its way before its answer is known, so that asking again does nothing twice."""
CANARY = Refusal("XX000", "a result was withheld", hint="Tell the operator.")
"""Says no more: who is told what a canary is knows how to avoid it. No driver tries again after this SQLSTATE."""
LOGIN_LIMITS = {ord("p"): FRONTEND_LIMITS[ord("p")]}
"""Who has not logged in sends passwords, and cannot make us keep a message of 1 GiB."""
STATEMENTS: Final = (ord("Q"), ord("P"))
HEADROOM: Final = 64 * 1024
"""What Parse may carry besides its text: a name and parameter types."""
TURN: Final = 32
"""Messages of the client's that are handled before others get their turn: each costs up to half a millisecond."""
TOO_MUCH = Refusal(
    "53400",
    "too much was sent while a statement is held",
    detail="The connection buffers only so much behind a statement that waits for approval.",
)


@final
class Session:
    """One client connection. `receive` never raises for what a peer sent."""

    def __init__(self, entropy: Entropy, limits: Limits, door: Door = Door()) -> None:  # noqa: B008 - it is frozen
        self._link = Link(entropy, limits)
        self._entropy = entropy
        self._startup: StartupBuffer | None = StartupBuffer()
        self._handshake = Handshake(self._link, entropy, self._startup, door)
        self._client = FrameBuffer(LOGIN_LIMITS)
        self._server: FrameBuffer | None = FrameBuffer(BACKEND_LIMITS)
        self._frontend = Frontend(self._link)
        self._results = Results(self._link)
        self._flow: Flow[None] | None = self._begin()
        self._wait: Wait | None = None
        self._established = False
        self._skipping = 0
        self._skipped: TooLong | None = None
        self.unfinished = False
        """More of what the client sent could be handled at once: the shell says `NextTurn` when others had theirs."""
        self._advance(None)

    @property
    def held(self) -> bool:
        """Whether a statement is waiting for a person."""
        return self._wait is not None and self._wait.held

    @property
    def backlog(self) -> int:
        """Bytes of the client's that wait behind a message that is being handled; the shell reads no more meanwhile."""
        return self._client.pending if self._wait is not None and not self._wait.message else 0

    @property
    def redefining(self) -> bool:
        """It has changed definitions in a transaction that is still open: nobody else can see them yet."""
        return self._link.redefined

    @property
    def waiting(self) -> bool:
        """Nothing is under way: the client's next message is waited for."""
        return self._established and self._flow is None and not len(self._link.pipeline)

    @property
    def idle(self) -> bool:
        """Between statements and outside a transaction: where a drain may end it."""
        return self.waiting and not self._link.unsynced and self._link.status == b"I"

    def receive(self, event: Event) -> list[Command]:
        """What is to be done about `event`, in this order."""
        link = self._link
        if link.closed:
            self.unfinished = False
            return []
        try:
            self._handle(event)
        except CanarySeen as error:
            link.watch_for(None)  # what is said now is our own
            link.commands.append(RecordCanary(error.canary))
            self._fatal(CANARY, error.message, alarm=True)
        commands, link.commands = link.commands, []
        return commands

    def _handle(self, event: Event) -> None:
        try:
            self._receive(event)
        except PeerError as error:
            self._fatal(Refusal(error.sqlstate, error.message), error.message)
        except Reinterpreted as error:
            self._fatal(REDEFINED, error.message, alarm=True)
        except SealedError as error:
            self._fatal(WITHHELD, error.message, alarm=True)

    def _receive(self, event: Event) -> None:
        if isinstance(event, ServerData):
            self._server_data(event.data)
        elif isinstance(event, ClientData):
            self._client_data(event.data)
        elif isinstance(event, Encrypted) and not event.ticket:
            self._handshake.encrypted = event
        elif isinstance(event, TicketedAnswer):
            if self._wait is not None and self._wait.ticket == event.ticket:
                self._advance(event)
        elif isinstance(event, CancelRequested):
            self._cancel(event)
        elif isinstance(event, CancelSent):
            self._link.cancelling -= 1
        elif isinstance(event, EpochMoved):
            self._link.moved(event.epoch)
        elif isinstance(event, DefinitionsDoubted):
            self._link.definitions_doubted()
        elif isinstance(event, WatchFor):
            self._link.watch_for(event.watch)
        elif isinstance(event, UseKeys):
            self._link.use_keys(event.keys, event.customs)
        elif isinstance(event, ClientClosed):
            self._gone()
        elif isinstance(event, NextTurn):
            pass
        elif isinstance(event, ServerClosed):
            if self._results.ended:
                self._close("the server ended the session")
            else:
                self._fatal(LOST, "the server closed the connection")
        else:
            assert isinstance(event, Shutdown)
            self._withdraw()
            self._fatal(event.refusal, event.refusal.message)
        self._pump()
        self._frontend.holding.let_go_of_lost()

    def _client_data(self, data: bytes) -> None:
        if self._startup is not None:
            self._startup.feed(data)
        else:
            self._client.feed(data)
            if self.held and self._client.pending > self._link.limits.held_bytes:
                self._withdraw()
                self._fatal(TOO_MUCH, "too much was sent while held")

    def _server_data(self, data: bytes) -> None:
        if self._server is not None:
            self._server.feed(data)
        else:
            self._results.receive(data)

    # --- flows ---

    def _begin(self) -> Flow[None]:
        """Log in on both sides, then tell the client all at once."""
        link, handshake = self._link, self._handshake
        answer = yield from handshake.login()
        if answer is None:
            self._close("cancel request")
            return
        if isinstance(answer, Refusal):
            self._fatal(answer, answer.message)
            return
        link.user, link.database = answer.user, answer.upstream_database
        link.transparent = answer.transparent
        link.reason = link.first_reason = answer.reason
        upstream = Upstream(link, self._entropy)
        refusal = yield from upstream.login(answer.upstream_database, handshake.method, handshake.secret_key)
        if refusal is not None:
            self._fatal(refusal, upstream.trouble)
            return
        link.to_client(AuthenticationOk().encode())
        for status in upstream.status:
            link.to_client(status.encode())
        link.to_client(BackendKeyData(link.process_id, handshake.secret_key).encode())
        link.to_client(ReadyForQuery(link.status).encode())
        early = self._client.take(self._client.pending)
        self._client = FrameBuffer(FRONTEND_LIMITS)
        self._client.feed(early)
        assert self._server is not None
        rest = self._server.take(self._server.pending)
        self._server = None
        self._established = True
        self._results.receive(rest)

    def _pump(self) -> None:
        """Go on while there is something to go on with, for so many messages: whoever sends many small ones at once may
        not keep everybody else waiting."""
        self.unfinished = False
        for _ in range(TURN):
            if self._link.closed:
                return
            if self._flow is not None:
                ready, answer = self._ready()
                if not ready:
                    return
                self._advance(answer)
                continue
            if self._established and self._client.pending and not self._skipping:
                self._flow = self._frontend.repeat.take(self._client)
                if self._flow is not None:
                    self._advance(None)
                    continue
            message = self._message()
            if message is None:
                return
            if isinstance(message, Terminate):
                self._gone()
                return
            self._flow = self._frontend.handle(message)  # type: ignore[arg-type]
            if self._flow is not None:
                self._advance(None)
        self.unfinished = True

    def _ready(self) -> tuple[bool, Answer]:
        """Whether what the flow waits for is there, when it is not an event."""
        wait = self._wait
        assert wait is not None
        if wait.exchange is not None:
            return wait.exchange.settled or wait.exchange.copy_in, None
        if wait.unless is not None and wait.unless.settled:
            return True, None
        if wait.cancelled:
            return not self._link.cancelling, None
        if wait.drained:
            return len(self._link.pipeline) == 0, None
        if wait.message:
            message = self._message()
            return message is not None, message
        if wait.server and self._server is not None:
            frame = self._server.next()
            return frame is not None, decode_backend(frame) if frame is not None else None
        return False, None

    def _message(self) -> Answer:
        """The client's next message, if it is all here."""
        if self._startup is not None:
            body = self._startup.next()
            if body is None:
                return None
            packet = decode_startup(body)
            if isinstance(packet, StartupMessage):
                self._client.feed(self._startup.rest())
                self._startup = None
            return packet
        if self._too_long():
            return self._skip()
        frame = self._client.next()
        return decode_frontend(frame) if frame is not None else None

    def _too_long(self) -> bool:
        """Whether the next message is a statement that will be refused for its length: then it is not kept either."""
        if self._skipping:
            return True
        peeked = self._client.peek()
        if peeked is None or peeked[0] not in STATEMENTS:
            return False
        kind, size = peeked
        if size <= self._link.limits.statement_bytes + HEADROOM:
            return False
        self._skipping, self._skipped = size, TooLong(size, simple=kind == STATEMENTS[0])
        return True

    def _skip(self) -> TooLong | None:
        """Let go of what is here of it; the message once all of it has come and gone."""
        self._skipping -= len(self._client.take(self._skipping))
        return self._skipped if not self._skipping else None

    def _advance(self, answer: Answer) -> None:
        flow = self._flow
        assert flow is not None
        try:
            self._wait = flow.send(answer)
        except StopIteration:
            self._flow = self._wait = None
            self._frontend.holding.let_go()

    def _cancel(self, event: CancelRequested) -> None:
        """Cancel what is held, what runs, or what is being judged and would run next."""
        link = self._link
        if self.held:
            self._advance(event)
            return
        # What runs may just have ended, and the server ignores a cancel between two statements of a batch: then it is
        # the next of that batch that is not begun. Behind a Sync that is owed there is another batch.
        too_late = not link.pipeline.executing or not link.pipeline.syncing
        link.cancelled = link.cancelled or (self._flow is not None and too_late)
        # One on its way is enough: nothing new is sent before it has arrived.
        if len(link.pipeline) and not link.cancelling:
            link.cancelling += 1
            link.commands.append(CancelUpstream())

    # --- endings ---

    def _gone(self) -> None:
        """The client left: what it waited for is withdrawn, and the upstream goes with it."""
        self._withdraw()
        self._close("the client left")

    def _withdraw(self) -> None:
        holding = self._frontend.holding
        if self.held:
            self._link.commands.append(WithdrawHold(holding.ticket, holding.request, cancelled=False))
            self._wait = None
        holding.let_go_of_all()

    def _fatal(self, refusal: Refusal, reason: str, *, alarm: bool = False) -> None:
        if not self._results.within_row:
            self._link.to_client(error_response(refusal, severity="FATAL"))
        self._close(reason, alarm=alarm)

    def _close(self, reason: str, *, alarm: bool = False) -> None:
        self._withdraw()
        if self._established:
            self._link.to_server(Terminate().encode())
        self._link.commands.append(Close(reason, alarm))
        self._link.closed = True
        self._flow = self._wait = None
