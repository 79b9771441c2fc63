"""Untrusted text for a person's eyes: what an agent wrote must not be able to rewrite what its approver sees.

Control, format (bidirectional, zero-width), surrogate, private-use and odd space characters are shown
by their code point, as in Trojan Source (CVE-2021-42574); only newline, tab and plain space stay. So are the few
letters and marks that have no ink although Unicode does not call them formatting (Hangul fillers, the Braille blank,
variation selectors), and everything of a stack of combining marks beyond the fourth, which would cover its neighbours.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
NO_INK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_VARIATIONS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_MOST_MARKS: Final = 4


def hidden(character: str) -> bool:
    """Whether a person would not see this character, or not for what it is."""
    return character not in " \n\t" and (
        unicodedata.category(character) in HIDDEN_CATEGORIES
        or character in NO_INK
        or any(ord(character) in selectors for selectors in _VARIATIONS)
    )


def code_point(character: str) -> str:
    """How a hidden character is shown, e.g. `⟨U+202E⟩`."""
    return f"⟨U+{ord(character):04X}⟩"


def visible(text: str) -> str:
    """`text` with every character that has no plain glyph replaced by its code point.

    Quick for a long text, too: each distinct character is looked at once.
    """
    if text.isascii() and text.isprintable():
        return text
    distinct = set(text)
    table = {ord(character): code_point(character) for character in distinct if hidden(character)}
    marks = "".join(sorted(character for character in distinct if unicodedata.category(character) in {"Mn", "Me"}))
    if marks:
        stack = re.compile(f"[{re.escape(marks)}]{{{_MOST_MARKS + 1},}}")
        text = stack.sub(lambda found: found[0][:_MOST_MARKS] + "".join(map(code_point, found[0][_MOST_MARKS:])), text)
    return text.translate(table)


def one_line(text: str, limit: int = 100) -> str:
    """`text` on one line of at most `limit` characters, fit for a table."""
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def hidden_characters(text: str) -> list[str]:
    """The code points in `text` that a person would not see, in order of first appearance, e.g. `U+202E RIGHT-TO-LEFT
    OVERRIDE`: a reason to look twice."""
    found = [character for character in dict.fromkeys(text) if hidden(character) and character != "\r"]
    return [f"U+{ord(character):04X} {unicodedata.name(character, 'control')}" for character in found]
