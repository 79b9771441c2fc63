"""Accepts clients, counts them, tells them of changes, and drains them when the proxy ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Final, cast, final

from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy.connection import ClientConnection
from pgmaskproxy.proxy.crowd import Crowd
from pgmaskproxy.proxy.services import Services

DRAINING: Final = Refusal(
    "57P01", "terminating connection due to administrator command", hint="The proxy is shutting down; connect again."
)
FULL: Final = Refusal("53300", "sorry, too many clients already", hint="Raise limits.connections, or close some.")
DRAIN_POLL_SECONDS: Final = 0.05
GOODBYE_SECONDS: Final = 1.0
"""How long the last ones may take to read why they are ended."""


@final
class Listener:
    """The proxy's port."""

    def __init__(self, services: Services, crowd: Crowd | None = None) -> None:
        self._services = services
        self._crowd = Crowd() if crowd is None else crowd
        self._connections: set[ClientConnection] = set()
        self._servers: list[asyncio.Server] = []
        self.draining = False

    @property
    def connections(self) -> frozenset[ClientConnection]:
        """Every client there is, logged in or not."""
        return frozenset(self._connections)

    async def start(self, bound: socket.socket, by_file: socket.socket | None = None) -> None:
        """Take connections on a bound socket, and on a Unix one."""
        loop = asyncio.get_running_loop()
        client = cast("Callable[..., asyncio.Protocol]", self._connection)  # in all but its class, which is compiled
        self._servers.append(await loop.create_server(client, sock=bound, backlog=512))
        if by_file is not None:
            local = partial(client, local=True)
            self._servers.append(await loop.create_unix_server(local, sock=by_file, backlog=512))

    async def reap(self) -> None:
        """End, for ever, who has been silent for too long."""
        limits = self._services.config.limits
        pause = max(0.05, min(30.0, limits.idle_seconds / 10, limits.idle_in_transaction_seconds / 10))
        while True:
            await asyncio.sleep(pause)
            now = asyncio.get_running_loop().time()
            for connection in list(self._connections):
                connection.reap(now)

    def moved(self, database: str | None) -> None:
        """Policy (None) or a database's catalog changed: no session uses an older ruling."""
        epoch = self._services.judge.knowledge.now.epoch
        for connection in list(self._connections):
            if database is None or connection.database == database:
                connection.moved(epoch)

    def doubt(self, database: str) -> None:
        """A database's catalog may have changed: its sessions ask before they use what was decided."""
        for connection in list(self._connections):
            if connection.database == database:
                connection.doubt()

    def watch(self) -> None:
        """Other canaries are looked for: in every session, from now on."""
        for connection in list(self._connections):
            connection.watch()

    def use_keys(self) -> None:
        """There are other keys: for every session, from now on."""
        for connection in list(self._connections):
            connection.use_keys()

    async def drain(self, seconds: float) -> None:
        """Take no more connections, let statements and transactions finish, end the rest with 57P01 after `seconds`."""
        self.draining = True
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while self._connections and loop.time() < end:
            for connection in [each for each in self._connections if each.idle]:
                connection.shut_down(DRAINING)
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        left = list(self._connections)
        for connection in left:
            connection.shut_down(DRAINING)
        if left:
            await asyncio.wait({each.closed for each in left}, timeout=GOODBYE_SECONDS)
        for connection in list(self._connections):
            connection.cut_off()

    def _connection(self, *, local: bool = False) -> ClientConnection:
        connection = ClientConnection(self._services, self._gate, local=local)
        self._connections.add(connection)
        self._crowd.here(len(self._connections))
        connection.closed.add_done_callback(lambda _closed: self._gone(connection))
        return connection

    def _gone(self, connection: ClientConnection) -> None:
        self._connections.discard(connection)
        self._crowd.here(len(self._connections))

    def _gate(self, connection: ClientConnection) -> Refusal | None:
        if self.draining:
            return DRAINING
        # Who asks is among them already: however many processes ask at once, no more than allowed are let in.
        if len(self._connections) + self._crowd.elsewhere() > self._services.config.limits.connections:
            return FULL
        return None
