"""Scripts of raw messages to a proxy, and everything that comes back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, final

import psycopg

from pgmaskproxy.wire.describe import describe
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.frontend import Bind, Close, CopyData, CopyDone, Describe, Execute, Flush, Parse, Query, Sync

SECONDS: Final = 60.0
CANCELED: Final = b"57014"
STATEMENT_TIMEOUT: Final = "4s"
"""A statement that either side gave up has nothing to compare: time is no value."""


@dataclass(frozen=True, slots=True)
class Simple:
    """A Query; `copied` is what follows for COPY FROM STDIN."""

    sql: str
    copied: bytes | None = None

    def encode(self) -> bytes:
        data = Query(self.sql.encode()).encode()
        return data if self.copied is None else data + CopyData(self.copied).encode() + CopyDone().encode()


@dataclass(frozen=True, slots=True)
class Extended:
    """Parse to Sync. `binary` is the results' format, `max_rows` of the first of two Executes where it is not 0."""

    sql: str
    parameters: tuple[str, ...] = ()
    binary: bool = False
    name: bytes = b""
    max_rows: int = 0
    described: bool = True
    synced: bool = True

    def encode(self) -> bytes:
        values = tuple(value.encode() for value in self.parameters)
        formats = (1,) if self.binary else ()
        parts = [Parse(self.name, self.sql.encode()).encode()]
        if self.described:
            parts.append(Describe(b"S", self.name).encode())
        parts.append(Bind(b"", self.name, (), values, formats).encode())
        if self.described:
            parts.append(Describe(b"P", b"").encode())
        if self.max_rows:
            parts += [Execute(b"", self.max_rows).encode(), Flush().encode()]
        parts.append(Execute(b"", 0).encode())
        if self.name:
            parts.append(Close(b"S", self.name).encode())
        return b"".join(parts) + (Sync().encode() if self.synced else b"")


Step: TypeAlias = Simple | Extended


@dataclass(frozen=True, slots=True)
class Script:
    """Steps that are sent at once. `synced` steps are each answered by a ReadyForQuery."""

    family: str
    database: str
    steps: tuple[Step, ...]
    masked: bool = False
    """Whether a labelled column is among what it names: for the statistics."""

    @property
    def answers(self) -> int:
        return sum(isinstance(step, Simple) or step.synced for step in self.steps)


@dataclass(slots=True)
class Answer:
    """Every frame that came for a script, and whether the other side then closed."""

    frames: list[Frame] = field(default_factory=list)
    closed: bool = False

    def states(self) -> list[bytes]:
        """The SQLSTATE of every error."""
        return [fields(frame)[b"C"] for frame in self.frames if frame.type == ord("E")]

    @property
    def rows(self) -> int:
        return sum(frame.type in (ord("D"), ord("d")) for frame in self.frames)

    @property
    def refused(self) -> bool:
        """Whether the proxy said no to any of it."""
        return any(frame.type == ord("E") and b"pgmaskproxy:{" in frame.body for frame in self.frames)

    @property
    def status(self) -> int:
        """The last ReadyForQuery's: I, T or E."""
        ready = [frame.body[0] for frame in self.frames if frame.type == ord("Z")]
        return ready[-1] if ready else ord("I")

    def normalised(self, directory: bytes) -> list[tuple[int, bytes]]:
        """What is compared: every frame as it came, but for where a refusal says that the policy's file is.

        That is the one thing that differs honestly: two proxies have two directories. OIDs, places of rows and
        transaction ids are equal by the way the databases are made.
        """
        return [
            (frame.type, frame.body.replace(directory, b"DIRECTORY") if frame.type == ord("E") else frame.body)
            for frame in self.frames
        ] + [(0, b"closed")] * self.closed

    def lines(self) -> list[str]:
        """In PQtrace's words."""
        return [describe("B", frame) for frame in self.frames] + ["closed"] * self.closed


def fields(frame: Frame) -> dict[bytes, bytes]:
    """An ErrorResponse's or NoticeResponse's."""
    return {part[:1]: part[1:] for part in frame.body.split(b"\0") if part}


@final
class Client:
    """A login in one database that is made again when it has ended."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._driver: psycopg.Connection | None = None
        self._socket: socket.socket | None = None

    def send(self, script: Script) -> None:
        """Say all of it."""
        self._connected().sendall(b"".join(step.encode() for step in script.steps))

    def receive(self, answers: int) -> Answer:
        """Everything until that many ReadyForQuery, or the end of the connection."""
        connection = self._connected()
        answer, buffer, position = Answer(), bytearray(), 0
        while answers:
            while len(buffer) - position < 5 or len(buffer) - position < _size(buffer, position):
                data = b""
                try:
                    data = connection.recv(1 << 16)
                except ConnectionResetError:
                    data = b""
                if not data:
                    answer.closed = True
                    self.close()
                    return answer
                del buffer[:position]
                position = 0
                buffer += data
            size = _size(buffer, position)
            frame = Frame(buffer[position], bytes(buffer[position + 5 : position + size]))
            position += size
            answer.frames.append(frame)
            answers -= frame.type == ord("Z")
        assert position == len(buffer), f"more than was asked for: {bytes(buffer[position : position + 80])!r}"
        return answer

    def close(self) -> None:
        """Go away; the next script logs in again."""
        if self._socket is not None:
            self._socket.detach()
        if self._driver is not None:
            self._driver.close()
        self._socket = self._driver = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._driver = psycopg.connect(self._conninfo, autocommit=True)
            self._driver.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'".encode())
            self._socket = socket.socket(fileno=self._driver.pgconn.socket)
            self._socket.setblocking(True)
            self._socket.settimeout(SECONDS)
        return self._socket


def _size(buffer: bytearray, position: int) -> int:
    length: int = struct.unpack_from("!I", buffer, position + 1)[0]
    return 1 + length


def texts(steps: Sequence[Step]) -> list[str]:
    """The SQL of each step, with how it is sent: what a person needs to send it again."""
    found = []
    for step in steps:
        match step:
            case Simple(sql, None):
                found.append(f"simple: {sql}")
            case Simple(sql, copied):
                found.append(f"simple: {sql}  <- {copied!r}")
            case Extended():
                traits = [
                    *(["binary"] if step.binary else []),
                    *([f"max_rows={step.max_rows}"] if step.max_rows else []),
                    *([f"statement {step.name.decode()}"] if step.name else []),
                    *([] if step.described else ["not described"]),
                    *([] if step.synced else ["no Sync"]),
                ]
                found.append(f"extended{' (' + ', '.join(traits) + ')' if traits else ''}: {step.sql}")
                if step.parameters:
                    found.append(f"    parameters {step.parameters!r}")
    return found
