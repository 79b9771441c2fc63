"""Which labelled columns a statement touches, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.approval.facts import NO_FACTS, TouchedColumn, touched_columns
from pgmaskproxy.model import Analysis, ColumnLabels, ColumnRef, Columns, ColumnUse, Effect, RelationRef, Use

SSN = ColumnRef("public", "customers", "ssn")
EMAIL = ColumnRef("public", "customers", "email")
NAME = ColumnRef("public", "customers", "name")
LABELLING = {SSN: ColumnLabels(frozenset({"pii.ssn"})), EMAIL: ColumnLabels(frozenset({"pii.email", "gdpr"}))}


def reading(*outputs: ColumnRef, uses: tuple[ColumnUse, ...] = (), opaque: str = "") -> Analysis:
    return Analysis(
        "SelectStmt",
        frozenset({Effect.READ}),
        reads=frozenset({RelationRef("public", "customers")}),
        outputs=tuple(Columns(frozenset({column})) for column in outputs),
        uses=uses,
        opaque=opaque,
    )


def test_outputs_and_uses_are_told_of_labelled_columns_alone() -> None:
    uses = (ColumnUse(SSN, Use.EQUALITY, "WHERE"), ColumnUse(EMAIL, Use.WRITTEN, "UPDATE"))
    assert touched_columns(reading(SSN, NAME, uses=uses), LABELLING) == (
        TouchedColumn("public.customers.email", ("gdpr", "pii.email"), ("written",)),
        TouchedColumn("public.customers.ssn", ("pii.ssn",), ("returned", "used in WHERE")),
    )


def test_a_whole_row_is_all_of_them() -> None:
    row = ColumnRef("public", "customers", "*")
    assert [each.name for each in touched_columns(reading(row), LABELLING)] == [str(EMAIL), str(SSN)]


def test_where_it_could_not_be_told_every_column_may_be_used() -> None:
    found = touched_columns(reading(SSN, opaque="too deep"), LABELLING)
    assert [each.uses for each in found] == [("perhaps used",), ("returned",)]


@pytest.mark.parametrize("effect", [Effect.DDL, Effect.PRIVILEGE, Effect.ADMIN, Effect.ROUTINE, Effect.UNKNOWN])
def test_what_is_done_to_a_whole_relation_may_be_done_to_each_of_them(effect: Effect) -> None:
    found = touched_columns(replace(reading(), effects=frozenset({effect})), LABELLING)
    assert [(each.name, each.uses) for each in found] == [
        (str(EMAIL), ("perhaps used",)),
        (str(SSN), ("perhaps used",)),
    ]


def test_nothing_labelled_is_nothing() -> None:
    assert touched_columns(reading(NAME), LABELLING) == ()
    assert NO_FACTS.columns == ()
