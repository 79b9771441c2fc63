from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.phone import Phone
from tests.mask.shapes import texts


@pytest.mark.parametrize(
    ("last", "keep", "value", "expected"),
    [
        (2, True, "+49 30 1234567", "+49***67"),
        (2, True, "+1 (555) 010-9999", "+1***99"),
        (2, True, "+358 40 1234567", "+358***67"),
        (2, False, "+49 30 1234567", "***67"),
        (2, True, "030 1234567", "***67"),
        (0, True, "+49 30 1234567", "+49***"),
        (4, True, "+49 301234", "***"),  # two would be hidden
        (2, True, "123456", "***"),
        (2, True, "+49 30 1234567 ext 5", "***"),
        (2, True, "4111111111111111", "***"),
        (2, True, "", "***"),
    ],
)
def test_the_country_and_the_last_digits(last: int, keep: bool, value: str, expected: str) -> None:
    assert Phone(last, keep_country=keep).show(value) == expected


@given(text=st.text("0123456789 +-()./", max_size=24), last=st.integers(0, 4), keep=st.booleans())
def test_four_digits_at_least_are_hidden_and_what_is_shown_is_recognised(text: str, last: int, keep: bool) -> None:
    each = Phone(last, keep_country=keep)
    found = each.show(text) or ""
    assert sum(map(str.isdigit, found)) <= max(sum(map(str.isdigit, text)) - 4, 0)
    assert each.recognises(found)


@given(text=texts)
def test_what_is_no_number_is_hidden_whole(text: str) -> None:
    if set(text.strip()) - set("0123456789 +-()./"):
        assert Phone(2, keep_country=True).show(text) == "***"


@pytest.mark.parametrize("text", ["+49 30 1234567", "**67", "***6", "***678", "+49x***67", "+4930***67", ""])
def test_other_texts_it_does_not_recognise(text: str) -> None:
    assert not Phone(2, keep_country=True).recognises(text)
