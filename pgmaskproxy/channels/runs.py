"""Untrusted text as runs of plain text for an Adaptive Card: nothing in it can become a link, a picture or a heading.

A `TextRun` is shown as it is: Markdown is for TextBlock and Fact alone (Microsoft, "Format cards in Teams"). But it is
`{{DATE(...)}}` there that is replaced, templates replace `${...}`, and one client's documentation speaks of Markdown.
So text is cut into runs within none of which any of these can stand whole: `[x](` and its rest, a pair of `*`, two `{`
are never in one run, whoever reads them. What cannot be cut (a mark at the beginning of a line) gets a no-break space,
or within a line a word joiner, before it. Right-to-left words are isolated (UAX #9), so that they do not change the
order of what is around them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

ISOLATE: Final = "\u2068"
POP: Final = "\u2069"
NO_BREAK: Final = "\u00a0"
WORD_JOINER: Final = "\u2060"

_PAIRED: Final = frozenset("*_~`")
_ALONE: Final = frozenset("<&\\")
_BETWEEN: Final = frozenset({"](", "][", "]:", "![", "{{", "}}", "${", "//", ":/", "@{"})
_BLOCK: Final = re.compile(r"(?m)^[ \t]*(?=[#>=+\-:|*_~`]|\d+[.)](?:\s|$))")
_INDENT: Final = re.compile(r"(?m)^ +| {2,}")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})


def plain_runs(text: str) -> list[str]:
    """`text`, already `visible`, cut into runs; put together they say the same."""
    return list(_cut(isolated(_no_blocks(text))))


def isolated(text: str) -> str:
    """`text` with every right-to-left stretch between FSI and PDI."""
    if text.isascii():
        return text
    found: list[str] = []
    inside: list[str] = []
    end = 0
    for character in text:
        if unicodedata.bidirectional(character) in _RIGHT_TO_LEFT:
            inside.append(character)
            end = len(inside)
        elif inside and (character == " " or unicodedata.combining(character)):
            inside.append(character)
            end = end if character == " " else len(inside)
        else:
            found += [*_wrapped(inside, end), character]
            inside, end = [], 0
    return "".join([*found, *_wrapped(inside, end)])


def _wrapped(inside: list[str], end: int) -> list[str]:
    return [ISOLATE, *inside[:end], POP, *inside[end:]] if inside else []


def _no_blocks(text: str) -> str:
    """Indentation in spaces that stay, and none of the marks that begin a heading or a list where one would."""
    kept = _INDENT.sub(lambda found: NO_BREAK * len(found[0]), text.replace("\t", "    "))
    return _BLOCK.sub(lambda found: found[0] + NO_BREAK, kept)


def _cut(text: str) -> Iterator[str]:
    start = 0
    for at in range(1, len(text)):
        before, character = text[at - 1], text[at]
        paired = before in _PAIRED and character != before
        if paired or before in _ALONE or before + character in _BETWEEN:
            yield _begun(text[start:at], first=start == 0 or text[start - 1] == "\n")
            start = at
    if start < len(text):
        yield _begun(text[start:], first=start == 0 or text[start - 1] == "\n")


def _begun(run: str, *, first: bool) -> str:
    """A run within a line is a line's beginning to whoever reads it alone; `_no_blocks` has seen to real ones."""
    return WORD_JOINER + run if not first and _BLOCK.match(run) else run
