"""Days and dates as PostgreSQL counts and writes them (manual, 8.5 and B.6): days since 2000-01-01, ISO style.

The Gregorian calendar is carried back to before it was made, and there is no year 0: 0001-12-31 BC is followed by
0001-01-01. Python's own dates end at 9999, PostgreSQL's at 5874897.
"""

from __future__ import annotations

import re
from typing import Final

MICROSECONDS: Final = 86_400_000_000
"""Of a day."""
HOUR: Final = 3_600_000_000
FIRST_DAY: Final = -2_451_545
"""4714-11-24 BC, the first that PostgreSQL has: what would begin before it begins there."""

_CYCLE: Final = 146_097
"""Days of 400 years."""
_EPOCH: Final = 730_425
"""Days from 0000-03-01 to 2000-01-01."""
_ISO: Final = re.compile(
    r"(\d{4,7})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?)?( BC)?"
)
_SECONDS: Final = 86_400


def days_of(year: int, month: int, day: int) -> int:
    """Days since 2000-01-01; `year` is astronomical: 0 is 1 BC."""
    # Years that begin in March: a leap day is then the last.
    shifted = year - 1 if month <= 2 else year
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + of_year - _EPOCH


def date_of(days: int) -> tuple[int, int, int]:
    """Year (astronomical), month and day: the other way round."""
    cycle, rest = divmod(days + _EPOCH, _CYCLE)
    year = (rest - rest // 1460 + rest // 36_524 - rest // (_CYCLE - 1)) // 365
    of_year = rest - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    january = month >= 10
    return 400 * cycle + year + (1 if january else 0), month + (-9 if january else 3), day


def coarse(days: int, precision: str) -> int:
    """The first day of the month, year or decade that a day is in. A decade begins with a year that ends in 0, and
    one before Christ with one that is so in the astronomical count."""
    year, month, _ = date_of(days)
    if precision == "month":
        return max(days_of(year, month, 1), FIRST_DAY)
    if precision == "year":
        return max(days_of(year, 1, 1), FIRST_DAY)
    return max(days_of(year // 10 * 10, 1, 1), FIRST_DAY)


def date_text(days: int) -> str:
    """`2000-01-01`; `0044-03-15 BC`."""
    year, month, day = date_of(days)
    if year <= 0:
        return f"{1 - year:04}-{month:02}-{day:02} BC"
    return f"{year:04}-{month:02}-{day:02}"


def midnight_text(days: int, *, zone: bool) -> str:
    """The same as a timestamp: `2000-01-01 00:00:00`, with `+00` behind it where there is a zone."""
    date, _, before_christ = date_text(days).partition(" ")
    return date + " 00:00:00" + ("+00" if zone else "") + (" BC" if before_christ else "")


def day_in(text: str) -> int:
    """The day of a date or a timestamp in ISO style; of one with a zone, the day in UTC. ValueError for infinity, and
    for what no server writes."""
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError("not a date in ISO style")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not (1 <= month <= 12 and 1 <= day <= 31 and year >= 1):
        raise ValueError("not a date")
    days = days_of(1 - year if found[11] else year, month, day)
    if found[7] is None:
        return days
    east = int(found[8]) * 3600 + int(found[9] or 0) * 60 + int(found[10] or 0)
    seconds = int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6]) - (east if found[7] == "+" else -east)
    return days + seconds // _SECONDS
