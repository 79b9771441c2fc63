"""The frames of rows, for the kernels: bounds of what is read, lengths of what is written, what was relayed."""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i32_be, read_i64_be, write_i32_be, write_i64_be
from mypy_extensions import i32, i64, u8

from pgmaskproxy.errors import InternalError, PeerError, SealedError
from pgmaskproxy.wire.limits import ROW

HEADER: Final = 5
"""A type byte and a length field."""

_WORD: Final = 8
_SHORT: Final = 96


@final
class Relayed:
    """What became of a buffer: `out` to send, `end` the position of the first byte not consumed.

    `rows` were relayed, `cells` in them masked (a NULL is not counted: it is shown as it was).
    """

    def __init__(self, out: bytes, end: i64, rows: i64, cells: i64) -> None:
        self.out: Final = out
        self.end: Final[i64] = end
        self.rows: Final[i64] = rows
        self.cells: Final[i64] = cells


def sealed(data: bytes, begin: i64, kind: i64) -> Relayed:
    """Nothing; SealedError for the first byte of a frame of type `kind`."""
    if begin < len(data) and data[begin] == kind:
        raise SealedError("a row arrived before its plan was bound")
    return Relayed(b"", begin, 0, 0)


def checked_start(data: bytes, start: int) -> i64:
    """`start`, which is in the buffer or at its end. InternalError otherwise: it is our own."""
    if start < 0 or start > len(data):
        raise InternalError("a relay starts outside of its buffer")
    return start


def checked_length(data: bytes, position: i64, least: i64) -> i64:
    """The length field of the frame at `position`, whose header is there. PeerError for an impossible one."""
    length = i64(read_i32_be(data, position + 1))
    if length < least or length > ROW:
        raise PeerError("a row has an impossible length")
    return length


def write_length(out: BytesWriter, length: i64) -> None:
    """Append a length field. PeerError when none can say it."""
    if length > ROW:
        raise PeerError("a masked value is too long for its length field")
    write_i32_be(out, i32(length))


def write_cell(out: BytesWriter, shown: bytes | None) -> i64:
    """Append a value behind its length, or NULL: the bytes of the value. PeerError when no length can say it."""
    if shown is None:
        write_i32_be(out, -1)
        return 0
    size: i64 = len(shown)
    write_length(out, size)
    out.write(shown)
    return size


def patch_length(out: BytesWriter, at: i64, length: i64) -> None:
    """Put another length into the field at `at`. PeerError when none can say it."""
    if length > ROW:
        raise PeerError("a masked row is too long for its length field")
    out[at] = u8((length >> 24) & 0xFF)
    out[at + 1] = u8((length >> 16) & 0xFF)
    out[at + 2] = u8((length >> 8) & 0xFF)
    out[at + 3] = u8(length & 0xFF)


def copy(out: BytesWriter, data: bytes, begin: i64, end: i64) -> None:
    """Append `data[begin:end]`, which lies in `data`. A short one word by word: a slice is an object."""
    if INTERPRETED or end - begin > _SHORT:
        out.write(data[begin:end])
    else:
        copy_words(out, data, begin, end)


def copy_words(out: BytesWriter, data: bytes, begin: i64, end: i64) -> None:
    """The same, by words whatever its length."""
    at: i64 = begin
    while end - at >= _WORD:
        write_i64_be(out, read_i64_be(data, at))
        at += _WORD
    if end - at >= 4:
        write_i32_be(out, read_i32_be(data, at))
        at += 4
    while at < end:
        out.append(data[at])
        at += 1


INTERPRETED: Final = hasattr(copy_words, "__code__")
"""Loops over bytes take a hundred times as long then; what C does is quicker."""
