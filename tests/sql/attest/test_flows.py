"""What values are made of, joined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.sql.attest.flows import NOTHING, OTHER, Flow, computed, either, row_of

COLUMNS = st.frozensets(st.tuples(st.integers(1, 2), st.integers(0, 2)), max_size=2)
FLOWS = st.builds(Flow, COLUMNS, COLUMNS, st.booleans())


@given(FLOWS, FLOWS)
def test_either_forgets_nothing(one: Flow, other: Flow) -> None:
    both = either(one, other)
    assert both.bare == one.bare | other.bare
    assert both.derived == one.derived | other.derived
    assert both.mixed == (one.mixed or other.mixed)
    assert both.columns == one.columns | other.columns
    assert both.same_as(either(other, one))


@given(FLOWS)
def test_nothing_is_neutral(flow: Flow) -> None:
    assert either(NOTHING, flow).same_as(flow)
    assert either(flow, NOTHING).same_as(flow)


def test_rows_keep_their_parts_while_they_are_alike() -> None:
    one, other = Flow(frozenset({(1, 1)})), Flow(frozenset({(1, 2)}))
    row = row_of((one, other))
    assert row.mixed
    assert row.bare == {(1, 1), (1, 2)}
    both = either(row, row_of((other, one)))
    assert both.row is not None
    assert both.row[0].bare == {(1, 1), (1, 2)}
    assert either(row, row_of((one,))).row is None
    assert either(row, OTHER).row is None


def test_computed() -> None:
    assert computed([]) is OTHER
    found = computed([(1, 1)])
    assert not found.bare
    assert found.derived == {(1, 1)}
    assert found.mixed
    assert "(1, 1)" in repr(found)
