"""One pass over a text that says what may be in it: which words, and how long a number.

Compiled it costs a few nanoseconds a byte, so that texts in which there is nothing are never searched. A word is
noticed by its first three letters, in any case (as `mask/canary` does by its last): what is noticed need not be there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from mypy_extensions import i64

_TABLE: Final = 1 << 16
_SHIFT: Final = 16
"""Bits of a survey for the length of a number; the notices are above them."""
_MOST: Final = (1 << _SHIFT) - 1

AT: Final = 1
ASSIGNED: Final = 2
"""A colon, or an equals sign."""
COUNTRY: Final = 4
"""Two letters and two digits: what an IBAN begins with."""
FIRST_WORD: Final = 8
"""The notice of the first group of words; the next ones double it, up to 128."""


@final
class Survey:
    """Made of groups of words, each group with a notice of its own. A word has three letters or more, in ASCII."""

    def __init__(self, groups: Iterable[Iterable[str]]) -> None:
        table = bytearray(_TABLE)
        notice = FIRST_WORD
        for words in groups:
            for word in words:
                first, second, third = (byte | 32 for byte in word[:3].encode("ascii"))
                table[(first ^ second << 4 ^ third << 9) & (_TABLE - 1)] |= notice
            notice <<= 1
        self._table: Final = bytes(table)

    def of(self, raw: bytes) -> i64:
        """What a text has: `longest_number` and `notices` take it apart."""
        table = self._table
        size: i64 = len(raw)
        found: i64 = 0
        longest: i64 = 0
        digits: i64 = 0
        before: i64 = 0
        first: i64 = 0
        second: i64 = 0
        at: i64 = 0
        while at < size:
            byte: i64 = raw[at]
            at += 1
            if 0x30 <= byte <= 0x39:
                digits += 1
                if digits == 2 and before >= 0x61 and first >= 0x61 and before <= 0x7A and first <= 0x7A:
                    found |= COUNTRY
            elif digits != 0 and not (byte == 0x20 or 0x28 <= byte <= 0x2F):
                if digits > longest:  # noqa: PLR1730 - native integers
                    longest = digits
                digits = 0
            if byte == 0x40:
                found |= AT
            elif byte == 0x3A or byte == 0x3D:  # noqa: PLR1714 - native integers
                found |= ASSIGNED
            folded: i64 = byte | 32
            found |= i64(table[(first ^ (second << 4) ^ (folded << 9)) & (_TABLE - 1)])
            before = first
            first = second
            second = folded
        if digits > longest:  # noqa: PLR1730
            longest = digits
        return found << _SHIFT | min(longest, _MOST)


def longest_number(surveyed: i64) -> i64:
    """How many digits the longest number has; blanks, hyphens, dots, slashes and brackets do not end it."""
    return surveyed & _MOST


def notices(surveyed: i64) -> i64:
    """What was noticed: AT, ASSIGNED, and groups of words."""
    return surveyed >> _SHIFT
