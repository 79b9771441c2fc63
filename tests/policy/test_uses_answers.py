"""What labels say to each use besides allowing it: hold, null, so many times, on a declared pair of columns."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.model import (
    NULL_MASK,
    Analysis,
    Charge,
    ColumnLabels,
    ColumnRef,
    Columns,
    ColumnUse,
    Constant,
    Decision,
    Effect,
    Outcome,
    Use,
)
from pgmaskproxy.policy.rules import ANSWERS, Answer, Policy
from tests.policy.shop import (
    CUSTOMERS,
    EMAIL,
    ID,
    NAME,
    READS,
    SUPPORT,
    WRITES,
    ask,
    bare,
    column,
    policy,
    refusal,
    select,
    update,
    used,
)

NEWS = column("email", "newsletter")
DBA = "approvers: {groups: [dba], quorum: 2, deadline: 1h}"
LABELLED = {
    EMAIL: ColumnLabels(frozenset({"pii.email"})),
    NEWS: ColumnLabels(frozenset({"pii.email"})),
    column("half", "view"): ColumnLabels(frozenset({"pii.email"}), derived=True),
}
RULES = READS + WRITES + "  - {id: exports, effects: [EXPORT], decide: allow}\n"


def labelled(uses: str, more: str = "", *, second: str = "") -> Policy:
    clear = 'clear_for: ["group:support"]'
    text = f'labels:\n  pii.email: {{columns: ["*.*.email"], mask: {{kind: email}}, {clear}, uses: {uses}{more}}}\n'
    if second:
        text += f'  z: {{columns: ["*.*.email"], mask: {{kind: redact}}, uses: {second}, {DBA}}}\n'
    return policy(text + RULES)


def held(uses: str) -> Policy:
    return labelled(uses, f", {DBA}")


def judge(rules: Policy, *uses: ColumnUse, outputs: tuple[object, ...] = (), **more: Any) -> Decision:
    return ask(select(*outputs, uses=uses, **more), rules, labelling=LABELLED)


# -- hold ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [use for use in Use if use is not Use.WRITTEN])
def test_what_a_label_holds_its_own_approvers_are_asked(use: Use) -> None:
    found = judge(held(f"{{{use.value}: hold}}"), used(EMAIL, use, "WHERE", target=NAME))
    assert found.outcome is Outcome.HOLD
    (term,) = found.terms
    assert (term.groups, term.quorum, term.deadline, term.rule.id) == (("dba",), 2, 3600.0, "pii.email")
    assert term.card.endswith("in WHERE")
    assert "shop.customers.email (pii.email)" in term.card
    assert [rule.id for rule in found.rules] == ["pii.email"]
    assert found.reason == "held by pii.email"
    assert found.charges == ()


def test_every_use_that_is_held_is_on_the_card_once() -> None:
    found = judge(
        held("{predicate: hold, ordering: hold}"),
        used(EMAIL, Use.PREDICATE),
        used(EMAIL, Use.ORDERING, "ORDER BY"),
        used(EMAIL, Use.PREDICATE),
    )
    assert [term.card for term in found.terms] == [
        "Uses shop.customers.email (pii.email) in WHERE; Uses shop.customers.email (pii.email) in ORDER BY"
    ]


def test_one_refused_use_refuses_whatever_else_is_held() -> None:
    found = judge(held("{predicate: hold}"), used(EMAIL, Use.PREDICATE), used(EMAIL, Use.ORDERING))
    assert (found.outcome, found.terms) == (Outcome.DENY, ())


def test_labels_and_rules_that_hold_add_up() -> None:
    text = "  - {id: r, effects: [READ], decide: hold, approvers: {groups: [privacy]}}\n"
    both = policy(
        f'labels:\n  pii.email: {{columns: ["*.*.email"], mask: {{kind: email}}, uses: {{ordering: hold}}, {DBA}}}\n'
        + RULES
        + text
    )
    found = judge(both, used(EMAIL, Use.ORDERING))
    assert [term.groups for term in found.terms] == [("privacy",), ("dba",)]
    assert [rule.id for rule in found.rules] == ["r", "pii.email"]


def test_who_is_cleared_asks_nobody() -> None:
    found = ask(select(uses=[used(EMAIL, Use.ORDERING)]), held("{ordering: hold}"), SUPPORT, LABELLED)
    assert found.outcome is Outcome.ALLOW


def test_what_a_person_agreed_to_compute_is_shown() -> None:
    made = Constant(frozenset({EMAIL}))
    rules = held("{expression: hold}")
    assert judge(rules, used(EMAIL, Use.EXPRESSION, "SELECT"), outputs=(made,)).masks == (None,)
    assert judge(rules, used(EMAIL, Use.EXPRESSION, "SELECT"), outputs=(made, bare(EMAIL))).masks is not None


def test_explain_is_never_held() -> None:
    found = judge(held("{predicate: hold, equality: hold}"), used(EMAIL, Use.EQUALITY), kind="ExplainStmt", reads=())
    assert found.outcome is Outcome.DENY
    assert "held" not in dict(refusal(found).facts)


def test_a_second_comparison_is_a_search_that_a_person_may_agree_to() -> None:
    twice = (used(EMAIL, Use.EQUALITY), used(EMAIL, Use.EQUALITY))
    assert judge(labelled("{equality: allow}"), *twice).outcome is Outcome.DENY
    found = judge(held("{equality: allow, predicate: hold}"), *twice)
    assert found.outcome is Outcome.HOLD
    assert len(found.charges) == 1


# -- so many times -------------------------------------------------------------------------------------------


def test_each_look_up_is_charged_to_each_label() -> None:
    rules = labelled("{equality: {budget: 3, per: 1h}}", second="{equality: {budget: 9, per: 1d}, count: hold}")
    both = {EMAIL: ColumnLabels(frozenset({"pii.email", "z"}))}
    found = ask(select(bare(ID), uses=[used(EMAIL, Use.EQUALITY)]), rules, labelling=both)
    assert found.outcome is Outcome.ALLOW
    assert found.charges == (
        Charge("pii.email", Use.EQUALITY, 3, 3600.0, EMAIL, rules.labels["pii.email"].ref),
        Charge("z", Use.EQUALITY, 9, 86400.0, EMAIL, rules.labels["z"].ref),
    )


def test_two_columns_are_two_look_ups() -> None:
    found = judge(labelled("{equality: allow}"), used(EMAIL, Use.EQUALITY), used(NEWS, Use.EQUALITY))
    assert [charge.column for charge in found.charges] == [EMAIL, NEWS]


def test_what_is_refused_or_cleared_costs_nothing() -> None:
    rules = labelled("{equality: allow}")
    looked_up = select(uses=[used(EMAIL, Use.EQUALITY)])
    assert ask(looked_up, rules, SUPPORT, LABELLED).charges == ()
    assert judge(rules, used(EMAIL, Use.EQUALITY), used(EMAIL, Use.ORDERING)).charges == ()


def test_a_look_up_that_a_person_must_agree_to_for_another_reason_costs_too() -> None:
    found = judge(held("{equality: allow, ordering: hold}"), used(EMAIL, Use.EQUALITY), used(EMAIL, Use.ORDERING))
    assert (found.outcome, len(found.charges)) == (Outcome.HOLD, 1)


def test_what_was_computed_from_a_value_is_not_looked_up() -> None:
    half = column("half", "view")
    for use in (Use.EQUALITY, Use.COUNT, Use.NULL_TEST, Use.JOIN):
        rules = labelled("{equality: allow, count: allow, null_test: allow, expression: null}")
        found = judge(rules, used(half, use))
        assert found.outcome is Outcome.DENY
        assert dict(refusal(found).facts)["allowed"] == ("output", "expression")
        asked = held("{equality: allow, count: allow, null_test: allow, predicate: hold, expression: hold}")
        assert judge(asked, used(half, use)).outcome is Outcome.HOLD


# -- join ----------------------------------------------------------------------------------------------------

PAIR = labelled('{join: ["shop.customers.email = shop.newsletter.email"], null_test: allow, count: allow}')
JOIN = (used(EMAIL, Use.JOIN, "JOIN ON", target=NEWS), used(NEWS, Use.JOIN, "JOIN ON", target=EMAIL))


def test_a_declared_pair_may_be_joined_and_shown_masked() -> None:
    found = judge(PAIR, *JOIN, outputs=(bare(ID), bare(EMAIL), bare(NEWS)))
    assert found.outcome is Outcome.ALLOW
    assert [mask and mask.kind for mask in found.masks or ()] == [None, "email", "email"]


@pytest.mark.parametrize("use", [Use.NULL_TEST, Use.COUNT])
def test_beside_what_says_no_more_of_a_value(use: Use) -> None:
    assert judge(PAIR, *JOIN, used(NEWS, use)).outcome is Outcome.ALLOW


@pytest.mark.parametrize("use", [Use.EQUALITY, Use.PREDICATE, Use.ORDERING, Use.EXPRESSION, Use.WRITTEN, Use.WRITE])
@pytest.mark.parametrize("side", [EMAIL, NEWS])
def test_and_nothing_else(use: Use, side: ColumnRef) -> None:
    rules = labelled(
        '{join: ["shop.customers.email = shop.newsletter.email"], equality: allow, expression: null, written: allow}'
    )
    found = judge(rules, *JOIN, used(side, use, "WHERE", target=EMAIL, total=True))
    assert found.outcome is Outcome.DENY
    if use is not Use.PREDICATE and use is not Use.ORDERING:
        said = refusal(found)
        assert "may be joined on" in said.message
        assert "only where neither is used otherwise" in said.message
        assert dict(said.facts)["allowed"] == ("output", "join")


def test_another_pair_is_refused_and_the_declared_ones_are_named() -> None:
    found = judge(PAIR, used(EMAIL, Use.JOIN, "JOIN ON", target=column("contact", "orders")))
    said = refusal(found)
    assert "may not be used in JOIN ON" in said.message
    assert "a join on shop.customers.email = shop.newsletter.email" in said.hint
    assert judge(PAIR, used(EMAIL, Use.JOIN, "JOIN ON", target=EMAIL)).outcome is Outcome.DENY
    assert judge(PAIR, used(EMAIL, Use.JOIN, "JOIN ON")).outcome is Outcome.DENY
    asked = held('{join: ["shop.customers.email = shop.newsletter.email"], predicate: hold}')
    assert judge(asked, used(EMAIL, Use.JOIN, target=NAME)).outcome is Outcome.HOLD


def test_a_column_may_be_joined_on_itself_where_that_is_declared() -> None:
    rules = labelled('{join: ["shop.customers.email = shop.customers.email"]}')
    itself = used(EMAIL, Use.JOIN, "JOIN ON", target=EMAIL)
    assert judge(rules, itself).outcome is Outcome.ALLOW
    said = refusal(judge(rules, used(EMAIL, Use.ORDERING, "ORDER BY")))
    assert "a join on shop.customers.email = shop.customers.email" in said.hint


def test_the_other_side_must_be_as_secret() -> None:
    less = {EMAIL: ColumnLabels(frozenset({"pii.email"}))}
    assert ask(select(bare(ID), uses=JOIN), PAIR, labelling=less).outcome is Outcome.DENY
    more = {**LABELLED, NEWS: ColumnLabels(frozenset({"pii.email", "z"}))}
    z = labelled('{join: ["shop.customers.email = shop.newsletter.email"]}', second="{count: hold}")
    assert ask(select(bare(ID), uses=JOIN[:1]), z, labelling=more).outcome is Outcome.ALLOW
    assert ask(select(bare(ID), uses=JOIN), z, labelling=more).outcome is Outcome.DENY


# -- null ----------------------------------------------------------------------------------------------------

NULLED = labelled("{expression: null}")
MADE = Constant(frozenset({EMAIL, ID}))


def test_a_total_expression_runs_and_is_null() -> None:
    found = judge(NULLED, used(EMAIL, Use.EXPRESSION, "SELECT", total=True), outputs=(MADE, bare(ID), Constant()))
    assert found.outcome is Outcome.ALLOW
    assert found.masks == (NULL_MASK, None, None)


def test_any_other_expression_is_refused_and_the_total_ones_are_offered() -> None:
    found = judge(NULLED, used(EMAIL, Use.EXPRESSION, "SELECT"), outputs=(MADE,))
    assert "shown as NULL" in refusal(found).hint
    both = (used(EMAIL, Use.EXPRESSION, "SELECT", total=True), used(EMAIL, Use.EXPRESSION, "SELECT"))
    assert judge(NULLED, *both, outputs=(MADE,)).outcome is Outcome.DENY


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.DDL, Effect.EXPORT, Effect.ADMIN, Effect.UNKNOWN])
def test_a_total_expression_goes_to_the_client_and_nowhere_else(effect: Effect) -> None:
    every = policy(
        'labels:\n  pii.email: {columns: ["*.*.email"], mask: {kind: email}, uses: {expression: null}}\n'
        "rules:\n  - {id: a, effects: [READ, WRITE, DDL, EXPORT, ADMIN], decide: allow}\n"
        "  - {id: u, effects: [UNKNOWN], decide: hold, approvers: {groups: [dba]}}\n"
    )
    total = used(EMAIL, Use.EXPRESSION, "SELECT", total=True)
    assert judge(every, total, outputs=(MADE,)).outcome is Outcome.ALLOW
    writes = select(MADE, uses=[total], effects=frozenset({Effect.READ, effect}))
    assert "may not be used in SELECT" in refusal(ask(writes, every, labelling=LABELLED)).message


def test_null_of_one_label_and_the_agreement_of_another_are_both_needed() -> None:
    rules = labelled("{expression: null}", second="{expression: hold}")
    both = {EMAIL: ColumnLabels(frozenset({"pii.email", "z"}))}
    total = used(EMAIL, Use.EXPRESSION, "SELECT", total=True)
    found = ask(select(MADE, uses=[total]), rules, labelling=both)
    assert (found.outcome, found.masks) == (Outcome.HOLD, (NULL_MASK,))


# -- writes --------------------------------------------------------------------------------------------------


def test_what_is_put_into_a_column_is_up_to_the_rules_unless_the_label_says_more() -> None:
    written = update(used(EMAIL, Use.WRITTEN, "UPDATE"))
    assert ask(written, labelled("{}"), labelling=LABELLED).outcome is Outcome.ALLOW
    assert ask(written, labelled("{written: allow}"), labelling=LABELLED).outcome is Outcome.ALLOW
    found = ask(written, held("{written: hold}"), labelling=LABELLED)
    assert found.outcome is Outcome.HOLD
    assert found.terms[0].card == "Writes shop.customers.email (pii.email) in UPDATE"
    said = refusal(ask(written, labelled("{written: refuse}"), labelling=LABELLED))
    assert "may not be used in UPDATE" in said.message
    assert ask(written, held("{written: hold}"), SUPPORT, LABELLED).outcome is Outcome.ALLOW


def test_a_copy_into_a_less_sensitive_column_may_be_held() -> None:
    copied = update(used(EMAIL, Use.WRITE, "UPDATE", target=NAME))
    found = ask(copied, held("{write: hold}"), labelling=LABELLED)
    assert found.outcome is Outcome.HOLD
    assert found.terms[0].card == "Writes shop.customers.email (pii.email) to shop.customers.name in UPDATE"
    assert "may not be written to" in refusal(ask(copied, labelled("{}"), labelling=LABELLED)).message


# -- properties ----------------------------------------------------------------------------------------------

ORDER = {Outcome.ALLOW: 0, Outcome.HOLD: 1, Outcome.DENY: 2}
SAID = st.fixed_dictionaries(
    {},
    optional={
        use: st.sampled_from([said for said in ANSWERS[use] if said is not Answer.TOKEN])  # see test_inputs
        for use in ANSWERS
    },
)
USES = st.lists(
    st.builds(
        used,
        st.sampled_from([EMAIL, NEWS, ID]),
        st.sampled_from([use for use in Use if use is not Use.WRITE]),
        target=st.sampled_from([EMAIL, NEWS]),
        total=st.booleans(),
    ),
    max_size=4,
)


def speaking(*all_said: dict[Use, Answer]) -> Policy:
    """A policy with labels a, b, c... that say so."""
    text = "labels:\n"
    for name, said in zip("abc", all_said, strict=False):
        uses = ", ".join(f"{use.value}: {answer.value}" for use, answer in said.items())
        more = f", {DBA}" if Answer.HOLD in said.values() else ""
        text += f'  {name}: {{columns: ["*.*.email"], mask: {{kind: email}}, uses: {{{uses}}}{more}}}\n'
    return policy(text + RULES)


def of(uses: list[ColumnUse], rules: Policy) -> Decision:
    labels = ColumnLabels(frozenset(rules.labels))
    analysis = Analysis(
        "SelectStmt",
        frozenset({Effect.READ}),
        reads=frozenset({CUSTOMERS}),
        outputs=(MADE, Columns(frozenset({EMAIL}))),
        uses=tuple(uses),
    )
    return ask(analysis, rules, labelling={EMAIL: labels, NEWS: labels})


@given(SAID, SAID, USES)
def test_two_labels_are_as_strict_as_the_stricter_and_their_order_does_not_matter(
    one: dict[Use, Answer], two: dict[Use, Answer], uses: list[ColumnUse]
) -> None:
    both = of(uses, speaking(one, two))
    alone = [of(uses, speaking(said)) for said in (one, two)]
    assert ORDER[both.outcome] >= max(ORDER[each.outcome] for each in alone)
    swapped = of(uses, speaking(two, one))
    assert (both.outcome, both.masks, len(both.terms)) == (swapped.outcome, swapped.masks, len(swapped.terms))
    for each in alone:
        for mine, theirs in zip(both.masks or (), each.masks or (), strict=False):
            assert mine is not None or theirs is None, "a second label never shows more"


@given(SAID, USES, st.sampled_from(list(ANSWERS)))
def test_a_stricter_answer_never_allows_more(said: dict[Use, Answer], uses: list[ColumnUse], use: Use) -> None:
    before = ORDER[of(uses, speaking(said)).outcome]
    assert ORDER[of(uses, speaking({**said, use: Answer.REFUSE})).outcome] >= before


@given(SAID, USES)
def test_nothing_computed_is_clear_without_a_persons_agreement(said: dict[Use, Answer], uses: list[ColumnUse]) -> None:
    found = of(uses, speaking(said))
    assert bool(found.terms) == (found.outcome is Outcome.HOLD)
    if found.outcome is Outcome.ALLOW:
        assert found.masks is not None
        assert found.masks[0] == NULL_MASK
        assert {use.use for use in uses if use.column in {EMAIL, NEWS}}.isdisjoint({Use.PREDICATE, Use.ORDERING})
        assert all(use.total for use in uses if use.use is Use.EXPRESSION and use.column in {EMAIL, NEWS})
        looked_up = [use.column for use in uses if use.use is Use.EQUALITY and use.column in {EMAIL, NEWS}]
        assert sorted(looked_up) == [charge.column for charge in found.charges]


@given(SAID, USES)
def test_the_order_of_uses_does_not_matter(said: dict[Use, Answer], uses: list[ColumnUse]) -> None:
    rules = speaking(said)
    found = {of(list(each), rules).outcome for each in itertools.permutations(uses)}
    assert len(found) == 1
