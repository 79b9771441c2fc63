"""Where columns come from, by number."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.attest.flows import OTHER, Flow
from pgmaskproxy.sql.attest.reader import Node
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.scope import Rows, Scope, Table, Target

SSN = Flow(frozenset({(2, 4)}))


def test_a_table() -> None:
    table = Table(1, 2)
    assert table.column(2).bare == {(1, 2)}
    assert table.column(-1).bare == {(1, -1)}
    whole = table.column(0)
    assert whole.bare == {(1, 0)}
    assert whole.row is not None
    assert [part.bare for part in whole.row] == [{(1, 1)}, {(1, 2)}]
    with pytest.raises(Unattestable):
        table.column(3)


def test_a_dropped_column_has_no_part_in_a_row() -> None:
    whole = Table(1, 3, frozenset({2})).column(0)
    assert whole.row is not None
    assert [part.bare for part in whole.row] == [{(1, 1)}, frozenset(), {(1, 3)}]


def test_rows() -> None:
    rows = Rows((OTHER, SSN))
    assert rows.column(2) is SSN
    assert rows.column(0).bare == SSN.bare
    assert rows.column(-3) is OTHER
    with pytest.raises(Unattestable):
        rows.column(3)


def test_rows_that_nothing_declares_are_all_alike() -> None:
    rows = Rows((), SSN)
    assert [rows.column(number) for number in (0, 1, 99, -1)] == [SSN] * 4


def test_returning_sees_what_was_written_and_what_was_there() -> None:
    target = Target(Table(1, 3), {2: SSN})
    assert target.column(1).bare == {(1, 1)}
    assert not target.column(1).mixed
    assert target.column(2).bare == {(1, 2), (2, 4)}
    assert target.column(2).mixed
    whole = target.column(0)
    assert whole.bare == {(1, 0), (1, 1), (1, 2), (1, 3), (2, 4)}
    assert target.column(-1).bare == {(1, -1)}


def test_scopes_end_somewhere() -> None:
    outer = Scope(Node("QUERY"), [], None)
    inner = Scope(Node("QUERY"), [], outer)
    assert inner.up(0) is inner
    assert inner.up(1) is outer
    for levels in (2, 99, -1):
        with pytest.raises(Unattestable):
            inner.up(levels)
