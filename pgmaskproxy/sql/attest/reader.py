"""Node trees as PostgreSQL writes them (src/backend/nodes/outfuncs.c): `{LABEL :field value ...}`.

One grammar for the DETAIL of a `debug_print_rewritten` notice and for `pg_rewrite.ev_action`. A value is a node, a
list `(...)`, a list of numbers `(i 1)`, `(o 1)` or a set `(b 1)`, a datum `4 [ 1 0 0 0 ]`, a token, or `<>` for none.
In a token a backslash stands before every character that would mean something.

The notice's text is folded at 78 bytes (print.c, `format_node_dump`) with pretty printing off: a line ends where a
space was, an escaped one too. A token that is longer than a line is cut anywhere, even behind its backslash, so that
what follows would be read as structure: such a line is refused (`unfold`).
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, final

from pgmaskproxy.sql.attest.refusal import Unattestable

MAX_CHARACTERS: Final = 20_000_000
"""Of a tree. Reading takes some ten bytes of memory for each."""

MAX_DEPTH: Final = 4_000
"""Nodes and lists inside each other. The taint analysis has a limit of its own on what it recurses into."""

Value: TypeAlias = "Node | list[Value] | tuple[int, ...] | str | None"


@final
class Node:
    """A node: its label in capitals and its fields. A list of numbers is a tuple, a datum the text in brackets."""

    __slots__ = ("fields", "label")

    def __init__(self, label: str) -> None:
        self.label = label
        self.fields: dict[str, Value] = {}

    def __repr__(self) -> str:
        return f"<{self.label} {' '.join(self.fields)}>"


_TOKEN: Final = re.compile(r"\[ [-0-9 ]*\]|[(){}]|[^ (){}\\]+(?:\\.[^ (){}\\]*)*|(?:\\.[^ (){}\\]*)+", re.DOTALL)
_NUMBER: Final = re.compile(r"-?[0-9]+")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_CUT: Final = re.compile(r"\n(?:[^\n][^ \n]*+)?+\n")
_NUMBERS: Final = frozenset({"i", "o", "b", "x"})
_STRUCTURE: Final = frozenset("(){}")
_MOVING: Final = re.compile(
    # It begins with what all have in common, which is searched for as such: five times as fast.
    r" :(?<!\\ :)(?:location \d+|(?:stmt_location|stmt_len|list_start|list_end) -?\d+"
    r"|constvalue (?:\d+ \[ [-0-9 ]*\]|<>))(?=[ }])"
)
_PLACE: Final = re.compile(r"-?\d+(?=[ }]|\Z)")
"""Of a piece of the text: where that ends another field begins."""
_FIELDS: Final = (
    (" :constvalue ", re.compile(r"(?:\d+ \[ [-0-9 ]*\]|<>)(?=[ }]|\Z)")),
    (" :location ", re.compile(r"\d+(?=[ }]|\Z)")),
    (" :stmt_location ", _PLACE),
    (" :stmt_len ", _PLACE),
    (" :list_start ", _PLACE),
    (" :list_end ", _PLACE),
)


def unfold(detail: str) -> str:
    """A notice's DETAIL as the one line it was. Raises Unattestable where the folding may have cut a token in two."""
    text = detail.removesuffix("\n")
    if "\n" in text and _CUT.search("\n" + text) is not None:
        raise Unattestable("a name is too long for the server's tree to be read back with certainty")
    return text.replace("\n", " ")


def stripped(tree: str) -> str:
    """An unfolded tree without its constants and the positions in the text: the second key of the verdict's cache.

    Whether a constant is NULL stays, and how many there are; and that something has no position (-1), which tells a
    column's default from what a statement says. Nothing that a client names can look like what is
    removed: inside a name the space before the colon has its backslash.
    """
    if "\\" in tree:
        return _MOVING.sub("", tree)
    # Without a backslash every such field is one: they are found by their whole names, at a third of the cost.
    for name, value in _FIELDS:
        pieces = tree.split(name)
        if len(pieces) > 1:
            kept = [pieces[0]]
            for piece in pieces[1:]:
                found = value.match(piece)
                kept.append(name + piece if found is None else piece[found.end() :])
            tree = "".join(kept)
    return tree


def text_of(value: Value) -> str:
    """A token's own characters; '' for none. Raises Unattestable for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unattestable("a token was expected in the server's tree")
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        value = value[1:-1]
    return _ESCAPED.sub(r"\1", value) if "\\" in value else value


def read(tree: str) -> Value:
    """The value that the whole of an unfolded text is. Raises Unattestable, and nothing else."""
    if len(tree) > MAX_CHARACTERS:
        raise Unattestable("the server's tree of this statement is too large", sqlstate="54000")
    if "\n" in tree.replace("\\\n", ""):
        raise Unattestable("a line break in the server's tree")
    tokens = _tokens(tree)
    if not tokens or tree[-1] not in {"}", ")", ">"}:
        raise Unattestable("the server's tree is cut short")
    return _Reader(tokens).whole()


def _tokens(tree: str) -> list[str]:
    """What `_TOKEN` finds in it: brackets, what is between them and spaces, and a datum's bytes as one."""
    if "\\" not in tree and "  " not in tree:
        # Without a backslash a token ends where a space or a bracket is: the same at a fifth of the cost.
        apart = tree.replace("{", " { ").replace("}", " } ").replace("(", " ( ").replace(")", " ) ")
        words = [word for word in apart.split(" ") if word]
        found = _with_data(words) if "[" in words else words
        if found is not None:
            return found
    every: list[str] = _TOKEN.findall(tree)
    return every


def _with_data(words: list[str]) -> list[str] | None:
    """The words, each datum's put together; None where a bracket is not surely one's."""
    found: list[str] = []
    at = 0
    count = len(words)
    while at < count:
        word = words[at]
        if word == "[":
            end = at + 1
            while end < count and _NUMBER.fullmatch(words[end]) is not None:
                end += 1
            if end == count or words[end] != "]":
                return None
            word = " ".join(words[at : end + 1])
            at = end
        found.append(word)
        at += 1
    return found


@final
class _Reader:
    """A parse of one list of tokens, without recursion. `_open` holds what is around the place."""

    __slots__ = ("_at", "_open", "_tokens")

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._open: list[Node | list[Value]] = []

    def whole(self) -> Value:
        try:
            return self._whole()
        except (IndexError, ValueError, OverflowError) as error:
            raise Unattestable("the server's tree cannot be read") from error

    def _whole(self) -> Value:
        value = self._value()
        while self._open:
            inside = self._open[-1]
            if isinstance(inside, Node):
                self._node(inside)
            else:
                self._list(inside)
        if self._at != len(self._tokens):
            raise Unattestable("something stands behind the server's tree")
        return value

    def _node(self, node: Node) -> None:
        """The fields of a node, up to its end or to a field that is a node or a list."""
        tokens, fields, at, depth = self._tokens, node.fields, self._at, len(self._open)
        while True:
            word = tokens[at]
            if word == "}":
                self._at = at + 1
                self._open.pop()
                return
            name, value = word[1:], tokens[at + 1]
            if word[0] != ":" or name in fields:
                raise Unattestable(f"{node.label} is not written as a node is")
            if value == "<>":
                fields[name] = None
            elif value in _STRUCTURE:
                self._at = at + 1
                fields[name] = self._value()
                if len(self._open) != depth:
                    return
                at = self._at
                continue
            elif tokens[at + 2].startswith("[ "):
                fields[name] = tokens[at + 2]
                at += 1
            else:
                fields[name] = value
            at += 2

    def _list(self, values: list[Value]) -> None:
        """The members of a list, up to its end or to a member that is a node or a list."""
        tokens, depth = self._tokens, len(self._open)
        while True:
            if tokens[self._at] == ")":
                self._at += 1
                self._open.pop()
                return
            values.append(self._value())
            if len(self._open) != depth:
                return

    def _value(self) -> Value:
        """The next value. A node or a list is opened only: what is in it comes later."""
        tokens, at = self._tokens, self._at
        word = tokens[at]
        if word == "{":
            node = Node(_label(tokens[at + 1]))
            self._at = at + 2
            self._enter(node)
            return node
        if word == "(":
            if tokens[at + 1] in _NUMBERS:
                end = tokens.index(")", at)
                self._at = end + 1
                return tuple([int(number) for number in tokens[at + 2 : end]])
            self._at = at + 1
            values: list[Value] = []
            self._enter(values)
            return values
        if word in _STRUCTURE:
            raise Unattestable("the server's tree is out of balance")
        self._at = at + 1
        if word == "<>":
            return None
        return word

    def _enter(self, inside: Node | list[Value]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unattestable("the server's tree of this statement is too deep", sqlstate="54001")
        self._open.append(inside)


def _label(word: str) -> str:
    if not (word.isascii() and word.replace("_", "").isalnum() and word.isupper()):
        raise Unattestable("a node of the server's tree has no label")
    return word
