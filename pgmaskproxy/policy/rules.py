"""The nouns of a policy: `Pattern`, `Who`, `Label`, `Rule`, `Policy`. Frozen; made by `loader`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from pgmaskproxy.model import (
    ApprovalTerms,
    ColumnRef,
    Effect,
    Mask,
    Outcome,
    Principal,
    RelationRef,
    RuleRef,
    Use,
)

STRENGTH: Final[tuple[str, ...]] = ("null", "redact", "email", "partial")
"""Mask kinds, strongest first. The strongest of a column's labels wins."""

DETERMINISTIC: Final[frozenset[str]] = frozenset({"email", "partial"})
"""Kinds whose output depends on the value: a code book where the client chose some of the values (DESIGN 3b)."""

OPTIONAL_USES: Final[frozenset[Use]] = frozenset({Use.NULL_TEST, Use.COUNT, Use.EQUALITY})
"""The uses beyond a bare output that a label may opt in to."""

NOWHERE: Final = RuleRef("")

ParamValue: TypeAlias = str | int | bool


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
class Label:
    """What is sensitive, where it lives and how it is shown."""

    id: str
    columns: tuple[Pattern, ...]
    mask: Mask
    clear_for: tuple[Who, ...] = ()
    uses: frozenset[Use] = frozenset()
    """Uses that are allowed; a subset of `OPTIONAL_USES`."""
    ref: RuleRef = NOWHERE

    def clears(self, principal: Principal) -> bool:
        """Whether `principal` sees it as it is."""
        return any(who.matches(principal) for who in self.clear_for)


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
    without_where: bool = False
    """Only UPDATE and DELETE without WHERE."""
    message: str = ""
    """For DENY: what the client is told."""
    terms: tuple[ApprovalTerms, ...] = ()
    """For HOLD: who must agree; every term must be met."""
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


def declared_labels(policy: Policy, columns: Iterable[ColumnRef]) -> Mapping[ColumnRef, frozenset[str]]:
    """The labels that patterns put on `columns`, before closure over the catalog; columns without any are left out."""
    found: dict[ColumnRef, frozenset[str]] = {}
    for column in columns:
        names = (column.schema, column.table, column.column)
        labels = frozenset(
            label.id for label in policy.labels.values() if any(pattern.matches(names) for pattern in label.columns)
        )
        if labels:
            found[column] = labels
    return found


def relation_names(relation: RelationRef) -> tuple[str, str]:
    """What a relation's pattern is compared with."""
    return (relation.schema, relation.name)
