from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.card import Card
from tests.mask.shapes import texts


@pytest.mark.parametrize(
    ("first", "last", "value", "expected"),
    [
        (0, 4, "4111111111111111", "****1111"),
        (0, 4, "4111 1111-1111 1111 ", "****1111"),
        (6, 4, "4111111111111111", "411111****1111"),
        (6, 4, "378282246310005", "378282****0005"),
        (6, 4, "30569309025904", "***"),  # only four would be hidden
        (6, 4, "123456789012", "***"),
        (0, 0, "4111111111111111", "****"),
        (0, 4, "41111111111", "***"),  # eleven digits are no card
        (0, 4, "41111111111111111111", "***"),
        (0, 4, "4111111111111111 x", "***"),
        (0, 4, "٤١١١١١١١١١١١١١١١", "***"),
        (0, 4, "", "***"),
    ],
)
def test_the_last_digits_of_a_card(first: int, last: int, value: str, expected: str) -> None:
    assert Card(first, last).show(value) == expected


@given(digits=st.text("0123456789", min_size=0, max_size=24), first=st.integers(0, 6), last=st.integers(0, 4))
def test_five_digits_at_least_are_hidden(digits: str, first: int, last: int) -> None:
    found = Card(first, last).show(digits) or ""
    assert len(found.replace("*", "")) <= max(len(digits) - 5, 0)
    assert Card(first, last).recognises(found)


@given(text=texts)
def test_what_it_has_shown_it_recognises(text: str) -> None:
    assert Card(0, 4).recognises(Card(0, 4).show(text) or "")


@pytest.mark.parametrize("text", ["4111111111111111", "****111", "****11x1", "x***1111", "", "1111"])
def test_other_texts_it_does_not(text: str) -> None:
    assert not Card(0, 4).recognises(text)
