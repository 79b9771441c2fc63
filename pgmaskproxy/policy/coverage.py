"""Which rules match a statement, and whether all of it is covered (POLICY.md, "What it means", 1).

A statement becomes `Need`s: an effect, alone or on one relation or function. Every need must be
covered by an allow or a hold rule. Where a name or a label is not known, a deny or hold rule takes
it for what it is looking for, and an allow rule does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from pgmaskproxy.model import Effect, Outcome, RelationRef, RuleRef, TransactionVerb
from pgmaskproxy.policy.facts import Touched
from pgmaskproxy.policy.revealing import named_only
from pgmaskproxy.policy.rules import Pattern, Rule, relation_names

BUILTIN: Final = RuleRef("built-in:session-and-transaction")
"""Transaction control, and the session statements below, are allowed unless a rule denies or holds them."""

SESSION_KINDS: Final = frozenset(
    {
        "VariableSetStmt",
        "VariableShowStmt",
        "DiscardStmt",
        "PrepareStmt",
        "ExecuteStmt",
        "DeallocateStmt",
        "DeclareCursorStmt",
        "FetchStmt",
        "ClosePortalStmt",
        "ConstraintsSetStmt",
        "UnlistenStmt",
        "TransactionStmt",
    }
)
"""Not LISTEN and NOTIFY, which carry values between sessions, nor LOAD."""


class Need(NamedTuple):
    """Something that a rule must cover."""

    effect: Effect
    relation: RelationRef | None = None
    function: tuple[str, str] | None = None
    """Schema ('' where not known) and name."""
    labels: frozenset[str] = frozenset()
    """Labels this effect touches there."""

    def __str__(self) -> str:
        if self.relation is not None:
            return f"{self.effect} on {self.relation}"
        if self.function is not None:
            return f"{self.effect} {'.'.join(part for part in self.function if part)}"
        return str(self.effect)


@dataclass(frozen=True, slots=True)
class Matches:
    """The rules that match, by what they decide, each in the order of ids; and what none covers."""

    denying: tuple[Rule, ...]
    holding: tuple[Rule, ...]
    allowing: tuple[Rule, ...]
    builtin: bool
    uncovered: tuple[Need, ...]


def needs(facts: Touched) -> tuple[Need, ...]:
    """What `facts` need, in a fixed order."""
    analysis = facts.analysis
    found: list[Need] = []
    for effect in sorted(facts.effects):
        match effect:
            case Effect.TRANSACTION | Effect.SESSION:
                found.append(Need(effect))
            case Effect.ROUTINE:
                found.extend(_routines(facts))
            case Effect.READ:
                found.extend(_on(facts, effect, analysis.reads))
            case Effect.WRITE:
                found.extend(_on(facts, effect, analysis.writes))
            case _:
                found.extend(_on(facts, effect, facts.relations))
    return tuple(found)


def match(rules: Iterable[Rule], facts: Touched, database: str) -> Matches:
    """The rules that have something to say, and what is covered by none."""
    wanted = needs(facts)
    candidates = [
        rule
        for rule in sorted(rules, key=lambda rule: rule.id)
        if rule.unmask is None
        and concerns(rule, facts, database)
        and (facts.analysis.without_where or not rule.without_where)
    ]
    covers = {rule.id: [need for need in wanted if _matches(rule, need, facts)] for rule in candidates}
    covered = {need for rule in candidates if rule.decide is not Outcome.DENY for need in covers[rule.id]}
    left = [need for need in wanted if need not in covered]
    uncovered = tuple(need for need in left if not _builtin(need, facts))

    def of(outcome: Outcome) -> tuple[Rule, ...]:
        return tuple(rule for rule in candidates if rule.decide is outcome and covers[rule.id])

    return Matches(
        denying=of(Outcome.DENY),
        holding=of(Outcome.HOLD),
        allowing=of(Outcome.ALLOW),
        builtin=len(left) > len(uncovered),
        uncovered=uncovered,
    )


def concerns(rule: Rule, facts: Touched, database: str) -> bool:
    """Whether `rule` is about statements of this principal in this database at all."""
    return (rule.who is None or any(who.matches(facts.principal) for who in rule.who)) and (
        rule.databases is None or any(pattern.matches((database,)) for pattern in rule.databases)
    )


def _on(facts: Touched, effect: Effect, relations: frozenset[RelationRef]) -> list[Need]:
    if not relations:
        return [Need(effect, labels=frozenset(facts.all_labels))]
    return [Need(effect, relation, labels=_labels(facts, effect, relation)) for relation in sorted(relations)]


def _labels(facts: Touched, effect: Effect, relation: RelationRef) -> frozenset[str]:
    everything = facts.labels_by_relation.get(relation, frozenset())
    if facts.opaque:
        return everything
    written, sources = facts.written, facts.sources
    if effect is Effect.WRITE:
        columns = written
        # A write that names no column may be to any: only a DELETE is known not to put values in.
        if not any(column.relation == relation for column in written) and facts.analysis.kind != "DeleteStmt":
            return everything
    elif effect is Effect.READ:
        columns = sources
    else:
        columns = written | sources
    # A column of a relation that is not listed (a view's base table) counts for every relation.
    return frozenset(
        label
        for column in columns
        if column.relation == relation or column.relation not in facts.relations
        for label in facts.labels(column).labels
    )


def _routines(facts: Touched) -> list[Need]:
    names = [_split(name) for name in sorted(facts.analysis.functions)]
    own = [name for name in names if name[0] != "pg_catalog"]
    labels = frozenset(facts.all_labels)
    return [Need(Effect.ROUTINE, function=name, labels=labels) for name in own] or [Need(Effect.ROUTINE, labels=labels)]


def _split(name: str) -> tuple[str, str]:
    schema, _, function = name.rpartition(".")
    return (schema, function)


def _matches(rule: Rule, need: Need, facts: Touched) -> bool:
    if need.effect not in rule.effects or (rule.without_where and need.effect is not Effect.WRITE):
        return False
    channel = facts.analysis.channel
    if rule.channels is not None and not (
        channel is not None and any(pattern.matches((channel,)) for pattern in rule.channels)
    ):
        return False
    if channel is not None and rule.channels is None and rule.decide is Outcome.ALLOW:
        return False
    if rule.decide is Outcome.ALLOW:
        return _allows(rule, need, _read_columns(facts, need.relation))
    if rule.relations is not None and not _may_be(rule.relations, need.relation):
        return False
    if rule.functions is not None and not any(
        pattern.may_match(_split(name)) for pattern in rule.functions for name in facts.analysis.functions
    ):
        return False
    return rule.labels is None or bool(rule.labels & need.labels)


def _read_columns(facts: Touched, relation: RelationRef | None) -> frozenset[str] | None:
    """The columns of a relation that a statement uses or shows; None where that is not known, or a whole row."""
    sources = [column for column in facts.sources if column.relation == relation]
    if facts.opaque or any(column.column in {"", "*"} for column in sources):
        return None
    return frozenset(column.column for column in sources)


def _allows(rule: Rule, need: Need, columns: frozenset[str] | None) -> bool:
    if need.relation is not None and not _named(rule.relations, need.effect, need.relation, columns):
        return False
    # SELECT 1 reads no relation: who may read any may read that. Another effect alone is on something not named.
    if need.relation is None and need.effect not in {Effect.READ, Effect.ROUTINE} and rule.relations is not None:
        return False
    if need.effect is Effect.ROUTINE and rule.functions is not None:
        function = need.function
        if function is None or not any(pattern.matches(function) for pattern in rule.functions):
            return False
    return rule.labels is None or (bool(need.labels) and need.labels <= rule.labels)


def _named(
    patterns: tuple[Pattern, ...] | None, effect: Effect, relation: RelationRef, columns: frozenset[str] | None
) -> bool:
    if not relation.schema:
        return False
    exact = named_only(effect, relation, columns)
    if patterns is None:
        return not exact
    names = relation_names(relation)
    return any(pattern.matches(names) and (pattern.exact or not exact) for pattern in patterns)


def _may_be(patterns: tuple[Pattern, ...], relation: RelationRef | None) -> bool:
    return relation is not None and any(pattern.may_match(relation_names(relation)) for pattern in patterns)


def _builtin(need: Need, facts: Touched) -> bool:
    analysis = facts.analysis
    match need.effect:
        case Effect.TRANSACTION:
            # Two-phase commit outlives the session, and with it everything that was decided.
            return analysis.transaction is not TransactionVerb.PREPARED and analysis.kind in SESSION_KINDS
        case Effect.SESSION:
            return analysis.kind in SESSION_KINDS or bool(analysis.settings)
        case _:
            return False
