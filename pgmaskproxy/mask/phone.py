"""`phone`: the country and the last digits of a telephone number."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.digits import digits_of
from pgmaskproxy.mask.masker import REDACTED, Kind

_FEWEST: Final = 7
_MOST: Final = 15  # ITU-T E.164, 6.1
_HIDDEN: Final = 4
_DIGITS: Final = frozenset("0123456789")
_BETWEEN: Final = b" +-()./"
_TWO_DIGITS: Final = frozenset(
    {
        *("20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49"),
        *("51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84"),
        *("86", "90", "91", "92", "93", "94", "95", "98"),
    }
)
"""Country codes of two digits (ITU-T E.164's list of assigned codes); those of one are 1 and 7, the rest have three."""


@final
class Phone(Kind):
    """The country code of a number that begins with +, and the last digits. At least four digits stay hidden; what is
    no telephone number is hidden whole."""

    def __init__(self, last: int, *, keep_country: bool) -> None:
        self.last: Final = last
        self.keep_country: Final = keep_country

    def show(self, text: str) -> str | None:
        """`+49***67`."""
        text = text.strip()
        digits = digits_of(text, _BETWEEN)
        if not _FEWEST <= len(digits) <= _MOST:
            return REDACTED
        country = _country(digits) if self.keep_country and text.startswith("+") else ""
        if len(digits) - len(country) - self.last < _HIDDEN:
            return REDACTED
        return ("+" + country if country else "") + REDACTED + digits[len(digits) - self.last :]

    def recognises(self, text: str) -> bool:
        """Three stars, a country before them or none, and as many digits as are shown, or none."""
        before, fill, after = text.strip().partition(REDACTED)
        if not fill or any(character not in _DIGITS for character in after) or len(after) not in {0, self.last}:
            return False
        return before == "" or (before.startswith("+") and before[1:] == _country(before[1:]))


def _country(digits: str) -> str:
    if digits[:1] in {"1", "7"}:
        return digits[:1]
    return digits[:2] if digits[:2] in _TWO_DIGITS else digits[:3]
