"""A statement line by line: everything is there, nothing hides, and length pushes nothing out of sight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.visible import hidden
from pgmaskproxy.web.pages.sqltext import lines_of, pieces_of


def shown(text: str) -> list[tuple[int, str]]:
    return [(line.number, "".join(piece.text for piece in line.pieces)) for line in lines_of(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [(1, "")]),
        ("SELECT 1", [(1, "SELECT 1")]),
        ("a\r\nb\n", [(1, "a"), (2, "b"), (3, "")]),
        ("a\rb", [(1, "a⟨U+000D⟩b")]),
        ("a\n\n\nb", [(1, "a"), (2, ""), (3, ""), (4, "b")]),
        ("a" + "\n" * 301 + "b", [(1, "a"), (0, "300 empty lines"), (302, "b")]),
        ("a\n \t\n\u200b\n\nb", [(1, "a"), (2, ""), (3, "⟨U+200B⟩"), (4, ""), (5, "b")]),
        (" " * 24 + "x", [(1, " " * 24 + "x")]),
        (" " * 1000 + "DROP", [(1, "⟨1,000 blanks⟩DROP")]),
        ("a" + "\t" * 30 + "b", [(1, "a⟨30 blanks⟩b")]),
        ("\u202eab\u00a0", [(1, "⟨U+202E⟩ab⟨U+00A0⟩")]),
        ("z" + "\u0301" * 6, [(1, "z" + "\u0301" * 4 + "⟨U+0301⟩" * 2)]),
    ],
)
def test_lines(text: str, lines: list[tuple[int, str]]) -> None:
    assert shown(text) == lines


def test_letters_that_look_like_others_are_marked() -> None:
    pieces = list(pieces_of("DELETE FROM \u0441ustomers"))
    assert [(piece.kind, piece.text) for piece in pieces] == [
        ("", "DELETE FROM "),
        ("foreign", "\u0441"),
        ("", "ustomers"),
    ]


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from(" \n\t\r\u202e\u200b\u0301a")), max_size=300))
def test_nothing_hides_and_nothing_is_lost(text: str) -> None:
    lines = shown(text)
    assert not any(hidden(character) for _, line in lines for character in line)
    letters = [character for character in text if not hidden(character) and character not in " \t\n"]
    together = "".join(line for number, line in lines if number)
    at = 0
    for letter in letters:
        if letter in together[at:]:
            at = together.index(letter, at) + 1
        else:  # one of a pile of marks
            assert f"⟨U+{ord(letter):04X}⟩" in together
    numbers = [number for number, _ in lines if number]
    assert numbers == sorted(set(numbers))
