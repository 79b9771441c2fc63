"""What may be asked for, who is asked for it, and that asking never opens anything else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import (
    Analysis,
    ColumnLabels,
    ColumnRef,
    Constant,
    Decision,
    Effect,
    Opaque,
    Outcome,
    RelationRef,
    Use,
)
from pgmaskproxy.policy.rules import Policy
from tests.policy.shop import (
    AGENT,
    CARD,
    EMAIL,
    FRAUD,
    ID,
    LABELLING,
    LABELS,
    NAME,
    ORDERS,
    READS,
    SSN,
    STATUS,
    SUPPORT,
    ask,
    bare,
    column,
    policy,
    refusal,
    select,
    used,
)

CONTACT = column("contact", "orders")
HINT = column("hint", "orders")
ELSEWHERE = column("ssn", schema="archive")

ASKING = (
    LABELS
    + READS
    + """\
  - id: show-ssn
    who: ["group:agents", "group:support"]
    effects: [READ]
    decide: hold
    unmask: ["shop.customers.ssn", "*.*.contact", "*.*.hint"]
    limits: {rows: 20}
    approvers: {groups: [privacy]}
    card: Shows social security numbers
  - id: show-cards
    effects: [READ]
    database: [shop]
    decide: hold
    unmask: ["*.*.*"]
    labels: [pii.card]
    limits: {rows: 5}
    approvers: {groups: [payments], quorum: 2}
"""
)
WHOLE = select(bare(ID), bare(SSN), bare(CARD), bare(EMAIL))


def asked(wish: str, analysis: Analysis = WHOLE, rules: Policy | None = None, **more: Any) -> Decision:
    return ask(analysis, rules or policy(ASKING), unmask=wish, **more)


def problem(wish: str, analysis: Analysis = WHOLE, **more: Any) -> str:
    decision = asked(wish, analysis, **more)
    assert decision.outcome is Outcome.DENY
    refused = refusal(decision)
    facts = dict(refused.facts)
    assert (refused.sqlstate, facts["why"]) == ("42501", "unmask")
    assert refused.hint
    return str(facts["problem"])


def shown(decision: Decision) -> list[tuple[int, ColumnRef]]:
    assert decision.unmask is not None
    return [(each.ordinal, each.column) for each in decision.unmask.outputs]


@pytest.mark.parametrize("wish", ["customers.ssn", "shop.customers.ssn"])
def test_what_a_rule_covers_is_held_for_those_whom_it_asks_and_stays_masked_for_everybody_else(wish: str) -> None:
    decision = asked(wish)
    assert decision.outcome is Outcome.HOLD
    assert [rule.id for rule in decision.rules] == ["show-ssn"]
    assert [(term.groups, term.reason_required, term.card) for term in decision.terms] == [
        (("privacy",), True, "Shows social security numbers")
    ]
    assert shown(decision) == [(1, SSN)]
    assert decision.unmask is not None
    assert (decision.unmask.rows, decision.unmask.columns) == (20, (SSN,))
    assert decision.masks == ask(WHOLE, policy(ASKING)).masks, "what is shown without a yes"


def test_without_a_wish_a_rule_with_unmask_neither_holds_nor_allows_anything() -> None:
    decision = ask(WHOLE, policy(ASKING))
    assert (decision.outcome, decision.unmask) == (Outcome.ALLOW, None)
    alone = policy(LABELS + "rules:" + ASKING.partition("decide: allow}")[2])
    assert refusal(ask(WHOLE, alone)).facts[0] == ("why", "not_covered")
    assert refusal(asked("customers.ssn", rules=alone)).facts[0] == ("why", "not_covered")


def test_several_columns_add_up_all_who_must_agree_and_the_least_of_the_rows() -> None:
    decision = asked("customers.ssn, customers.card")
    assert [rule.id for rule in decision.rules] == ["show-cards", "show-ssn"]
    assert [(term.groups, term.quorum) for term in decision.terms] == [(("payments",), 2), (("privacy",), 1)]
    assert shown(decision) == [(1, SSN), (2, CARD)]
    assert decision.unmask is not None
    assert decision.unmask.rows == 5


def test_every_output_that_is_the_column_and_nothing_else_is_meant() -> None:
    analysis = select(bare(SSN), bare(NAME), bare(SSN), Constant(frozenset({NAME})))
    assert shown(asked("customers.ssn", analysis)) == [(0, SSN), (2, SSN)]


def test_as_many_values_of_a_column_are_shown_whether_in_one_row_or_in_many() -> None:
    def rows(*outputs: ColumnRef) -> int:
        decision = asked("customers.ssn", select(*map(bare, outputs)))
        assert decision.unmask is not None
        return decision.unmask.rows

    assert [rows(SSN), rows(SSN, SSN), rows(SSN, NAME, SSN, SSN)] == [20, 10, 6]
    assert problem("customers.ssn", select(*[bare(SSN)] * 21)) == "too_often"
    both = asked("customers.ssn, customers.card", select(bare(SSN), bare(CARD), bare(CARD)))
    assert both.unmask is not None
    assert both.unmask.rows == 2


def test_an_output_that_mixes_it_with_something_else_stays_masked() -> None:
    analysis = select(bare(SSN), bare(SSN, CARD))
    assert shown(asked("customers.ssn, customers.card", select(bare(SSN), bare(SSN, CARD), bare(CARD)))) == [
        (0, SSN),
        (2, CARD),
    ]
    assert problem("customers.ssn, customers.card", analysis) == "no_output"


@pytest.mark.parametrize(
    "analysis",
    [
        select(bare(ID)),
        select(bare(SSN, NAME)),
        select(bare(column("*"))),
        select(Opaque("?")),
        select(bare(ID), uses=[used(SSN, Use.NULL_TEST)]),
        select(outputs=None),
    ],
)
def test_a_column_that_is_no_bare_output_is_not_shown(analysis: Analysis) -> None:
    assert asked("customers.ssn", analysis).outcome is Outcome.DENY


def test_a_column_that_comes_through_a_view_is_not_shown() -> None:
    view = RelationRef("shop", "contacts")
    assert problem("customers.ssn", select(bare(SSN), reads=[view])) == "no_output"
    assert problem("contacts.ssn", select(bare(SSN), reads=[view])) == "no_output"


def test_a_column_by_two_names_is_not_guessed() -> None:
    both = select(bare(SSN), bare(ELSEWHERE), reads=[SSN.relation, ELSEWHERE.relation])
    everywhere = policy(ASKING.replace('relations: ["shop.*"]', 'relations: ["*.*"]'))
    labelling = {**LABELLING, ELSEWHERE: ColumnLabels(frozenset({"pii.ssn"}))}
    assert problem("customers.ssn", both, rules=everywhere, labelling=labelling) == "ambiguous"
    assert shown(asked("shop.customers.ssn", both, everywhere, labelling=labelling)) == [(0, SSN)]
    assert problem("archive.customers.ssn", both, rules=everywhere, labelling=labelling) == "not_covered"


def test_the_relation_that_is_read_counts_whatever_it_is_called_in_the_statement() -> None:
    elsewhere = select(bare(ELSEWHERE), reads=[ELSEWHERE.relation])
    rules = policy(ASKING.replace('relations: ["shop.*"]', 'relations: ["*.*"]'))
    labelling = {**LABELLING, ELSEWHERE: ColumnLabels(frozenset({"pii.ssn"}))}
    assert problem("customers.ssn", elsewhere, rules=rules, labelling=labelling) == "not_covered"


def test_what_is_not_masked_for_this_principal_is_not_asked_for() -> None:
    assert problem("customers.id", rules=policy(ASKING.replace('"*.*.hint"', '"*.*.id"'))) == "not_masked"
    assert problem("customers.email", select(bare(EMAIL)), principal=SUPPORT) == "not_masked"
    assert problem("customers.ssn", principal=FRAUD) == "not_masked"


def test_what_is_computed_from_a_labelled_column_is_not_asked_for() -> None:
    assert problem("orders.hint", select(bare(HINT), reads=[ORDERS])) == "derived"


def test_a_rule_says_who_may_ask_where_and_for_which_labels() -> None:
    rules = policy(ASKING.replace('"group:agents", "group:support"', '"group:support"'))
    assert problem("customers.ssn", rules=rules) == "not_covered"
    assert asked("customers.ssn", rules=rules, principal=SUPPORT).outcome is Outcome.HOLD
    assert asked("customers.card").outcome is Outcome.HOLD
    assert problem("customers.card", database="billing") == "not_covered"
    labelled = policy(ASKING.replace('"*.*.contact", ', "").replace("[pii.card]", "[pii.card, pii.email]"))
    orders = select(bare(CONTACT), reads=[ORDERS])
    assert problem("orders.contact", orders, rules=labelled) == "not_covered", "of its labels one is not listed"
    assert asked("orders.contact", orders).outcome is Outcome.HOLD


def test_a_refusal_says_what_would_work() -> None:
    refused = refusal(asked("customers.email"))
    assert dict(refused.facts)["possible"] == ("shop.customers.card", "shop.customers.ssn")
    assert "A person may show you shop.customers.card, shop.customers.ssn." in refused.hint
    assert (refused.schema, refused.table, refused.column) == ("shop", "customers", "email")


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "DeclareCursorStmt"},
        {"kind": "CopyStmt"},
        {"kind": "PrepareStmt", "effects": frozenset({Effect.READ, Effect.SESSION})},
        {"effects": frozenset({Effect.READ, Effect.ROUTINE})},
    ],
)
def test_only_a_plain_select_shows_what_is_asked_for(more: dict[str, Any]) -> None:
    rules = policy(ASKING + "  - {id: functions, effects: [ROUTINE], decide: allow}\n")
    decision = asked("customers.ssn", select(bare(NAME), **more), rules)
    assert (decision.outcome, dict(refusal(decision).facts)["problem"]) == (Outcome.DENY, "not_a_select")
    assert not refusal(decision).unproven, "no tree of the server's takes that back"


@pytest.mark.parametrize(
    "analysis",
    [
        select(bare(STATUS), reads=[ORDERS]),
        select(Constant(), reads=[]),
        select(Constant(), reads=[], kind="VariableSetStmt", effects=frozenset({Effect.SESSION})),
        select(kind="TransactionStmt", reads=[], effects=frozenset({Effect.TRANSACTION})),
    ],
)
def test_a_statement_that_touches_none_of_it_is_judged_as_ever(analysis: Analysis) -> None:
    assert asked("customers.ssn", analysis) == ask(analysis, policy(ASKING))


def test_a_use_stays_refused_and_a_hold_stays_a_hold() -> None:
    sorted_ = select(bare(SSN), uses=[used(SSN, Use.ORDERING, "ORDER BY")])
    assert refusal(asked("customers.ssn", sorted_)).facts[0] == ("why", "column_use")
    held = policy(ASKING + "  - {id: look, effects: [READ], decide: hold, approvers: {groups: [dba]}}\n")
    decision = asked("customers.ssn", rules=held)
    assert [rule.id for rule in decision.rules] == ["look", "show-ssn"]
    assert [term.groups for term in decision.terms] == [("dba",), ("privacy",)]
    denied = policy(ASKING + "  - {id: no, effects: [READ], labels: [pii.ssn], decide: deny}\n")
    assert asked("customers.ssn", rules=denied).reason.startswith("permission denied by policy: READ is refused")


NAMES = [ID, NAME, SSN, EMAIL, CARD, STATUS, CONTACT, HINT]
OUTPUTS = st.one_of(
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda found: bare(*found)),
    st.sets(st.sampled_from(NAMES), min_size=1, max_size=2).map(lambda found: bare(*found, pure=False)),
    st.just(Constant()),
    st.just(Opaque("?")),
)
WISHES = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


@given(
    st.lists(OUTPUTS, max_size=4),
    st.sets(st.sampled_from([SSN.relation, ORDERS, RelationRef("", "customers")])),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Use))), max_size=2),
    WISHES,
    st.sampled_from([AGENT, SUPPORT, FRAUD]),
)
def test_asking_takes_nothing_from_a_decision(
    outputs: list[Any], reads: set[RelationRef], uses: list[tuple[ColumnRef, Use]], wishes: list[ColumnRef], who: Any
) -> None:
    analysis = select(*outputs, reads=reads, uses=[used(*use) for use in uses])
    before = ask(analysis, policy(ASKING), who)
    after = asked(", ".join(map(str, wishes)), analysis, principal=who)
    if before.outcome is Outcome.DENY:
        assert after == before
    if after.unmask is None:
        assert after.outcome is Outcome.DENY or after == before
        return
    assert after.outcome is Outcome.HOLD
    assert after.masks == before.masks
    assert set(before.terms) < set(after.terms)
    assert after.unmask.columns == tuple(sorted(wishes)), "all that was asked for, and nothing else"
    assert after.masks is not None
    for each in after.unmask.outputs:
        assert outputs[each.ordinal] == bare(each.column)
        assert after.masks[each.ordinal] is not None
    same = dataclasses.replace(after, outcome=before.outcome, terms=before.terms, unmask=None, rules=before.rules)
    assert dataclasses.replace(same, reason=before.reason) == before
