from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.money import Money, zero_money


@pytest.mark.parametrize(
    ("text", "whole", "nothing"),
    [
        ("$1,234,567.89", 1234567, "$0.00"),
        ("-$1,234.50", -1235, "$0.00"),
        ("-$1,234.00", -1234, "$0.00"),
        ("($5.01)", -6, "$0.00"),
        ("$0.99", 0, "$0.00"),
        ("1.234,56 €", 1234, "0,00 €"),
        ("Fr. 1'234.50", 1234, "Fr. 0.00"),
        ("¥1,234", 1234, "¥0"),
        ("\u202f1 234,56 kr", 1234, "\u202f0,00 kr"),
        ("12", 12, "0"),
    ],
)
def test_an_amount_as_locales_write_it(text: str, whole: int, nothing: str) -> None:
    assert Money(text).whole == whole
    assert Money(text).nothing() == nothing
    assert zero_money(text.encode()) == nothing.encode()


@given(whole=st.integers(1000, 10**15), new=st.integers(0, 10**15))
def test_another_amount_is_written_in_the_same_style(whole: int, new: int) -> None:
    assert Money(f"${whole:,}.56").written(new) == f"${new:,}.00"
    assert Money(f"{whole:,}.56 €".translate(str.maketrans(",.", ".,"))).whole == whole


@pytest.mark.parametrize("text", ["", "$", "SECRET", "A SECRET, AND 12", "1 SECRET 2", "12 AND A SECRET", "9" * 500])
def test_what_no_locale_writes_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        Money(text)
    assert zero_money(text.encode()) is None


def test_what_is_not_utf_8_is_null() -> None:
    assert zero_money(b"\xa412.00") is None
