"""Who must agree, read once for rules and labels alike; what is wrong with it is tested through rules."""

from __future__ import annotations

from pgmaskproxy.model import ApprovalTerms, RuleRef
from pgmaskproxy.policy import yaml
from pgmaskproxy.policy.fields import Problems
from pgmaskproxy.policy.read_approvers import DEADLINE, IN_TRANSACTION, KEYS, read_approvers

REF = RuleRef("r", "p.yaml", 3)


def read(text: str, **more: object) -> tuple[tuple[ApprovalTerms, ...], list[str]]:
    problems = Problems()
    found = read_approvers(yaml.compose("f", text), problems, REF, **more)  # type: ignore[arg-type]
    return found, [problem.message for problem in problems.all()]


def test_groups_are_one_term_and_steps_are_several() -> None:
    assert read("{groups: [b, a, b], quorum: 2}", reason=True, card="c") == (
        (ApprovalTerms(REF, ("a", "b"), 2, DEADLINE, IN_TRANSACTION, True, "c"),),
        [],
    )
    found, _ = read("{steps: [{group: a}, {group: b, quorum: 2}]}")
    assert [(term.groups, term.quorum) for term in found] == [(("a",), 1), (("b",), 2)]


def test_groups_and_steps_are_not_said_at_once() -> None:
    for more in ("groups: [b]", "quorum: 2"):
        wrong = read(f"{{steps: [{{group: a}}], {more}}}")[1]
        assert wrong == ['"steps" stands instead of "groups" and "quorum"']


def test_nobody_asked_is_nobody_and_a_problem() -> None:
    assert read("{deadline: 1m}") == ((), ['"approvers" needs "groups" or "steps"'])
    assert read("[a]") == ((), ['"approvers" must be a mapping'])


def test_an_unknown_key_is_a_problem() -> None:
    for key in KEYS:
        assert read(f"{{groups: [a], {key}x: 1}}")[1] == [f'unknown key "{key}x" in "approvers"']
