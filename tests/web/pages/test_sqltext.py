"""A statement line by line: everything is there, nothing hides, and length pushes nothing out of sight."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.approval.visible import hidden
from pgmaskproxy.web.pages.sqltext import BLANKS, lines_of, pieces_of


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


@given(
    st.text(
        alphabet=st.one_of(st.characters(exclude_characters="⟨"), st.sampled_from(" \n\t\r\u202e\u200b\u0301a")),
        max_size=300,
    )
)
def test_nothing_hides_and_nothing_is_lost(text: str) -> None:
    original = re.split(r"\r\n|\n", text)
    left_out = 0
    for line in lines_of(text):
        shown_line = "".join(piece.text for piece in line.pieces)
        assert not any(hidden(character) for character in shown_line)
        if line.number == 0:
            left_out += int(shown_line.split()[0])
        elif any(piece.kind == "gap" for piece in line.pieces):
            assert len(original[line.number - 1]) > BLANKS
        else:
            back = re.sub("⟨U\\+([0-9A-F]+)⟩", lambda found: chr(int(found[1], 16)), shown_line)
            assert back == original[line.number - 1].strip(" \t") or back == original[line.number - 1]
    assert sum(1 for line in lines_of(text) if line.number) + left_out == len(original)
