"""COPY's CSV format (manual, "COPY", "CSV Format"), as a server writes it: nothing else is let through.

Unlike in text format NULL is always certain: a value of the same letters is quoted. Source: CopyAttributeOutCSV,
src/backend/commands/copyto.c.
"""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copytext import CARRIAGE_RETURN, NEWLINE, RowFormat

_END_MARK: Final = b"\\."
"""Alone on a line it would end the data for whoever reads it: so it is quoted where it is the only column."""


@final
class CsvFormat(RowFormat):
    """CSV with these characters (one byte each) and NULL; `columns` in every row."""

    def __init__(self, delimiter: bytes, null: bytes, quote: bytes, escape: bytes, columns: int) -> None:
        super().__init__(delimiter, null, quote + escape + _END_MARK[:1], certain=True)
        self._quote: Final[i64] = quote[0]
        self._escape: Final[i64] = escape[0]
        self.quote: Final = quote
        self.escape: Final = escape
        self._single: Final = columns == 1
        self._special: Final = delimiter + quote + b"\n\r"

    def split(self, row: bytes) -> list[bytes]:
        end: i64 = len(row) - 1
        if end < 0 or row[end] != 0x0A:
            raise PeerError("a CopyData is not exactly one row")
        if row.find(self.quote) < 0:
            self._check_unquoted(row, 0, end)
            return row[:end].split(self.delimiter)
        fields: list[bytes] = []
        at: i64 = 0
        while True:
            stop: i64
            if at < end and row[at] == self._quote:
                stop = self._closing(row, at + 1, end) + 1
            else:
                stop = row.find(self.delimiter, at, end)
                if stop < 0:
                    stop = end
                self._check_unquoted(row, at, stop)
            fields.append(row[at:stop])
            if stop == end:
                return fields
            if row[stop] != self.delimiter_byte:
                raise PeerError("a quoted field of COPY data is followed by something else than a delimiter")
            at = stop + 1

    def _check_unquoted(self, row: bytes, begin: i64, end: i64) -> None:
        if row.find(NEWLINE, begin, end) >= 0 or row.find(CARRIAGE_RETURN, begin, end) >= 0:
            raise PeerError("a CopyData is not exactly one row")
        if row.find(self.quote, begin, end) >= 0:
            raise PeerError("a field of COPY data has a quote that no server writes")

    def _closing(self, row: bytes, begin: i64, end: i64) -> i64:
        """The position of the quote that ends the field whose text begins at `begin`. Every byte is seen a bounded
        number of times, however many quotes and escapes there are."""
        at: i64 = begin
        quote: i64 = row.find(self.quote, at, end)
        while quote >= 0:
            if self._escape == self._quote:
                if quote + 1 >= end or row[quote + 1] != self._quote:
                    return quote
                at = quote + 2
            else:
                escape: i64 = row.find(self.escape, at, quote)
                if escape < 0:
                    return quote
                escaped: i64 = row[escape + 1]
                if escaped not in (self._quote, self._escape):
                    raise PeerError("a field of COPY data has an escape that no server writes")
                at = escape + 2
            if quote < at:
                quote = row.find(self.quote, at, end)
        raise PeerError("a quoted field of COPY data has no end")

    def decode(self, field: bytes) -> bytes:
        if len(field) < 2 or field[0] != self._quote:
            return field
        inner = field[1 : len(field) - 1]
        if self._escape == self._quote:
            return inner.replace(self.quote + self.quote, self.quote)
        if inner.find(self.escape) < 0:
            return inner
        parts = inner.split(self.escape + self.escape)
        return self.escape.join([part.replace(self.escape + self.quote, self.quote) for part in parts])

    def encode(self, value: bytes | None, force: bool) -> bytes:
        if value is None:
            return self.null
        plain = len(value.translate(None, self._special)) == len(value)
        if plain and not force and value != self.null and not (self._single and value == _END_MARK):
            return value
        text = value
        if self._escape != self._quote:
            text = text.replace(self.escape, self.escape + self.escape)
        return self.quote + text.replace(self.quote, self.escape + self.quote) + self.quote
