"""A relay on loopback that keeps every byte a client is sent: what a byte scan looks through.

    with ByteTap("127.0.0.1", proxy_port) as tap:
        psycopg.connect(host="127.0.0.1", port=tap.port, ...)
        assert shop.leaks(tap.to_client, secrets) == []

It works in threads of its own, so blocking drivers, asyncio ones and subprocesses can all use it.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, final

PATIENCE = 5.0
"""Seconds that `close` gives the threads to end."""


@final
class ByteTap:
    """Listens on a free port of loopback and relays each connection to `host`:`port`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._to_client: list[bytes] = []
        self._to_server: list[bytes] = []
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    @property
    def to_client(self) -> bytes:
        """Every byte that clients have been sent so far, of all connections."""
        with self._lock:
            return b"".join(self._to_client)

    @property
    def to_server(self) -> bytes:
        """Every byte that clients have sent so far."""
        with self._lock:
            return b"".join(self._to_server)

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self._to_client.clear()
            self._to_server.clear()

    def close(self) -> None:
        """End every connection and every thread."""
        with self._lock:
            self._closed = True
            sockets = [self._listener, *self._sockets]
        for one in sockets:
            _shut(one, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for one in sockets:
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            with self._lock:
                if self._closed:
                    client.close()
                    server.close()
                    return
                self._sockets |= {client, server}
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._pump, client, server, self._to_server)
            self._start(self._pump, server, client, self._to_client)

    def _pump(self, source: socket.socket, target: socket.socket, record: list[bytes]) -> None:
        try:
            while data := source.recv(65536):
                with self._lock:
                    record.append(data)  # before it is passed on: what a client has seen is always recorded
                target.sendall(data)
        except OSError:
            _shut(source, socket.SHUT_RDWR)
            _shut(target, socket.SHUT_RDWR)
        else:
            _shut(target, socket.SHUT_WR)


def _shut(one: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(how)
