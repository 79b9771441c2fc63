"""A network that fails as a test asks: between a client and the proxy, or between the proxy and its server.

It works in threads of its own, so drivers, subprocesses and asyncio can all go through it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, final

PATIENCE: Final = 5.0
"""Seconds that `close` gives the threads to end."""
LINGER_NOT: Final = struct.pack("ii", 1, 0)
"""Closing sends a reset."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls a connection once so many bytes have passed in one direction."""

    after: int
    what: str
    """reset: both sides are; close: no more comes this way, as if it had been said so; stall: what comes is dropped."""
    down: bool = True
    """Counted and suffered on the way from the server to the client; False is the other way."""


@final
class Relay:
    """Listens on a free port of loopback and relays each connection to `host`:`port`."""

    def __init__(self, host: str, port: int, *, marker: bytes = b"") -> None:
        self._target = (host, port)
        self._marker = marker
        self.fault: Fault | None = None
        """Of connections yet to come whose first bytes have the marker in them."""
        self.piece = 65536
        """So many bytes at most are passed on at once."""
        self.delay = 0.0
        """Seconds that each piece takes."""
        self.passed = {True: 0, False: 0}
        """By direction, what has passed on the connections with the marker; True is towards the client."""
        self._cut_at: int | None = None
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def cut_at(self, passed: int | None) -> None:
        """Reset what there is as soon as so much has passed to the client, connections of now included."""
        self._cut_at = passed

    def reset(self) -> None:
        """Every connection of now is reset on both sides."""
        for one in list(self._sockets):
            _reset(one)

    def close(self) -> None:
        """End every connection and every thread."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, target: object, *arguments: object) -> None:
        assert callable(target)
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        try:
            first = client.recv(65536)
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets |= {client, server}
        ours = self._marker in first
        fault = self.fault if ours else None
        self._start(self._pump, server, client, _Way(down=True, counted=ours, fault=fault), b"")
        self._pump(client, server, _Way(down=False, counted=ours, fault=fault), first)

    def _pump(self, source: socket.socket, target: socket.socket, way: _Way, data: bytes) -> None:
        try:
            while data or (data := source.recv(65536)):
                for begin in range(0, len(data), self.piece):
                    if not self._pass(source, target, way, data[begin : begin + self.piece]):
                        return
                data = b""
            target.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(source)
            _reset(target)

    def _pass(self, source: socket.socket, target: socket.socket, way: _Way, data: bytes) -> bool:
        """Hand it on, as far as the fault lets it; False when there is nothing more to do."""
        if self.delay:
            time.sleep(self.delay)
        before, after = data, b""
        fault = way.fault
        if fault is not None and fault.down == way.down and way.passed + len(data) > fault.after:
            cut = fault.after - way.passed
            before, after = data[:cut], data[cut:]
        if way.counted and way.down and self._cut_at is not None and self.passed[True] + len(before) >= self._cut_at:
            target.sendall(before[: max(0, self._cut_at - self.passed[True])])
            raise ConnectionResetError
        target.sendall(before)
        way.passed += len(before)
        if way.counted:
            self.passed[way.down] += len(before)
        if not after:
            return True
        assert fault is not None
        if fault.what == "stall":
            self._closed.wait()
        elif fault.what == "close":
            target.shutdown(socket.SHUT_WR)
            source.shutdown(socket.SHUT_RD)
        else:
            _reset(source)
            _reset(target)
        return False


@final
class _Way:
    """One direction of one connection."""

    def __init__(self, *, down: bool, counted: bool, fault: Fault | None) -> None:
        self.down = down
        self.counted = counted
        self.fault = fault
        self.passed = 0


def _reset(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        one.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        one.close()


@contextmanager
def relayed(host: str, port: int, *, marker: bytes = b"") -> Iterator[Relay]:
    """A relay to `host`:`port`; closed at the end."""
    relay = Relay(host, port, marker=marker)
    try:
        yield relay
    finally:
        relay.close()
