"""A canonical text as sqlglot knows SQL: without what it has no grammar for and what names no relation.

Which operator an expression has, what a cast's array type is called, how a row is ordered or an identity overridden:
none of it bears on a statement's kind or relations, all that the second reader is asked for (`agree`). The text is
never sent anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from pgmaskproxy.sql.grammar import OPERATOR, Lexeme, lexemes

_OF_OPERATORS: Final = r"~!@#^&|`?<>=*/%+-"
_STRANGE: Final = re.compile(
    # An operator, but for those that every SQL has.
    rf"\[|(?<![{_OF_OPERATORS}])(?!(?:[<>]=|<>|!=|[<>=*/%+-])(?![{_OF_OPERATORS}]))[{_OF_OPERATORS}]"
    r"|\boperator\b|\busing\b|\boverriding\b|\breturning with\b|\bcurrent\b|^insert\b.*\.",
    re.IGNORECASE,
)
"""What a text has in it that has anything of all that."""

_QUANTIFIERS: Final = frozenset({"any", "all", "some"})

Edit: TypeAlias = tuple[int, int, str]
"""Tokens from the first to before the second are written as the text instead."""


def familiar(canonical: str) -> str:
    """The text in sqlglot's words. Raises Unparsable for what the scanner refuses."""
    if _STRANGE.search(canonical) is None:
        return canonical
    data = canonical.encode()
    tokens = lexemes(data)
    words = [token.text.lower() for token in tokens]
    parts: list[bytes] = []
    copied = 0
    for start, end, text in _edits(tokens, words):
        if tokens[start].start < copied:
            continue
        parts += [data[copied : tokens[start].start], f" {text} ".encode()]
        copied = tokens[min(end, len(tokens)) - 1].end
    parts.append(data[copied:])
    return b"".join(parts).decode()


def _edits(tokens: tuple[Lexeme, ...], words: list[str]) -> Iterator[Edit]:
    """In the order of the text; one that begins inside the last one is none."""
    columns = _insert_columns(words)
    for index, word in enumerate(words):
        if word == "::":
            # It takes the brackets after a type that it does not know for a subscript.
            name = _end_of_name(words, index + 1)
            if words[name : name + 2] == ["[", "]"]:
                yield index, name, "::text"
        elif index in columns:
            yield index, _end_of_part(words, index), ""
        elif word == "using":
            yield from _using(tokens, words, index)
        elif word == "overriding" and words[index + 2 : index + 3] == ["value"]:
            yield index, index + 3, ""
        elif words[index - 1 : index + 2] == ["returning", "with", "("]:
            yield index, _close(words, index + 1) + 1, ""
        elif words[index : index + 2] == ["current", "of"]:
            yield index, index + 3, "true"
        else:
            end = _end_of_operator(tokens, words, index)
            if end > index:
                yield index, end, "=" if words[end : end + 1] and words[end] in _QUANTIFIERS else "-"


def _using(tokens: tuple[Lexeme, ...], words: list[str], index: int) -> Iterator[Edit]:
    """ORDER BY ... USING operator; JOIN ... USING (...) AS alias."""
    if words[index + 1 : index + 2] == ["("]:
        close = _close(words, index + 1)
        if words[close + 1 : close + 2] == ["as"]:
            yield close + 1, close + 3, ""
        return
    end = index + 2 if words[index + 1 : index + 2] in (["<"], [">"]) else _end_of_operator(tokens, words, index + 1)
    if end > index + 1:
        yield index, end, "ASC"


def _insert_columns(words: list[str]) -> frozenset[int]:
    """Where a part of a column begins in INSERT's list of columns: `a[1]`, `a.b`."""
    found: set[int] = set()
    for index in range(len(words)):
        if words[index : index + 2] != ["insert", "into"]:
            continue
        start = _end_of_name(words, index + 2)
        if words[start : start + 1] == ["as"]:
            start += 2
        if words[start : start + 1] != ["("] or words[start + 1 : start + 2] in (["select"], ["with"], ["values"]):
            continue
        close = _close(words, start)
        found |= {at for at in range(start + 1, close) if words[at] in {"[", "."}}
    return frozenset(found)


def _end_of_part(words: list[str], index: int) -> int:
    """Behind `[...]`, or behind `.b`."""
    if words[index] == ".":
        return index + 2
    depth = 0
    for at in range(index, len(words)):
        depth += (words[at] == "[") - (words[at] == "]")
        if depth == 0:
            return at + 1
    return len(words)


def _end_of_name(words: list[str], start: int) -> int:
    """Behind the name that starts at a token, dots in it."""
    end = start + 1
    while words[end : end + 1] == ["."]:
        end += 2
    return end


def _end_of_operator(tokens: tuple[Lexeme, ...], words: list[str], index: int) -> int:
    """Behind the operator that begins at a token, `OPERATOR(schema.name)` too; the token itself where none does."""
    if index < len(tokens) and tokens[index].kind == OPERATOR:
        return index + 1
    if words[index : index + 2] == ["operator", "("] and tokens[index].keyword:
        return _close(words, index + 1) + 1
    return index


def _close(words: list[str], start: int) -> int:
    """The parenthesis that closes the one at a token; the last token where nothing does."""
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if depth == 0:
            return at
    return len(words) - 1
