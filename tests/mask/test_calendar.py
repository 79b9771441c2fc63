from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.calendar import FIRST_DAY, coarse, date_of, date_text, day_in, days_of, midnight_text

EPOCH = dt.date(2000, 1, 1)
ZONES = st.integers(-57_599, 57_599).map(lambda seconds: dt.timezone(dt.timedelta(seconds=seconds)))
LAST_DAY = 2_145_031_948  # 5874897-12-31


@given(date=st.dates())
def test_days_are_pythons(date: dt.date) -> None:
    days = (date - EPOCH).days
    assert days_of(date.year, date.month, date.day) == days
    assert date_of(days) == (date.year, date.month, date.day)
    assert date_text(days) == date.isoformat()
    assert day_in(date.isoformat()) == days


@given(days=st.integers(FIRST_DAY, LAST_DAY))
def test_every_day_that_postgresql_has_is_written_and_read_back(days: int) -> None:
    assert days_of(*date_of(days)) == days
    assert day_in(date_text(days)) == days
    assert day_in(midnight_text(days, zone=False)) == days
    assert day_in(midnight_text(days, zone=True)) == days


@pytest.mark.parametrize(
    ("text", "precision", "expected"),
    [
        ("2024-02-29", "month", "2024-02-01"),
        ("2024-02-29", "year", "2024-01-01"),
        ("2024-02-29", "decade", "2020-01-01"),
        ("5874897-12-31", "decade", "5874890-01-01"),
        ("0001-05-05", "decade", "0001-01-01 BC"),
        ("0044-03-15 BC", "month", "0044-03-01 BC"),
        ("0044-03-15 BC", "decade", "0051-01-01 BC"),
        ("4713-06-01 BC", "decade", "4714-11-24 BC"),  # there is nothing before
        ("4714-11-30 BC", "month", "4714-11-24 BC"),
    ],
)
def test_the_first_day(text: str, precision: str, expected: str) -> None:
    assert date_text(coarse(day_in(text), precision)) == expected


@given(days=st.integers(FIRST_DAY, LAST_DAY), precision=st.sampled_from(["month", "year", "decade"]))
def test_the_first_day_has_the_first_day_of_its_own(days: int, precision: str) -> None:
    found = coarse(days, precision)
    assert found <= days
    assert coarse(found, precision) == found
    assert days - found < {"month": 31, "year": 366, "decade": 3653}[precision]


@given(moment=st.datetimes(timezones=ZONES))
def test_a_moment_is_on_the_day_that_it_is_in_utc(moment: dt.datetime) -> None:
    offset = moment.utcoffset() or dt.timedelta()
    in_utc = moment.replace(tzinfo=None) - dt.timedelta(seconds=int(offset.total_seconds()))
    assert day_in(moment.isoformat(" ")) == (in_utc.date() - EPOCH).days


@pytest.mark.parametrize(
    "text",
    [
        *("infinity", "-infinity", "", "2024-13-01", "2024-00-10", "2024-01-32", "0000-01-01", "24-01-01"),
        *("2024-01-01 SECRET", "2024-01-01 00:00", "01/02/2024", "2024-01-01 00:00:00 BCE", "99999999-01-01"),
        "2024-01-01T00:00:00",
    ],
)
def test_what_is_no_date_in_iso_style_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a date"):
        day_in(text)
