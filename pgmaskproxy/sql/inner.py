"""The client's own text of a query inside a utility statement.

The grammar's tree does not say where the inner query begins, so every place where it could is tried, and the
slice is taken only when it parses to the very same tree. SQL that a library wrote is never used in its stead.
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.sql.grammar import Lexeme, lexemes, same_tree
from pgmaskproxy.sql.tree import Node

STARTS: Final = frozenset({"select", "with", "values", "table", "insert", "update", "delete", "merge", "("})
MAX_TRIES: Final = 16


def inner_text(source: bytes, query: Node) -> str | None:
    """The slice of a statement's text that is `query` (a wrapped node); None when there is none."""
    tokens = lexemes(source)
    tries = 0
    for index, token in enumerate(tokens):
        if index == 0 or token.text.lower() not in STARTS:
            continue
        for end in _ends(tokens, index):
            if end <= index:
                continue
            text = source[token.start : tokens[end - 1].end]
            tries += 1
            if same_tree(text, query):
                return text.decode()
            if tries >= MAX_TRIES:
                return None
    return None


def _ends(tokens: tuple[Lexeme, ...], start: int) -> tuple[int, ...]:
    """Where a query that starts at a token may end: before the parenthesis that holds it, or near the end of all."""
    depth = 0
    for index in range(start, len(tokens)):
        if tokens[index].text == "(":
            depth += 1
        elif tokens[index].text == ")":
            depth -= 1
            if depth < 0:
                return (index,)
    tail = [token.text.lower() for token in tokens[-3:]]
    if tail[-2:] == ["with", "data"]:
        return (len(tokens) - 2, len(tokens))
    if tail == ["with", "no", "data"]:
        return (len(tokens) - 3, len(tokens))
    return (len(tokens),)
