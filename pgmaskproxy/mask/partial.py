"""`partial`: some characters at the ends of a text."""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter
from mypy_extensions import i64

from pgmaskproxy.mask.frames import INTERPRETED, copy
from pgmaskproxy.mask.masker import FILL_COUNT, Kind, is_plain


@final
class Partial(Kind):
    """A number of characters at each end, the rest hidden. Spaces around the value neither count nor are shown."""

    def __init__(self, first: int, last: int, fill: str, *, keep_length: bool, min_hidden: int) -> None:
        self.first: Final[i64] = first
        self.last: Final[i64] = last
        self.fill: Final = fill
        self.keep_length: Final = keep_length
        self.min_hidden: Final[i64] = min_hidden
        self._fill: Final = (fill * FILL_COUNT).encode("utf-8")

    def show(self, text: str) -> str | None:
        """By character, never a part of one. A value that would have too few hidden is hidden whole."""
        text = text.strip()
        count = len(text)
        hidden = count - self.first - self.last
        if hidden < self.min_hidden:
            return self.fill * (count if self.keep_length else FILL_COUNT)
        middle = self.fill * (hidden if self.keep_length else FILL_COUNT)
        return text[: self.first] + middle + text[count - self.last :]

    def write_utf8(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """Of plain texts by their bytes."""
        if INTERPRETED or self.keep_length or not is_plain(data, begin, end):
            return super().write_utf8(out, data, begin, end)
        return self.write_plain(out, data, begin, end)

    def write_plain(self, out: BytesWriter, data: bytes, begin: i64, end: i64) -> i64:
        """The same of a text that is plain, where its length is not kept."""
        fill = self._fill
        if end - begin - self.first - self.last < self.min_hidden:
            out.write(fill)
            return len(fill)
        copy(out, data, begin, begin + self.first)
        out.write(fill)
        copy(out, data, end - self.last, end)
        return self.first + len(fill) + self.last

    def recognises(self, text: str) -> bool:
        """Nothing but fill between as many characters as are shown, or alone."""
        text = text.strip()
        least = max(self.min_hidden, FILL_COUNT) if self.keep_length else FILL_COUNT
        if len(text) >= FILL_COUNT and text == self.fill * len(text):
            return True
        hidden = len(text) - self.first - self.last
        if hidden < least or (not self.keep_length and hidden != FILL_COUNT):
            return False
        return text[self.first : self.first + hidden] == self.fill * hidden
