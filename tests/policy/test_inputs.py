"""Which tokens stand for their values, and what may be compared and written."""

from __future__ import annotations

from typing import Any

import pytest

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Decision,
    Effect,
    Input,
    Outcome,
    Quotable,
    Statement,
    Use,
)
from pgmaskproxy.policy.engine import decide
from tests.policy.shop import (
    AGENT,
    CUSTOMERS,
    ID,
    LABELLING,
    READS,
    SUPPORT,
    WRITES,
    ask,
    bare,
    column,
    policy,
    refusal,
    select,
    used,
)

LABELS = """
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
  pii.email: {columns: ["*.*.email"], mask: {kind: token}, clear_for: ["group:support"]%s}
  pii.contact: {columns: ["*.*.contact"], mask: {kind: token}}
"""
EMAIL, CONTACT, SSN, NAME, OTHER = (column(name) for name in ("email", "contact", "ssn", "name", "mail"))
BOTH = column("both")
TOKENS = {
    EMAIL: ColumnLabels(frozenset({"pii.email"})),
    OTHER: ColumnLabels(frozenset({"pii.email"})),
    CONTACT: ColumnLabels(frozenset({"pii.contact"})),
    BOTH: ColumnLabels(frozenset({"pii.contact", "pii.email"})),
    SSN: ColumnLabels(frozenset({"pii.ssn"})),
    column("hint"): ColumnLabels(frozenset({"pii.email"}), derived=True),
}
TERMS = "approvers: {groups: [dba]}"


def compared(*columns: ColumnRef, literal: str = "", **more: Any) -> Analysis:
    """Columns compared with $1, $2...; or with a literal."""
    numbers = [0 if literal else number for number in range(1, len(columns) + 1)]
    inputs = tuple(
        Input(each, Use.EQUALITY, "WHERE", number, literal) for each, number in zip(columns, numbers, strict=True)
    )
    uses = [used(each, Use.EQUALITY, parameter=not literal) for each in columns]
    return select(bare(ID), uses=[*uses, *more.pop("uses", ())], inputs=more.pop("inputs", inputs), **more)


def decided(analysis: Analysis, uses: str = "", **more: Any) -> Decision:
    rules = policy(LABELS % (f", uses: {{{uses}}}" if uses else "") + READS + WRITES)
    return ask(analysis, rules, labelling=TOKENS, **more)


def test_whoever_sees_tokens_may_look_up_by_them_and_by_nothing_else() -> None:
    found = decided(compared(EMAIL))
    assert found.outcome is Outcome.ALLOW
    (rule,) = found.inputs
    assert (rule.tokens_only, rule.labels, rule.masks) == (True, ("pii.email",), ())
    assert rule.token is not None
    assert (rule.token.kind, rule.token.label) == ("token", "pii.email")
    assert found.charges == ()


def test_errors_are_rebuilt_where_a_value_may_stand_for_a_token() -> None:
    rules = policy(LABELS % "" + READS)
    statement = Statement("...", "shop", AGENT.name, ("pg_catalog", "shop"))
    nothing = Quotable({CUSTOMERS: frozenset()}, {})
    assert decide(rules, AGENT, statement, compared(EMAIL), TOKENS, quotable=nothing).scrub
    assert not decide(rules, AGENT, statement, select(bare(ID)), TOKENS, quotable=nothing).scrub


@pytest.mark.parametrize("uses", ["", "equality: token", "equality: allow"])
def test_a_literal_is_refused_unless_values_may_be_guessed(uses: str) -> None:
    found = decided(compared(EMAIL, literal="tok_"), uses)
    if uses.endswith("allow"):
        assert found.outcome is Outcome.ALLOW
    else:
        assert dict(refusal(found).facts)["why"] == "token_needed"
        assert "email = $1" in refusal(found).hint


def test_with_a_budget_values_may_be_guessed_and_tokens_need_not_be() -> None:
    found = decided(compared(EMAIL), "equality: {budget: 3, per: 1h}")
    assert [charge.limit for charge in found.charges] == [3]
    assert [rule.tokens_only for rule in found.inputs] == [False]
    assert all(rule.token is not None for rule in found.inputs)


@pytest.mark.parametrize("uses", ["", "equality: allow", f"equality: hold}}, {TERMS[:-1]}"])
def test_several_comparisons_are_no_search_when_they_are_by_tokens(uses: str) -> None:
    for statement in (
        compared(EMAIL, EMAIL),
        select(uses=[used(EMAIL, Use.EQUALITY, parameter=True, many=True)], inputs=(_array(EMAIL),)),
    ):
        found = decided(statement, uses)
        assert found.outcome is (Outcome.HOLD if "hold" in uses else Outcome.ALLOW)
        assert all(rule.tokens_only for rule in found.inputs)
        assert found.inputs


def _array(each: ColumnRef) -> Input:
    return Input(each, Use.EQUALITY, "WHERE", 1, many=True)


def test_several_values_are_a_search_where_there_are_no_tokens() -> None:
    rules = policy(LABELS.replace("kind: token", "kind: email") % ", uses: {equality: allow}" + READS)
    many = select(uses=[used(EMAIL, Use.EQUALITY, parameter=True, many=True)], inputs=(_array(EMAIL),))
    assert dict(refusal(ask(many, rules, labelling=TOKENS)).facts)["why"] == "compared_twice"


def test_a_person_may_agree_to_a_value_and_a_token_still_stands_for_one() -> None:
    found = decided(compared(EMAIL), f"equality: hold}}, {TERMS[:-1]}")
    assert found.outcome is Outcome.HOLD
    assert [(rule.tokens_only, rule.token is not None) for rule in found.inputs] == [(False, True)]


@pytest.mark.parametrize(
    ("columns", "elsewhere"),
    [
        ((EMAIL, NAME), ()),
        ((EMAIL, CONTACT), ()),
        ((EMAIL, BOTH), ()),
        ((EMAIL, SSN), ()),
        ((EMAIL,), (1,)),
        ((column("hint"),), ()),
    ],
)
def test_a_token_stands_for_its_value_only_where_that_stays_as_hidden(
    columns: tuple[ColumnRef, ...], elsewhere: tuple[int, ...]
) -> None:
    inputs = tuple(Input(each, Use.WRITTEN, "UPDATE", 1) for each in columns)
    found = decided(_writing(inputs, frozenset(elsewhere)))
    assert found.outcome is Outcome.ALLOW
    assert [rule.token for rule in found.inputs] == [None] * len(found.inputs)


def _writing(inputs: tuple[Input, ...], elsewhere: frozenset[int] = frozenset()) -> Analysis:
    uses = tuple(used(each.column, Use.WRITTEN, "UPDATE") for each in inputs)
    return Analysis(
        kind="UpdateStmt",
        effects=frozenset({Effect.WRITE}),
        writes=frozenset({EMAIL.relation}),
        uses=uses,
        inputs=inputs,
        elsewhere=elsewhere,
    )


def test_a_parameter_may_meet_several_columns_of_one_mask() -> None:
    inputs = (Input(EMAIL, Use.WRITTEN, "UPDATE", 1), Input(OTHER, Use.EQUALITY, "WHERE", 1))
    found = decided(_writing(inputs))
    assert all(rule.token is not None for rule in found.inputs)


def test_columns_of_several_labels_have_tokens_of_their_own() -> None:
    found = decided(_writing((Input(BOTH, Use.WRITTEN, "UPDATE", 1),)))
    (rule,) = found.inputs
    assert rule.token is not None
    assert rule.token.label == "pii.contact, pii.email"


def test_what_is_written_is_held_against_every_mask_of_the_column() -> None:
    found = decided(_writing((Input(SSN, Use.WRITTEN, "UPDATE", literal="***"), Input(NAME, Use.WRITTEN, "UPDATE", 1))))
    (rule,) = found.inputs
    assert [mask.kind for mask in rule.masks] == ["redact"]
    assert (rule.input.literal, rule.labels, rule.rule is not None) == ("***", ("pii.ssn",), True)


def test_who_is_cleared_writes_and_compares_what_he_sees() -> None:
    found = decided(_writing((Input(EMAIL, Use.WRITTEN, "UPDATE", 1),)), principal=SUPPORT)
    assert found.inputs == ()


def test_a_look_up_beside_a_join_is_by_token() -> None:
    pair = '"shop.customers.email = shop.customers.mail"'
    joins = [used(EMAIL, Use.JOIN, "JOIN ON", target=OTHER), used(OTHER, Use.JOIN, "JOIN ON", target=EMAIL)]
    found = decided(compared(EMAIL, uses=joins), f"equality: allow, join: [{pair}]")
    assert found.outcome is Outcome.ALLOW
    assert [rule.tokens_only for rule in found.inputs] == [True]
    literal = decided(compared(EMAIL, uses=joins, literal="a@b.example"), f"equality: allow, join: [{pair}]")
    assert dict(refusal(literal).facts)["why"] == "joined_and_used"


def test_nothing_of_it_concerns_columns_without_tokens() -> None:
    assert ask(compared(column("email")), labelling=LABELLING).inputs[0].token is None
