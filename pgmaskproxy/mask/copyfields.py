"""The fields of what a client copies in, found as it streams: text, csv and binary (manual, COPY, "File Formats").

Only fields of wanted columns are kept, each up to `LONGEST` bytes, whatever the size of a row or of a message. Where
the server would find the data wrong, what is found here means nothing, and nothing of it is stored.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Final, TypeAlias, final

from pgmaskproxy.model import CopyLayout

LONGEST: Final = 1024 * 1024
"""Bytes of a field that is looked at: what a mask has shown is not longer."""

Field: TypeAlias = "tuple[int, bytes]"
"""A column's place in COPY's list, from 1, and its value; NULL is left out."""

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
_HEADER: Final = len(_SIGNATURE) + 8
_ESCAPE: Final = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|[\s\S])")
_LETTERS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class CopyFields(ABC):
    """A stream of one format. `found` gives the wanted fields that end in the next piece of it."""

    def __init__(self, wanted: Collection[int]) -> None:
        self.wanted: Final = frozenset(wanted)
        self._at = 1
        self._kept: list[bytes] = []
        self._size = 0
        self._rest = b""

    @abstractmethod
    def found(self, data: bytes) -> list[Field]:
        """The wanted fields that are complete with this piece, in order."""

    def last(self) -> list[Field]:
        """The same of what came last: the end of the data ends a row too."""
        begun = self._at > 1 or self._size > 0 or self._rest
        return self.found(b"\n") if begun else []

    def _keep(self, part: bytes) -> None:
        """More of the field that is read now; of one that is too long nothing more."""
        if self._at in self.wanted and self._size <= LONGEST:
            self._kept.append(part)
        self._size += len(part)

    def _ended(self) -> bytes | None:
        """The field that ends here, None where nobody wants it; the next one begins."""
        wanted = self._at in self.wanted and self._size <= LONGEST
        field = b"".join(self._kept) if wanted else None
        self._kept, self._size = [], 0
        return field


@final
class TextFields(CopyFields):
    """COPY's text format: a backslash takes what follows it along, a line's end too."""

    def __init__(self, layout: CopyLayout, wanted: Collection[int]) -> None:
        super().__init__(wanted)
        delimiter = layout.delimiter.encode()
        self._delimiter: Final = delimiter
        self._null_field: Final = layout.null.encode()
        special = re.escape(delimiter) + rb"\\\r\n"
        self._pieces: Final = re.compile(rb"[^" + special + rb"]+|\\[\s\S]|[" + special + rb"]")

    def found(self, data: bytes) -> list[Field]:
        data = self._rest + data
        fields: list[Field] = []
        self._rest = b""
        for match in self._pieces.finditer(data):
            piece = match.group()
            if piece == b"\\":
                self._rest = piece  # what it takes along is still to come
            elif piece == self._delimiter or piece in {b"\n", b"\r"}:
                raw, at = self._ended(), self._at
                if raw is not None and raw != self._null_field:
                    fields.append((at, _unescaped(raw)))
                self._at = at + 1 if piece == self._delimiter else 1
            else:
                self._keep(piece)
        return fields


def _unescaped(raw: bytes) -> bytes:
    return _ESCAPE.sub(_character, raw) if b"\\" in raw else raw


def _character(match: re.Match[bytes]) -> bytes:
    code = match.group(1)
    if code[:1] == b"x" and len(code) > 1:
        return bytes([int(code[1:], 16)])
    if code.isdigit():
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)


@final
class CsvFields(CopyFields):
    """COPY's csv format: quotes may begin anywhere in a field, and end there."""

    def __init__(self, layout: CopyLayout, wanted: Collection[int]) -> None:
        super().__init__(wanted)
        self._delimiter: Final = layout.delimiter.encode()
        self._quote: Final = layout.quote.encode()
        self._escape: Final = layout.escape.encode()
        self._null_field: Final = layout.null.encode()
        special = re.escape(self._delimiter + self._quote + self._escape) + rb"\r\n"
        self._pieces: Final = re.compile(rb"[^" + special + rb"]+|[" + special + rb"]")
        self._inside = False
        self._quoted = False

    def found(self, data: bytes) -> list[Field]:
        data = self._rest + data
        self._rest = b""
        fields: list[Field] = []
        at, size = 0, len(data)
        while at < size:
            match = self._pieces.match(data, at)
            assert match is not None, "every byte is one or the other"
            piece, at = match.group(), match.end()
            if self._inside:
                if piece == self._escape:
                    if at == size:
                        self._rest = piece  # what follows tells whether it escapes
                        break
                    after = data[at : at + 1]
                    if after in {self._quote, self._escape}:
                        self._keep(after)
                        at += 1
                        continue
                if piece == self._quote:
                    self._inside = False
                else:
                    self._keep(piece)
            elif piece == self._quote:
                self._inside = self._quoted = True
            elif piece == self._delimiter or piece in {b"\n", b"\r"}:
                raw, column = self._ended(), self._at
                if raw is not None and (self._quoted or raw != self._null_field):
                    fields.append((column, raw))
                self._quoted = False
                self._at = column + 1 if piece == self._delimiter else 1
            else:
                self._keep(piece)
        return fields


@final
class BinaryFields(CopyFields):
    """COPY's binary format: a header, then for each row how many fields it has, and each with its length before it."""

    def __init__(self, wanted: Collection[int]) -> None:
        super().__init__(wanted)
        self._skip = -1
        """Bytes of the header's extension that are still to come; below 0 the header itself is."""
        self._columns = 0
        self._left = 0
        """Bytes of the field that are still to come."""

    def found(self, data: bytes) -> list[Field]:
        data = self._rest + data
        self._rest = b""
        fields: list[Field] = []
        at, size = 0, len(data)
        while True:
            if self._skip < 0:
                if size < _HEADER:
                    break
                self._skip, at = max(int.from_bytes(data[_HEADER - 4 : _HEADER], "big", signed=True), 0), _HEADER
            elif self._skip:
                step = min(self._skip, size - at)
                self._skip, at = self._skip - step, at + step
                if self._skip:
                    break
            elif self._left:
                step = min(self._left, size - at)
                self._keep(data[at : at + step])
                self._left, at = self._left - step, at + step
                if self._left:
                    break
                self._field(fields)
            elif self._columns:
                if size - at < 4:
                    break
                length = int.from_bytes(data[at : at + 4], "big", signed=True)
                at += 4
                if length > 0:
                    self._left = length
                elif length == 0:
                    self._field(fields)
                else:
                    self._next()
            else:
                if size - at < 2:
                    break
                self._columns = max(int.from_bytes(data[at : at + 2], "big", signed=True), 0)
                self._at = 1
                at += 2
        self._rest = data[at:]
        return fields

    def last(self) -> list[Field]:
        return []

    def _field(self, fields: list[Field]) -> None:
        raw = self._ended()
        if raw is not None:
            fields.append((self._at, raw))
        self._next()

    def _next(self) -> None:
        self._columns, self._at = self._columns - 1, self._at + 1


def copy_fields(layout: CopyLayout, wanted: Collection[int]) -> CopyFields | None:
    """What finds the fields of wanted columns in this layout; None for one that cannot be read."""
    if layout.format == "binary":
        return BinaryFields(wanted)
    if layout.format == "csv":
        return CsvFields(layout, wanted)
    return TextFields(layout, wanted) if layout.format == "text" else None
