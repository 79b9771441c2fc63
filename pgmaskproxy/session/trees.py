"""The server's trees as a session meets them: which exchange brought which, and which of them counts (DESIGN 3a).

The backend prints a statement's rewritten tree when it analyses it: at Parse, and again at Bind or at Describe of a
statement when what was cached is no longer valid. Trees of functions that ran meanwhile carry field W, the context they
ran in. What a tree says is the judge's affair; here is only which one is the statement's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

from pgmaskproxy.model import Refusal
from pgmaskproxy.session.pipeline import Exchange

_POSITIONS: Final = re.compile(rb"(?<!\\) :(?:location|stmt_location|stmt_len|list_start|list_end) -?\d+(?=[ }])")
"""Places in the statement's text; inside a name the space before the colon has its backslash."""

_CONSTANTS: Final = re.compile(
    rb"(?<!\\) :(?:(?:location|stmt_location|stmt_len|list_start|list_end) -?\d+"
    rb"|constvalue (?:\d+ \[ [-0-9 ]*\]|<>))(?=[ }])"
)

SEVERAL: Final = Refusal(
    "0A000",
    "cannot prove what this statement shows: the server sent several trees of it",
    hint="Send it again; if that does not help, tell the operator.",
)
"""A statement has one tree: more is a forgery or something that is not understood."""

NO_TREE: Final = Refusal(
    "0A000",
    "cannot prove what this statement shows: the server sent no tree of it",
    detail="The upstream must print its rewritten trees to the proxy, and this statement's did not come.",
    hint="Tell the operator: `pgmaskproxy check` says whether the server gives them.",
)


@final
@dataclass(frozen=True, slots=True)
class Trees:
    """What the server said of one statement, latest analysis first of all. `own` is None when it said nothing."""

    own: bytes | None
    nested: tuple[bytes, ...] = ()


def is_tree(fields: dict[bytes, bytes]) -> bool:
    """Whether this is the server's own print of a rewritten tree: what RAISE LOG forges has other F and R."""
    return (
        fields.get(b"V") == b"LOG"
        and fields.get(b"F") == b"print.c"
        and fields.get(b"R") == b"elog_node_display"
        and fields.get(b"M") == b"rewritten parse tree:"
    )


def latest(exchanges: Sequence[Exchange]) -> Trees | Refusal:
    """The trees that stand after these exchanges, in order: the last of the statement's own, and what ran with it.

    Where the last exchange brought none of its own, the one before it stands (DESIGN 3a: "None at Bind").
    """
    own: bytes | None = None
    nested: tuple[bytes, ...] = ()
    for exchange in exchanges:
        if len(exchange.own) > 1:
            return SEVERAL
        if exchange.own:
            own, nested = exchange.own[0], tuple(exchange.nested)
        elif exchange.nested:
            nested = (*nested, *exchange.nested)
    return Trees(own, nested)


def same_but_for_positions(one: bytes, other: bytes) -> bool:
    """Whether two trees differ in nothing but places in their texts, and in how their lines are folded."""
    return one == other or _plain(one) == _plain(other)


def without_constants(tree: bytes) -> bytes:
    """A tree without constants and places: what must be the same again where no function can choose data by them.

    How many constants there are stays, and which are NULL.
    """
    return _CONSTANTS.sub(b"", tree.removesuffix(b"\n").replace(b"\n", b" "))


def kept(exchange: Exchange) -> bool:
    """Whether an answer is what was promised before it came."""
    promise = exchange.promise
    if promise is None:
        return True
    if promise.fields is not None:
        same = exchange.fields is promise.fields or exchange.fields == promise.fields
        return exchange.returns_rows and same
    if promise.tree is None or exchange.nested or len(exchange.own) != 1:
        return promise.tree is None and not exchange.nested and not exchange.own
    own = exchange.own[0]
    if own == promise.tree or (promise.exact and promise.exact[0] == own):
        return True
    if without_constants(own) != without_constants(promise.tree):
        return False
    if promise.exact is not None:
        promise.exact[:] = exchange.own
    return True


def _plain(tree: bytes) -> bytes:
    return _POSITIONS.sub(b"", tree.removesuffix(b"\n").replace(b"\n", b" "))
