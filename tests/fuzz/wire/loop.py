"""A session with both of its peers and its shell in one loop, without a socket: what any bytes do to it.

The server is a small model of PostgreSQL's: it answers each frame in turn and discards until Sync after an error.
The shell answers every question at once. Bytes of either direction can be cut and spoilt on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, final

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.asking import CURRENT_SCHEMAS
from pgmaskproxy.wire.backend import (
    BindComplete,
    CloseComplete,
    CommandComplete,
    DataRow,
    EmptyQueryResponse,
    ErrorResponse,
    Field,
    NoData,
    ParameterDescription,
    ParseComplete,
    PortalSuspended,
    ReadyForQuery,
    RowDescription,
)
from pgmaskproxy.wire.copy import CopyData, CopyDone, CopyInResponse, CopyOutResponse
from pgmaskproxy.wire.framing import FRONTEND_LIMITS, FrameBuffer
from pgmaskproxy.wire.frontend import Bind, Close, Describe, Execute, FrontendMessage, Parse, Sync, decode
from pgmaskproxy.wire.message import Message
from tests.session.transcript import ATTESTING, LOGIN, READY, Play
from tests.session.words import encoded

SECRET: Final = b"123-45-6789"
READ: Final = "SELECT name, ssn FROM customers"
COPY_OUT: Final = "COPY customers TO STDOUT"
COPY_IN: Final = "COPY t FROM STDIN"
WRONG: Final = "SELEC"
RULINGS: Final = {
    READ: "read masks=-,ssn scrub",
    "SELECT 1": "read",
    "INSERT 1": "write",
    "DELETE": "delete hold",
    "DENIED": "read deny",
    "BEGIN": "begin",
    "COMMIT": "commit",
    "ROLLBACK": "rollback",
    WRONG: "read",
    COPY_OUT: "copyout masks=-,ssn",
    COPY_IN: "copyin",
}
"""What the judge says of the few texts that are sent; of any other that it cannot be read."""
CUSTOMERS: Final = (Field(b"name", 1, 2, 25, -1, -1, 0), Field(b"ssn", 1, 3, 25, -1, -1, 0))
ONE: Final = (Field(b"n", 0, 0, 23, -1, -1, 0),)
ROWS: Final[Mapping[str, Sequence[tuple[bytes | None, ...]]]] = {
    READ: [(b"Ann", SECRET), (b"Bob", None), (b"Cy", SECRET)],
    "SELECT 1": [(b"1",)],
    CURRENT_SCHEMAS.decode(): [(b'["pg_catalog","public"]',)],
}
TREE: Final = encoded(["Tree"])


@final
class Server:
    """As much of PostgreSQL as a session can tell."""

    def __init__(self, *, trees: bool) -> None:
        self._buffer = FrameBuffer(FRONTEND_LIMITS)
        self._statements: dict[bytes, str] = {}
        self._portals: dict[bytes, tuple[str, list[tuple[bytes | None, ...]]]] = {}
        self._discarding = False
        self._copying = False
        self._status = b"I"
        self._trees = trees

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Every answer, one by one."""
        self._buffer.feed(data)
        while (frame := self._buffer.next()) is not None:
            message = decode(frame)
            if isinstance(message, Sync):
                if not self._copying:
                    self._discarding = False
                    yield ReadyForQuery(self._status).encode()
            elif self._copying:
                yield from self._copied(message)
            elif not self._discarding:
                yield from self._answer(message)

    def _error(self, state: bytes) -> Iterator[bytes]:
        self._discarding, self._copying = True, False
        self._status = b"I" if self._status == b"I" else b"E"
        yield ErrorResponse({b"S": b"ERROR", b"V": b"ERROR", b"C": state, b"M": b"wrong"}).encode()

    def _copied(self, message: FrontendMessage) -> Iterator[bytes]:
        if isinstance(message, CopyDone):
            self._copying = False
            yield CommandComplete(b"COPY 1").encode()
        elif not isinstance(message, CopyData) and type(message).__name__ != "Flush":
            yield from self._error(b"57014")

    def _answer(self, message: FrontendMessage) -> Iterator[bytes]:
        if isinstance(message, Parse):
            sql = message.query.decode(errors="replace")
            known = not sql or sql in RULINGS or sql in ROWS or sql.startswith("SELECT ")
            if sql == WRONG or not known:
                yield from self._error(b"42601")
            else:
                self._statements[message.statement] = sql
                if self._trees and sql in (READ, "SELECT 1", "INSERT 1", "DELETE", "SELECT 2 COLUMNS"):
                    yield TREE
                yield ParseComplete().encode()
        elif isinstance(message, Bind):
            sql = self._statements.get(message.statement, WRONG)
            if sql == WRONG:
                yield from self._error(b"26000")
                return
            self._portals[message.portal] = (sql, list(ROWS.get(sql, [])))
            yield BindComplete().encode()
        elif isinstance(message, Describe):
            yield from self._describe(message)
        elif isinstance(message, Execute):
            yield from self._execute(message)
        elif isinstance(message, Close):
            (self._statements if message.kind == b"S" else self._portals).pop(message.name, None)
            yield CloseComplete().encode()

    def _describe(self, message: Describe) -> Iterator[bytes]:
        known: dict[bytes, str] = (
            self._statements if message.kind == b"S" else {name: sql for name, (sql, _) in self._portals.items()}
        )
        sql = known.get(message.name)
        if sql is None:
            yield from self._error(b"26000")
            return
        if message.kind == b"S":
            yield ParameterDescription(()).encode()
        columns = CUSTOMERS if sql in (READ, "SELECT 2 COLUMNS") else ONE if sql.startswith("SELECT") else ()
        yield RowDescription(columns).encode() if columns else NoData().encode()

    def _execute(self, message: Execute) -> Iterator[bytes]:
        sql, rows = self._portals.get(message.portal, (WRONG, []))
        if sql == WRONG:
            yield from self._error(b"34000")
        elif not sql:
            yield EmptyQueryResponse().encode()
        elif sql == COPY_IN:
            self._copying = True
            yield CopyInResponse(0, (0,)).encode()
        elif sql == COPY_OUT:
            yield CopyOutResponse(0, (0, 0)).encode()
            for row in ROWS[READ]:
                yield CopyData(b"\t".join(value or b"\\N" for value in row) + b"\n").encode()
            yield CopyDone().encode() + CommandComplete(b"COPY 3").encode()
        else:
            yield from self._rows(rows, message.max_rows)
            if rows:
                yield PortalSuspended().encode()
                return
            self._status = {"BEGIN": b"T", "COMMIT": b"I", "ROLLBACK": b"I"}.get(sql, self._status)
            yield CommandComplete(sql.split()[0].encode()).encode()

    @staticmethod
    def _rows(rows: list[tuple[bytes | None, ...]], limit: int) -> Iterator[bytes]:
        given, rows[:] = rows[: limit or None], rows[limit:] if limit else []
        for row in given:
            yield DataRow(row).encode()


def untouched(data: bytes) -> list[bytes]:
    """As it is, in one piece."""
    return [data]


@final
class Loop:
    """A client that is logged in; what it is sent is kept."""

    def __init__(
        self,
        *,
        trees: bool = False,
        agreed: bool = True,
        up: Callable[[bytes], list[bytes]] = untouched,
        down: Callable[[bytes], list[bytes]] = untouched,
    ) -> None:
        self._told = Play()
        self._told.play((ATTESTING if trees else LOGIN) + READY)
        self.session = self._told.session
        self._server = Server(trees=trees)
        self._agreed = agreed
        self._up, self._down = up, down
        self.received = b""
        self.fed = 0
        self.closes: list[ev.Close] = []
        self._events: deque[ev.Event] = deque()

    def client(self, data: bytes) -> None:
        """Bytes of the client's, and everything that comes of them."""
        self._events.extend(ev.ClientData(piece) for piece in self._up(data))
        self._run()

    def event(self, event: ev.Event) -> None:
        """Anything else that happens."""
        self._events.append(event)
        self._run()

    def _run(self) -> None:
        while self._events or self.session.unfinished:
            event = self._events.popleft() if self._events else ev.NextTurn()
            if isinstance(event, ev.ClientData | ev.ServerData):
                self.fed += len(event.data)
            for command in self.session.receive(event):
                self._do(command)

    def _do(self, command: ev.Command) -> None:
        self._told._asked[type(command)] = command
        if isinstance(command, ev.SendClient):
            self.received += command.data
        elif isinstance(command, ev.SendServer):
            for answer in self._server.receive(command.data):
                self._events.extend(ev.ServerData(piece) for piece in self._down(answer))
        elif isinstance(command, ev.Close):
            self.closes.append(command)
        for words in self._answers(command):
            self._events.append(self._told._answer(words.split()))

    def _answers(self, command: ev.Command) -> Iterator[str]:
        if isinstance(command, ev.Judge):
            yield self._judged(command)
        elif isinstance(command, ev.Attest):
            words = RULINGS.get(command.statement.sql, "read").replace(" masks=?", "")
            yield f"attested {words}"
        elif isinstance(command, ev.RecordExecution):
            yield "recorded"
        elif isinstance(command, ev.Hold):
            yield "opened apr_1"
            yield "approved" if self._agreed else 'ended 42501 "no"'
        elif isinstance(command, ev.Release):
            yield "released"

    def _judged(self, command: ev.Judge) -> str:
        sql = command.statement.sql
        texts = [sql] if command.statement.extended else [part.strip() for part in sql.split(";") if part.strip()]
        if not texts:
            return "none" if not command.statement.extended else "empty"
        if any(each not in RULINGS for each in texts):
            return 'unreadable 42601 "x"'
        return " ; ".join(RULINGS[each] for each in texts)


def encode(*messages: Message) -> bytes:
    """Several in one."""
    return b"".join(message.encode() for message in messages)
