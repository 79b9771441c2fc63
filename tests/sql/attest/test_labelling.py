"""Labels and names laid over an attestation."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import ColumnRef, Columns, ColumnUse, Constant, Opaque, Use
from pgmaskproxy.sql.attest.attestation import Attestation, Output, TreeUse
from pgmaskproxy.sql.attest.labelling import LabelledOutput, Labels, Names, Shown

SSN, EMAIL, NAME = (1, 2), (1, 3), (1, 1)
REFS = {
    NAME: ColumnRef("s", "people", "name"),
    SSN: ColumnRef("s", "people", "ssn"),
    EMAIL: ColumnRef("s", "people", "email"),
    (2, 1): ColumnRef("s", "old", "ssn"),
}
NAMES = Names(REFS)
LABELS = Labels(
    {SSN: frozenset({"ssn"}), EMAIL: frozenset({"email"}), (2, 1): frozenset({"ssn"})},
    REFS.keys(),
    frozenset({1, 2, 3}),
)


def bare(*columns: tuple[int, int], pure: bool = True) -> Output:
    return Output(frozenset(columns), pure=pure)


@pytest.mark.parametrize(
    ("output", "shown", "labels"),
    [
        (Output(), Shown.CLEAN, set()),
        (bare(NAME), Shown.CLEAN, set()),
        (bare((1, -1)), Shown.CLEAN, set()),
        (bare(SSN), Shown.BARE, {"ssn"}),
        (bare(SSN, (2, 1)), Shown.BARE, {"ssn"}),
        (bare(SSN, pure=False), Shown.MIXED, {"ssn"}),
        (bare(SSN, NAME), Shown.MIXED, {"ssn"}),
        (bare(SSN, EMAIL), Shown.MIXED, {"ssn", "email"}),
        (Output(frozenset({SSN}), frozenset({NAME})), Shown.MIXED, {"ssn"}),
        (Output(derived=frozenset({SSN})), Shown.DERIVED, {"ssn"}),
        (Output(frozenset({NAME}), frozenset({EMAIL})), Shown.DERIVED, {"email"}),
        (Output(derived=frozenset({NAME})), Shown.CLEAN, set()),
        (Output(frozenset({(1, 0)}), pure=True, whole_row=True), Shown.DERIVED, {"ssn", "email"}),
        (bare((1, 0)), Shown.DERIVED, {"ssn", "email"}),
        (Output(frozenset({(3, 0)}), whole_row=True), Shown.CLEAN, set()),
        (Output(frozenset({SSN}), pure=True, whole_row=True), Shown.DERIVED, {"ssn"}),
        (bare((9, 1)), Shown.UNKNOWN, set()),
        (bare((1, 4)), Shown.UNKNOWN, set()),
        (bare(SSN, (9, 1)), Shown.UNKNOWN, {"ssn"}),
        (Output(derived=frozenset({(9, 0)})), Shown.UNKNOWN, set()),
    ],
)
def test_outputs(output: Output, shown: Shown, labels: set[str]) -> None:
    assert LABELS.output(output) == LabelledOutput(shown, frozenset(labels))


def test_uses_of_labelled_and_of_unknown_columns() -> None:
    uses = tuple(TreeUse(column, Use.PREDICATE, "WHERE") for column in (NAME, SSN, (1, 0), (3, 0), (9, 1), (1, 7)))
    found = LABELS.uses(Attestation("SELECT", uses=uses))
    assert [use.column for use in found] == [SSN, (1, 0), (9, 1), (1, 7)]


def test_what_a_view_does_itself_can_be_left_out() -> None:
    uses = (TreeUse(SSN, Use.PREDICATE, "WHERE", view=7), TreeUse(EMAIL, Use.PREDICATE, "WHERE"))
    found = Attestation("SELECT", uses=uses)
    assert [use.column for use in LABELS.uses(found, views=False)] == [EMAIL]
    assert [use.column for use in NAMES.uses(found, views=False)] == [REFS[EMAIL]]
    assert len(LABELS.uses(found)) == len(NAMES.uses(found)) == 2


def test_unknown_relations() -> None:
    found = Attestation("SELECT", reads=frozenset({1, 7}), writes=frozenset({(8, "UPDATE")}), locks=frozenset({9, 2}))
    assert LABELS.unknown(found) == {7, 8, 9}


def test_outputs_by_name() -> None:
    outputs = (
        Output(),
        bare(SSN),
        bare(SSN, pure=False),
        Output(frozenset({SSN}), frozenset({NAME})),
        bare((1, 0)),
        bare((1, -1)),
        bare((9, 1)),
    )
    assert NAMES.outputs(Attestation("SELECT", outputs)) == (
        Constant(),
        Columns(frozenset({REFS[SSN]})),
        Columns(frozenset({REFS[SSN]}), pure=False),
        Constant(frozenset({REFS[SSN], REFS[NAME]}), frozenset({REFS[SSN]})),
        Columns(frozenset({REFS[NAME], REFS[SSN], REFS[EMAIL]}), whole=True),
        Constant(),
        Opaque("a column that the catalog does not have"),
    )


def test_uses_by_name() -> None:
    uses = (
        TreeUse(SSN, Use.EQUALITY, "WHERE", place=1),
        TreeUse(SSN, Use.EQUALITY, "WHERE", place=2),
        TreeUse(NAME, Use.PREDICATE, "WHERE", view=7),
        TreeUse(NAME, Use.PREDICATE, "WHERE"),
        TreeUse(EMAIL, Use.WRITE, "UPDATE", target=NAME),
        TreeUse((1, 0), Use.EXPRESSION, "SELECT"),
        TreeUse((9, 4), Use.PREDICATE, "WHERE"),
    )
    equality = ColumnUse(REFS[SSN], Use.EQUALITY, "WHERE")
    assert NAMES.uses(Attestation("SELECT", uses=uses)) == (
        equality,
        equality,
        ColumnUse(REFS[NAME], Use.PREDICATE, "WHERE"),
        ColumnUse(REFS[EMAIL], Use.WRITE, "UPDATE", target=REFS[NAME]),
        *(ColumnUse(REFS[column], Use.EXPRESSION, "SELECT") for column in (NAME, SSN, EMAIL)),
        ColumnUse(ColumnRef("", "9", "4"), Use.PREDICATE, "WHERE"),
    )


def test_a_relations_row_has_its_columns_in_order_where_the_catalog_has_the_same() -> None:
    (whole,) = NAMES.outputs(Attestation("SELECT", (Output(frozenset({(1, 0)}), pure=True, row=(NAME, SSN, EMAIL)),)))
    assert whole == Columns(
        frozenset(REFS[each] for each in (NAME, SSN, EMAIL)), whole=True, row=(REFS[NAME], REFS[SSN], REFS[EMAIL])
    )
    for other in ((NAME, SSN), (NAME, SSN, EMAIL, (1, 9)), (SSN, NAME, EMAIL), ((7, 1),)):
        (whole,) = NAMES.outputs(Attestation("SELECT", (Output(frozenset({(1, 0)}), pure=True, row=other),)))
        assert isinstance(whole, Columns)
        assert whole.whole
        assert whole.row == ()
