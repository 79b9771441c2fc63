"""The network between the proxy and its server: passes everything on, or fails in the way a test asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PIECE = 65536


@dataclass
class Relay:
    """Listens on `port` for the proxy. `refuse`, `silent` and `greeting` are for connections yet to come."""

    host: str
    to_port: int
    port: int = 0
    refuse: bool = False
    """Close at once."""
    silent: bool = False
    """Accept, and say nothing."""
    greeting: bytes = b""
    """Say this instead of anything the server would, and nothing else."""
    deaf: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nothing the proxy sends is read."""
    passed: int = 0
    """Bytes from the server that were handed on."""
    sent: bytearray = field(default_factory=bytearray)
    """What the proxy has sent to the server."""
    _links: set[asyncio.StreamWriter] = field(default_factory=set)
    _sessions: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def open(self) -> int:
        """Connections for a client that are open now; those on which the proxy reads catalogs do not count."""
        return len(self._sessions)

    async def empty(self) -> None:
        """Wait until the proxy has no connection open any more."""
        async with asyncio.timeout(20):
            while self._links:  # noqa: ASYNC110 - a test may poll
                await asyncio.sleep(0.01)

    def cut(self) -> None:
        """The server dies: every connection is reset."""
        for writer in list(self._links):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._links.add(writer)
        try:
            await self._serve(reader, writer)
        finally:
            self._links.discard(writer)
            self._sessions.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            return
        writer.write(self.greeting)
        first = await reader.read(PIECE)
        ours = b"pgmaskproxy.session_id" in first
        if ours:
            self._sessions.add(writer)
        if ours and (self.silent or self.greeting):
            with contextlib.suppress(ConnectionError):
                while await reader.read(PIECE):
                    pass
            return
        server_reader, server = await asyncio.open_connection(self.host, self.to_port)
        server.write(first)
        down = asyncio.ensure_future(self._down(server_reader, writer))
        try:
            await self._up(reader, server, ours=ours)
        finally:
            server.close()
            down.cancel()
            await asyncio.wait({down})

    async def _up(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, *, ours: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(PIECE):
                if ours:
                    await self.deaf.wait()
                    self.sent += data
                server.write(data)
                await server.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(PIECE):
                self.passed += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def relayed(host: str, port: int) -> AsyncIterator[Relay]:
    """A relay before the server at `host`:`port`."""
    relay = Relay(host, port)
    relay.deaf.set()
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=PIECE)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.deaf.set()
        relay.cut()
        await relay.empty()
