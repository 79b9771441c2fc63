"""The packets before any frame: they have a length field and no type byte (manual, "Message Formats").

Protocol 3.x start-up messages, and the three requests that hide in a version number of 1234.567x.
The server's answer to SSLRequest and GSSENCRequest is one byte and no message.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, TypeAlias, final

from librt.strings import read_i32_be

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire.limits import MAX_CANCEL_KEY
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader

MAX_STARTUP_PACKET: Final = 10_000
"""MAX_STARTUP_PACKET_LENGTH: bytes after the length field."""

PROTOCOL_MAJOR: Final = 3
LATEST_MINOR: Final = 2
"""3.2 is PostgreSQL 18's: cancel keys of up to 256 bytes."""

_REQUEST_MAJOR: Final = 1234
_CANCEL: Final = 5678
_SSL: Final = 5679
_GSSENC: Final = 5680

_REQUEST: Final = Struct("!IHH")
_CANCEL_REQUEST: Final = Struct("!IHHi")


@final
class SSLRequest(Message):
    """The client asks for TLS."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _REQUEST.pack(8, _REQUEST_MAJOR, _SSL)


@final
class GSSENCRequest(Message):
    """The client asks for GSSAPI encryption."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _REQUEST.pack(8, _REQUEST_MAJOR, _GSSENC)


@final
class CancelRequest(Message):
    """The client asks, on a connection of its own, to cancel what another one runs.

    `secret_key` has 4 bytes in protocol 3.0 and 4 to 256 in 3.2.
    """

    __slots__ = ("process_id", "secret_key")

    def __init__(self, process_id: int, secret_key: bytes) -> None:
        self.process_id = process_id
        self.secret_key = secret_key

    def encode(self) -> bytes:
        size = 12 + len(self.secret_key)
        return _CANCEL_REQUEST.pack(size, _REQUEST_MAJOR, _CANCEL, self.process_id) + self.secret_key


@final
class StartupMessage(Message):
    """The client's start-up: protocol `major`.`minor`, and `parameters` as (name, value) in the order sent."""

    __slots__ = ("major", "minor", "parameters")

    def __init__(self, major: int, minor: int, parameters: tuple[tuple[bytes, bytes], ...]) -> None:
        self.major = major
        self.minor = minor
        self.parameters = parameters

    def encode(self) -> bytes:
        parts: list[bytes] = []
        for name, value in self.parameters:
            if not name or b"\0" in name or b"\0" in value:
                raise InternalError("a start-up parameter without a name, or with a zero byte inside")
            parts.append(name)
            parts.append(value)
        body = b"".join([part + b"\0" for part in parts]) + b"\0"
        return _REQUEST.pack(8 + len(body), self.major, self.minor) + body


StartupPacket: TypeAlias = SSLRequest | GSSENCRequest | CancelRequest | StartupMessage


def decode_startup(body: bytes) -> StartupPacket:
    """The packet whose bytes after the length field are `body`.

    PeerError for anything inexact; with SQLSTATE 0A000 for a protocol other than 3.x.
    """
    if len(body) > MAX_STARTUP_PACKET:
        raise PeerError("invalid length of startup packet")
    reader = Reader(body, "startup packet")
    major = reader.uint16()
    minor = reader.uint16()
    if major == _REQUEST_MAJOR:
        return _decode_request(reader, minor)
    if major != PROTOCOL_MAJOR:
        raise PeerError(
            f"unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.{LATEST_MINOR}", sqlstate="0A000"
        )
    parameters: list[tuple[bytes, bytes]] = []
    while True:
        name = reader.string()
        if not name:
            break
        parameters.append((name, reader.string()))
    reader.end()
    return StartupMessage(major, minor, tuple(parameters))


def _decode_request(reader: Reader, code: int) -> StartupPacket:
    if code == _CANCEL:
        process_id = reader.int32()
        secret_key = reader.rest()
        if not 4 <= len(secret_key) <= MAX_CANCEL_KEY:
            raise reader.fail("a secret key of a wrong length")
        return CancelRequest(process_id, secret_key)
    if code == _SSL:
        reader.end()
        return SSLRequest()
    if code == _GSSENC:
        reader.end()
        return GSSENCRequest()
    raise PeerError(f"unsupported frontend protocol {_REQUEST_MAJOR}.{code}", sqlstate="0A000")


@final
class StartupBuffer:
    """The bytes of a connection whose first packets have no type byte."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    @property
    def pending(self) -> int:
        """Bytes fed and not consumed. Any that are there when an SSLRequest or GSSENCRequest has been
        read were sent before the answer, and must end the connection (CVE-2021-23214)."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append what was read."""
        self._buffer += data

    def next(self) -> bytes | None:
        """What follows the length field of the first packet, consumed; None while it is not whole.

        PeerError as soon as four bytes say a length that no start-up packet has: also for TLS or
        HTTP spoken to this port.
        """
        if len(self._buffer) < 4:
            return None
        size: int = read_i32_be(self._buffer, 0)
        if size < 8 or size > MAX_STARTUP_PACKET + 4:
            raise PeerError("invalid length of startup packet")
        if len(self._buffer) < size:
            return None
        body = self._buffer[4:size]
        self._buffer = self._buffer[size:]
        return body

    def rest(self) -> bytes:
        """All that is left, consumed: what a FrameBuffer is to be fed first."""
        left = self._buffer
        self._buffer = b""
        return left
