"""Reading a message's body field by field, within its bounds.

Every read compares what it needs with what remains; a count is compared with what remains before
anything is allocated for it; `end` insists that the body was consumed exactly.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import read_i16_be, read_i32_be

from pgmaskproxy.errors import PeerError

NULL_LENGTH: Final = -1
"""The length field of a value that is SQL NULL."""


@final
class Reader:
    """A position in the body of a message. PeerError wherever the body does not fit the message."""

    __slots__ = ("body", "message", "position", "remaining")

    def __init__(self, body: bytes, message: str) -> None:
        self.body = body
        self.message = message  # the manual's name, for the error
        self.position = 0
        self.remaining = len(body)

    def fail(self, what: str) -> PeerError:
        """The error to raise for this body."""
        return PeerError(f"invalid message format: {what} in {self.message}")

    def _advance(self, n: int) -> int:
        """Consume `n` bytes; their position."""
        if n > self.remaining:
            raise self.fail("insufficient data left")
        start = self.position
        self.position = start + n
        self.remaining -= n
        return start

    def byte(self) -> int:
        """One byte."""
        return self.body[self._advance(1)]

    def int16(self) -> int:
        """A signed Int16."""
        return read_i16_be(self.body, self._advance(2))

    def uint16(self) -> int:
        """An unsigned Int16: what the server reads counts as."""
        number: int = read_i16_be(self.body, self._advance(2))  # widened, or compiled it stays an i16
        return number & 0xFFFF

    def int32(self) -> int:
        """A signed Int32."""
        return read_i32_be(self.body, self._advance(4))

    def oid(self) -> int:
        """An unsigned Int32."""
        number: int = read_i32_be(self.body, self._advance(4))
        return number & 0xFFFFFFFF

    def count(self, width: int, most: int) -> int:
        """An unsigned Int16 that says how many items of at least `width` bytes follow, `most` at most."""
        number = self.uint16()
        if number > most or number > self.remaining // width:
            raise self.fail("a count beyond the message's end")
        return number

    def string(self) -> bytes:
        """A String without its terminating zero byte."""
        end = self.body.find(b"\0", self.position)
        if end < 0:
            raise self.fail("unterminated string")
        start = self.position
        self.remaining -= end + 1 - start
        self.position = end + 1
        return self.body[start:end]

    def take(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        if n < 0:
            raise self.fail("a negative length")
        start = self._advance(n)
        return self.body[start : start + n]

    def value(self) -> bytes | None:
        """An Int32 length and so many bytes; None for the length of SQL NULL."""
        length = self.int32()
        if length == NULL_LENGTH:
            return None
        return self.take(length)

    def rest(self) -> bytes:
        """All that remains."""
        return self.take(self.remaining)

    def int16s(self, most: int) -> tuple[int, ...]:
        """A count and so many signed Int16."""
        return tuple([self.int16() for _ in range(self.count(2, most))])

    def oids(self, most: int) -> tuple[int, ...]:
        """A count and so many unsigned Int32."""
        return tuple([self.oid() for _ in range(self.count(4, most))])

    def values(self, most: int) -> tuple[bytes | None, ...]:
        """A count and so many values."""
        return tuple([self.value() for _ in range(self.count(4, most))])

    def end(self) -> None:
        """Insist that nothing remains."""
        if self.remaining:
            raise self.fail("trailing bytes")
