"""A client that speaks the protocol by hand: what a driver never does can be done, and every answer is seen."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TypeVar

from pgmaskproxy.wire import authentication as auth
from pgmaskproxy.wire import backend
from pgmaskproxy.wire.backend import BackendKeyData, BackendMessage, ErrorResponse, ReadyForQuery
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FrameBuffer
from pgmaskproxy.wire.frontend import Query
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.scram import MECHANISM, ClientExchange, Password
from pgmaskproxy.wire.startup import StartupMessage

M = TypeVar("M", bound=Message)
SECONDS = 20.0


class Refused(AssertionError):
    """An error came instead of what was waited for."""

    def __init__(self, error: ErrorResponse) -> None:
        super().__init__(error.fields)
        self.error = error


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = FrameBuffer(BACKEND_LIMITS)
        self.key = BackendKeyData(0, b"\0\0\0\0")

    @classmethod
    async def connect(cls, port: int) -> Client:
        """A connection that has said nothing yet."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, *messages: Message | bytes) -> None:
        """Write them; the event loop sends."""
        for message in messages:
            self._writer.write(message if isinstance(message, bytes) else message.encode())

    async def drain(self) -> None:
        """Wait until the network has taken (nearly all of) it."""
        await self._writer.drain()

    def query(self, sql: str) -> None:
        self.send(Query(sql.encode()))

    async def read(self) -> BackendMessage | None:
        """The next message; None when the connection has ended."""
        async with asyncio.timeout(SECONDS):
            while (frame := self._buffer.next()) is None:
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._buffer.feed(data)
        return backend.decode(frame)

    async def until(self, kind: type[M]) -> M:
        """Read on to a message of this kind. Refused by an error, AssertionError at the end of the connection."""
        while True:
            message = await self.read()
            if isinstance(message, kind):
                return message
            assert message is not None, "the connection ended"
            if isinstance(message, ErrorResponse):
                raise Refused(message)

    async def error(self) -> str:
        """The SQLSTATE of the next error."""
        return (await self.until(ErrorResponse)).fields[b"C"].decode()

    async def ended(self) -> list[BackendMessage]:
        """Read to the end of the connection."""
        found: list[BackendMessage] = []
        while (message := await self.read()) is not None:
            found.append(message)
        return found

    def start(self, user: str, database: str, **more: str) -> None:
        """Send the start-up packet."""
        pairs = {"user": user, "database": database, **more}.items()
        self.send(StartupMessage(3, 0, tuple((name.encode(), value.encode()) for name, value in pairs)))

    async def authenticate(self, password: str) -> None:
        """Answer SCRAM, up to the proof; what the server says of it is still to be read."""
        exchange = ClientExchange(b"", Password(password), b"fyko+d2lbbFgONRv9qkxdawL")
        await self.until(auth.AuthenticationSASL)
        self.send(auth.SASLInitialResponse(MECHANISM, exchange.first()))
        said = await self.until(auth.AuthenticationSASLContinue)
        self.send(auth.SASLResponse(exchange.final(said.data)))

    async def log_in(self, user: str, password: str, database: str, **more: str) -> Client:
        """All of it, up to the first ReadyForQuery."""
        self.start(user, database, **more)
        await self.authenticate(password)
        self.key = await self.until(BackendKeyData)
        await self.until(ReadyForQuery)
        return self

    async def ask(self, sql: str) -> str:
        """Run a simple Query to its end; the SQLSTATE of the error, or ''."""
        self.query(sql)
        state = ""
        while not isinstance(message := await self.read(), ReadyForQuery):
            assert message is not None, "the connection ended"
            if isinstance(message, ErrorResponse):
                state = message.fields[b"C"].decode()
        return state

    def hang_up(self) -> None:
        """Be gone at once, without a word."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
