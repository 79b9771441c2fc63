"""Building one frame field by field; what `reader` reads.

InternalError for what cannot be sent: these values are ours, or were read within the same bounds.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, write_i16_be, write_i32_be

from pgmaskproxy.errors import InternalError

_MAX_LENGTH: Final = 0x7FF00000
"""A MiB below what the length field can say: numbers, 65,535 at a time, are added without asking for room."""
_LARGE: Final = 64 * 1024


@final
class Writer:
    """A frame of the type byte `code`, its length still open."""

    __slots__ = ("_begun", "_out", "_parts")

    def __init__(self, code: int) -> None:
        self._out = BytesWriter()
        self._out.append(code)
        write_i32_be(self._out, 0)
        self._parts: list[bytes] = []
        self._begun = 0  # bytes in _parts

    def _require(self, size: int) -> None:
        """Room for `size` more bytes and the few that go with them."""
        if size > _MAX_LENGTH - len(self._out) - self._begun:
            raise InternalError("a message is too long for its length field")

    def _append(self, data: bytes) -> None:
        """What is large is copied once, when the frame is made."""
        if len(data) < _LARGE:
            self._out.write(data)
        else:
            self._parts += [self._out.getvalue(), data]
            self._begun += len(self._out) + len(data)
            self._out = BytesWriter()

    def byte(self, number: int) -> None:
        """One byte."""
        if not 0 <= number <= 0xFF:
            raise InternalError("a number to be sent does not fit a byte")
        self._out.append(number)

    def int16(self, number: int) -> None:
        """An Int16, signed or not."""
        if not -0x8000 <= number <= 0xFFFF:
            raise InternalError("a number to be sent does not fit an Int16")
        write_i16_be(self._out, number - 0x10000 if number > 0x7FFF else number)

    def int32(self, number: int) -> None:
        """An Int32, signed or not."""
        if not -0x80000000 <= number <= 0xFFFFFFFF:
            raise InternalError("a number to be sent does not fit an Int32")
        write_i32_be(self._out, number - 0x100000000 if number > 0x7FFFFFFF else number)

    def raw(self, data: bytes) -> None:
        """Bytes as they are."""
        self._require(len(data))
        self._append(data)

    def string(self, text: bytes) -> None:
        """A String. One with a zero byte inside would move every field after it, and is refused."""
        if b"\0" in text:
            raise InternalError("a string to be sent holds a zero byte")
        self._require(len(text))
        self._out.write(text)
        self._out.append(0)

    def value(self, data: bytes | None) -> None:
        """A length and so many bytes; None is SQL NULL."""
        if data is None:
            write_i32_be(self._out, -1)
        else:
            self._require(len(data))
            write_i32_be(self._out, len(data))
            self._append(data)

    def values(self, items: tuple[bytes | None, ...]) -> None:
        """A count and so many values."""
        self.int16(len(items))
        for item in items:
            self.value(item)

    def int16s(self, numbers: tuple[int, ...]) -> None:
        """A count and so many Int16."""
        self.int16(len(numbers))
        for number in numbers:
            self.int16(number)

    def int32s(self, numbers: tuple[int, ...]) -> None:
        """A count and so many Int32."""
        self.int16(len(numbers))
        for number in numbers:
            self.int32(number)

    def frame(self) -> bytes:
        """The whole frame, its length filled in."""
        length: int = len(self._out) + self._begun - 1
        if self._parts:
            head = self._parts[0]
            self._parts[0] = head[:1] + length.to_bytes(4, "big") + head[5:]
            return b"".join([*self._parts, self._out.getvalue()])
        out = self._out
        out[1] = length >> 24
        out[2] = (length >> 16) & 0xFF
        out[3] = (length >> 8) & 0xFF
        out[4] = length & 0xFF
        return out.getvalue()
