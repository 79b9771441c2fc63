"""Bytes to the proxy and frames back, where a driver is too polite for what a test has to say."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import psycopg

from pgmaskproxy.demo.server import HOST
from pgmaskproxy.wire.describe import describe
from pgmaskproxy.wire.framing import Frame
from tests.e2e.waiting import SECONDS
from tests.harness.proxy import Proxy


@final
class Raw:
    """One connection. `logged_in` borrows the socket of a driver that did the login."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(SECONDS)
        self._buffer = b""

    def send(self, *data: bytes) -> None:
        """Say it, all in one write."""
        self.socket.sendall(b"".join(data))

    def frame(self) -> Frame | None:
        """The next frame, None when the other side has closed."""
        while len(self._buffer) < 5 or len(self._buffer) < 1 + _length(self._buffer):
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self._buffer, f"closed within a frame: {self._buffer[:40]!r}"
                return None
            self._buffer += data
        size = 1 + _length(self._buffer)
        whole, self._buffer = self._buffer[:size], self._buffer[size:]
        return Frame(whole[0], whole[5:])

    def until_ready(self) -> list[str]:
        """What the frames up to ReadyForQuery are, in PQtrace's words; of an error only its SQLSTATE."""
        found = []
        while (frame := self.frame()) is not None:
            found.append("ERROR " + sqlstate(frame)[1] if frame.type == ord("E") else describe("B", frame))
            if frame.type == ord("Z"):
                return found
        raise AssertionError(f"closed before ReadyForQuery: {found}")

    def until_closed(self) -> list[Frame]:
        """Every frame until the other side closes."""
        found = []
        while (frame := self.frame()) is not None:
            found.append(frame)
        return found


def _length(buffer: bytes) -> int:
    length: int = struct.unpack_from("!I", buffer, 1)[0]
    return length


def sqlstate(frame: Frame) -> tuple[str, str]:
    """An ErrorResponse's severity and SQLSTATE."""
    assert frame.type == ord("E"), describe("B", frame)
    fields = {part[:1]: part[1:] for part in frame.body.split(b"\0") if part}
    return fields[b"V"].decode(), fields[b"C"].decode()


@contextmanager
def unknown(proxy: Proxy) -> Iterator[Raw]:
    """Nobody yet: a connection that has said nothing."""
    with socket.create_connection((HOST, proxy.tap.port), SECONDS) as connection:
        yield Raw(connection)


@contextmanager
def logged_in(conninfo: str) -> Iterator[Raw]:
    """Past the login, which a driver did."""
    driver = psycopg.connect(conninfo, autocommit=True)
    with socket.socket(fileno=driver.pgconn.socket) as borrowed:
        try:
            yield Raw(borrowed)
        finally:
            borrowed.detach()
            driver.close()
