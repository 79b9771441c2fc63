"""Arrays, element by element, in text and in binary format: how many there are, and which are NULL, stays."""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.masker import Masker

_DIMENSIONS: Final = 6  # MAXDIM
_HEADER: Final = 12
_COMMA: Final = 0x2C
_QUOTE: Final = 0x22
_BACKSLASH: Final = 0x5C
_OPEN: Final = 0x7B
_CLOSE: Final = 0x7D
_SPECIAL: Final = frozenset(b'{}",\\ \t\n\r\v\f')
_BOUNDS: Final = frozenset(b"[]:-=0123456789")
_NULL: Final = b"NULL"


@final
class ArrayTextMasker(Masker):
    """An array's text (manual, 8.15.6): bounds where they are not from 1, braces, elements quoted where they must be.

    Every type whose elements are masked is written with a comma between them: only box has another delimiter.
    """

    def __init__(self, element: Masker) -> None:
        super().__init__(fixed=False)
        self.element: Final = element

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        begin: i64 = value.find(b"=") + 1 if value[:1] == b"[" else 0
        size: i64 = len(value)
        if any(byte not in _BOUNDS for byte in value[:begin]):
            return None
        if begin >= size or value[begin] != _OPEN or value[size - 1] != _CLOSE:
            return None
        out: list[bytes] = [value[:begin]]
        at: i64 = begin
        while at < size:
            byte: i64 = value[at]
            if byte in (_OPEN, _CLOSE, _COMMA):
                out.append(value[at : at + 1])
                at += 1
                continue
            found, end = _element(value, at)
            if end < 0:
                return None
            out.append(self._shown(found))
            at = end
        return b"".join(out)

    def _shown(self, found: bytes | None) -> bytes:
        if found is None:
            return _NULL
        shown = self.element.value if self.element.fixed else self.element.mask(found)
        return _NULL if shown is None else quoted_element(shown)


def _element(value: bytes, at: i64) -> tuple[bytes | None, i64]:
    """The element that begins at `at`, None for NULL, and where it ends; -1 for what has no end."""
    size: i64 = len(value)
    if value[at] != _QUOTE:
        end: i64 = at
        while end < size and value[end] != _COMMA and value[end] != _CLOSE:
            end += 1
        bare = value[at:end]
        return (None if bare == _NULL else bare), end
    found = bytearray()
    at += 1
    while at < size and value[at] != _QUOTE:
        if value[at] == _BACKSLASH:
            at += 1
            if at >= size:
                return None, -1
        found.append(value[at])
        at += 1
    return bytes(found), (at + 1 if at < size else -1)


def quoted_element(value: bytes) -> bytes:
    """An element as array_out writes it (src/backend/utils/adt/arrayfuncs.c)."""
    if value and value.upper() != _NULL and not any(byte in _SPECIAL for byte in value):
        return value
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


@final
class ArrayBinaryMasker(Masker):
    """array_send: dimensions, whether there are NULLs, the elements' type, each dimension's length and lower bound,
    then each element's length and bytes."""

    def __init__(self, element: Masker, element_oid: int) -> None:
        super().__init__(fixed=False)
        self.element: Final = element
        self.element_oid: Final = element_oid

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes, and for elements of another type than was decided on."""
        size: i64 = len(value)
        if size < _HEADER:
            return None
        dimensions: i64 = int.from_bytes(value[:4], "big", signed=True)
        if not 0 <= dimensions <= _DIMENSIONS or int.from_bytes(value[8:12], "big") != self.element_oid:
            return None
        at: i64 = _HEADER + 8 * dimensions
        missing: i64 = _count(value, dimensions)
        out: list[bytes] = [value[8:at]]
        has_null = False
        while at < size:
            if size - at < 4:
                return None
            width: i64 = int.from_bytes(value[at : at + 4], "big", signed=True)
            at += 4
            if width < -1 or width > size - at:
                return None
            shown: bytes | None = None
            if width >= 0:
                found = value[at : at + width]
                shown = self.element.value if self.element.fixed else self.element.mask(found)
                at += width
            missing -= 1
            has_null = has_null or shown is None
            out.append(cell(shown))
        if at != size or missing != 0:
            return None
        return value[:4] + (b"\0\0\0\x01" if has_null else bytes(4)) + b"".join(out)


def _count(value: bytes, dimensions: i64) -> i64:
    """How many elements an array of these dimensions has; -1 for one that cannot be."""
    if dimensions == 0:
        return 0
    count: i64 = 1
    number: i64 = 0
    while number < dimensions:
        begin: i64 = _HEADER + 8 * number
        length: i64 = int.from_bytes(value[begin : begin + 4], "big", signed=True)
        if not 0 < length <= len(value) or count > len(value):
            return -1
        count *= length
        number += 1
    return count


def cell(value: bytes | None) -> bytes:
    """A length and its bytes; NULL's length is -1. PeerError for what no length can say."""
    if value is None:
        return b"\xff\xff\xff\xff"
    if len(value) > 0x7FFFFFFF:
        raise PeerError("a masked value is too long for its length field")
    return len(value).to_bytes(4, "big") + value
