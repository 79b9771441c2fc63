"""What one statement touches, read once off its Analysis with the labels after closure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Columns,
    Constant,
    Effect,
    Opaque,
    Principal,
    RelationRef,
    Use,
)
from pgmaskproxy.policy.rules import Policy

Labelling = Mapping[ColumnRef, ColumnLabels]

NO_LABELS: Final = ColumnLabels(frozenset())
EXPLAIN: Final = "ExplainStmt"
_CHANGES: Final = frozenset({Effect.WRITE, Effect.DDL, Effect.PRIVILEGE, Effect.ADMIN, Effect.EXPORT})


@dataclass(frozen=True)
class Touched:
    """A statement's facts for one principal under one policy. What is asked for again and again is found once."""

    policy: Policy
    principal: Principal
    analysis: Analysis
    labelling: Labelling
    effects: frozenset[Effect]
    """With what is implied added: EXPORT where labelled columns are copied, UNKNOWN where nothing is said."""
    labels_by_relation: Mapping[RelationRef, frozenset[str]]
    """Every label of every relation that has any, whether the statement touches it or not."""

    @cached_property
    def relations(self) -> frozenset[RelationRef]:
        return self.analysis.reads | self.analysis.writes

    def labels(self, column: ColumnRef) -> ColumnLabels:
        """The labels of `column`; of a whole row, those of all its relation's columns, and then derived."""
        if column.column in {"", "*"}:
            return ColumnLabels(self.labels_by_relation.get(column.relation, frozenset()), derived=True)
        return self.labelling.get(column, NO_LABELS)

    def clears(self, labels: Iterable[str]) -> bool:
        """Whether the principal is cleared for all of `labels`; a label the policy does not have clears nobody."""
        return all(label in self.policy.labels and self.policy.labels[label].clears(self.principal) for label in labels)

    def secret(self, relation: RelationRef) -> bool:
        """Whether `relation` has a labelled column that the principal is not cleared for."""
        return not self.clears(self.labels_by_relation.get(relation, ()))

    @cached_property
    def opaque(self) -> str:
        """Why something about the statement is not known, '' when everything is."""
        if self.analysis.opaque:
            return self.analysis.opaque
        for origin in self.analysis.outputs or ():
            if isinstance(origin, Opaque):
                return origin.reason
            if isinstance(origin, Columns) and any(not column.schema for column in origin.columns):
                return "a column's relation is not known"
        return ""

    def written(self) -> frozenset[ColumnRef]:
        """Columns that are the target of a write."""
        return self._written

    @cached_property
    def _written(self) -> frozenset[ColumnRef]:
        return frozenset(use.column for use in self.analysis.uses if use.use is Use.WRITTEN)

    def chosen(self) -> frozenset[ColumnRef]:
        """Columns whose values the statement itself may have chosen in what it returns, by whatever way."""
        return self.written() | self.analysis.made

    def sources(self) -> frozenset[ColumnRef]:
        """Columns that are read: in outputs, and in every use but as the target of a write."""
        return self._sources

    @cached_property
    def _sources(self) -> frozenset[ColumnRef]:
        return output_columns(self.analysis) | frozenset(
            use.column for use in self.analysis.uses if use.use is not Use.WRITTEN
        )

    def all_labels(self) -> tuple[str, ...]:
        """The labels of every column that the statement touches, sorted."""
        return self._all_labels

    @cached_property
    def _all_labels(self) -> tuple[str, ...]:
        found = {label for column in self.sources() | self.written() for label in self.labels(column).labels}
        if self.opaque:
            for relation in self.relations:
                found |= self.labels_by_relation.get(relation, frozenset())
        return tuple(sorted(found))


def output_columns(analysis: Analysis) -> frozenset[ColumnRef]:
    """Every column in any output."""
    return frozenset(
        column
        for origin in analysis.outputs or ()
        if isinstance(origin, Columns | Constant)
        for column in origin.columns
    )


def labels_by_relation(labelling: Labelling) -> Mapping[RelationRef, frozenset[str]]:
    """Every label of every relation that has any: the same for all statements."""
    found: dict[RelationRef, frozenset[str]] = {}
    for column, labels in labelling.items():
        if labels.labels:
            found[column.relation] = found.get(column.relation, frozenset()) | labels.labels
    return found


def touched(
    policy: Policy,
    principal: Principal,
    analysis: Analysis,
    labelling: Labelling,
    by_relation: Mapping[RelationRef, frozenset[str]] | None = None,
) -> Touched:
    """The facts that `decide` works on; `by_relation` is `labels_by_relation(labelling)` where that is known."""
    if by_relation is None:
        by_relation = labels_by_relation(labelling)
    plain = Touched(policy, principal, analysis, labelling, frozenset(), by_relation)
    return Touched(policy, principal, analysis, labelling, _effects(plain), by_relation)


def _effects(facts: Touched) -> frozenset[Effect]:
    analysis = facts.analysis
    effects = set(analysis.effects)
    if analysis.reads:
        effects.add(Effect.READ)
    if analysis.writes and not effects & _CHANGES:
        effects.add(Effect.WRITE)
    if analysis.kind and not effects:
        effects.add(Effect.UNKNOWN)
    if _exports(facts, effects):
        effects.add(Effect.EXPORT)
    return frozenset(effects)


def _exports(facts: Touched, effects: set[Effect]) -> bool:
    """Whether labelled columns are copied: INSERT ... SELECT, CREATE TABLE AS, SELECT INTO, UPDATE ... SET a = b."""
    if any(use.use is Use.WRITE and facts.labels(use.column).labels for use in facts.analysis.uses):
        return True
    if not effects & {Effect.WRITE, Effect.DDL}:
        return False
    if facts.opaque:
        return any(relation in facts.labels_by_relation for relation in facts.analysis.reads)
    # A new table's columns come from the outputs of its query.
    return facts.analysis.kind == "CreateTableAsStmt" and any(facts.labels(column).labels for column in facts.sources())
