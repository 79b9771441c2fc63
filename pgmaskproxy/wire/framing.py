"""A byte stream cut into frames: type byte, length field, body (manual, "Message Formats").

Lengths are checked low and high per type as soon as a frame's five header bytes are there, before
anything is allocated for it, and are compared with what is there, never by a sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final, final

from librt.strings import read_i32_be

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire.limits import BACKEND_LIMITS, FRONTEND_LIMITS

__all__ = ["BACKEND_LIMITS", "FRONTEND_LIMITS", "HEADER_SIZE", "Frame", "FrameBuffer", "pack"]

HEADER_SIZE: Final = 5
"""A type byte and a length field."""

_HEADER: Final = Struct("!BI")
_MAX_BODY: Final = 0x7FFFFFFF - 4
_MAX_CRUMBS: Final = 256


@final
class Frame:
    """One whole frame. `type` is its type byte, `body` what follows the length field."""

    __slots__ = ("body", "type")

    def __init__(self, type: int, body: bytes) -> None:  # noqa: A002 - the manual's own word for it
        self.type = type
        self.body = body

    def encode(self) -> bytes:
        """The frame's bytes, header included."""
        return pack(self.type, self.body)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frame) and self.type == other.type and self.body == other.body

    def __hash__(self) -> int:
        return hash((self.type, self.body))

    def __repr__(self) -> str:
        # Never the body: a repr ends in logs and tracebacks, and bodies hold values.
        return f"<Frame {chr(self.type)!r} {len(self.body)} bytes>"


def pack(type: bytes | int, body: bytes) -> bytes:  # noqa: A002 - the manual's own word for it
    """A whole frame: header and `body`. InternalError for a body that no length field can say."""
    if len(body) > _MAX_BODY:
        raise InternalError("a message body is too long for its length field")
    code = type if isinstance(type, int) else type[0]
    return _HEADER.pack(code, len(body) + 4) + body


@final
class FrameBuffer:
    """The bytes of one direction that no one has consumed yet.

    `limits` maps a type byte to the least and greatest value of its length field; `overrides`
    replaces or adds entries (a statement's greatest size). Bytes arrive by `feed`; they are joined
    only when a frame is whole or its header is not, so that a frame in many chunks is copied a
    bounded number of times, and consuming one of many small frames copies only that frame.
    """

    __slots__ = ("_buffer", "_chunks", "_greatest", "_least", "_position", "_waiting")

    def __init__(
        self, limits: Mapping[int, tuple[int, int]], overrides: Mapping[int, tuple[int, int]] | None = None
    ) -> None:
        self._buffer = b""
        self._position = 0  # of the first byte in _buffer that is not consumed
        self._chunks: list[bytes] = []  # what was fed since, in order
        self._waiting = 0  # bytes in _chunks
        self._least = [0] * 256
        self._greatest = [-1] * 256  # -1: no such message
        for type_byte, (least, greatest) in {**limits, **(overrides or {})}.items():
            self._least[type_byte] = least
            self._greatest[type_byte] = greatest

    @property
    def pending(self) -> int:
        """Bytes fed and not consumed."""
        return len(self._buffer) - self._position + self._waiting

    def feed(self, data: bytes) -> None:
        """Append what was read."""
        if self._waiting == 0 and self._position == len(self._buffer):
            self._buffer = data
            self._position = 0
        elif data:
            self._chunks.append(data)
            self._waiting += len(data)
            # A peer that dribbles must not make a list of a million crumbs: merge when they average
            # less than 1 KiB, which copies at most 1 KiB per call in the long run.
            if len(self._chunks) > _MAX_CRUMBS and len(self._chunks) * 1024 > self._waiting:
                self._chunks = [b"".join(self._chunks)]

    def _join(self) -> None:
        """Put everything pending into one buffer."""
        if self._waiting:
            rest = self._buffer[self._position :]
            if rest:
                self._chunks.insert(0, rest)
            # Joining a list of one bytes object returns that object.
            self._buffer = b"".join(self._chunks)
            self._chunks = []
            self._waiting = 0
            self._position = 0

    def peek(self) -> tuple[int, int] | None:
        """The first frame's type byte and its whole size in bytes, header included, whole or not.

        None while fewer than five bytes are there. PeerError for a type byte the limits do not
        know, or a length outside that type's bounds.
        """
        if len(self._buffer) - self._position < HEADER_SIZE:
            if self.pending < HEADER_SIZE:
                return None
            self._join()
        type_byte = self._buffer[self._position]
        length: int = read_i32_be(self._buffer, self._position + 1)
        if length < self._least[type_byte] or length > self._greatest[type_byte]:
            if self._greatest[type_byte] < 0:
                raise PeerError(f"invalid message type {type_byte}")
            raise PeerError(f"invalid length {length} of a message of type {chr(type_byte)!r}")
        return type_byte, length + 1

    def next(self) -> Frame | None:
        """The first frame, consumed; None while it is not whole. PeerError as `peek`."""
        head = self.peek()
        if head is None:
            return None
        size = head[1]
        if len(self._buffer) - self._position < size:
            if self.pending < size:
                return None
            return Frame(head[0], self._gather(size))
        start = self._position
        self._position = start + size
        body = self._buffer[start + HEADER_SIZE : start + size]
        if self._position == len(self._buffer):
            self._buffer = b""  # a large frame does not stay here behind itself
            self._position = 0
        return Frame(head[0], body)

    def _gather(self, size: int) -> bytes:
        """The body of the first frame, consumed, which is `size` bytes long and does not lie in the buffer alone: taken
        from where its parts lie, so that a large one is copied once."""
        parts = [self._buffer[self._position + HEADER_SIZE :]]
        missing = size - (len(self._buffer) - self._position)
        self._buffer = b""
        self._position = 0
        taken = 0
        while missing:
            chunk = self._chunks[taken]
            taken += 1
            self._waiting -= len(chunk)
            if len(chunk) > missing:
                self._buffer, self._position = chunk, missing
                chunk = chunk[:missing]
            parts.append(chunk)
            missing -= len(chunk)
        del self._chunks[:taken]
        return b"".join(parts)

    def view(self) -> tuple[bytes, int]:
        """The buffer and the position of its first byte not consumed, for the row kernel.

        If the first frame is whole, it lies whole in the buffer; what lies behind it may end
        anywhere. Valid until the next call of any other method. PeerError as `peek`.
        """
        head = self.peek()
        if head is not None and len(self._buffer) - self._position < head[1] <= self.pending:
            self._join()
        return self._buffer, self._position

    def consume_to(self, position: int) -> None:
        """Consume up to `position` in the buffer that `view` gave. InternalError outside of it."""
        if position < self._position or position > len(self._buffer):
            raise InternalError("consumed outside of the frame buffer")
        self._position = position

    def take(self, n: int) -> bytes:
        """Up to `n` raw bytes, consumed; b"" when none are pending.

        For a frame that is relayed or skipped piece by piece; who takes counts where it ends.
        """
        if n < 0:
            raise InternalError("took a negative number of bytes")
        if self._position == len(self._buffer):
            self._join()
        taken = self._buffer[self._position : self._position + n]
        self._position += len(taken)
        return taken
