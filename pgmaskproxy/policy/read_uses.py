"""The `uses:` of a label, and who agrees to those that are held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pgmaskproxy.model import ApprovalTerms, ColumnRef, RuleRef, Use
from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems, did_you_mean
from pgmaskproxy.policy.read_approvers import read_approvers
from pgmaskproxy.policy.rules import ANSWERS, DEFAULT_BUDGET, Answer, Budget, Pair, Pattern

USE_KEYS: Final = tuple(use.value for use in ANSWERS)
BUDGET_KEYS: Final = ("budget", "per")

_NEVER: Final = {
    Use.PREDICATE: "`equality` allows look-ups, and `null_test` IS [NOT] NULL",
    Use.ORDERING: "an order tells which value is greater",
    Use.EXPRESSION: "`null` lets total functions run and shows NULL",
    Use.WRITE: "label the column that it is written to, or hold it",
    Use.JOIN: 'name the pair: ["schema.table.column = schema.table.column"]',
}
"""What would work instead of `allow`."""


@dataclass(frozen=True, slots=True)
class Uses:
    """What one label says to uses of its columns, as `Label` carries it."""

    answers: tuple[tuple[Use, Answer], ...] = ()
    budget: Budget | None = None
    joins: frozenset[Pair] = frozenset()
    terms: tuple[ApprovalTerms, ...] = ()


def read_uses(own: Fields, columns: tuple[Pattern, ...], ref: RuleRef) -> Uses:
    """`uses` and `approvers` of the label whose fields are `own`."""
    node = own.get("uses")
    answers: dict[Use, Answer] = {}
    budget: Budget | None = None
    joins: frozenset[Pair] = frozenset()
    if node is not None:
        uses = Fields(node, '"uses"', USE_KEYS, own.problems)
        for use, possible in ANSWERS.items():
            value = uses.get(use.value)
            if value is None:
                continue
            if use is Use.EQUALITY and isinstance(value, yaml.Mapping):
                answers[use], budget = Answer.ALLOW, _budget(value, own.problems)
            elif use is Use.JOIN and isinstance(value, yaml.Sequence):
                joins = _joins(value, columns, own)
            elif (answer := _answer(value, use, possible, own.problems)) is not None:
                answers[use] = answer
                budget = DEFAULT_BUDGET if use is Use.EQUALITY and answer is Answer.ALLOW else budget
    return Uses(tuple(sorted(answers.items())), budget, joins, _terms(own, answers, ref))


def _answer(node: yaml.Node, use: Use, possible: tuple[Answer, ...], problems: Problems) -> Answer | None:
    words = [answer.value for answer in possible]
    # `null` is what YAML calls nothing at all: here it is a word like the others, but an empty value is none.
    if isinstance(node, yaml.Scalar) and node.text in words:
        return Answer(node.text)
    more = {Use.EQUALITY: ", or {budget: 20, per: 1h}", Use.JOIN: ", or a list of pairs"}.get(use, "")
    hint = did_you_mean(node.text, words) if isinstance(node, yaml.Scalar) else ""
    if isinstance(node, yaml.Scalar) and node.text == Answer.ALLOW.value:
        hint = _NEVER.get(use, hint)
    problems.add(node, f'"{use.value}" must be {" or ".join(words)}{more}', hint)
    return None


def _budget(node: yaml.Mapping, problems: Problems) -> Budget:
    own = Fields(node, '"equality"', BUDGET_KEYS, problems)
    limit = own.read("budget", fields.count, required=True)
    seconds = own.read("per", fields.duration, required=True)
    return Budget(limit or DEFAULT_BUDGET.limit, seconds or DEFAULT_BUDGET.seconds)


def _joins(node: yaml.Sequence, columns: tuple[Pattern, ...], own: Fields) -> frozenset[Pair]:
    problems = own.problems
    found: set[Pair] = set()
    for item in fields.items(node, '"join"', problems):
        value = fields.text(item, 'an item of "join"', problems)
        if value is None:
            continue
        left, equals, right = value.partition("=")
        sides = [_side(left), _side(right)] if equals else []
        pair = frozenset(side for side in sides if side is not None)
        if not equals or None in sides:
            problems.add(
                item,
                f'an item of "join" "{value}" must be "schema.table.column = schema.table.column"',
                "without *: each pair is named in full",
            )
        elif columns and not any(
            pattern.matches((side.schema, side.table, side.column)) for side in pair for pattern in columns
        ):
            problems.add(
                item, f'neither side of "{value}" is a column of {own.what}', 'one of them must match "columns"'
            )
        else:
            found.add(pair)
    return frozenset(found)


def _side(text: str) -> ColumnRef | None:
    pattern = fields.parse_pattern(text.strip())
    if pattern is None or len(pattern.parts) != 3 or not pattern.exact:
        return None
    return ColumnRef(*pattern.parts)


def _terms(own: Fields, answers: dict[Use, Answer], ref: RuleRef) -> tuple[ApprovalTerms, ...]:
    node = own.get("approvers")
    held = [use.value for use, answer in sorted(answers.items()) if answer is Answer.HOLD]
    if node is None:
        if held:
            own.problems.add(
                own.get("uses") or own.node,
                f'{own.what} holds {", ".join(held)}, so it needs "approvers"',
                "beside `uses`: approvers: {groups: [dba]}",
            )
        return ()
    terms = read_approvers(node, own.problems, ref)
    if not held:
        own.problems.add(node, f'"approvers" of {own.what} is for uses that are held', "say `hold` to one of them")
        return ()
    return terms
