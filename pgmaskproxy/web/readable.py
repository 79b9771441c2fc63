"""Untrusted text for a person's eyes: what an agent wrote must not be able to rewrite what its approver sees.

Control, format (bidirectional, zero-width), surrogate, private-use and odd space characters are shown
by their code point, as in Trojan Source (CVE-2021-42574); only newline, tab and plain space stay.
"""

from __future__ import annotations

import unicodedata
from typing import Final

HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def _hidden(character: str) -> bool:
    return character not in " \n\t" and unicodedata.category(character) in HIDDEN_CATEGORIES


def visible(text: str) -> str:
    """`text` with every character that has no plain glyph replaced by its code point, e.g. `⟨U+202E⟩`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(character):04X}⟩" if _hidden(character) else character for character in text)


def one_line(text: str, limit: int = 100) -> str:
    """`text` on one line of at most `limit` characters, fit for a table."""
    shown = visible(" ".join(text.split()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def hidden_characters(text: str) -> list[str]:
    """The code points in `text` that a person would not see, in order of first appearance, e.g. `U+202E RIGHT-TO-LEFT
    OVERRIDE`: a reason to look twice."""
    found = dict.fromkeys(character for character in text if _hidden(character) and character != "\r")
    return [f"U+{ord(character):04X} {unicodedata.name(character, 'control')}" for character in found]
