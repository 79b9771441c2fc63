"""What goes into a session, and what comes out of it.

Events are facts the shell reports; commands are what it is to do, in order. A command with a
`ticket` is a question: the session waits for the event that carries the same ticket, and sends
nothing that depends on the answer before it has come. So "record, then release" is a question
too: `Record...` is answered by `Recorded`, and the statement goes upstream only after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from pgmaskproxy.model import Mask, Parameter, Refusal, Ruling, Statement, Visibility
from pgmaskproxy.session.news import DefinitionsDoubted, EpochMoved, UseKeys, WatchFor
from pgmaskproxy.session.traffic import ClientData, SendClient, SendServer, ServerData
from pgmaskproxy.wire.scram import Password, ScramVerifier

__all__ = [
    "ClientData",
    "DefinitionsDoubted",
    "EpochMoved",
    "SendClient",
    "SendServer",
    "ServerData",
    "UseKeys",
    "WatchFor",
]

# --- events: from the shell to the session ---


@final
@dataclass(slots=True)
class ClientClosed:
    """The client hung up, politely or not."""


@final
@dataclass(slots=True)
class NextTurn:
    """Others had theirs: the session may go on with what the client sent (`Session.unfinished`)."""


@final
@dataclass(slots=True)
class ServerClosed:
    """The upstream connection ended."""


@final
@dataclass(slots=True)
class Encrypted:
    """Answers `StartTls`: the TLS handshake is done, and what comes from the client now came through it. With ticket 0
    nobody asked: the client began with TLS (`sslnegotiation=direct`)."""

    ticket: int
    binding: bytes | None = None
    """Of tls-server-end-point (RFC 5929, section 4); None where our certificate has none."""


@final
@dataclass(slots=True)
class LoginAnswer:
    """Answers `LookUpLogin`: whom this login would be, or why it may not even try.

    For an unknown user `verifier` is a mock and `known` False: the exchange is played to its end and fails.
    """

    ticket: int
    verifier: ScramVerifier | None
    known: bool = False
    refusal: Refusal | None = None
    user: str = ""
    database: str = ""
    upstream_database: str = ""
    reason: str = ""
    """`pgmaskproxy.reason` from the start-up packet."""
    certified: bool = False
    """The client's certificate says who it is, and no password is asked for."""
    why_not: str = "unknown user"
    """Where `known` is False, for the log."""
    transparent: bool = False
    """The policy lets everything pass as it is: the start-up packet was read under it."""


@final
@dataclass(slots=True)
class UpstreamConnected:
    """Answers `ConnectUpstream`: the socket is open and nothing was sent; log in as `user`."""

    ticket: int
    user: str
    password: Password | None
    parameters: tuple[tuple[str, str], ...]
    """The pinned start-up parameters, besides user and database (DESIGN 3d)."""
    attestation: str = "off"
    """required, preferred or off: whether the server's trees decide, and what happens without one (DESIGN 3)."""
    binding: bytes | None = None
    """Of tls-server-end-point, where the connection is encrypted and the server's certificate has one."""
    must_bind: bool = False
    """Log in by SCRAM-SHA-256-PLUS or not at all."""


@final
@dataclass(slots=True)
class UpstreamFailed:
    """Answers `ConnectUpstream`: it could not be reached, or the session may not begin."""

    ticket: int
    refusal: Refusal
    reason: str


@final
@dataclass(slots=True)
class Judged:
    """Answers `Judge`: the statements of the text, each decided; or why it cannot be read."""

    ticket: int
    rulings: tuple[Ruling, ...]
    visibility: Visibility | None
    refusal: Refusal | None = None


@final
@dataclass(slots=True)
class Attested:
    """Answers `Attest`: the ruling as the server's tree proves it; or why the tree proves nothing."""

    ticket: int
    ruling: Ruling | None
    visibility: Visibility | None = None
    refusal: Refusal | None = None
    independent: bool = False
    """Other constants in the tree would not have changed the answer."""


@final
class Recorded:
    """Answers a `Record...`: it is written. With a refusal: it could not be, so nothing may run."""

    __slots__ = ("refusal", "ticket")

    def __init__(self, ticket: int, refusal: Refusal | None = None) -> None:
        self.ticket = ticket
        self.refusal = refusal


@final
@dataclass(slots=True)
class HoldOpened:
    """An approval request exists and people have been told."""

    ticket: int
    request: str
    link: str


@final
@dataclass(slots=True)
class HoldTick:
    """Time passes while a statement is held; `elapsed` in whole seconds."""

    ticket: int
    elapsed: int


@final
@dataclass(slots=True)
class HoldEnded:
    """Answers `Hold`: approved (refusal None), or the error the client is to see."""

    ticket: int
    refusal: Refusal | None = None


@final
@dataclass(slots=True)
class Released:
    """Answers `Release`: this one execution is released and recorded, or why not."""

    ticket: int
    refusal: Refusal | None = None


@final
@dataclass(slots=True)
class CancelRequested:
    """Somebody presented this session's cancel key."""


@final
@dataclass(slots=True)
class CancelSent:
    """The server has been told to cancel: what it is told after this is not what was meant."""


@final
@dataclass(slots=True)
class Shutdown:
    """The session must end; the client is told why with FATAL."""

    refusal: Refusal


TicketedAnswer: TypeAlias = (
    Encrypted
    | LoginAnswer
    | UpstreamConnected
    | UpstreamFailed
    | Judged
    | Attested
    | Recorded
    | HoldOpened
    | HoldTick
    | HoldEnded
    | Released
)
"""What answers a question: it goes to the flow that asked."""

Event: TypeAlias = (
    TicketedAnswer
    | ClientData
    | ServerData
    | ClientClosed
    | NextTurn
    | ServerClosed
    | CancelRequested
    | CancelSent
    | EpochMoved
    | DefinitionsDoubted
    | WatchFor
    | UseKeys
    | Shutdown
)

# --- commands: from the session to the shell ---


@final
@dataclass(slots=True)
class StartTls:
    """The client has been told `S`: the next byte from it is TLS's, and `Encrypted` follows when that is agreed."""

    ticket: int


@final
@dataclass(slots=True)
class LookUpLogin:
    """Who is this, and may these start-up parameters pass?"""

    ticket: int
    parameters: tuple[tuple[bytes, bytes], ...]


@final
@dataclass(slots=True)
class LoginFailed:
    """A login did not succeed; for the log, not for the client."""

    reason: str


@final
@dataclass(slots=True)
class ConnectUpstream:
    """The client is who it says it is: open a connection for it, and record that the session begins."""

    ticket: int
    database: str
    method: str
    """How it was proven: scram-sha-256, scram-sha-256-plus or certificate."""


@final
@dataclass(slots=True)
class SessionReady:
    """Both sides are logged in. The upstream's cancel key stays with the shell; the client has its own."""

    upstream_process_id: int
    upstream_secret_key: bytes
    server_version: str
    secret_key: bytes
    """What the client is told of the key drawn for it: all of it by protocol 3.2, four bytes before that."""
    process_id: int
    """What it is told is its process: the server's own, so that it is the one that it finds in pg_stat_activity."""


@final
@dataclass(slots=True)
class CancelPeer:
    """A CancelRequest arrived on this connection, with a key the proxy may have handed out."""

    process_id: int
    secret_key: bytes


@final
@dataclass(slots=True)
class CancelUpstream:
    """Cancel what the server is running for this session; CancelSent follows."""


@final
@dataclass(slots=True)
class Judge:
    """Read and decide this text. `refresh`: the catalog does not know a relation the server named."""

    ticket: int
    statement: Statement
    refresh: bool = False


@final
@dataclass(slots=True)
class Attest:
    """Decide again, by what the server says that it has understood. `ruling` is the text's.

    `own` is the DETAIL of the statement's own tree, `nested` are those of functions that ran meanwhile.
    """

    ticket: int
    statement: Statement
    ruling: Ruling
    own: bytes
    nested: tuple[bytes, ...] = ()
    anew: bool = False
    """The server has analysed it again, and understood something else than before."""
    redefined: bool = False
    """This session has changed definitions in a transaction that is still open: nobody else has seen them."""


@final
class RecordExecution:
    """Write down that this statement is about to run, and how its outputs are shown."""

    __slots__ = ("conflicts", "request", "ruling", "serial", "shown", "ticket")

    def __init__(  # noqa: PLR0917 - what is recorded
        self,
        ticket: int,
        serial: int,
        ruling: Ruling,
        shown: tuple[Mask | None, ...],
        conflicts: int,
        request: str = "",
    ) -> None:
        self.ticket = ticket
        self.serial = serial
        self.ruling = ruling
        self.shown = shown
        self.conflicts = conflicts
        self.request = request


@final
@dataclass(slots=True)
class RecordRefusal:
    """Write down that a statement was refused. Nothing waits for it: a refusal needs no leave."""

    serial: int
    refusal: Refusal
    ruling: Ruling | None
    sql: str


@final
class RecordOutcome:
    """Write down how an execution ended."""

    __slots__ = ("cells", "rows", "ruling", "serial", "size", "sqlstate", "tag", "unmasked")

    def __init__(  # noqa: PLR0917 - what is recorded
        self, serial: int, ruling: Ruling, tag: str, sqlstate: str, rows: int, cells: int, size: int, unmasked: int = 0
    ) -> None:
        self.serial = serial
        self.ruling = ruling
        self.tag = tag
        self.sqlstate = sqlstate
        self.rows = rows
        self.cells = cells
        self.size = size
        """Bytes of rows that went to the client."""
        self.unmasked = unmasked
        """Rows that were shown with fewer masks, since a person agreed."""


@final
@dataclass(slots=True)
class Hold:
    """Ask people. `columns` are the names of the outputs, `in_transaction` shortens the deadline."""

    ticket: int
    serial: int
    ruling: Ruling
    statement: Statement
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    in_transaction: bool
    reason: str = ""
    """`pgmaskproxy.reason`, as the client last set it."""


@final
@dataclass(slots=True)
class WithdrawHold:
    """Stop asking: the client cancelled (`cancelled`) or went away."""

    ticket: int
    request: str
    cancelled: bool


@final
@dataclass(slots=True)
class Release:
    """Claim the one execution that was approved, for exactly this statement."""

    ticket: int
    serial: int
    request: str
    ruling: Ruling
    statement: Statement
    parameters: tuple[Parameter, ...]
    shown: Sequence[Mask | None]


@final
@dataclass(slots=True)
class RecordCanary:
    """Write down, and raise the alarm, that this canary was about to be sent. The session ends with it."""

    canary: str


@final
@dataclass(slots=True)
class DefinitionsChanged:
    """This session ran something that may have changed the catalog."""


@final
@dataclass(slots=True)
class Close:
    """End both connections once what was sent has been written. `reason` is for the log."""

    reason: str
    alarm: bool = False
    """A guard held: somebody should look."""


Command: TypeAlias = (
    SendClient
    | SendServer
    | StartTls
    | LookUpLogin
    | LoginFailed
    | ConnectUpstream
    | SessionReady
    | CancelPeer
    | CancelUpstream
    | Judge
    | Attest
    | RecordExecution
    | RecordRefusal
    | RecordOutcome
    | Hold
    | WithdrawHold
    | Release
    | RecordCanary
    | DefinitionsChanged
    | Close
)
