"""What is a join, what is total, and which fields must be there: trees written by hand for what is rare."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.reader import Node, read
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.shape import Shape
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.attest.total import total_columns
from pgmaskproxy.sql.total import MAX_COLUMNS
from tests.sql.attest.building import entry, node, query, target, var

TEXT, INTEGER, DATE = "25", "23", "1082"
TEXT_EQUALS, CONCAT = "98", "3058"
COLUMN = node("VAR", vartype=TEXT)


def constant(of: str = TEXT) -> str:
    return node("CONST", consttype=of, constisnull="true", constbyval="false")


def concat(*parts: str) -> str:
    return node("FUNCEXPR", funcid=CONCAT, funcresulttype=TEXT, funcvariadic="false", args=f"({' '.join(parts)})")


def used(values: str) -> set[Use]:
    """What column 1 is used for where it is held against a list of VALUES."""
    condition = node("OPEXPR", opno=TEXT_EQUALS, args=f"({var()} {var(1, 2)})")
    joined = node("FROMEXPR", fromlist="({RANGETBLREF :rtindex 1} {RANGETBLREF :rtindex 2})", quals=condition)
    other = entry(0, 1, 5, values_lists=f"({values})", relkind="<>")
    found = attest(f"({query(target(var(2)), f'{entry()} {other}', jointree=joined)})", 18)
    return {use.use for use in found.uses if use.column == (20_000, 1)}


def test_a_join_is_one_of_two_columns_and_of_nothing_else() -> None:
    assert Use.JOIN in used(f"({var(3)})")
    assert Use.JOIN not in used(f"({var(3)}) ({constant()})")


def test_total_expressions_are_of_few_columns_and_of_literals_that_cannot_fail() -> None:
    assert total_columns(read(concat(COLUMN, constant(), constant(INTEGER)))) is not None
    assert total_columns(read(concat(COLUMN, constant(DATE)))) is None
    assert total_columns(read(concat(*[COLUMN] * MAX_COLUMNS))) is not None
    assert total_columns(read(concat(*[COLUMN] * (MAX_COLUMNS + 1)))) is None


def test_only_an_entry_of_the_range_table_may_lack_fields() -> None:
    for made in (query(target(var())), target(var()), concat(COLUMN)):
        found = read(made)
        assert isinstance(found, Node)
        Shape(18).check(found)
        found.fields.popitem()
        with pytest.raises(Unattestable, match="lacks"):
            Shape(18).check(found)
