from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.survey import ASSIGNED, AT, COUNTRY, FIRST_WORD, Survey, longest_number, notices

SURVEY = Survey([["secret", "-----begin"], ["key"]])


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        (b"", 0),
        (b"none", 0),
        (b"12 and 345", 3),
        (b"12 (345)-6/7.8", 8),
        (b"12x345", 3),
        (b"1 2,3+4*5", 5),
        (b"12:34", 2),
        (b"x" * 10 + b"1", 1),
        (b"1" * 70000, 65535),
    ],
)
def test_the_longest_number(text: bytes, longest: int) -> None:
    assert longest_number(SURVEY.of(text)) == longest


@given(text=st.text(alphabet="0123456789 -.(/)ax:é", max_size=30))
def test_it_is_the_longest_run_of_digits_and_what_stands_between_them(text: str) -> None:
    runs = re.findall(r"[0-9 ()*+,./-]+", text)
    digits = [len(re.sub(r"[^0-9]", "", run)) for run in runs]
    assert longest_number(SURVEY.of(text.encode())) == max(digits, default=0)


@given(
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
    word=st.sampled_from([b"secret", b"SECRET", b"-----BEGIN"]),
)
def test_a_word_is_noticed_wherever_it_stands(before: bytes, after: bytes, word: bytes) -> None:
    assert notices(SURVEY.of(before + word + after)) & FIRST_WORD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a@b", AT),
        (b"xDE89", COUNTRY),
        (b"de 89", 0),
        (b"d89", 0),
        (b"4a89", 0),
        (b"a:b", ASSIGNED),
        (b"a=b", ASSIGNED),
        (b"Key", FIRST_WORD << 1),
        (b"harmless words", 0),
    ],
)
def test_what_is_noticed(text: bytes, expected: int) -> None:
    assert notices(SURVEY.of(text)) == expected
