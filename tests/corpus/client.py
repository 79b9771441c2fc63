"""A client that says exactly what it is told, and keeps every byte it is sent."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

from pgmaskproxy.wire.authentication import SASLInitialResponse, SASLResponse
from pgmaskproxy.wire.frontend import Bind, CopyData, CopyDone, Describe, Execute, Parse, Query, Sync, Terminate
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.scram import MECHANISM, ClientExchange, Password
from pgmaskproxy.wire.startup import CancelRequest, StartupMessage

HOST: Final = "127.0.0.1"
SECONDS: Final = 30.0
"""How long anything may take before a test fails; nothing asserts that it is quick."""
REQUEST: Final = re.compile(r"apr_[0-9a-f]{32}")
_IN_LOGIN: Final = (b"K", b"R")

OnHeld: TypeAlias = "Callable[[Client, str], None]"
Cell: TypeAlias = bytes | None


class Closed(Exception):
    """The other side hung up; what it said last is in the client's `received`."""


@dataclass(frozen=True, slots=True)
class Report:
    """An ErrorResponse or NoticeResponse: its fields by their one-letter codes."""

    fields: Mapping[str, str]

    @property
    def sqlstate(self) -> str:
        return self.fields.get("C", "")

    @property
    def message(self) -> str:
        return self.fields.get("M", "")

    @property
    def refusal(self) -> bool:
        """Whether it is the proxy's own: an error of the server names its source file, or has its text withheld."""
        withheld = "text is withheld" in self.fields.get("D", "")
        return not self.fields.get("F", "").endswith(".c") and not withheld

    def __str__(self) -> str:
        return f"{self.sqlstate} {self.message}"


@dataclass(frozen=True, slots=True)
class Column:
    """One field of a RowDescription."""

    name: str
    table: int
    number: int
    type: int
    format: int


@dataclass
class Answer:
    """What came back for one statement, up to ReadyForQuery."""

    columns: tuple[Column, ...] | None = None
    rows: list[tuple[Cell, ...]] = field(default_factory=list)
    copied: bytes = b""
    tags: list[str] = field(default_factory=list)
    error: Report | None = None
    notices: list[Report] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Requests that were opened for it."""
    notified: list[bytes] = field(default_factory=list)
    types: bytes = b""
    """The frames' types, in order: `1 2 T D C Z`."""
    status: bytes = b""

    @property
    def tag(self) -> str:
        return self.tags[-1] if self.tags else ""


@final
class Client:
    """One session. `received` is every byte so far, the login's included."""

    def __init__(
        self,
        port: int,
        database: str,
        user: str,
        password: str,
        parameters: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.received = bytearray()
        self.on_held: OnHeld = lambda client, _request: client.cancel()
        self.key: CancelRequest | None = None
        self.status: dict[str, str] = {}
        self.refused: Report | None = None
        """The FATAL error of a login that failed."""
        self.closed = False
        self.socket = socket.create_connection((HOST, port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port
        self._position = 0
        self.login_ends = 0
        pairs = (("user", user), ("database", database), *parameters)
        try:
            self._login(tuple((name.encode(), value.encode()) for name, value in pairs), user, password)
        except BaseException:
            self.socket.close()
            raise
        self.login_ends = self._position

    def close(self) -> None:
        """Leave politely."""
        with contextlib.suppress(OSError):
            self.send(Terminate())
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, *messages: Message) -> None:
        """Say it, all in one write."""
        self.socket.sendall(b"".join(message.encode() for message in messages))

    def cancel(self) -> None:
        """CancelRequest, on a connection of its own."""
        assert self.key is not None
        with socket.create_connection((HOST, self._port), SECONDS) as connection:
            connection.sendall(self.key.encode())
            connection.recv(1)

    def frame(self) -> tuple[bytes, bytes]:
        """The next frame: its type and body. Raises Closed."""
        head = self._take(5)
        return head[:1], self._take(struct.unpack("!I", head[1:])[0] - 4)

    def _take(self, count: int) -> bytes:
        while len(self.received) - self._position < count:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self.closed = True
                raise Closed
            self.received += data
        found = bytes(self.received[self._position : self._position + count])
        self._position += count
        return found

    def answer(self, data: Sequence[str] = ()) -> Answer:
        """What comes up to ReadyForQuery. A held statement is put to `on_held`; a COPY FROM is given `data`."""
        found = Answer()
        while not found.status:
            kind, body = self.frame()
            found.types += kind
            self._note(found, kind, body, data)
        return found

    def _note(self, found: Answer, kind: bytes, body: bytes, data: Sequence[str]) -> None:
        match kind:
            case b"T":
                found.columns = columns(body)
            case b"D":
                found.rows.append(cells(body))
            case b"d":
                found.copied += body
            case b"C":
                found.tags.append(body[:-1].decode())
            case b"E":
                found.error = found.error or report(body)
            case b"N":
                notice = report(body)
                found.notices.append(notice)
                request = REQUEST.search(notice.message)
                if request and request.group() not in found.held:
                    found.held.append(request.group())
                    self.on_held(self, request.group())
            case b"A":
                found.notified.append(body[4:])
            case b"G":
                self.send(*(CopyData(line.encode() + b"\n") for line in data), CopyDone())
            case b"Z":
                found.status = body

    def simple(self, sql: str, data: Sequence[str] = ()) -> Answer:
        """One Query."""
        self.send(Query(sql.encode()))
        return self.answer(data)

    def extended(
        self,
        sql: str,
        parameters: Sequence[str | None] = (),
        *,
        binary: bool = False,
        types: Sequence[int] = (),
        data: Sequence[str] = (),
    ) -> Answer:
        """Parse, Bind, Describe, Execute, Sync by the unnamed statement; parameters as text."""
        values = tuple(None if value is None else value.encode() for value in parameters)
        self.send(
            Parse(b"", sql.encode(), tuple(types)),
            Bind(b"", b"", (), values, (int(binary),)),
            Describe(b"P", b""),
            Execute(b""),
            Sync(),
        )
        return self.answer(data)

    def _login(self, parameters: tuple[tuple[bytes, bytes], ...], user: str, password: str) -> None:
        self.send(StartupMessage(3, 0, parameters))
        exchange = ClientExchange(b"", Password(password), secrets.token_urlsafe(18).encode())
        while True:
            kind, body = self.frame()
            if kind == b"E":
                self.refused = report(body)
                raise Closed(str(self.refused))
            if kind == b"S":
                name, _, value = body[:-1].partition(b"\0")
                self.status[name.decode()] = value.decode()
            elif kind == b"K":
                self.key = CancelRequest(struct.unpack_from("!I", body)[0], body[4:])
            elif kind == b"R":
                code = struct.unpack_from("!I", body)[0]
                if code == 10:
                    self.send(SASLInitialResponse(MECHANISM, exchange.first()))
                elif code == 11:
                    self.send(SASLResponse(exchange.final(body[4:])))
            elif kind == b"Z":
                return


def report(body: bytes) -> Report:
    """The fields of an error or a notice."""
    parts = [part for part in body.split(b"\0") if part]
    return Report({chr(part[0]): part[1:].decode(errors="replace") for part in parts})


def columns(body: bytes) -> tuple[Column, ...]:
    """A RowDescription."""
    found, position = [], 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        end = body.index(b"\0", position)
        table, number, oid, _, _, form = struct.unpack_from("!IhIhih", body, end + 1)
        found.append(Column(body[position:end].decode(), table, number, oid, form))
        position = end + 19
    return tuple(found)


def cells(body: bytes) -> tuple[Cell, ...]:
    """A DataRow."""
    found: list[Cell] = []
    position = 2
    for _ in range(struct.unpack_from("!h", body)[0]):
        (length,) = struct.unpack_from("!i", body, position)
        position += 4
        found.append(None if length < 0 else body[position : position + length])
        position += max(length, 0)
    return tuple(found)
