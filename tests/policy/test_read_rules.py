from __future__ import annotations

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.model import ApprovalTerms, Effect, Outcome, RuleRef
from pgmaskproxy.policy.rules import Rule
from tests.policy.shop import LABELS, policy, with_rules

HOLD = "decide: hold, approvers: {groups: [dba]}"


def rule(body: str) -> Rule:
    return with_rules(f"{{id: r, {body}}}").rules[0]


def problem(body: str) -> str:
    with pytest.raises(ConfigError) as caught:
        rule(body)
    return "; ".join(
        problem.message + (f" ({problem.hint})" if problem.hint else "") for problem in caught.value.problems
    )


def test_a_rule_is_read() -> None:
    found = rule(
        'who: ["group:agents"], effects: [WRITE, READ], relations: ["shop.*"], labels: ["pii.*"], database: ["sh*"],'
        " without_where: true, decide: hold, card: Look, require: [reason],"
        " approvers: {groups: [dba, privacy], quorum: 2, deadline: 1h, in_transaction: 10s}"
    )
    assert found.effects == {Effect.READ, Effect.WRITE}
    assert found.decide is Outcome.HOLD
    assert set(found.labels or ()) == {"pii.ssn", "pii.email", "pii.card"}
    assert found.without_where
    ref = RuleRef("r", "p.yaml", 3 + LABELS.count("\n") + 1)
    assert found.ref == ref
    assert found.terms == (ApprovalTerms(ref, ("dba", "privacy"), 2, 3600.0, 10.0, True, "Look"),)


def test_steps_are_terms_that_must_all_be_met() -> None:
    found = rule(
        "effects: [ADMIN], decide: hold, approvers: {steps: [{group: dba}, {group: sec, quorum: 2}], deadline: 30m}"
    )
    assert [(term.groups, term.quorum, term.deadline) for term in found.terms] == [
        (("dba",), 1, 1800.0),
        (("sec",), 2, 1800.0),
    ]


def test_defaults_are_fifteen_minutes_and_thirty_seconds() -> None:
    (term,) = rule(f"effects: [DDL], {HOLD}").terms
    assert (term.deadline, term.in_transaction, term.quorum, term.reason_required) == (900.0, 30.0, 1, False)


def test_a_key_that_is_not_enforced_yet_is_an_error() -> None:
    assert "is not enforced by this version yet" in problem("effects: [READ], decide: allow, when: {weekday: [fri]}")


def test_a_rule_with_unmask_asks_for_a_reason_and_shows_a_hundred_rows_unless_it_says_another_number() -> None:
    found = rule(f"effects: [READ], unmask: [shop.customers.ssn], {HOLD}")
    assert found.unmask is not None
    assert [pattern.text for pattern in found.unmask] == ["shop.customers.ssn"]
    assert found.rows == 100
    assert [term.reason_required for term in found.terms] == [True]
    assert rule(f"effects: [READ], unmask: [shop.customers.ssn], limits: {{rows: 5}}, {HOLD}").rows == 5


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("effects: [READ], decide: allow, unmask: [a.b.c]", '"unmask" is for decide: hold'),
        ("effects: [READ], decide: deny, unmask: [a.b.c]", '"unmask" is for decide: hold'),
        (f"effects: [READ, WRITE], unmask: [a.b.c], {HOLD}", '"unmask" is about what a SELECT shows'),
        (f"effects: [READ], unmask: [a.b], {HOLD}", "schema.table.column"),
        (f"effects: [READ], unmask: [a.b.c], relations: [a.b], {HOLD}", '"relations" does not go with "unmask"'),
        (f"effects: [READ], unmask: [a.b.c], functions: [a.b], {HOLD}", '"functions" does not go with "unmask"'),
        (f"effects: [READ], unmask: [a.b.c], limits: {{rows: 0}}, {HOLD}", "must be a whole number from 1 to 1000"),
        (f"effects: [READ], unmask: [a.b.c], limits: {{}}, {HOLD}", 'needs "rows"'),
        (f"effects: [READ], unmask: [a.b.c], limits: {{seconds: 1}}, {HOLD}", "seconds"),
        (f"effects: [READ], limits: {{rows: 1}}, {HOLD}", '"limits" is for rules with "unmask"'),
    ],
)
def test_a_rule_with_unmask_is_about_nothing_else(said: str, why: str) -> None:
    assert why in problem(said)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("decide: allow", 'rule "r" needs "effects"'),
        ("effects: [READ]", 'rule "r" needs "decide"'),
        ("effects: READ, decide: allow", '"effects" must be a list'),
        ("effects: [READ], decide: allow, relations: [customers]", "must be schema.table"),
        (
            'effects: [ROUTINE], decide: allow, functions: ["shop.f(integer)"]',
            "must be schema.function, without arguments",
        ),
        ("effects: [READ], decide: allow, functions: [shop.f]", "needs ROUTINE among the effects"),
        ("effects: [UNKNOWN], decide: allow", "UNKNOWN cannot be allowed"),
        ("effects: [WRITE], decide: deny, without_where: false", "can only be true"),
        ("effects: [ADMIN, READ], decide: deny, channels: [x]", "whose effect is ADMIN alone"),
        ('effects: [ADMIN], decide: deny, channels: ["a.b"]', "a channel's name"),
        ("effects: [WRITE], decide: deny, without_where: yes", "must be true or false"),
        ("effects: [READ], decide: deny, without_where: true", "needs WRITE among the effects"),
        ("effects: [READ], decide: allow, message: x", '"message" is for decide: deny'),
        ("effects: [READ], decide: allow, card: x", '"card" is for decide: hold'),
        ("effects: [READ], decide: deny, approvers: {groups: [a]}", '"approvers" is for decide: hold'),
        ("effects: [READ], decide: allow, require: [reason]", '"require" is for decide: hold'),
        (f"effects: [READ], {HOLD}, require: [ticket]", '"ticket" must be reason'),
        ("effects: [READ], decide: hold", 'needs "approvers"'),
        ("effects: [READ], decide: hold, approvers: {}", 'needs "groups" or "steps"'),
        ("effects: [READ], decide: hold, approvers: {groups: []}", "at least one item"),
        (
            "effects: [READ], decide: hold, approvers: {groups: [a], quorum: 0}",
            '"quorum" must be a whole number from 1',
        ),
        ("effects: [READ], decide: hold, approvers: {groups: [a], deadline: 15}", '"deadline" must be a time like'),
        ("effects: [READ], decide: hold, approvers: {groups: [a], deadline: 0s}", '"deadline" must be a time like'),
        ("effects: [READ], decide: hold, approvers: {groups: [a], steps: [{group: b}]}", '"steps" stands instead'),
        ("effects: [READ], decide: hold, approvers: {steps: [{quorum: 1}]}", 'a step needs "group"'),
        ("effects: [READ], decide: hold, approvers: {group: [a]}", 'did you mean "groups"?'),
        ("effects: [READ], decide: allow, labels: [pii.email, pii.emial]", 'did you mean "pii.email"?'),
        ("effects: [READ], decide: allow, who: []", "at least one item"),
        ("effects: [READ], decide: allow, effets: [x]", 'did you mean "effects"?'),
        ("effects: [READ, true], decide: allow", "must be text, not true (put it in quotes)"),
    ],
)
def test_what_is_wrong_is_said(body: str, wanted: str) -> None:
    assert wanted in problem(body)


def test_a_rule_needs_an_id_and_to_be_a_mapping() -> None:
    with pytest.raises(ConfigError, match='a rule needs "id"'):
        with_rules("{effects: [READ], decide: allow}")
    with pytest.raises(ConfigError, match="a rule must be a mapping"):
        with_rules("allow everything")
    with pytest.raises(ConfigError, match='"rules" must be a list'):
        policy("rules: {a: b}\n")
