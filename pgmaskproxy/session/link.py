"""What the two halves of an established session share: what was sent, what is owed, what is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from pgmaskproxy.errors import CanarySeen, PeerError
from pgmaskproxy.mask.canary import Watch, Watcher
from pgmaskproxy.mask.keys import NO_KEYS, Keyring
from pgmaskproxy.mask.maskers import NO_CUSTOMS, Customs
from pgmaskproxy.model import Refusal, Visibility
from pgmaskproxy.session.early import Early
from pgmaskproxy.session.events import Command, DefinitionsChanged, SendClient, SendServer
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.pipeline import PARSE, SYNC, Exchange, Pipeline, Whole
from pgmaskproxy.session.shapes import Shapes
from pgmaskproxy.session.statements import Names
from pgmaskproxy.session.wish import Wish
from pgmaskproxy.wire.frontend import Flush, Parse, Sync

UNKNOWN_EPOCH = -1
FLUSH: Final = Flush().encode()
SYNC_FRAME: Final = Sync().encode()
JOINED: Final = 16 * 1024
"""Fewer bytes are: rows by the thousand, or a large value, would be copied for each message behind them."""
OFF = "off"
REQUIRED = "required"
"""Attestation (DESIGN 3)."""
IDLE = b"I"
IN_BLOCK = b"T"
FAILED_BLOCK = b"E"


@final
@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one session (DESIGN decision 9)."""

    statement_bytes: int = 256 * 1024
    row_bytes: int = 64 * 1024 * 1024
    held_bytes: int = 1024 * 1024
    names: int = 1000
    tree_bytes: int = 64 * 1024 * 1024
    """Of the server's trees that are kept for statements which may be executed again."""


@final
@dataclass(frozen=True, slots=True)
class Door:
    """Which encryption the client is offered, where it came in."""

    tls: bool = False
    required: bool = False
    """A login in plaintext is refused; cancel requests are not, since libpq has always sent them so."""


@final
@dataclass(frozen=True, slots=True)
class Entropy:
    """What the shell drew at random for this session; the core draws nothing itself."""

    server_nonce: str
    client_nonce: str
    reserved: bytes
    """Suffix of the reserved statement names, so that no client can name one."""
    process_id: int
    secret_key: bytes
    """At least four bytes; protocol 3.2 allows 256."""


@final
class Link:
    """Shared state, and the only two ways to say something to a peer."""

    def __init__(self, entropy: Entropy, limits: Limits) -> None:
        self.limits = limits
        self.commands: list[Command] = []
        self.pipeline = Pipeline()
        self.names = Names(limits.names)
        self.reserved = b"_pgmaskproxy_" + entropy.reserved
        self.process_id = entropy.process_id
        """What the client takes for its server process."""
        self.user = ""
        self.database = ""
        self.attestation = OFF
        """required, preferred or off (DESIGN 3)."""
        self.role = ""
        self.status = IDLE
        """Of the last ReadyForQuery."""
        self.unsynced = False
        """Something was sent upstream since the last Sync."""
        self.executed = False
        """Something was *executed* upstream since the last Sync: an implicit transaction may be open."""
        self.generation = 0
        """How many Syncs were sent."""
        self.search_path: tuple[str, ...] | None = None
        """Effective; None when it must be asked for."""
        self.early = Early()
        self.shapes = Shapes()
        self.path_moved_in_block = False
        self.redefined = False
        """Something that may change the catalog ran in a transaction that is still open."""
        self.visibility: Visibility | None = None
        self.keys: Keyring = NO_KEYS
        self.customs: Customs = NO_CUSTOMS
        """What masks are made with from the next plan on."""
        self.transparent = False
        """The policy was transparent when this session began, or at some time since."""
        self.epoch = UNKNOWN_EPOCH
        """The latest that was heard of: a ruling of another is judged again. Unknown once this session itself
        changed definitions, until the judge, who reads the catalog again first, has said it."""
        self.channels: set[bytes] = set()
        """That policy has let it listen to. The server forgets one sooner, at UNLISTEN or a rollback."""
        self.upstream_process_id = 0
        self.reason = ""
        """`pgmaskproxy.reason`: why the client asks, for the approver."""
        self.first_reason = ""
        """The same from the start-up packet: what RESET goes back to."""
        self.wish = Wish()
        """What it asks to see unmasked."""
        self.min_messages = "notice"
        """The client's own client_min_messages; the server's stays at log (DESIGN 3d)."""
        self.cancelled = False
        """The client has cancelled what is not running yet: that is refused, until the next ReadyForQuery."""
        self.cancelling = 0
        """Cancels on their way to the server: they would hit whatever it is given next."""
        self.closed = False
        self.settling: Exchange | None = None
        """The last Sync behind a change of the table of names. Until it is answered, the change may be taken back,
        and what comes behind that Sync would run all the same: so nothing behind it is looked up before."""
        self._watcher: Watcher | None = None
        self._kept = b""
        """Of a row that is passed on as it arrives: what a canary could still begin in."""
        self._renamed = False
        self._tickets = 0
        self._serials = 0

    def ticket(self) -> int:
        """A number for a question, never used twice."""
        self._tickets += 1
        return self._tickets

    def serial(self) -> int:
        """A number for a statement, never used twice in this session."""
        self._serials += 1
        return self._serials

    def watch_for(self, watch: Watch | None) -> None:
        """Look for these canaries in what the client is sent from now on."""
        self._watcher = Watcher(watch) if watch is not None else None
        self._scan(self._kept)

    def to_client(self, data: bytes, *, cleared: bool = False, unfinished: bool = False) -> None:
        """Say it to the client; neighbouring writes are one command, but for rows by the thousand.

        The one way out, so that canaries are looked for here, in all but the rows of who is `cleared` to see labelled
        values. Of an `unfinished` row the end is kept back until more of it comes: not even the first half of
        a canary is sent. CanarySeen when there is one: then nothing of this is sent.
        """
        if not data or self.closed:
            return
        if self._watcher is not None or self._kept:
            data = self._looked_through(data, cleared=cleared, unfinished=unfinished)
        if not data:
            return
        last = self.commands[-1] if self.commands else None
        if isinstance(last, SendClient) and len(last.data) + len(data) < JOINED:
            last.data += data
        else:
            self.commands.append(SendClient(data))

    def _looked_through(self, data: bytes, *, cleared: bool, unfinished: bool) -> bytes:
        if cleared and self._watcher is not None:
            self._watcher.skip()
        elif not cleared:
            self._scan(data)
        data, self._kept = self._kept + data, b""
        if unfinished and not cleared and self._watcher is not None:
            begin = max(0, len(data) - self._watcher.watch.longest + 1)
            data, self._kept = data[:begin], data[begin:]
        return data

    def _scan(self, data: bytes) -> None:
        found = self._watcher.scan(data) if self._watcher is not None else ""
        if found:
            raise CanarySeen(found)

    def to_server(self, data: bytes) -> None:
        """Say it to the server; neighbouring writes are one command."""
        if not data or self.closed:
            return
        last = self.commands[-1] if self.commands else None
        if isinstance(last, SendServer) and len(last.data) + len(data) < JOINED:
            last.data += data
        else:
            self.commands.append(SendServer(data))

    def send(self, frame: bytes, exchange: Exchange) -> Exchange:
        """Send a frame that the server answers. While it discards until Sync, only Sync is sent."""
        if self.pipeline.discarding and exchange.kind != SYNC:
            exchange.failed = True
            if exchange.undo is not None:
                exchange.undo()
            return exchange
        self.unsynced = True
        self._renamed = self._renamed or exchange.undo is not None
        self.pipeline.append(exchange)
        self.to_server(frame)
        return exchange

    def see(self, visibility: Visibility | None) -> None:
        """What the server's column references mean from now on. PeerError where a session that could set and make
        anything under a transparent policy would come under one that is not: it has to begin again."""
        if self.transparent and (visibility is None or not visibility.transparent):
            raise PeerError("terminating connection: the policy was replaced", sqlstate="57P01")
        self.visibility = visibility
        self.transparent = visibility is not None and visibility.transparent

    def definitions_changed(self) -> None:
        """The catalog may have changed: it is to be read again, and every earlier ruling made again."""
        self.definitions_doubted()
        self.commands.append(DefinitionsChanged())

    def definitions_doubted(self) -> None:
        """What was decided before has to be asked for again, and so has the search_path: which of its schemas there are
        and may be used is a matter of the catalog too."""
        self.epoch = UNKNOWN_EPOCH
        self.names_moved()

    def moved(self, epoch: int) -> None:
        """Policy or a catalog changed. What was decided before, and how it was shown, is not used again: nor kept."""
        if epoch > self.epoch:
            self.epoch = epoch
            self.early.forget()
            self.shapes.forget()

    def use_keys(self, keys: Keyring, customs: Customs) -> None:
        """Masks are made with these from now on."""
        self.keys, self.customs = keys, customs
        self.early.forget()  # its plans make masks with the old ones
        self.shapes.forget()

    def names_moved(self) -> None:
        """What a name means may have changed: the search_path is asked for again, and nothing goes early."""
        self.search_path = None
        self.early.forget()

    def flush(self) -> None:
        """Without it the server keeps what it has to say until Sync."""
        self.to_server(FLUSH)

    def drain(self) -> Flow[None]:
        """Wait until nothing is owed: only then is `status` the truth."""
        if len(self.pipeline):
            if self.unsynced:
                self.flush()
            yield Wait(drained=True)

    def sync(self, *, forward: bool, by_itself: bool = False) -> Exchange:
        """Send Sync; `forward` when the client is to see the ReadyForQuery. `by_itself`: what was sent last ends with
        one without being told to."""
        exchange = Exchange(SYNC, forward=forward)
        exchange.generation = self.generation
        self.generation += 1
        self.send(b"" if by_itself else SYNC_FRAME, exchange)
        self.pipeline.discarding = False
        if self._renamed:
            self.settling, self._renamed = exchange, False
        self.unsynced = False
        self.executed = False
        return exchange

    def send_whole(self, frames: bytes, owed: Whole) -> None:
        """Send frames whose last is a Sync, and which are owed as one."""
        owed.generation = self.generation
        self.generation += 1
        self.pipeline.whole = owed
        self.executed = False
        self.to_server(frames)

    def substitute(self, refusal: Refusal) -> Exchange:
        """Deny by substitution (DESIGN decision 5): make the server fail here, and replace what it says.

        A reserved *name*: an unparsable unnamed Parse would destroy the client's unnamed statement.
        """
        exchange = Exchange(PARSE, forward=True)
        exchange.refusal = refusal
        return self.send(Parse(self.reserved + b"_refused", b"refused by pgmaskproxy", ()).encode(), exchange)

    def fail_quietly(self) -> Exchange:
        """Put the server where the client thinks it is, discarding until Sync, after an error it was already told."""
        exchange = Exchange(PARSE, forward=False)
        exchange.show_errors = False
        return self.send(Parse(self.reserved + b"_refused", b"refused by pgmaskproxy", ()).encode(), exchange)
