"""What is gathered, and how often."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import ColumnRef, Columns, Constant, Effect, Use
from pgmaskproxy.sql.comparing import Given
from pgmaskproxy.sql.facts import MAX_STEPS, Facts

SSN = ColumnRef("s", "t", "ssn")


def test_a_term_walked_twice_counts_once_and_two_terms_twice() -> None:
    facts = Facts()
    facts.equality(SSN, "WHERE", 10, [Given(1)])
    facts.equality(SSN, "WHERE", 10, [Given(1)])
    once = len(facts.uses)
    facts.equality(SSN, "WHERE", 30, [Given(1)])
    assert (once, len(facts.uses)) == (1, 2)
    assert all(use.parameter for use in facts.uses)


def test_what_is_compared_and_what_is_written_is_kept_once() -> None:
    facts = Facts()
    facts.equality(SSN, "WHERE", 10, [Given(1), Given(2)], many=True)
    facts.input(SSN, Use.WRITTEN, "UPDATE", Given(literal="x"))
    facts.input(SSN, Use.WRITTEN, "UPDATE", Given(literal="x"))
    assert [(use.use, use.parameter, use.many) for use in facts.uses] == [(Use.EQUALITY, True, True)]
    assert [(each.number, each.literal) for each in facts.inputs] == [(1, ""), (2, ""), (0, "x")]


def test_a_literal_is_no_parameter() -> None:
    facts = Facts()
    facts.equality(SSN, "WHERE", 10, [Given(literal="x")])
    assert [use.parameter for use in facts.uses] == [False]


def test_using_an_origin_uses_every_column() -> None:
    facts = Facts()
    assert facts.use_all(Columns(frozenset({SSN})), Use.ORDERING, "ORDER BY") == Constant(frozenset({SSN}))
    assert [use.use for use in facts.uses] == [Use.ORDERING]


def test_the_first_reason_stays() -> None:
    facts = Facts()
    facts.give_up("one")
    facts.give_up("two")
    assert facts.opaque == "one"


def test_effects_of_functions_are_known_as_such() -> None:
    facts = Facts()
    facts.function_effect(None)
    facts.function_effect(Effect.ROUTINE)
    assert facts.function_effects == {Effect.ROUTINE}
    assert facts.effects == set()
    facts.effects.add(Effect.READ)
    assert facts.all_effects == {Effect.READ, Effect.ROUTINE}


def test_steps_are_bounded() -> None:
    facts = Facts()
    for _ in range(MAX_STEPS):
        facts.step()
    with pytest.raises(Unparsable):
        facts.step()
