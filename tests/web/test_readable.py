"""Untrusted text shown to a person: nothing in it can hide."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.web.readable import hidden_characters, one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SELECT 1", "SELECT 1"),
        ("two\n\tlines", "two\n\tlines"),
        ("Müller — 山田 😀", "Müller — 山田 😀"),
        ("a\x1b[2Kb", "a⟨U+001B⟩[2Kb"),
        ("a\rb", "a⟨U+000D⟩b"),
        ("access\u202e\u2066", "access⟨U+202E⟩⟨U+2066⟩"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("a\u00a0b\u3000", "a⟨U+00A0⟩b⟨U+3000⟩"),
        ("\x7f\x9b", "⟨U+007F⟩⟨U+009B⟩"),
        ("\ud800", "⟨U+D800⟩"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_hidden_stays(text: str) -> None:
    left = {unicodedata.category(character) for character in visible(text) if character not in "\n\t "}
    assert not left & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


@given(st.text(), st.integers(1, 50))
def test_one_line(text: str, limit: int) -> None:
    shown = one_line(text, limit)
    assert len(shown) <= limit
    assert len(shown.splitlines()) <= 1


@given(st.text())
def test_what_is_replaced_is_named(text: str) -> None:
    named = {each.split()[0][2:] for each in hidden_characters(text)}
    replaced = {f"{ord(each):04X}" for each in text if each not in "\r" and visible(each) != each}
    assert named == replaced
