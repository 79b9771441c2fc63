"""A peer's transport, with TLS in it or without: what the rest of the shell writes to and closes."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, final

from pgmaskproxy.proxy.tls import TlsStream

KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))
"""Seconds of silence before a probe, between probes, and how many: a peer that is gone without a word is noticed within
two minutes, where the system's own values take two hours."""

TURN_BYTES: Final = 240 * 1024
"""A read as large as that means that there is more: others are served before it is taken. The event loop reads up to
250 KB at once, and again in the same turn only when it got so much."""

JOINED: Final = 64 * 1024
"""Fewer bytes are written as one."""


@final
class Stream:
    """See the module. TLS's errors are `received`'s to raise (ssl.SSLError)."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._tls: TlsStream | None = None
        self._paused = False
        self._waits_for_turn = False
        tune(transport)

    @property
    def tls(self) -> TlsStream | None:
        """The TLS in it."""
        return self._tls

    def start_tls(self, tls: TlsStream) -> None:
        """From the next byte on, in both directions."""
        self._tls = tls

    @property
    def ended(self) -> bool:
        """The peer has ended TLS: nothing more comes from it."""
        return self._tls is not None and self._tls.ended

    def received(self, data: bytes) -> bytes:
        """What the peer said, in plain text, as one: a turn is counted by what arrives, not by TLS's records. Answers
        of TLS's own are sent."""
        if len(data) >= TURN_BYTES:
            self._give_way()
        if self._tls is None:
            return data
        try:
            return b"".join(self._tls.received(data))
        finally:
            self.flush()

    def flush(self) -> None:
        """Send what TLS has to say."""
        if self._tls is not None and (data := self._tls.outgoing) and not self._transport.is_closing():
            self._transport.write(data)

    def write(self, data: bytes) -> None:
        """Say it to the peer."""
        if self._tls is None:
            self._transport.write(data)
        else:
            self._tls.write(data)
            self.flush()

    @property
    def unsent(self) -> int:
        """Bytes written that the peer has not taken."""
        return self._transport.get_write_buffer_size()

    def is_closing(self) -> bool:
        """Whether it has been closed from our side, or is lost."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on taking."""
        self._paused = False
        if not self._waits_for_turn:
            self._transport.resume_reading()

    def _give_way(self) -> None:
        """Take nothing more in this turn of the loop. libuv reads a socket that stays full 32 times in a row: eight
        megabytes of rows, with every mask in them, before anybody else is heard."""
        if self._waits_for_turn or self._transport.is_closing():
            return
        self._waits_for_turn = True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._waits_for_turn = False
        if not self._paused and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """End it once all that was written has been sent."""
        if self._tls is not None and not self._transport.is_closing():
            self._tls.end()
            self.flush()
        self._transport.close()

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()


def write_all(stream: Stream, parts: list[bytes]) -> int:
    """Say them to the peer, as one where they are short, and what is large as it is: bytes."""
    if len(parts) == 1:
        stream.write(parts[0])
        return len(parts[0])
    size = 0
    for part in parts:
        size += len(part)
    if size < JOINED:
        stream.write(b"".join(parts))
    else:
        for part in parts:
            stream.write(part)
    return size


def tune(transport: asyncio.Transport) -> None:
    """Set a TCP socket's options; any other has none of them."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    # The event loop does this only for sockets it made itself; without it Nagle's algorithm and
    # delayed acknowledgements make 40 ms of every statement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if hasattr(socket, name):  # Linux has them all
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
