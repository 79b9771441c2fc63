from __future__ import annotations

import dataclasses
import inspect

import pytest

from pgmaskproxy import model
from pgmaskproxy.model import ColumnRef, Decision, Mask, Outcome, RelationRef

NOUNS = [
    kind
    for _, kind in inspect.getmembers(model, inspect.isclass)
    if dataclasses.is_dataclass(kind) and kind.__module__ == model.__name__
]


@pytest.mark.parametrize("kind", NOUNS, ids=lambda kind: str(kind.__name__))
def test_every_noun_is_frozen_slotted_and_says_what_it_is(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert hasattr(kind, "__slots__")
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")  # dataclass's own


def test_names_are_written_as_people_do() -> None:
    column = ColumnRef("shop", "customers", "ssn")
    assert str(column) == "shop.customers.ssn"
    assert str(ColumnRef("", "customers", "ssn")) == "customers.ssn"
    assert column.relation == RelationRef("shop", "customers")
    assert (str(RelationRef("shop", "customers")), str(RelationRef("", "customers"))) == ("shop.customers", "customers")


def test_a_masks_parameter_or_its_default() -> None:
    mask = Mask("partial", "pii.card", (("last", 4),))
    assert mask.param("last", 0) == 4
    assert mask.param("first", 0) == 0


def test_a_decision_says_nothing_is_safe_unless_told() -> None:
    assert Decision(Outcome.ALLOW).scrub
    assert model.NULL_MASK.kind == "null"
