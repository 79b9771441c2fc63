"""`card`: the last digits of a payment card's number."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.mask.digits import digits_of
from pgmaskproxy.mask.masker import REDACTED, Kind

_FILL: Final = "****"
_FEWEST: Final = 12
_MOST: Final = 19  # ISO/IEC 7812-1
_HIDDEN: Final = 5  # of the fifteen of an American Express card, with six and four shown
_DIGITS: Final = frozenset("0123456789")
_BETWEEN: Final = b" -"


@final
class Card(Kind):
    """The last four digits, and the issuer's first ones where the policy says so: of what may be shown at most (PCI
    DSS 4.0, 3.4.1). What has not as many digits as a card has, or anything else in it, is no card's number; where fewer
    than five digits would be hidden, all are."""

    def __init__(self, first: int, last: int) -> None:
        self.first: Final = first
        self.last: Final = last

    def show(self, text: str) -> str | None:
        """`****1111`."""
        text = text.strip()
        digits = digits_of(text, _BETWEEN)
        if not _FEWEST <= len(digits) <= _MOST:
            return REDACTED
        if len(digits) - self.first - self.last < _HIDDEN:
            return REDACTED
        return digits[: self.first] + _FILL + digits[len(digits) - self.last :]

    def recognises(self, text: str) -> bool:
        """Four stars between as many digits as are shown, or three alone."""
        text = text.strip()
        if text == REDACTED:
            return True
        ends = text[: self.first] + text[self.first + len(_FILL) :]
        return (
            len(ends) == self.first + self.last
            and text[self.first :].startswith(_FILL)
            and all(character in _DIGITS for character in ends)
        )
