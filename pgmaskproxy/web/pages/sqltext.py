"""A statement for a person's eyes, line by line: all of it, and nothing in it that moves or hides the rest.

Characters without a glyph are shown by code point, and so are piles of combining marks. Long runs of blanks and of
empty lines are shown by their number, so that what follows them cannot be pushed out of sight; other scripts are
marked, since their letters can pass for Latin ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.approval.visible import code_point, hidden

BLANKS: Final = 24
"""A longer run of blanks within a line is shown by its length."""

EMPTY_LINES: Final = 2
"""More empty lines than these are shown by their number."""

MARKS: Final = 4
"""More combining marks than these on one letter are shown by code point: they would cover the lines around."""

_RUNS: Final = re.compile(rf"[ \t]{{{BLANKS + 1},}}|(?:(?![ \t]{{{BLANKS + 1}}})[ -~\t])+|[^ -~\t]+")
_BREAK: Final = re.compile(r"\r\n|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one kind: '' plain, `hidden` code points, `gap` a number of blanks, `foreign` another script."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """`number` counts from 1; 0 is no line, but a word about lines left out."""

    number: int
    pieces: tuple[Piece, ...]


def lines_of(text: str) -> list[Line]:
    """`text` as lines. Only empty ones are left out, and it is said how many."""
    found: list[Line] = []
    empty: list[Line] = []
    for number, line in enumerate(_BREAK.split(text), 1):
        if not line.strip(" \t"):
            empty.append(Line(number, ()))
            continue
        found += _few(empty)
        empty = []
        found.append(Line(number, tuple(pieces_of(line))))
    return found + _few(empty)


def pieces_of(line: str) -> Iterator[Piece]:
    """One line's pieces, in order; joined, they say what is there."""
    for run in _RUNS.findall(line):
        if len(run) > BLANKS and not run.strip(" \t"):
            yield Piece(f"⟨{len(run):,} blanks⟩", "gap")
        elif " " <= run[0] <= "~" or run[0] == "\t":
            yield Piece(run)
        else:
            yield from _odd(run)


def _few(empty: list[Line]) -> list[Line]:
    if len(empty) <= EMPTY_LINES:
        return empty
    return [Line(0, (Piece(f"{len(empty):,} empty lines", "gap"),))]


def _odd(run: str) -> Iterator[Piece]:
    """Characters outside printable ASCII: neighbours of one kind are one piece."""
    kind, text, marks = "", "", 0
    for character in run:
        marks = marks + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        found = "hidden" if hidden(character) or marks > MARKS else "foreign"
        if found != kind and text:
            yield Piece(text, kind)
            text = ""
        kind, text = found, text + (code_point(character) if found == "hidden" else character)
    yield Piece(text, kind)
