"""Composite values and whole rows, field by field, in text and in binary format (manual, 8.16.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from mypy_extensions import i64

from pgmaskproxy.mask.array import cell
from pgmaskproxy.mask.masker import Masker

_COMMA: Final = 0x2C
_QUOTE: Final = 0x22
_BACKSLASH: Final = 0x5C
_CLOSE: Final = 0x29
_SPECIAL: Final = frozenset(b'",\\() \t\n\r\v\f')


@final
class CompositeTextMasker(Masker):
    """record_out: parentheses, commas, nothing for NULL, quotes where they must be. `fields` has None where a field is
    shown as it is."""

    def __init__(self, fields: Sequence[Masker | None]) -> None:
        super().__init__(fixed=False)
        self.fields: Final = list(fields)

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes, and for another number of fields than was decided on."""
        size: i64 = len(value)
        if size < 2 or value[:1] != b"(" or value[size - 1] != _CLOSE:
            return None
        out: list[bytes] = []
        at: i64 = 1
        number: i64 = 0
        count: i64 = len(self.fields)
        while number < count:
            found, end = _field(value, at, size - 1)
            if end < 0 or (value[end] != _COMMA) != (end == size - 1):
                return None
            masker = self.fields[number]
            if masker is None or found is None:
                out.append(value[at:end])
            else:
                shown = masker.value if masker.fixed else masker.mask(found)
                out.append(b"" if shown is None else quoted_field(shown))
            number += 1
            at = end + 1
            if end == size - 1:
                break
        return b"(" + b",".join(out) + b")" if number == count and at == size else None


def _field(value: bytes, at: i64, stop: i64) -> tuple[bytes | None, i64]:
    """The field that begins at `at`, None for NULL, and where it ends; -1 for what has no end. Within quotes a quote is
    written twice, and so is a backslash (record_out, src/backend/utils/adt/rowtypes.c)."""
    begin: i64 = at
    found = bytearray()
    inside = False
    while at < stop:
        byte: i64 = value[at]
        if byte == _QUOTE:
            if inside and at + 1 < stop and value[at + 1] == _QUOTE:
                found.append(_QUOTE)
                at += 1
            else:
                inside = not inside
        elif byte == _BACKSLASH:
            at += 1
            if at >= stop:
                return None, -1
            found.append(value[at])
        elif byte == _COMMA and not inside:
            break
        else:
            found.append(value[at])
        at += 1
    if inside:
        return None, -1
    return (None if at == begin else bytes(found)), at


def quoted_field(value: bytes) -> bytes:
    """A field as record_out writes it."""
    if value and not any(byte in _SPECIAL for byte in value):
        return value
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'""') + b'"'


@final
class CompositeBinaryMasker(Masker):
    """record_send: how many fields, then each one's type, length and bytes."""

    def __init__(self, fields: Sequence[Masker | None], oids: Sequence[int]) -> None:
        super().__init__(fixed=False)
        self.fields: Final = list(fields)
        self.oids: Final = [oid.to_bytes(4, "big") for oid in oids]

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes, and for other fields than were decided on."""
        size: i64 = len(value)
        count: i64 = len(self.fields)
        if size < 4 or int.from_bytes(value[:4], "big", signed=True) != count:
            return None
        out: list[bytes] = [value[:4]]
        at: i64 = 4
        number: i64 = 0
        while number < count:
            if size - at < 8 or value[at : at + 4] != self.oids[number]:
                return None
            width: i64 = int.from_bytes(value[at + 4 : at + 8], "big", signed=True)
            if width < -1 or width > size - at - 8:
                return None
            end: i64 = at + 8 + (width if width > 0 else 0)
            masker = self.fields[number]
            if masker is None or width < 0:
                out.append(value[at:end])
            else:
                shown = masker.value if masker.fixed else masker.mask(value[at + 8 : end])
                out.append(value[at : at + 4] + cell(shown))
            at = end
            number += 1
        return b"".join(out) if at == size else None
