"""Which masked columns a person may be asked to show as they are (docs/unmasking.md).

A client asks by `pgmaskproxy.unmask`, a rule with `unmask` says who may agree, and the statement that asks must be
allowed by the ordinary rules as it is: this adds terms to a decision and takes nothing from it. What is asked for must
be a bare output of a plain SELECT, each column by its name in the catalog; whatever is not certain is refused, and
what is not asked for stays masked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import (
    ApprovalTerms,
    ColumnRef,
    Columns,
    Effect,
    Refusal,
    RuleRef,
    Unmask,
    UnmaskedOutput,
)
from pgmaskproxy.policy.coverage import concerns
from pgmaskproxy.policy.facts import Touched, output_columns
from pgmaskproxy.policy.outputs import column_mask
from pgmaskproxy.policy.refusals import DENIED, INSUFFICIENT_PRIVILEGE, facts_of
from pgmaskproxy.policy.rules import Rule
from pgmaskproxy.policy.wish import UNMASK, wished

_SELECT: Final = "SelectStmt"
_NOTHING_BUT_READS: Final = frozenset({Effect.READ})


@dataclass(frozen=True, slots=True)
class Unmasking:
    """What may be shown if everybody agrees who must."""

    unmask: Unmask
    terms: tuple[ApprovalTerms, ...]
    rules: tuple[RuleRef, ...]


def judge_unmask(facts: Touched, rules: Iterable[Rule], database: str, wish: str) -> Unmasking | Refusal | None:
    """What becomes of `wish`, the setting's value, for this statement.

    None where it is about none of the relations that the statement touches or shows: a driver that looks up a type in
    between is served as ever, masked. A Refusal (42501) where it is, and cannot be granted. All rules that cover a
    column count: every term of theirs must be met, and the least of their rows, divided by how often a row has the same
    column.
    """
    wanted = wished(wish) or ()
    about = facts.relations | {column.relation for column in output_columns(facts.analysis)}
    if not any(_may_be(column, relation.schema, relation.name) for column in wanted for relation in about):
        return None
    if facts.analysis.kind != _SELECT or facts.effects != _NOTHING_BUT_READS:
        return _not_a_select()
    covering: dict[str, Rule] = {}
    outputs: list[UnmaskedOutput] = []
    candidates = [rule for rule in rules if rule.unmask is not None and concerns(rule, facts, database)]
    for each in wanted:
        found = _named(facts, each)
        if isinstance(found, Refusal):
            return found
        covers = [rule for rule in candidates if _covers(rule, facts, found)]
        if not covers:
            return _not_covered(facts, found, candidates)
        covering |= {rule.id: rule for rule in covers}
        outputs += [UnmaskedOutput(ordinal, found) for ordinal in _ordinals(facts, found)]
    asked = [covering[name] for name in sorted(covering)]
    # A join of a table with itself has many values of one column in a row: they count as so many rows.
    often = max(Counter(output.column for output in outputs).values())
    rows = min(rule.rows for rule in asked) // often
    if rows == 0:
        return _refused(
            facts, outputs[0].column, "too_often", f"is shown {often} times in every row, which is too often"
        )
    return Unmasking(
        Unmask(tuple(sorted(outputs, key=lambda output: output.ordinal)), rows),
        tuple(term for rule in asked for term in rule.terms),
        tuple(rule.ref for rule in asked),
    )


def _may_be(column: ColumnRef, schema: str, table: str) -> bool:
    return column.table == table and (not column.schema or not schema or column.schema == schema)


def _named(facts: Touched, wanted: ColumnRef) -> ColumnRef | Refusal:
    """The one column of the statement's relations that is meant: shown bare, masked for this principal, and holding
    the very values that its labels are about."""
    relations = sorted(each for each in facts.relations if _may_be(wanted, each.schema, each.name))
    if len(relations) > 1:
        return _refused(facts, wanted, "ambiguous", f"is of more than one table: {', '.join(map(str, relations))}")
    if not relations or not relations[0].schema:
        return _refused(facts, wanted, "no_output", "is of no table that this statement reads")
    column = ColumnRef(relations[0].schema, relations[0].name, wanted.column)
    if not _ordinals(facts, column):
        return _refused(facts, column, "no_output", "is not an output of this statement by itself")
    labels = facts.labels(column)
    if column_mask(facts.policy, facts.principal, labels) is None:
        return _refused(facts, column, "not_masked", "is not masked for you")
    if labels.derived:
        return _refused(facts, column, "derived", "is computed from what is labelled")
    return column


def _ordinals(facts: Touched, column: ColumnRef) -> list[int]:
    """The outputs that are this column and nothing else."""
    return [
        ordinal
        for ordinal, origin in enumerate(facts.analysis.outputs or ())
        if isinstance(origin, Columns) and origin.pure and origin.columns == {column}
    ]


def _covers(rule: Rule, facts: Touched, column: ColumnRef) -> bool:
    """Whether those whom `rule` asks may show `column`: it is meant, and with each of its labels."""
    names = (column.schema, column.table, column.column)
    return (
        rule.unmask is not None
        and any(pattern.matches(names) for pattern in rule.unmask)
        and (rule.labels is None or facts.labels(column).labels <= rule.labels)
    )


_HINTS: Final = {
    "ambiguous": "Name it with its schema: schema.table.column.",
    "no_output": "It has to be shown bare, from its own table: not by a view, an expression, a whole row or a UNION."
    f" RESET {UNMASK} to see it masked.",
    "not_masked": f"Leave it out of {UNMASK}.",
    "too_often": "Select it once.",
    "derived": "Ask for the column that it is computed from, in a statement that selects that.",
}


def _refused(facts: Touched, column: ColumnRef, problem: str, what: str) -> Refusal:
    # A name that is none of ours may be anything that the client has written: not for the log.
    own_words = "" if column in facts.labelling else UNMASK
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: column {column} in {UNMASK} {what}",
        hint=_HINTS[problem],
        schema=column.schema,
        table=column.table,
        column=column.column,
        facts=facts_of("unmask", problem=problem, column=str(column), setting=own_words),
        unproven=True,
    )


def _not_a_select() -> Refusal:
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: only a plain SELECT can show what {UNMASK} names",
        detail="It reads, and does nothing else: no write, no function of somebody's own, no cursor, COPY or EXPLAIN.",
        hint=f"RESET {UNMASK} first, or select the columns in a statement of their own.",
        facts=facts_of("unmask", problem="not_a_select"),
    )


def _not_covered(facts: Touched, column: ColumnRef, candidates: Iterable[Rule]) -> Refusal:
    shown = {each for origin in facts.analysis.outputs or () if isinstance(origin, Columns) for each in origin.columns}
    possible = sorted(
        str(each)
        for each in shown
        if isinstance(_named(facts, each), ColumnRef) and any(_covers(rule, facts, each) for rule in candidates)
    )
    what_works = f"A person may show you {', '.join(possible)}." if possible else "Ask the operator for such a rule."
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: no rule lets a person show you {column} as it is",
        detail='What is masked is shown only where a rule with "unmask" names the column, and a person agrees.',
        hint=f"{what_works} RESET {UNMASK} to see it masked.",
        schema=column.schema,
        table=column.table,
        column=column.column,
        facts=facts_of("unmask", problem="not_covered", column=str(column), possible=tuple(possible)),
        unproven=True,
    )
