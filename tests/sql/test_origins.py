"""How origins join."""

from __future__ import annotations

from pgmaskproxy.model import ColumnRef, Columns, Constant, Opaque
from pgmaskproxy.sql.origins import CLEAN, Output, Result, arms, computed, either, row_of

SSN = Columns(frozenset({ColumnRef("s", "t", "ssn")}))
NAME = Columns(frozenset({ColumnRef("s", "t", "name")}))


def test_either() -> None:
    assert either(SSN, NAME) == Columns(SSN.columns | NAME.columns)
    assert either(SSN, CLEAN) == Columns(SSN.columns, pure=False)
    assert either(CLEAN, Constant(NAME.columns)) == Constant(NAME.columns)
    assert isinstance(either(SSN, Opaque("x")), Opaque)
    assert isinstance(either(Opaque("x"), CLEAN), Opaque)


def test_computed_is_never_a_bare_column() -> None:
    assert computed([SSN, NAME, CLEAN]) == Constant(SSN.columns | NAME.columns)
    assert isinstance(computed([SSN, Opaque("x")]), Opaque)
    assert computed([]) == CLEAN


def test_rows() -> None:
    assert row_of([Output("a", SSN), Output("b", NAME)], None) == Columns(SSN.columns | NAME.columns)
    assert isinstance(row_of([Output("a", SSN)], Opaque("x")), Opaque)
    assert row_of([], None) == CLEAN


def test_arms_with_an_unknown_side_are_unknown() -> None:
    joined = arms(Result((Output("a", SSN),)), Result((), CLEAN))
    assert joined.outputs == ()
    assert joined.more == Columns(SSN.columns, pure=False)


def test_renaming_names_unknown_columns_too() -> None:
    assert [output.name for output in Result((Output("a", SSN),), CLEAN).renamed(["x", "y"]).outputs] == ["x", "y"]
    assert [output.name for output in Result((Output("a", SSN),)).renamed(["x", "y"]).outputs] == ["x"]
