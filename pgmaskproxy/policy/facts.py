"""What one statement touches, read once off its Analysis with the labels after closure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, final

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


@final
class Touched:
    """A statement's facts for one principal under one policy. What is asked for again and again is found once."""

    def __init__(
        self,
        policy: Policy,
        principal: Principal,
        analysis: Analysis,
        labelling: Labelling,
        labels_by_relation: Mapping[RelationRef, frozenset[str]],
    ) -> None:
        self.policy: Final = policy
        self.principal: Final = principal
        self.analysis: Final = analysis
        self.labelling: Final = labelling
        self.labels_by_relation: Final = labels_by_relation
        """Every label of every relation that has any, whether the statement touches it or not."""
        self.relations: Final = analysis.reads | analysis.writes
        self.opaque: Final = _why_opaque(analysis)
        """Why something about the statement is not known, '' when everything is."""
        self.written: Final = frozenset([use.column for use in analysis.uses if use.use is Use.WRITTEN])
        """Columns that are the target of a write."""
        self.sources: Final = output_columns(analysis).union(
            [use.column for use in analysis.uses if use.use is not Use.WRITTEN]
        )
        """Columns that are read: in outputs, and in every use but as the target of a write."""
        self.all_labels: Final = self._all_labels()
        """The labels of every column that the statement touches, sorted."""
        self.effects: Final = _effects(self)
        """With what is implied added: EXPORT where labelled columns are copied, UNKNOWN where nothing is said."""

    def labels(self, column: ColumnRef) -> ColumnLabels:
        """The labels of `column`; of a whole row, those of all its relation's columns, and then derived."""
        if column.column in {"", "*"}:
            return ColumnLabels(self.labels_by_relation.get(column.relation, frozenset()), derived=True)
        return self.labelling.get(column, NO_LABELS)

    def clears(self, labels: Iterable[str]) -> bool:
        """Whether the principal is cleared for all of `labels`; a label the policy does not have clears nobody."""
        for label in labels:
            known = self.policy.labels.get(label)
            if known is None or not known.clears(self.principal):
                return False
        return True

    def secret(self, relation: RelationRef) -> bool:
        """Whether `relation` has a labelled column that the principal is not cleared for."""
        return not self.clears(self.labels_by_relation.get(relation, ()))

    def chosen(self) -> frozenset[ColumnRef]:
        """Columns whose values the statement itself may have chosen in what it returns, by whatever way."""
        return self.written | self.analysis.made

    def _all_labels(self) -> tuple[str, ...]:
        found: set[str] = set()
        for column in self.sources | self.written:
            found |= self.labels(column).labels
        if self.opaque:
            for relation in self.relations:
                found |= self.labels_by_relation.get(relation, frozenset())
        return tuple(sorted(found))


def _why_opaque(analysis: Analysis) -> str:
    if analysis.opaque:
        return analysis.opaque
    for origin in analysis.outputs or ():
        if isinstance(origin, Opaque):
            return origin.reason
        if isinstance(origin, Columns):
            for column in origin.columns:
                if not column.schema:
                    return "a column's relation is not known"
    return ""


def output_columns(analysis: Analysis) -> frozenset[ColumnRef]:
    """Every column in any output."""
    found: set[ColumnRef] = set()
    for origin in analysis.outputs or ():
        if isinstance(origin, Columns | Constant):
            found |= origin.columns
    return frozenset(found)


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
    return Touched(policy, principal, analysis, labelling, by_relation)


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
    return facts.analysis.kind == "CreateTableAsStmt" and any(facts.labels(column).labels for column in facts.sources)
