"""money in text format, which is written as the server's locale has it (lc_monetary; manual, 8.2).

The point is told from the separator of thousands by what is behind the last of them: three digits are thousands. (Where
money has three digits behind the point, it is read as a thousand times as much, and written back the same way.)
"""

from __future__ import annotations

import re
from typing import Final, final

_AMOUNT: Final = re.compile(r"(\D{0,10})(\d{1,20}(?:\D{1,3}\d{1,20}){0,8})(\D{0,10})", re.DOTALL)
"""Signs and currency before it and behind it, and what separates: no locale has more of them."""
_LAST: Final = re.compile(r"^(.*?)(\D+)(\d+)$", re.DOTALL)
_FIRST: Final = re.compile(r"^\d{1,3}(\D+)\d{3}(?!\d)")
_THOUSANDS: Final = 3


@final
class Money:
    """An amount as it is written: how much in whole units, rounded down, and everything around the number."""

    def __init__(self, text: str) -> None:
        """ValueError for what no server writes."""
        span = _AMOUNT.fullmatch(text)
        if span is None:
            raise ValueError("not an amount of money")
        self._before: Final = span[1]
        number = span[2]
        self._after: Final = span[3]
        last = _LAST.match(number)
        if last is not None and len(last[3]) != _THOUSANDS:
            whole, self._point, fraction = last[1], last[2], last[3]
        else:
            whole, self._point, fraction = number, "", ""
        self._fraction: Final = len(fraction)
        first = _FIRST.match(whole)
        self._separator: Final = "" if first is None else first[1]
        units = int(re.sub(r"\D", "", whole) or "0")
        negative = "-" in text or "(" in text
        self.whole: Final = (-units - (1 if fraction.strip("0") else 0)) if negative else units

    def written(self, whole: int) -> str:
        """As many whole units, in the same style. A sign stays where it was; the caller changes none."""
        digits = str(abs(whole))
        groups = [digits[max(at - _THOUSANDS, 0) : at] for at in range(len(digits), 0, -_THOUSANDS)]
        number = self._separator.join(reversed(groups)) if self._separator else digits
        return self._before + number + self._point + "0" * self._fraction + self._after

    def nothing(self) -> str:
        """No money; without a sign."""
        bare = self.written(0)
        return re.sub(r"[-()]", "", bare)


def zero_money(value: bytes) -> bytes | None:
    """Nothing, as `value` is written; None for what no server writes."""
    try:
        return Money(value.decode("utf-8")).nothing().encode("utf-8")
    except ValueError:
        return None
