"""COPY's text format (manual, "COPY", "Text Format"), as a server writes it: nothing else is let through.

The server writes control characters, the delimiter and the backslash as an escape, and nothing else: never octal or
hexadecimal digits. Anything else is refused, because whoever reads it further down might see another row in it than
we do. Source: CopyAttributeOutText, src/backend/commands/copyto.c.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter
from mypy_extensions import i64

from pgmaskproxy.errors import PeerError

NEWLINE: Final = b"\n"
CARRIAGE_RETURN: Final = b"\r"
PLAIN_NULL: Final = b"\\N"
ORDINARY: Final = 0
SPECIAL: Final = 1

_BACKSLASH: Final = b"\\"
_ESCAPED: Final = ((b"\b", b"\\b"), (b"\f", b"\\f"), (b"\n", b"\\n"), (b"\r", b"\\r"), (b"\t", b"\\t"), (b"\v", b"\\v"))
_WITH_LETTER: Final = frozenset(b"\b\f\n\r\t\v")
_LETTERS: Final = frozenset(b"bfnrtv")
_SPECIAL: Final = b"\\\b\f\n\r\t\v"


class RowFormat:
    """How a row's fields are written. What a subclass reads it has checked: PeerError for what no server writes."""

    def __init__(self, delimiter: bytes, null: bytes, special: bytes, *, certain: bool) -> None:
        """`special`: all that is ever written otherwise than as itself. `certain`: no value is written as NULL is."""
        self.delimiter: Final = delimiter
        self.null: Final = null
        self.certain: Final = certain
        self.delimiter_byte: Final[i64] = delimiter[0]
        self.marks: Final = bytes(
            [SPECIAL if byte in delimiter + special + b"\n\r" else ORDINARY for byte in range(256)]
        )
        """By byte: where only ORDINARY ones are, what is written is the value itself."""

    def null_end(self, data: bytes, begin: i64, last: i64) -> i64:
        """Where NULL ends, if it is the whole field at `begin` of a row whose newline is at `last`; -1 where it is not,
        or not certain."""
        null = self.null
        width: i64 = len(null)
        end: i64 = begin + width
        if not self.certain or end > last or (end < last and data[end] != self.delimiter_byte):
            return -1
        at: i64 = 0
        while at < width:
            if data[begin + at] != null[at]:
                return -1
            at += 1
        return end

    def is_as_written(self, out: BytesWriter, begin: i64) -> bool:
        """Whether what is in `out` from `begin` on is a field that is written as itself."""
        marks = self.marks
        null = self.null
        end: i64 = len(out)
        at: i64 = begin
        while at < end:
            if marks[i64(out[at])] != ORDINARY:
                return False
            at += 1
        if end - begin != len(null):
            return True
        at = begin
        while at < end:
            if i64(out[at]) != null[at - begin]:
                return True
            at += 1
        return False

    def split(self, row: bytes) -> list[bytes]:
        """The fields of one whole row, still written as they were; at least one."""
        raise NotImplementedError

    def is_null(self, field: bytes) -> bool:
        """Whether `field` is certainly NULL."""
        return field == self.null

    def decode(self, field: bytes) -> bytes:
        """The value of a field of `split` that is not NULL."""
        raise NotImplementedError

    def encode(self, value: bytes | None, force: bool) -> bytes:
        """The field for `value`, UTF-8 text or None for NULL; `force` quotes where there are quotes."""
        raise NotImplementedError

    def row(self, fields: list[bytes]) -> bytes:
        """A whole row of fields that `encode` wrote."""
        return self.delimiter.join(fields) + NEWLINE


@final
class TextFormat(RowFormat):
    r"""Text format with this delimiter (one byte) and NULL.

    With any NULL but `\N` the server writes NULL and a value of the same letters alike. Then no field is certainly
    NULL, and what is masked is masked as a value: who chooses NULL could else ask for a value by it.
    """

    def __init__(self, delimiter: bytes, null: bytes) -> None:
        super().__init__(delimiter, null, _SPECIAL, certain=null == PLAIN_NULL)
        self._as_itself: Final = delimiter[0] not in _WITH_LETTER
        """The delimiter in a value is written behind a backslash; others have a letter, and stand for themselves."""
        self._special: Final = _SPECIAL + delimiter

    def is_null(self, field: bytes) -> bool:
        return self.certain and field == self.null

    def split(self, row: bytes) -> list[bytes]:
        end: i64 = len(row) - 1
        if end < 0 or row.find(NEWLINE) != end:
            raise PeerError("a CopyData is not exactly one row")
        if row.find(CARRIAGE_RETURN) >= 0:
            raise PeerError("a row of COPY data has a carriage return that no server writes")
        if row.find(_BACKSLASH) < 0:
            return row[:end].split(self.delimiter)
        fields: list[bytes] = []
        at: i64 = 0
        while True:
            stop: i64 = self._field_end(row, at, end)
            fields.append(row[at:stop])
            if stop == end:
                return fields
            at = stop + 1

    def _field_end(self, row: bytes, begin: i64, end: i64) -> i64:
        """Where the field ends that begins at `begin`; every backslash in it begins an escape, or it is NULL."""
        stop: i64 = self._next_delimiter(row, begin, end)
        if self.certain and stop - begin == 2 and row[begin:stop] == PLAIN_NULL:
            return stop
        at: i64 = row.find(_BACKSLASH, begin, stop)
        while at >= 0:
            if at + 1 >= end:
                raise PeerError("a field of COPY data ends in a backslash")
            escaped: i64 = row[at + 1]
            if escaped == self.delimiter_byte and self._as_itself:
                # What looked like the end was in the field.
                stop = self._next_delimiter(row, at + 2, end)
            elif at + 1 >= stop or (escaped != 0x5C and escaped not in _LETTERS):
                raise PeerError("a field of COPY data has an escape that no server writes")
            at = row.find(_BACKSLASH, at + 2, stop)
        return stop

    def _next_delimiter(self, row: bytes, begin: i64, end: i64) -> i64:
        found: i64 = row.find(self.delimiter, begin, end)
        return found if found >= 0 else end

    def decode(self, field: bytes) -> bytes:
        if field.find(_BACKSLASH) < 0:
            return field
        parts = field.split(b"\\\\")
        for index, part in enumerate(parts):
            if part.find(_BACKSLASH) < 0:
                continue
            plain = part
            for character, escape in _ESCAPED:
                plain = plain.replace(escape, character)
            if self._as_itself:
                plain = plain.replace(_BACKSLASH + self.delimiter, self.delimiter)
            parts[index] = plain
        return _BACKSLASH.join(parts)

    def encode(self, value: bytes | None, force: bool) -> bytes:
        if value is None:
            return self.null
        if len(value.translate(None, self._special)) == len(value):
            return value
        field = value.replace(_BACKSLASH, b"\\\\")
        for character, escape in _ESCAPED:
            field = field.replace(character, escape)
        return field.replace(self.delimiter, _BACKSLASH + self.delimiter) if self._as_itself else field
