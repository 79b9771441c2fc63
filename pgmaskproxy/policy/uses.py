"""What may be done with a labelled column besides showing it (THREATS R2 to R4, POLICY.md 4).

Of a column's labels the strictest counts: refuse beats hold beats null beats allow. Every use of a statement is
judged; what is held is asked of the people whom the labels name, and what is allowed so many times is charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgmaskproxy.model import ApprovalTerms, Charge, ColumnRef, ColumnUse, Effect, Refusal, RuleRef, Use
from pgmaskproxy.policy import refusals
from pgmaskproxy.policy.facts import EXPLAIN, Touched
from pgmaskproxy.policy.outputs import column_mask
from pgmaskproxy.policy.rules import GENERAL, TOKEN, Answer, Label, declared_labels

_QUIET: Final = frozenset({Effect.READ, Effect.SESSION, Effect.TRANSACTION, Effect.ROUTINE})
"""Effects of statements that write nothing, here or elsewhere: what they compute goes to the client alone, as NULL."""
_BESIDE_A_JOIN: Final = frozenset({Use.JOIN, Use.NULL_TEST, Use.COUNT})
"""What else a statement may do with the columns of a declared join: nothing that says more of a value."""


@dataclass(frozen=True, slots=True)
class JudgedUses:
    """What the labels say to all uses of one statement together."""

    refusals: tuple[Refusal, ...] = ()
    """One for each use that is refused, in the order of the text."""
    terms: tuple[ApprovalTerms, ...] = ()
    """Who must agree, for every label that holds a use."""
    held: tuple[RuleRef, ...] = ()
    """Those labels."""
    charges: tuple[Charge, ...] = ()
    nulls: frozenset[ColumnRef] = frozenset()
    """Columns whose expressions run and are shown as NULL."""
    by_token: frozenset[ColumnRef] = frozenset()
    """Columns that may be compared with tokens and with nothing else."""


def judge_uses(facts: Touched) -> JudgedUses:
    """What the principal may do of what the statement does with labelled columns."""
    refused: list[Refusal] = []
    held: dict[str, list[ColumnUse]] = {}
    charges: list[Charge] = []
    nulls: set[ColumnRef] = set()
    compared: set[ColumnRef] = set()
    by_token: set[ColumnRef] = set()
    for use in facts.analysis.uses:
        if not use.column.schema:
            if use.use is not Use.WRITTEN:
                refused.append(refusals.unresolved_use(use))
            continue
        if facts.clears(facts.labels(use.column).labels) or (use.use is Use.WRITE and _keeps_labels(facts, use)):
            continue
        again = use.use is Use.EQUALITY and (use.many or use.column in compared)
        compared |= {use.column} if use.use is Use.EQUALITY else set()
        # One comparison is a look-up; many in one statement are a dictionary, and that is any other predicate: but not
        # with tokens, since who has one has seen the value's own mask.
        tokens = use.use is Use.EQUALITY and use.parameter and shown_by_token(facts, use.column)
        judged = replace(use, use=Use.PREDICATE) if again and not tokens else use
        said = {label: answer(facts, label, judged) for label in sorted(facts.labels(use.column).labels)}
        strictest = max(said.values(), key=lambda each: each.strictness)
        if strictest is Answer.REFUSE or (Answer.TOKEN in said.values() and not tokens):
            refused.append(_refusal(facts, use, again=again and not shown_by_token(facts, use.column)))
            continue
        if tokens and (again or Answer.TOKEN in said.values() or _is_joined(facts, use.column)):
            by_token.add(use.column)
        if Answer.NULL in said.values():  # also where another label asks a person: that one speaks for its own label
            nulls.add(use.column)
        for label, its in said.items():
            if its is Answer.HOLD:
                held.setdefault(label, []).append(use)
            elif its is Answer.ALLOW and use.use is Use.EQUALITY and not again:
                charges += _charges(facts.policy.labels[label], use)
    labels = [facts.policy.labels[label] for label in sorted(held)]
    return JudgedUses(
        tuple(refused),
        tuple(term for label in labels for term in _terms(facts, label, held[label.id])),
        tuple(label.ref for label in labels),
        tuple(sorted(charges, key=lambda charge: (charge.label, charge.column))),
        frozenset(nulls),
        frozenset(by_token),
    )


def answer(facts: Touched, label_id: str, use: ColumnUse) -> Answer:
    """What one label of the column says to `use` in this statement. Never anything but refuse inside EXPLAIN: its
    estimates answer for free."""
    label = facts.policy.labels.get(label_id)
    if label is None or (facts.analysis.kind == EXPLAIN and use.use is not Use.WRITTEN):
        return Answer.REFUSE
    if use.use in GENERAL and facts.labels(use.column).derived:
        # To look up what was computed from a value is to search for the value: `left(ssn, 1) = '7'`.
        return _ask_at_most(label.answer(GENERAL[use.use]))
    if use.use is Use.JOIN:
        return (
            Answer.ALLOW if refusals.joinable(facts, label, use) and not others(facts, use) else label.answer(use.use)
        )
    if use.use is Use.EXPRESSION and not (use.total and facts.effects <= _QUIET):
        return _ask_at_most(label.answer(use.use))
    return label.answer(use.use)


def others(facts: Touched, join: ColumnUse) -> tuple[ColumnUse, ...]:
    """Other uses of a join's two columns that would make it more than a join. To look one up by its token is none."""
    pair = {join.column, join.target}
    return tuple(
        use
        for use in facts.analysis.uses
        if use.column in pair
        and use.use not in _BESIDE_A_JOIN
        and not (use.use is Use.EQUALITY and use.parameter and shown_by_token(facts, use.column))
    )


def shown_by_token(facts: Touched, column: ColumnRef) -> bool:
    """Whether the principal sees the column's values as tokens."""
    mask = column_mask(facts.policy, facts.principal, facts.labels(column))
    return mask is not None and mask.kind == TOKEN


def _is_joined(facts: Touched, column: ColumnRef) -> bool:
    return any(use.use is Use.JOIN and use.column == column for use in facts.analysis.uses)


def _ask_at_most(said: Answer) -> Answer:
    return said if said is Answer.HOLD else Answer.REFUSE


def _refusal(facts: Touched, use: ColumnUse, *, again: bool) -> Refusal:
    if use.use is Use.WRITE:
        return refusals.laundering(facts, use)
    if use.use is Use.EQUALITY and not use.parameter and shown_by_token(facts, use.column):
        return refusals.token_needed(facts, use)
    if again:
        return refusals.compared_twice(facts, use)
    if use.use is Use.JOIN and facts.analysis.kind != EXPLAIN:
        beside = others(facts, use)
        if beside and refusals.joinable_by_all(facts, use):
            return refusals.joined_and_used(facts, use, beside[0])
    return refusals.use_refused(facts, use)


def _charges(label: Label, use: ColumnUse) -> tuple[Charge, ...]:
    budget = label.budget
    if budget is None:
        return ()
    return (Charge(label.id, Use.EQUALITY, budget.limit, budget.seconds, use.column, label.ref),)


def _terms(facts: Touched, label: Label, uses: Sequence[ColumnUse]) -> tuple[ApprovalTerms, ...]:
    """The label's own terms; what people read first is which of its columns are used for what."""
    said = dict.fromkeys(refusals.use_words(facts, use) for use in uses)
    return tuple(replace(term, card="; ".join(said)) for term in label.terms)


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
