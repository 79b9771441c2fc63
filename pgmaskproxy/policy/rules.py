"""The nouns of a policy: `Pattern`, `Who`, `Label`, `Rule`, `Policy`. Frozen; made by `loader`."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pgmaskproxy.model import (
    ApprovalTerms,
    ColumnRef,
    Effect,
    Mask,
    MaskParam,
    Outcome,
    Principal,
    RelationRef,
    RuleRef,
    Use,
)

STRENGTH: Final[tuple[str, ...]] = (
    *("null", "redact", "zero", "hash", "uuid", "token", "generalize", "ip", "card", "phone", "email", "partial"),
    *("json", "scrub", "custom"),
)
"""Mask kinds, strongest first. The strongest of a column's labels wins."""

DETERMINISTIC: Final[frozenset[str]] = frozenset(STRENGTH) - {"null", "redact", "zero"}
"""Kinds whose output depends on the value: a code book where the client chose some of the values (DESIGN 3b)."""


class Answer(enum.StrEnum):
    """What a label says to a use of its columns; the last one here beats those before it."""

    ALLOW = "allow"
    NULL = "null"
    """It runs, and what it makes is shown as NULL."""
    TOKEN = "token"  # noqa: S105 - a word, no password
    """By tokens alone, which are no guesses."""
    HOLD = "hold"
    REFUSE = "refuse"

    @property
    def strictness(self) -> int:
        """Higher is stricter."""
        return _STRICTER.index(self)


_STRICTER: Final = tuple(Answer)

ANSWERS: Final[Mapping[Use, tuple[Answer, ...]]] = {
    Use.NULL_TEST: (Answer.ALLOW, Answer.HOLD, Answer.REFUSE),
    Use.COUNT: (Answer.ALLOW, Answer.HOLD, Answer.REFUSE),
    Use.EQUALITY: (Answer.ALLOW, Answer.TOKEN, Answer.HOLD, Answer.REFUSE),
    Use.JOIN: (Answer.HOLD, Answer.REFUSE),
    Use.EXPRESSION: (Answer.NULL, Answer.HOLD, Answer.REFUSE),
    Use.PREDICATE: (Answer.HOLD, Answer.REFUSE),
    Use.ORDERING: (Answer.HOLD, Answer.REFUSE),
    Use.WRITE: (Answer.HOLD, Answer.REFUSE),
    Use.WRITTEN: (Answer.ALLOW, Answer.HOLD, Answer.REFUSE),
}
"""What a policy may say to each use, as one word; a budget for `equality` and pairs for `join` stand instead."""

GENERAL: Final[Mapping[Use, Use]] = {
    Use.EQUALITY: Use.PREDICATE,
    Use.JOIN: Use.PREDICATE,
    Use.NULL_TEST: Use.PREDICATE,
    Use.COUNT: Use.EXPRESSION,
}
"""What a use is a special case of: where a label says nothing of it, a person who may agree to the general one may
agree to it too."""

TOKEN: Final = "token"  # noqa: S105 - a kind of mask
"""The kind of mask that the proxy can undo."""

NOWHERE: Final = RuleRef("")

ParamValue: TypeAlias = MaskParam


@dataclass(frozen=True, slots=True)
class Pattern:
    """A dotted name with `*` in any part, as the catalog spells names; a part with a dot in it is double-quoted.

    `ignore_case` is for what is sensitive: a column called "SSN" is as sensitive as one called ssn.
    """

    text: str
    parts: tuple[str, ...]
    globs: tuple[bool, ...]
    """By part: whether a `*` in it stands for anything (it does not inside quotes)."""
    ignore_case: bool = False
    _regexes: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        flags = re.DOTALL | (re.IGNORECASE if self.ignore_case else re.NOFLAG)
        regexes = tuple(
            re.compile(".*".join(map(re.escape, part.split("*"))) if glob else re.escape(part), flags)
            for part, glob in zip(self.parts, self.globs, strict=True)
        )
        object.__setattr__(self, "_regexes", regexes)

    @property
    def exact(self) -> bool:
        """Whether it names one thing: no `*` in it."""
        return not any(glob and "*" in part for part, glob in zip(self.parts, self.globs, strict=True))

    def matches(self, names: Sequence[str]) -> bool:
        """Whether every part matches; False when the number of parts differs."""
        return len(names) == len(self._regexes) and all(
            regex.fullmatch(name) is not None for regex, name in zip(self._regexes, names, strict=True)
        )

    def may_match(self, names: Sequence[str]) -> bool:
        """`matches`, but a leading '' (a name that did not resolve) stands for any."""
        return len(names) == len(self._regexes) and all(
            name == "" or regex.fullmatch(name) is not None for regex, name in zip(self._regexes, names, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Who:
    """One entry of `who` or `clear_for`: `user:NAME`, `group:NAME` or `kind:agent|human|service`."""

    kind: Literal["user", "group", "kind"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    def matches(self, principal: Principal) -> bool:
        """Whether `principal` is meant."""
        match self.kind:
            case "user":
                return principal.name == self.name
            case "group":
                return self.name in principal.groups
            case "kind":
                return principal.kind.value == self.name


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` of something by one principal in any `seconds`."""

    limit: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.limit} per {duration_words(self.seconds)}"


DEFAULT_BUDGET: Final = Budget(100, 3600.0)
"""Of look-ups, where a policy says `equality: allow` and no more."""

UNMASKED_ROWS: Final = 100
"""In so many rows a person may show a column as it is, where the rule says nothing of it."""

Pair: TypeAlias = frozenset[ColumnRef]
"""Two columns that may be joined on each other; one, where it may be joined on itself."""


@dataclass(frozen=True, slots=True)
class Label:
    """What is sensitive, where it lives and how it is shown."""

    id: str
    columns: tuple[Pattern, ...]
    mask: Mask
    clear_for: tuple[Who, ...] = ()
    uses: tuple[tuple[Use, Answer], ...] = ()
    """What the policy says, as one word, to uses beyond a bare output; sorted."""
    budget: Budget | None = None
    """Of look-ups; there exactly where `equality` is allowed."""
    joins: frozenset[Pair] = frozenset()
    terms: tuple[ApprovalTerms, ...] = ()
    """Who must agree to a use that is held; there exactly where one is."""
    ref: RuleRef = NOWHERE

    def clears(self, principal: Principal) -> bool:
        """Whether `principal` sees it as it is."""
        return any(who.matches(principal) for who in self.clear_for)

    def answer(self, use: Use) -> Answer:
        """What it says to `use`; where it says nothing: what it says to the general one if that is to ask a person,
        else refuse. What is put *into* a column is up to the rules, and whoever sees tokens may look up by them."""
        said = dict(self.uses)
        if use in said:
            return said[use]
        if use is Use.WRITTEN:
            return Answer.ALLOW
        if use is Use.EQUALITY and self.mask.kind == TOKEN:
            return Answer.TOKEN
        general = said.get(GENERAL[use]) if use in GENERAL else None
        return Answer.HOLD if general is Answer.HOLD else Answer.REFUSE

    @property
    def joined(self) -> frozenset[ColumnRef]:
        """Every column of every declared pair: what may be joined on a labelled column carries its label."""
        return frozenset().union(*self.joins)


@dataclass(frozen=True, slots=True)
class Rule:
    """Some effects on some things, by some people, and what becomes of them. None means "any"."""

    id: str
    effects: frozenset[Effect]
    decide: Outcome
    who: tuple[Who, ...] | None = None
    databases: tuple[Pattern, ...] | None = None
    relations: tuple[Pattern, ...] | None = None
    functions: tuple[Pattern, ...] | None = None
    labels: frozenset[str] | None = None
    """Ids of labels, patterns already resolved."""
    channels: tuple[Pattern, ...] | None = None
    """Of LISTEN and NOTIFY: with it a rule is about nothing else, and without it it allows neither."""
    without_where: bool = False
    """Only UPDATE and DELETE without WHERE."""
    message: str = ""
    """For DENY: what the client is told."""
    terms: tuple[ApprovalTerms, ...] = ()
    """For HOLD: who must agree; every term must be met."""
    unmask: tuple[Pattern, ...] | None = None
    """Of columns that those who must agree may show as they are: with it a rule is about nothing else, and covers
    nothing (see `unmasking`)."""
    rows: int = UNMASKED_ROWS
    """With `unmask`: in so many rows of one execution at most."""
    ref: RuleRef = NOWHERE


@dataclass(frozen=True, slots=True)
class Policy:
    """All files together. Rules and labels are in the order of their ids: the order in the files never matters."""

    labels: Mapping[str, Label]
    rules: tuple[Rule, ...]
    version: str = ""
    """SHA-256 of the canonical form, in hex; places in files do not enter it."""
    names: tuple[str, ...] = ()
    """The `name:` of each file."""
    transparent: RuleRef | None = None
    """Where it says that everything passes as it is; then it has neither labels nor rules."""


def declared_labels(policy: Policy, columns: Iterable[ColumnRef]) -> Mapping[ColumnRef, frozenset[str]]:
    """The labels that a policy puts on `columns`, before closure over the catalog; columns without any are left out.

    A label's columns are what its patterns match, and both sides of the joins that it declares: what may be compared
    with a secret is as secret.
    """
    joined: dict[ColumnRef, set[str]] = {}
    for label in policy.labels.values():
        for column in label.joined:
            joined.setdefault(column, set()).add(label.id)
    by_name: dict[str, list[tuple[str, Pattern]]] = {}  # a catalog has a few thousand names for all of its columns
    found: dict[ColumnRef, frozenset[str]] = {}
    for column in columns:
        candidates = by_name.get(column.column)
        if candidates is None:
            candidates = by_name[column.column] = [
                (label.id, pattern)
                for label in policy.labels.values()
                for pattern in label.columns
                if pattern.may_match(("", "", column.column))
            ]
        names = (column.schema, column.table, column.column)
        labels = {label for label, pattern in candidates if pattern.matches(names)} | joined.get(column, set())
        if labels:
            found[column] = frozenset(labels)
    return found


def relation_names(relation: RelationRef) -> tuple[str, str]:
    """What a relation's pattern is compared with."""
    return (relation.schema, relation.name)


_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def duration_words(seconds: float) -> str:
    """Seconds as a policy writes them: `1h`, `90s`."""
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
