"""`generalize`: less of a value: the year of a date, the ten that a number is in, the first letters of a text."""

from __future__ import annotations

import re
from typing import Final, final

from pgmaskproxy.mask.calendar import HOUR, MICROSECONDS, coarse, date_text, day_in, midnight_text
from pgmaskproxy.mask.masker import Kind, Masker
from pgmaskproxy.mask.money import Money
from pgmaskproxy.mask.numbers import floor_of, written
from pgmaskproxy.mask.types import DATE, TIMESTAMPTZ, TIMETZ, Shape

_INFINITY: Final = {4: (-(1 << 31), (1 << 31) - 1), 8: (-(1 << 63), (1 << 63) - 1)}
_TIME: Final = re.compile(rb"(\d\d):\d\d:\d\d(?:\.\d{1,6})?([+-]\d\d(?::\d\d){0,2})?")
_CENTS: Final = 100
"""money in binary format counts the smallest unit; which part of a whole one it is, no server says. Two digits."""


@final
class Prefix(Kind):
    """The first characters of a text. One at least is left out, so that a short value is not shown whole."""

    def __init__(self, first: int) -> None:
        self.first: Final = first

    def show(self, text: str) -> str | None:
        text = text.strip()
        return text[: max(min(self.first, len(text) - 1), 0)]


@final
class CoarseNumber(Masker):
    """The greatest multiple of `bucket` that is not greater than the number."""

    def __init__(self, shape: Shape, code: int, bucket: int) -> None:
        super().__init__(fixed=False)
        self.family: Final = shape.family
        self.scale: Final = max(shape.scale, 0)
        self.code: Final = code
        self.bucket: Final = bucket

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what is no finite number, or too great to be one."""
        try:
            whole = floor_of(value, self.family, self.code) // self.bucket * self.bucket
            return written(whole, self.family, self.code, self.scale)
        except (ValueError, OverflowError):
            return None


@final
class CoarseMoney(Masker):
    """The same for money."""

    def __init__(self, code: int, bucket: int) -> None:
        super().__init__(fixed=False)
        self.code: Final = code
        self.bucket: Final = bucket

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        if self.code == 1:
            if len(value) != 8:
                return None
            size = self.bucket * _CENTS
            number = max(int.from_bytes(value, "big", signed=True) // size * size, -(1 << 63))
            return number.to_bytes(8, "big", signed=True)
        try:
            money = Money(value.decode("utf-8"))
        except ValueError:
            return None
        whole = money.whole // self.bucket * self.bucket
        return (money.written(whole) if whole else money.nothing()).encode("utf-8")


@final
class CoarseDate(Masker):
    """The first day of the month, year or decade; of timestamps its midnight, in UTC where they have a zone."""

    def __init__(self, family: str, code: int, precision: str) -> None:
        super().__init__(fixed=False)
        self.family: Final = family
        self.code: Final = code
        self.precision: Final = precision

    def mask(self, value: bytes) -> bytes | None:
        """NULL for the infinities, and for what no server writes."""
        if self.code == 1:
            return self._binary(value)
        quick = self._quick(value)
        if quick is not None:
            return quick
        try:
            day = coarse(day_in(value.decode("ascii")), self.precision)
        except ValueError:
            return None
        if self.family == DATE:
            return date_text(day).encode("ascii")
        return midnight_text(day, zone=self.family == TIMESTAMPTZ).encode("ascii")

    def _quick(self, value: bytes) -> bytes | None:
        """Of a date as most are, by its characters; None for one to be looked at more closely: before Christ, of more
        digits, in a zone that is not UTC."""
        date = value[:10]
        if len(date) != 10 or date[4:5] != b"-" or date[7:8] != b"-" or date.startswith(b"000"):
            return None
        if not (date[:4] + date[5:7] + date[8:]).isdigit() or value.endswith(b"C"):
            return None
        if self.family == DATE:
            tail = b""
            known = len(value) == 10
        elif self.family == TIMESTAMPTZ:
            tail = b" 00:00:00+00"
            known = value[10:11] == b" " and value.endswith(b"+00")
        else:
            tail = b" 00:00:00"
            known = value[10:11] == b" "
        if not known:
            return None
        if self.precision == "month":
            return date[:8] + b"01" + tail
        return (date[:5] if self.precision == "year" else date[:3] + b"0-") + b"01-01" + tail

    def _binary(self, value: bytes) -> bytes | None:
        size = 4 if self.family == DATE else 8
        if len(value) != size:
            return None
        number = int.from_bytes(value, "big", signed=True)
        if number in _INFINITY[size]:
            return None
        if self.family == DATE:
            return coarse(number, self.precision).to_bytes(size, "big", signed=True)
        midnight = coarse(number // MICROSECONDS, self.precision) * MICROSECONDS
        return midnight.to_bytes(size, "big", signed=True)


@final
class CoarseTime(Masker):
    """The full hour before a time of day, in its own zone."""

    def __init__(self, family: str, code: int) -> None:
        super().__init__(fixed=False)
        self.size: Final = 12 if family == TIMETZ else 8
        self.code: Final = code

    def mask(self, value: bytes) -> bytes | None:
        """NULL for what no server writes."""
        if self.code == 1:
            number = int.from_bytes(value[:8], "big", signed=True)
            if len(value) != self.size or not 0 <= number <= 24 * HOUR:
                return None
            return (number // HOUR * HOUR).to_bytes(8, "big", signed=True) + value[8:]
        found = _TIME.fullmatch(value)
        return None if found is None else found[1] + b":00:00" + (found[2] or b"")
