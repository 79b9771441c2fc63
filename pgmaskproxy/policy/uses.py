"""What may be done with a labelled column besides showing it (THREATS R2 to R4, POLICY.md 4)."""

from __future__ import annotations

from pgmaskproxy.model import ColumnUse, Refusal, Use
from pgmaskproxy.policy import refusals
from pgmaskproxy.policy.facts import EXPLAIN, Touched
from pgmaskproxy.policy.rules import OPTIONAL_USES, declared_labels


def judge_uses(facts: Touched) -> tuple[Refusal, ...]:
    """A refusal for each use that the column's labels do not allow, in the order of the text."""
    found: list[Refusal] = []
    compared: set[object] = set()
    for use in facts.analysis.uses:
        if use.use is Use.WRITTEN:
            continue
        if not use.column.schema:
            found.append(refusals.unresolved_use(use))
            continue
        if facts.clears(facts.labels(use.column).labels):
            continue
        if use.use is Use.WRITE:
            if not _keeps_labels(facts, use):
                found.append(refusals.laundering(facts, use))
        elif not allowed(facts, use):
            found.append(refusals.use_refused(facts, use))
        elif use.use is Use.EQUALITY:
            # One comparison is a look-up; many in one statement are a dictionary.
            if use.column in compared:
                found.append(refusals.compared_twice(facts, use))
            compared.add(use.column)
    return tuple(found)


def allowed(facts: Touched, use: ColumnUse) -> bool:
    """Whether every label of the column opts in to `use`. Never inside EXPLAIN: its estimates answer for free."""
    if use.use not in OPTIONAL_USES or facts.analysis.kind == EXPLAIN:
        return False
    labels = facts.policy.labels
    return all(label in labels and use.use in labels[label].uses for label in facts.labels(use.column).labels)


def _keeps_labels(facts: Touched, use: ColumnUse) -> bool:
    """Whether the value stays as protected where it is written to as where it comes from."""
    source = facts.labels(use.column)
    target = use.target
    # What was derived may have another shape than the label's mask expects; only null hides it.
    if source.derived or target is None or not target.schema:
        return False
    labels = facts.labels(target).labels
    if target not in facts.labelling:
        # A column that this statement makes: the patterns will label it, and until then nobody is shown it.
        labels = declared_labels(facts.policy, [target]).get(target, frozenset())
    return source.labels <= labels
