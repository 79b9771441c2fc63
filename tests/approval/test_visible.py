"""What an agent wrote cannot hide from its approver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.visible import code_point, hidden, hidden_characters, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\n\tlines", "two\n\tlines"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\u3164b", "a⟨U+3164⟩b"),
        ("a\u2800b", "a⟨U+2800⟩b"),
        ("a\ufe0f\U000e0101b", "a⟨U+FE0F⟩⟨U+E0101⟩b"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "⟨U+0301⟩⟨U+0301⟩"),
        ("a\0b", "a⟨U+0000⟩b"),
    ],
)
def test_it_is_made_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_hidden_is_left(text: str) -> None:
    assert not any(hidden(character) for character in visible(text))


def test_one_line_is_short() -> None:
    assert one_line("a\n  b\u200b" + "x" * 200, 20) == "a b⟨U+200B⟩xxxxxxxx…"
    assert code_point("\u200b") == "⟨U+200B⟩"


def test_hidden_characters_are_named_once() -> None:
    assert hidden_characters("\u202ea\u202e\0") == ["U+202E RIGHT-TO-LEFT OVERRIDE", "U+0000 control"]
