"""Why a client asks, out of a statement's own text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.reason import LONGEST, bounded, reason_of


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("/* reason: INC-1 */ DELETE FROM t", "INC-1"),
        ("/*reason:INC-1*/DELETE FROM t", "INC-1"),
        ("/* Reason : two\n  lines */\nDELETE FROM t", "two lines"),
        ("\t\n-- made by a tool\n/* another */ /* reason: third */ DELETE FROM t", "third"),
        ("/* reason: first */ /* reason: second */ DELETE FROM t", "first"),
        ("/* reason: a /* nested */ one */ DELETE FROM t", "a /* nested */ one"),
        ("/* reason: a:b -- c */ DELETE FROM t", "a:b -- c"),
        ("/* reason: */ DELETE FROM t", ""),
        ("DELETE FROM t /* reason: too late */", ""),
        ("DELETE FROM t WHERE a = '/* reason: a value */'", ""),
        ("-- reason: no\nDELETE FROM t", ""),
        ("-- /* reason: no */", ""),
        ("/* the reason: no */ DELETE FROM t", ""),
        ("/* reason: never closed", ""),
        ("/* /* reason: inside */ no */ DELETE FROM t", ""),
        ("; /* reason: no */", ""),
        ("", ""),
    ],
)
def test_only_a_comment_before_the_first_token_counts(sql: str, reason: str) -> None:
    assert reason_of(sql) == reason


def test_a_reason_is_one_line_of_bounded_length() -> None:
    assert bounded(" a\r\n\u2028b\x0bc ") == "a b c"
    long = bounded("x" * (LONGEST + 7))
    assert long == "x" * LONGEST + "… (7 characters more)"
    assert reason_of(f"/* reason: {'x' * 9999} */ SELECT 1") == bounded("x" * 9999)


@given(st.text(alphabet="/*- \nreason:x;'", max_size=60))
def test_any_text_has_a_reason_or_none(text: str) -> None:
    found = reason_of(text)
    assert "\n" not in found
    assert not found or text.lstrip().startswith(("/*", "--"))
