from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, Effect, Opaque, Refusal, RelationRef, Use
from pgmaskproxy.policy import refusals
from pgmaskproxy.policy.coverage import Need
from tests.policy.shop import CUSTOMERS, EMAIL, NAME, SSN, facts, select, used, with_rules

TOUCHED = facts(select(Opaque("row_to_json"), uses=[used(SSN, Use.EXPRESSION)]))
DENY = with_rules("{id: d, effects: [READ], decide: deny}").rules[0]
WRITE = used(SSN, Use.WRITE, "UPDATE", target=NAME)

ALL = {
    "denied_by": refusals.denied_by(DENY, TOUCHED),
    "not_covered": refusals.not_covered(Need(Effect.READ, CUSTOMERS), ()),
    "unknown": refusals.not_covered(Need(Effect.UNKNOWN), ()),
    "undefined": refusals.undefined(RelationRef("", "x")),
    "use_refused": refusals.use_refused(TOUCHED, used(EMAIL, Use.JOIN, "JOIN")),
    "compared_twice": refusals.compared_twice(TOUCHED, used(EMAIL, Use.EQUALITY)),
    "laundering": refusals.laundering(TOUCHED, WRITE),
    "unresolved_use": refusals.unresolved_use(used(SSN, Use.PREDICATE)),
    "explain": refusals.explain(TOUCHED, CUSTOMERS),
    "opaque": refusals.opaque(TOUCHED),
}


@pytest.mark.parametrize("found", ALL.values(), ids=ALL)
def test_every_refusal_says_what_why_and_what_would_work(found: Refusal) -> None:
    assert found.sqlstate in {"42501", "0A000", "42P01"}
    assert found.message
    assert "\n" not in found.message
    assert found.detail.endswith(".")
    assert found.hint.endswith(".")
    assert found.facts[0][0] == "why"
    assert len(dict(found.facts)) == len(found.facts)
    assert all(value for _, value in found.facts)


def test_what_may_be_told_names_no_value() -> None:
    """Refusals are made of names and of what the text says of itself; nothing else comes in."""
    assert refusals.facts_of("rule", a="", b="x", c=(), d=0) == (("why", "rule"), ("b", "x"))


def test_other_things_not_covered_are_listed() -> None:
    needs = (Need(Effect.READ, CUSTOMERS), Need(Effect.ROUTINE, function=("", "f")))
    assert "Nor is covered: ROUTINE f." in refusals.not_covered(needs[0], needs).detail


def test_a_rule_is_cited_with_its_place() -> None:
    found = ALL["denied_by"]
    assert found.rule == DENY.ref
    assert f"({DENY.ref.file}:{DENY.ref.line})" in found.detail
    assert found.table == "customers"


def test_the_opaque_refusal_depends_on_what_is_read() -> None:
    assert ALL["opaque"].sqlstate == "42501"
    assert "row_to_json" in ALL["opaque"].message
    clean = facts(Analysis("SelectStmt", frozenset({Effect.READ}), outputs=(Opaque("x"),)))
    assert refusals.opaque(clean).sqlstate == "0A000"
