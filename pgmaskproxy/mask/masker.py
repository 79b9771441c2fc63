"""What the kernels call for one value, and the kinds of mask as they work on a text.

A `Masker` is made for one column: it takes the bytes of a value that is not NULL, in the column's type and format, and
gives the bytes that are shown, in the same type and format. A `Kind` knows of texts only; everything about types is in
the maskers around it. What cannot be masked as asked is shown as NULL or as nothing but fill, never as it is.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i64_be
from mypy_extensions import i64

from pgmaskproxy.mask.types import BPCHAR, NAME, Shape

FILL_COUNT: Final = 3
"""How many fill characters stand for what is hidden, so that they do not tell its length."""
REDACTED: Final = "***"

_BLANK: Final = 0x20
_ASCII: Final = 0x7F
_WORD: Final = 8


class Masker:
    """A mask made ready for one column. This one shows NULL.

    `fixed` says that every value is shown as `value`; then `mask` need not be called. `batched` says that many values
    are masked in much less time than each by itself.
    """

    def __init__(self, *, fixed: bool = True, value: bytes | None = None, batched: bool = False) -> None:
        self.fixed: Final = fixed
        self.value: Final = value
        self.batched: Final = batched

    def mask(self, value: bytes) -> bytes | None:
        """What is shown of `value`, which is not NULL: its bytes, or None for NULL."""
        return self.value

    def mask_all(self, values: list[bytes]) -> list[bytes | None]:
        """The same of many values, in their order."""
        return [self.mask(value) for value in values]

    def write(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """Append what is shown of the value `data[begin:end]`: so many bytes, -1 for NULL. A masker may know a way
        without an object for each value."""
        return appended(out, self.mask(data[begin:end]))


class Kind:
    """What a kind of mask makes of a text."""

    def show(self, text: str) -> str | None:
        """What is shown of `text`; None for NULL."""
        return None

    def show_utf8(self, value: bytes) -> bytes | None:
        """The same in UTF-8; None for what is not UTF-8: nobody knows what it is. A kind may know a quicker way."""
        try:
            shown = self.show(value.decode("utf-8"))
        except UnicodeDecodeError:
            return None
        return None if shown is None else shown.encode("utf-8")

    def write_utf8(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """As `Masker.write`, for `show_utf8`."""
        return appended(out, self.show_utf8(data[begin:end]))

    def show_bytes(self, value: bytes) -> str | None:
        """The same of a bytea; None for a kind that makes nothing of bytes."""
        return None

    def recognises(self, text: str) -> bool:
        """Whether `text` is certainly something that this has shown, and no value."""
        return False


def appended(out: BytesWriter, shown: bytes | None) -> i64:
    """Append it: how many bytes, -1 for NULL, of which there are none."""
    if shown is None:
        return -1
    out.write(shown)
    return len(shown)


def is_plain(data: bytes, begin: i64, end: i64) -> bool:
    """Whether the text `data[begin:end]` is ASCII, and neither empty nor with anything at its ends that a strip would
    take: then its bytes are its characters."""
    if begin >= end or data[begin] <= _BLANK or data[end - 1] <= _BLANK:
        return False
    at: i64 = begin
    half: i64 = 0x80808080
    high_bits: i64 = half << 32 | half  # of eight bytes: none is set in ASCII. (A longer literal is an object.)
    while end - at >= _WORD:
        if read_i64_be(data, at) & high_bits != 0:
            return False
        at += _WORD
    while at < end:
        if data[at] > _ASCII:
            return False
        at += 1
    return True


@final
class TextMasker(Masker):
    """A kind for a column of texts: of any type whose binary format is its text, or in text format."""

    def __init__(self, kind: Kind, shape: Shape, *, cut: bool) -> None:
        """`cut`: what is too long for the type is cut to its length; else it is NULL, as a part of it means nothing."""
        super().__init__(fixed=False)
        self.kind: Final = kind
        self.limit: Final[i64] = shape.limit
        self.cut: Final = cut
        self.padded: Final = shape.family == BPCHAR and shape.limit > 0
        self.blank: Final = shape.family == BPCHAR
        self.by_bytes: Final = shape.family == NAME

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what is not UTF-8."""
        if self.limit < 0 and not self.blank:
            return self.kind.show_utf8(value)
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return None
        # A value that is padded with blanks is the value without them.
        shown = self.kind.show(text.rstrip(" ") if self.blank else text)
        if shown is None:
            return None
        if self.limit < 0:
            return shown.encode("utf-8")
        return fitted(shown, self.limit, cut=self.cut, by_bytes=self.by_bytes, padded=self.padded)

    def write(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """As `mask`."""
        if self.limit < 0 and not self.blank:
            return self.kind.write_utf8(out, data, begin, end)
        return appended(out, self.mask(data[begin:end]))


def fitted(text: str, limit: int, *, cut: bool, by_bytes: bool, padded: bool) -> bytes | None:
    """`text` as a type takes it that has `limit` characters, or bytes; None where it is longer and must not be cut."""
    raw = text.encode("utf-8")
    if by_bytes:
        if len(raw) <= limit:
            return raw
        return raw[:limit].decode("utf-8", errors="ignore").encode("utf-8") if cut else None
    if len(text) > limit:
        return text[:limit].encode("utf-8") if cut else None
    return raw + b" " * (limit - len(text)) if padded else raw
