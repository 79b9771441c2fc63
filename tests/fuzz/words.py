"""Typed expressions over the columns in scope, mostly such as a server takes; labelled columns in them where dared."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from tests.fuzz.patterns import CONDITIONS, EXPRESSIONS, FAILING, LITERALS
from tests.fuzz.shapes import Column, Kind

Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Source:
    """What one entry of FROM gives: an alias and its columns."""

    alias: str
    columns: tuple[Column, ...]
    rows: int
    whole: bool = True
    """Whether the alias by itself is a row."""


Scope: TypeAlias = tuple[Sequence[Source], ...]
"""The sources that can be named, innermost query first."""

DEPTH: Final = 3
ONCE: Final = 0.3
"""How likely the one daring place is the next that could be."""
TYPES: Final[Mapping[Kind, str]] = {
    "i": "int", "n": "numeric", "t": "text", "d": "date", "j": "jsonb", "a": "text[]", "r": "record",
}  # fmt: skip


class Writer:
    """Writes expressions from one source of chance.

    `daring` is how likely a place that wants a value takes a labelled column. With `once` one place does, more or less:
    the rest is such that nothing else is a reason to refuse it. `failing` is how likely an integer is one of those that
    may fail. `parameters` are the values of $1, $2 and so on, None where the protocol has none.
    """

    def __init__(
        self,
        chance: random.Random,
        *,
        daring: float = 0.0,
        once: bool = False,
        failing: float = 0.0,
        parameters: list[str] | None = None,
    ) -> None:
        self.chance = chance
        self.daring = daring
        self.once = once
        self.failing = failing
        self.parameters = parameters
        self.labelled = 0
        """How many labelled columns were named so far."""
        self.sublink: Callable[[Scope, int, bool], tuple[str, Scope]] | None = None
        """Writes `FROM ... WHERE ...` of a subquery; set by who writes queries."""

    def one(self, choices: Sequence[Choice]) -> Choice:
        return self.chance.choice(choices)

    def perhaps(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood

    def dares(self) -> bool:
        """Whether to use a labelled column here, where there is one and it is not a bare output."""
        if self.once and self.perhaps(ONCE):
            self.once = False
            return True
        return self.perhaps(self.daring)

    # -- columns -------------------------------------------------------------------------------------------

    def columns(self, scope: Scope, kind: Kind | None, *, labelled: bool) -> list[tuple[Source, Column]]:
        """What of a kind can be named, the innermost query's only, or every query's once in a while."""
        reach = scope if self.perhaps(0.15) else scope[:1]
        return [
            (source, column)
            for sources in reach
            for source in sources
            for column in source.columns
            if column.labelled == labelled and kind in (None, column.kind)
        ]

    def named(self, source: Source, column: Column) -> str:
        """A column in one of the ways to say it."""
        self.labelled += column.labelled
        style = self.chance.random()
        if style < 0.04 and source.whole:
            return f"({source.alias}).{column.name}"
        if style < 0.06 and source.whole:
            return f"{column.name}({source.alias})"
        return f"{source.alias}.{column.name}"

    def leaf(self, scope: Scope, kind: Kind) -> str:
        """A column, parameter or literal."""
        found = self.columns(scope, kind, labelled=True)
        if not found or not self.dares():
            found = self.columns(scope, kind, labelled=False) if self.perhaps(0.9) else []
        if found:
            return self.named(*self.one(found))
        if self.parameters is not None and kind in ("i", "t") and self.perhaps(0.5):
            self.parameters.append(self.one(("3", "12", "7")) if kind == "i" else self.one(("a", "name3", "12")))
            return f"${len(self.parameters)}::{'int' if kind == 'i' else 'text'}"
        return self.one(LITERALS[kind]) if self.perhaps(0.9) else f"NULL::{TYPES[kind]}"

    def row(self, scope: Scope) -> str:
        """A whole row: of what has labelled columns only where it is dared."""
        wholes = [
            source
            for source in scope[0]
            if source.whole and (not any(column.labelled for column in source.columns) or self.dares())
        ]
        if not wholes:
            return "ROW(1, 'a')"
        source = self.one(wholes)
        self.labelled += any(column.labelled for column in source.columns)
        return source.alias

    # -- expressions ---------------------------------------------------------------------------------------

    def value(self, scope: Scope, kind: Kind, depth: int = 0) -> str:
        """An expression of a kind."""
        if kind == "i" and self.perhaps(self.failing):
            return f"({self.fill(self.one(FAILING), scope, depth)})"
        if depth >= DEPTH or self.perhaps(0.45):
            return self.leaf(scope, kind)
        return self.fill(self.one(EXPRESSIONS[kind]), scope, depth)

    def predicate(self, scope: Scope, depth: int = 0) -> str:
        """A condition."""
        return "true" if depth > DEPTH else self.fill(self.one(CONDITIONS), scope, depth)

    def fill(self, pattern: str, scope: Scope, depth: int) -> str:
        """A pattern with its places filled; before `{sub}` or `{many}`, with what that subquery has in its FROM."""
        clause = ""
        inner = scope
        for place, single in (("{sub}", True), ("{many}", False)):
            if place in pattern:
                assert self.sublink is not None
                clause, inner = self.sublink(scope, depth + 1, single)
                pattern = pattern.replace(place, "\0")
        text, outer = "", scope
        while "{" in pattern:
            before, _, rest = pattern.partition("{")
            if rest.startswith("{"):  # a brace of the pattern's own
                text, pattern = f"{text}{before}{{", rest[1:].replace("}}", "}", 1)
                continue
            word, _, pattern = rest.partition("}")
            text += before
            within = inner if "(SELECT" in text and "\0" in pattern else outer
            text += self.place(word, within, depth + 1)
        return (text + pattern).replace("\0", clause)

    def place(self, word: str, scope: Scope, depth: int) -> str:
        """What fills one place."""
        if word == "b":
            return self.predicate(scope, depth + 1)
        if word == "row":
            return self.row(scope)
        kind = next(kind for kind in EXPRESSIONS if kind == word)
        return self.value(scope, kind, depth)
