"""The table of the matrix says what its cells came to."""

from __future__ import annotations

import json

import pytest

from tests.drivers.matrix import BEGIN, END, FAILED, PASSED, Cell, Outcome, placed, rendered, worst


def test_a_cell_has_passed_when_all_of_its_tests_have() -> None:
    cell = Cell("psql", "18.6", "text", "18")
    for outcomes in ([PASSED, FAILED], [FAILED, PASSED]):
        assert [each.outcome for each in worst(Outcome(cell, each) for each in outcomes)] == [FAILED]


def test_servers_failures_and_reasons_are_shown() -> None:
    cells = [
        (Cell("psql", "18.6", "text", "18"), PASSED),
        (Cell("psql", "18.6", "text", "15"), PASSED),
        (Cell("psql", "18.6", "cancel", "15"), FAILED),
        (Cell("psql", "18.6", "binary", "15", "no such thing"), PASSED),
        (Cell("pg_dump", "18.6", "a dump", "18"), PASSED),
    ]
    table = rendered(Outcome.read(json.dumps({"cell": json.loads(cell.said()), "outcome": out})) for cell, out in cells)
    row = next(line for line in table.splitlines() if line.startswith("| psql"))
    assert row.startswith("| psql | 18.6 | 15 18 | (1) |")
    assert "| **15 failed** |" in row
    assert "| pg_dump | a dump | 18 |" in table
    assert "(1) no such thing" in table
    assert table.startswith("3 cells passed, 1 failed.")


def test_it_is_put_between_its_markers() -> None:
    assert placed(f"a\n{BEGIN}\nold\n{END}\nb\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nb\n"
    with pytest.raises(AssertionError):
        placed("nothing", "new")
