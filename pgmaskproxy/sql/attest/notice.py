"""Which of a server's notices is the statement's own tree (DESIGN 3a, "Which notice it is").

Functions that are inlined, folded or run send trees as well, sometimes before the statement's, and a re-analysis at
Bind may send only theirs: those have field W, the context that they ran in. What RAISE LOG forges has other F and R,
since those name the place in the server's source that wrote the notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from pgmaskproxy.sql.attest.refusal import Unattestable

Fields: TypeAlias = Mapping[bytes, bytes]
"""Of a NoticeResponse, by their one-letter code (manual 55.8)."""

TITLE: Final = b"rewritten parse tree:"
_WRITTEN_BY: Final[Mapping[bytes, bytes]] = {
    b"V": b"LOG",
    b"M": TITLE,
    b"F": b"print.c",
    b"R": b"elog_node_display",
}


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees between Parse and ParseComplete, or Bind and BindComplete. `own` is None when there was none."""

    own: str | None = None
    nested: tuple[str, ...] = ()
    """Of functions: what their bodies do."""


def is_tree(fields: Fields) -> bool:
    """Whether the server itself wrote this notice, and it is a rewritten tree. Every other LOG notice is dropped."""
    return all(fields.get(code) == value for code, value in _WRITTEN_BY.items())


def trees(notices: Iterable[Fields]) -> Trees:
    """The trees among the notices of one Parse or Bind. Raises Unattestable when several say to be the statement's."""
    own: list[str] = []
    nested: list[str] = []
    for fields in notices:
        if is_tree(fields):
            (nested if b"W" in fields else own).append(_detail(fields))
    if len(own) > 1:
        raise Unattestable("the server sent several trees of one statement")
    return Trees(own[0] if own else None, tuple(nested))


def at_parse(notices: Iterable[Fields]) -> Trees:
    """The same where there must be a tree of the statement's own: between Parse and ParseComplete."""
    found = trees(notices)
    if found.own is None:
        raise Unattestable("the server sent no tree of this statement")
    return found


def at_bind(notices: Iterable[Fields], last: str) -> Trees:
    """The same between Bind and BindComplete, where `last`, the latest tree of the statement, stands if none came."""
    found = trees(notices)
    return found if found.own is not None else Trees(last, found.nested)


def _detail(fields: Fields) -> str:
    try:
        return fields[b"D"].decode()
    except (KeyError, UnicodeDecodeError) as error:
        raise Unattestable("the server's tree is no text") from error
