"""What a refused client is told: what, where, why, and what would work instead.

Every refusal carries its facts for DETAIL's last line, a JSON object that an agent can parse. Its
first fact is `why`: a stable word, listed in docs/agents.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pgmaskproxy.model import Charge, ColumnRef, ColumnUse, Effect, Fact, Refusal, RelationRef, RuleRef, Use
from pgmaskproxy.policy.coverage import Need
from pgmaskproxy.policy.facts import EXPLAIN, Touched
from pgmaskproxy.policy.rules import GENERAL, Answer, Budget, Label, Rule

DENIED: Final = "permission denied by policy"
INSUFFICIENT_PRIVILEGE: Final = "42501"
LIMIT_EXCEEDED: Final = "53400"
FEATURE_NOT_SUPPORTED: Final = "0A000"
UNDEFINED_TABLE: Final = "42P01"

_WORDS: Final = {
    Use.NULL_TEST: "IS [NOT] NULL",
    Use.COUNT: "count(column)",
    Use.EQUALITY: "one column = value",
    Use.JOIN: "a join on equality",
    Use.EXPRESSION: "upper(), left(), || and the like, shown as NULL",
    Use.PREDICATE: "a comparison",
    Use.ORDERING: "ORDER BY",
    Use.WRITE: "a copy into another column",
}
"""Each use as a hint says it."""
_LOOK_UPS: Final = "column = $1, column = ANY($1) and column IN ($1, $2), where tokens of the column are the parameters"


def facts_of(why: str, **facts: Fact) -> tuple[tuple[str, Fact], ...]:
    """The facts of a refusal, empty ones left out."""
    return (("why", why), *((key, value) for key, value in facts.items() if value))


def denied_by(rule: Rule, facts: Touched) -> Refusal:
    """A deny rule matched."""
    relations = sorted(facts.relations)
    relation = relations[0] if len(relations) == 1 else RelationRef("", "")
    effects = ", ".join(sorted(facts.effects & rule.effects))
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: {rule.message or f'{effects} is refused'}",
        detail=f'Rule "{rule.id}" ({_place(rule.ref)}) denies {effects}.',
        hint="" if rule.message else "Ask for what you need with another statement, or ask a person to run it.",
        rule=rule.ref,
        schema=relation.schema,
        table=relation.name,
        facts=facts_of("rule", rule=rule.id, effect=effects, relation=str(relation) if relation.name else ""),
        unproven=Effect.UNKNOWN in facts.effects & rule.effects,
    )


def not_covered(need: Need, others: Iterable[Need]) -> Refusal:
    """No rule covers part of the statement."""
    if need.effect is Effect.UNKNOWN:
        return Refusal(
            FEATURE_NOT_SUPPORTED,
            "this statement cannot be analysed, so it is refused",
            detail="No rule holds UNKNOWN statements for a person to read.",
            hint="Say it in plain SQL: one simple statement over named tables and columns.",
            facts=facts_of("not_analysed", effect="UNKNOWN"),
            unproven=True,
        )
    more = [str(other) for other in others if other != need]
    relation = need.relation or RelationRef("", "")
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: no rule allows {need}",
        detail="What no rule allows or holds is denied." + (f" Nor is covered: {', '.join(more)}." if more else ""),
        hint="Ask the operator for a rule that allows or holds it.",
        schema=relation.schema,
        table=relation.name,
        facts=facts_of(
            "not_covered",
            effect=str(need.effect),
            relation=str(need.relation or ""),
            function=".".join(part for part in need.function or () if part),
        ),
    )


def undefined(relation: RelationRef) -> Refusal:
    """A relation that the catalog does not have: what PostgreSQL itself would most likely say."""
    return Refusal(
        UNDEFINED_TABLE,
        f'relation "{relation}" does not exist',
        detail="It is not in the catalog as this session's search_path sees it.",
        hint="Name it with its schema. One made a moment ago is known as soon as the catalog is read again; "
        "temporary tables are not known at all.",
        facts=facts_of("undefined_table", relation=str(relation)),
        unproven=True,
    )


def use_refused(facts: Touched, use: ColumnUse) -> Refusal:
    """A labelled column is used in a way its labels do not allow."""
    labels = sorted(facts.labels(use.column).labels)
    explain = facts.analysis.kind == EXPLAIN
    allowed, held = ({}, {}) if explain else _possible(facts, use.column)
    beyond = f" Allowed besides: {', '.join(allowed.values())}." if allowed else ""
    beyond += f" After a person has agreed: {', '.join(held.values())}." if held else ""
    return _about_column(
        facts,
        use.column,
        f"column {use.column} ({', '.join(labels)}) may not be used in {use.where or use.use.value}",
        f"The use is {use.use.value}, which a label of the column does not allow to you.",
        "Run the statement itself: EXPLAIN shows estimates, which tell of the values."
        if explain
        else f"Select the column by itself: it comes back masked.{beyond}",
        why="column_use",
        use=use.use.value,
        where=use.where,
        allowed=("output", *allowed),
        held=tuple(held),
    )


def _possible(facts: Touched, column: ColumnRef) -> tuple[dict[str, str], dict[str, str]]:
    """The uses of `column` that all its labels allow, and those that they at least hold, each with its words."""
    labels = [facts.policy.labels[label] for label in facts.labels(column).labels if label in facts.policy.labels]
    allowed: dict[str, str] = {}
    held: dict[str, str] = {}
    if len(labels) < len(facts.labels(column).labels):
        return allowed, held
    derived = facts.labels(column).derived
    for use in sorted(_WORDS):
        pairs = _pairs(labels, column) if use is Use.JOIN and not derived else ()
        general = GENERAL.get(use, use) if derived else use
        strictest = max((label.answer(general) for label in labels), key=lambda each: each.strictness)
        if general is not use and strictest is not Answer.HOLD:
            continue  # what was computed from a value has no special uses
        words = f"a join on {' or '.join(pairs)}" if pairs else _WORDS[use]
        if pairs or strictest in {Answer.ALLOW, Answer.NULL, Answer.TOKEN}:
            allowed[use.value] = words if strictest is not Answer.TOKEN else _LOOK_UPS
        elif strictest is Answer.HOLD:
            held[use.value] = words
    budgets = [label.budget for label in labels if label.budget is not None]
    if Use.EQUALITY.value in allowed and budgets:
        allowed[Use.EQUALITY.value] += f" ({', '.join(sorted({str(budget) for budget in budgets}))})"
    return allowed, held


def _pairs(labels: Iterable[Label], column: ColumnRef) -> tuple[str, ...]:
    """The joins of `column` that all of `labels` declare."""
    common = frozenset.intersection(*(label.joins for label in labels))
    return tuple(sorted(" = ".join(str(side) for side in (sorted(pair) * 2)[:2]) for pair in common if column in pair))


def joinable(facts: Touched, label: Label, use: ColumnUse) -> bool:
    """Whether `label` declares this join, and the other side is as secret as this one."""
    if use.target is None or frozenset({use.column, use.target}) not in label.joins:
        return False
    return facts.labels(use.column).labels <= facts.labels(use.target).labels


def joinable_by_all(facts: Touched, use: ColumnUse) -> bool:
    """Whether every label of the column declares this join."""
    labels = facts.labels(use.column).labels
    return all(label in facts.policy.labels and joinable(facts, facts.policy.labels[label], use) for label in labels)


def use_words(facts: Touched, use: ColumnUse) -> str:
    """One use, for who is asked to agree to it."""
    labels = ", ".join(sorted(facts.labels(use.column).labels))
    into = f" to {use.target}" if use.use is Use.WRITE and use.target is not None else ""
    verb = "Writes" if use.use in {Use.WRITE, Use.WRITTEN} else "Uses"
    return f"{verb} {use.column} ({labels}){into} in {use.where or use.use.value}"


def joined_and_used(facts: Touched, use: ColumnUse, other: ColumnUse) -> Refusal:
    """A declared join whose columns the statement uses for something else as well."""
    return _about_column(
        facts,
        use.column,
        f"column {use.column} may be joined on {use.target} only where neither is used otherwise",
        f"Column {other.column} is also used in {other.where or other.use.value} ({other.use.value}).",
        "Join in one statement, and look up or compare in another. The columns may be selected: they come back masked.",
        why="joined_and_used",
        use=use.use.value,
        where=use.where,
        target=str(use.target or ""),
        allowed=("output", "join"),
    )


def compared_twice(facts: Touched, use: ColumnUse) -> Refusal:
    """More than one comparison of the same labelled column in a statement."""
    return _about_column(
        facts,
        use.column,
        f"column {use.column} may be compared only once in a statement",
        "Many comparisons in one statement are a search, not a look-up.",
        "Compare the column with one value, in a statement of its own.",
        why="compared_twice",
        use=use.use.value,
        where=use.where,
        allowed=("output", "equality"),
    )


def token_needed(facts: Touched, use: ColumnUse) -> Refusal:
    """A column that is shown by tokens is compared with a literal."""
    labels = ", ".join(sorted(facts.labels(use.column).labels))
    return _about_column(
        facts,
        use.column,
        f"column {use.column} ({labels}) may be compared with its tokens only, sent as parameters",
        "What is written in the statement itself is taken as it is: a token there is no value, and a value is a guess.",
        f"Write it with a parameter, {use.column.column} = $1, and send the token that a result has shown.",
        why="token_needed",
        use=use.use.value,
        where=use.where,
        allowed=("output", "equality"),
    )


def over_budget(charge: Charge, retry_after: int | None) -> Refusal:
    """So many look-ups are allowed in a time, and these were too many. `retry_after` is in seconds, None for never."""
    budget = Budget(charge.limit, charge.seconds)
    column = charge.column
    if retry_after is None:
        hint = "Look up fewer values in one statement."
    else:
        hint = f"The next one is possible in {retry_after} s. Ask the operator if you need more."
    return Refusal(
        LIMIT_EXCEEDED,
        f"the budget for look-ups of column {column} is used up: {budget} ({charge.label})",
        detail="Every look-up counts, also one that found nothing or failed."
        + (f' Label "{charge.label}" ({_place(charge.rule)}).' if charge.rule is not None else ""),
        hint=hint,
        rule=charge.rule,
        schema=column.schema,
        table=column.table,
        column=column.column,
        facts=facts_of(
            "budget",
            rule=charge.label,
            column=str(column),
            use=charge.use.value,
            budget=budget.limit,
            seconds=budget.seconds,
            retry_after=retry_after or 0,
            allowed=("output",),
        ),
    )


def laundering(facts: Touched, use: ColumnUse) -> Refusal:
    """A labelled value would be written where its labels do not follow."""
    labels = ", ".join(sorted(facts.labels(use.column).labels))
    target = f"column {use.target}" if use.target is not None else "a column that is not known"
    return _about_column(
        facts,
        use.column,
        f"column {use.column} ({labels}) may not be written to {target}",
        "The value would be stored where nothing masks it: whoever reads it there would see it as it is.",
        f"Write it to a column labelled {labels} too, or ask the operator to label the target first.",
        why="laundering",
        use=use.use.value,
        where=use.where,
        target=str(use.target or ""),
        allowed=("output",),
    )


def unresolved_use(use: ColumnUse) -> Refusal:
    """A column is used whose relation could not be found."""
    return Refusal(
        FEATURE_NOT_SUPPORTED,
        f'cannot tell which relation column "{use.column.column}" in {use.where or use.use.value} belongs to',
        detail="What is not known is taken for labelled.",
        hint="Write the column with its table's name or alias.",
        facts=facts_of("unresolved_column", column=str(use.column), use=use.use.value, where=use.where),
        unproven=True,
    )


def explain(facts: Touched, relation: RelationRef) -> Refusal:
    """EXPLAIN over labelled data: its estimates come from the values' own statistics."""
    labels = sorted(facts.labels_by_relation.get(relation, ()))
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: EXPLAIN of a statement over {relation}, which has labelled columns",
        detail=f"A plan's estimates tell how values are distributed. Labels: {', '.join(labels)}.",
        hint="Run the statement itself, or EXPLAIN one over tables without labelled columns.",
        rule=_label_ref(facts, labels),
        schema=relation.schema,
        table=relation.name,
        facts=facts_of("explain", relation=str(relation)),
    )


def opaque(facts: Touched) -> Refusal:
    """Where an output comes from could not be proven."""
    secret = sorted(relation for relation in facts.relations if facts.secret(relation))
    relation = secret[0] if secret else RelationRef("", "")
    return Refusal(
        INSUFFICIENT_PRIVILEGE if secret else FEATURE_NOT_SUPPORTED,
        (f"{DENIED}: " if secret else "") + f"cannot prove what this statement shows: {facts.opaque}",
        detail=f"It reads {relation}, which has labelled columns." if secret else "What is not proven is not shown.",
        hint="Select plain columns by name; leave out whole rows, functions of your own and unusual constructs.",
        rule=_label_ref(facts, sorted(facts.labels_by_relation.get(relation, ()))) if secret else None,
        schema=relation.schema,
        table=relation.name,
        facts=facts_of("unproven", relation=str(relation) if secret else "", construct=facts.opaque),
        unproven=True,
    )


def mixed(facts: Touched, column: ColumnRef) -> Refusal:
    """A labelled column shares an output with values that the statement brings itself."""
    return _about_column(
        facts,
        column,
        f"column {column} may not be mixed with other values in one output",
        "Another arm of the set operation feeds the same output with values of its own: they could be a code book.",
        "Select the column in a statement of its own, or in a UNION ALL of columns with the same label.",
        why="mixed_output",
        where="set operation",
        allowed=("output",),
    )


def _about_column(
    facts: Touched, column: ColumnRef, message: str, detail: str, hint: str, *, why: str, **more: Fact
) -> Refusal:
    labels = sorted(facts.labels(column).labels)
    ref = _label_ref(facts, labels)
    return Refusal(
        INSUFFICIENT_PRIVILEGE,
        f"{DENIED}: {message}",
        detail=detail + (f' Label "{ref.id}" ({_place(ref)}).' if ref is not None else ""),
        hint=hint,
        rule=ref,
        schema=column.schema,
        table=column.table,
        column=column.column,
        facts=facts_of(why, rule=ref.id if ref is not None else "", column=str(column), **more),
    )


def _label_ref(facts: Touched, labels: Iterable[str]) -> RuleRef | None:
    for label in labels:
        known = facts.policy.labels.get(label)
        if known is not None and not known.clears(facts.principal):
            return known.ref
    return None


def _place(ref: RuleRef) -> str:
    return f"{ref.file}:{ref.line}" if ref.file else "built in"
