from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.model import ColumnRef, Use
from pgmaskproxy.policy.read_uses import USE_KEYS
from pgmaskproxy.policy.rules import ANSWERS, DEFAULT_BUDGET, Answer, Budget, Label
from tests.policy.shop import column, policy

DBA = "approvers: {groups: [dba]}"
NEWS = column("email", "newsletter")


def label(uses: str, more: str = "", columns: str = '["*.customers.email"]') -> Label:
    kind = "token" if "equality: token" in uses and "other mask" not in more else "redact"
    more = more.removesuffix("# other mask").strip()
    body = f"{{columns: {columns}, mask: {{kind: {kind}}}, uses: {uses}{', ' + more if more else ''}}}"
    return policy(f"labels:\n  x: {body}\n").labels["x"]


def problem(uses: str, more: str = "") -> str:
    with pytest.raises(ConfigError) as caught:
        label(uses, more)
    assert all((each.file, each.line) == ("p.yaml", 4) for each in caught.value.problems)
    return "; ".join(each.message + (f" ({each.hint})" if each.hint else "") for each in caught.value.problems)


@pytest.mark.parametrize(("use", "said"), [(use, said) for use, all_said in ANSWERS.items() for said in all_said])
def test_every_answer_that_there_is_can_be_given(use: Use, said: Answer) -> None:
    found = label(f"{{{use.value}: {said.value}}}", DBA if said is Answer.HOLD else "")
    assert found.uses == ((use, said),)
    assert found.answer(use) is said
    assert bool(found.terms) == (said is Answer.HOLD)


@pytest.mark.parametrize(
    ("use", "said"), [(use, said) for use, good in ANSWERS.items() for said in Answer if said not in good]
)
def test_and_no_other(use: Use, said: Answer) -> None:
    assert f'"{use.value}" must be {" or ".join(ANSWERS[use])}' in problem(f"{{{use.value}: {said.value}}}", DBA)


def test_only_tokens_are_looked_up_by_tokens() -> None:
    found = problem("{equality: token}", "# other mask")
    assert found == '"equality: token" is for labels whose mask is a token (mask: {kind: token})'


def test_a_use_of_which_nothing_is_said_is_refused_but_for_what_rules_decide() -> None:
    found = label("{}")
    assert {use for use in ANSWERS if found.answer(use) is not Answer.REFUSE} == {Use.WRITTEN}


def test_who_may_be_asked_for_the_general_use_may_be_asked_for_the_special_one() -> None:
    found = label("{predicate: hold, expression: hold, null_test: refuse}", DBA)
    assert [found.answer(use) for use in (Use.EQUALITY, Use.JOIN, Use.COUNT)] == [Answer.HOLD] * 3
    assert found.answer(Use.NULL_TEST) is Answer.REFUSE
    assert label('{expression: "null"}').answer(Use.COUNT) is Answer.REFUSE


def test_a_budget_is_there_where_look_ups_are_allowed() -> None:
    assert label("{equality: {budget: 20, per: 1d}}").budget == Budget(20, 86400.0)
    assert label("{equality: allow}").budget == DEFAULT_BUDGET
    assert label("{equality: {budget: 3, per: 90s}}").answer(Use.EQUALITY) is Answer.ALLOW
    assert label("{equality: hold}", DBA).budget is None
    assert label("{equality: refuse, count: allow}").budget is None


def test_joins_are_pairs_in_either_order() -> None:
    one = label('{join: ["shop.customers.email = shop.newsletter.email", "a.customers.email=a.customers.email"]}')
    assert one.joins == {
        frozenset({column("email"), NEWS}),
        frozenset({ColumnRef("a", "customers", "email")}),
    }
    assert one.joined == {column("email"), NEWS, ColumnRef("a", "customers", "email")}
    other = label('{join: ["shop.newsletter.email = shop.customers.email"]}')
    assert other.joins < one.joins


def test_names_with_dots_are_quoted() -> None:
    found = label("""{join: ['"a.b".customers.email = shop."news letter"."E ""m"']}""")
    assert found.joins == {
        frozenset({ColumnRef("a.b", "customers", "email"), ColumnRef("shop", "news letter", 'E "m')})
    }


def test_null_is_the_word_and_not_nothing() -> None:
    for written in ("null", '"null"'):
        assert label(f"{{expression: {written}}}").answer(Use.EXPRESSION) is Answer.NULL
    for nothing in ("", "~"):
        assert '"expression" must be null or hold or refuse' in problem(f"{{expression: {nothing}}}")


@pytest.mark.parametrize(
    ("uses", "wanted"),
    [
        ("[count]", '"uses" must be a mapping'),
        ("{cuont: allow}", 'unknown key "cuont" in "uses" (did you mean "count"?)'),
        ("{count: alow}", 'did you mean "allow"?'),
        ("{predicate: allow}", "`equality` allows look-ups"),
        ("{ordering: allow}", "an order tells which value is greater"),
        ("{expression: allow}", "shows NULL"),
        ("{write: allow}", "label the column that it is written to"),
        ("{join: allow}", "name the pair"),
        ("{join: []}", '"join" must be a list with at least one item'),
        ("{join: [a.b.c]}", 'must be "schema.table.column = schema.table.column"'),
        ('{join: ["shop.customers.email = shop.*.email"]}', "without *"),
        ('{join: ["shop.customers.email = b.c"]}', "must be"),
        ('{join: ["a.b.c = d.e.f"]}', 'neither side of "a.b.c = d.e.f" is a column of label "x"'),
        ("{equality: {budget: 20}}", '"equality" needs "per"'),
        ("{equality: {per: 1h}}", '"equality" needs "budget"'),
        ("{equality: {budget: 0, per: 1h}}", '"budget" must be a whole number from 1 to 1000'),
        ("{equality: {budget: many, per: 1h}}", '"budget" must be a whole number'),
        ("{equality: {budget: 1, per: 0s}}", '"per" must be a time like'),
        ("{equality: {budget: 1, per: 1h, each: user}}", 'unknown key "each" in "equality"'),
        ("{equality: [1]}", "or {budget: 20, per: 1h}"),
        ("{count: {budget: 1, per: 1h}}", '"count" must be allow or hold or refuse'),
    ],
)
def test_what_is_wrong_is_said(uses: str, wanted: str) -> None:
    assert wanted in problem(uses)


def test_who_is_asked_must_be_said_exactly_where_something_is_held() -> None:
    said = problem("{ordering: hold, predicate: hold}")
    assert 'label "x" holds ordering, predicate, so it needs "approvers"' in said
    assert "approvers: {groups: [dba]}" in said
    assert '"approvers" of label "x" is for uses that are held' in problem("{count: allow}", DBA)
    assert 'did you mean "groups"?' in problem("{ordering: hold}", "approvers: {group: [dba]}")


def test_who_is_asked_is_asked_in_the_labels_name() -> None:
    more = "approvers: {steps: [{group: dba}, {group: sec, quorum: 2}], deadline: 1h, in_transaction: 5s}"
    found = label("{ordering: hold}", more)
    assert [(term.groups, term.quorum, term.deadline, term.in_transaction) for term in found.terms] == [
        (("dba",), 1, 3600.0, 5.0),
        (("sec",), 2, 3600.0, 5.0),
    ]
    assert {(term.rule.id, term.rule.file, term.rule.line) for term in found.terms} == {("x", "p.yaml", 4)}


def test_the_version_is_what_the_uses_say() -> None:
    def version(uses: str, more: str = "") -> str:
        body = f'{{columns: ["*.*.a"], mask: {{kind: redact}}, uses: {uses}{more}}}'
        return policy(f"labels:\n  x: {body}\n").version

    said = [
        version("{}"),
        version("{count: allow}"),
        version("{equality: allow}"),
        version("{equality: {budget: 20, per: 1h}}"),
        version("{equality: {budget: 20, per: 2h}}"),
        version('{join: ["s.t.a = s.t.b"]}'),
        version('{join: ["s.t.a = s.t.a"]}'),
        version("{count: hold}", f", {DBA}"),
        version("{count: hold}", ", approvers: {groups: [dba], quorum: 2}"),
    ]
    assert len(set(said)) == len(said)
    assert version('{join: ["s.t.a = s.t.b"]}') == version('{join: ["s.t.b  =  s.t.a"]}')


def test_every_use_can_be_spoken_of() -> None:
    assert set(USE_KEYS) == {use.value for use in Use}


def test_the_example_in_the_reference_is_read() -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
    example = text[text.index("```yaml\npii.email:") :].split("```")[1].removeprefix("yaml\n")
    found = policy("labels:\n" + textwrap.indent(example, "  ")).labels["pii.email"]
    assert found.budget == Budget(20, 3600.0)
    assert found.joins == {frozenset({column("email"), NEWS})}
    assert [found.answer(use) for use in (Use.EXPRESSION, Use.ORDERING, Use.WRITE)] == [
        Answer.NULL,
        Answer.HOLD,
        Answer.HOLD,
    ]
