"""What of a plan is taken off for a person's yes: columns as the server names them, in no more rows than that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.kernel import relay
from pgmaskproxy.mask.lifting import ClearRows, end_of_rows, is_confirmed, lifted
from pgmaskproxy.mask.plan import SEALED, bind_plan
from pgmaskproxy.model import ColumnRef, Mask, Unmask, UnmaskedOutput
from tests.mask.shapes import OTHER_TABLE, TABLE, Shape, data_rows, field, rows_of, shapes

REDACT = Mask("redact", "pii")
SHAPE = Shape((None, REDACT, REDACT))


def output(ordinal: int, *, oid: int = TABLE, number: int | None = None) -> UnmaskedOutput:
    """That column of TABLE."""
    return UnmaskedOutput(
        ordinal, ColumnRef("s", "t", f"c{ordinal + 1}"), oid, ordinal + 1 if number is None else number
    )


def taken_off(unmask: Unmask, shape: Shape = SHAPE) -> tuple[ClearRows, tuple[Mask | None, ...]] | None:
    bound = bind_plan(shape.fields, shape.masks, shape.visibility)
    return lifted(bound.plan, bound.shown, unmask, shape.fields)


def test_one_mask_is_taken_off_and_every_other_stays() -> None:
    found = taken_off(Unmask((output(1),), 2))
    assert found is not None
    clear, shown = found
    assert shown == (None, None, REDACT)
    assert (clear.rows, clear.left, clear.shown) == (2, 2, 0)
    out = relay(data_rows([(b"1", b"secret", b"hidden")]), 0, clear.plan).out
    assert b"secret" in out
    assert b"hidden" not in out


@pytest.mark.parametrize(
    "outputs",
    [
        (),
        (output(1, oid=0),),
        (output(1, oid=OTHER_TABLE),),
        (output(1, number=0),),
        (output(1, number=3),),
        (output(3),),
        (output(1), output(2, number=2)),
    ],
)
def test_nothing_is_taken_off_where_the_server_does_not_name_that_very_column(
    outputs: tuple[UnmaskedOutput, ...],
) -> None:
    assert taken_off(Unmask(outputs, 2)) is None
    assert not is_confirmed(Unmask(outputs, 2), SHAPE.fields)


def test_of_an_expression_and_a_whole_row_the_server_says_nothing() -> None:
    bound = bind_plan(SHAPE.fields, SHAPE.masks, SHAPE.visibility)
    for table, number in ((0, 0), (TABLE, 0)):
        fields = (SHAPE.fields[0], field(number, table=table), field(3))
        assert lifted(bound.plan, bound.shown, Unmask((output(1, oid=table, number=number),), 2), fields) is None


def test_a_plan_that_nobody_bound_stays_sealed() -> None:
    assert lifted(SEALED, (), Unmask((output(0),), 1), ()) is None
    assert lifted(SEALED, SHAPE.masks, Unmask((output(1),), 1), SHAPE.fields) is None


@given(shapes, st.data())
def test_what_is_not_named_comes_out_as_it_does_without_a_yes(shape: Shape, data: st.DataObject) -> None:
    rows = data.draw(rows_of(shape, st.none() | st.binary(max_size=9)))
    ordinals = data.draw(st.sets(st.sampled_from(range(len(shape.masks))), min_size=1)) if shape.masks else set()
    most = data.draw(st.integers(1, 4))
    if not ordinals:
        return
    bound = bind_plan(shape.fields, shape.masks, shape.visibility)
    found = taken_off(Unmask(tuple(output(each) for each in sorted(ordinals)), most), shape)
    assert found is not None
    stream = data_rows(rows)
    end = end_of_rows(stream, 0, most)
    first = relay(stream[:end], 0, found[0].plan)
    rest = relay(stream, end, bound.plan)
    assert (first.end, first.rows) == (end, min(most, len(rows)))
    assert rest.end == len(stream)
    masked = [shape.expected(row) for row in rows]
    clear = [
        tuple(raw if at in ordinals else hidden for at, (raw, hidden) in enumerate(zip(row, shown, strict=True)))
        for row, shown in zip(rows, masked, strict=True)
    ]
    assert first.out + rest.out == data_rows([*clear[:most], *masked[most:]])


def test_no_more_rows_than_that_and_no_half_one() -> None:
    stream = data_rows([(b"1", b"2"), (b"3", b"4"), (b"5", b"6")])
    size = len(stream) // 3
    assert [end_of_rows(stream, 0, most) for most in (0, 1, 2, 3, 9)] == [0, size, 2 * size, 3 * size, 3 * size]
    assert end_of_rows(stream, size, 1) == 2 * size
    assert [end_of_rows(stream[:cut], 0, 9) for cut in (0, 3, size - 1, size + 4)] == [0, 0, 0, size]
    assert end_of_rows(b"C" + stream, 0, 9) == 0
    assert end_of_rows(b"D\xff\xff\xff\xff" + stream, 0, 9) == 0


def test_a_bad_row_is_the_kernels_to_refuse() -> None:
    found = taken_off(Unmask((output(1),), 2))
    assert found is not None
    stream = b"D\0\0\0\x07\0\x01\0"
    with pytest.raises(PeerError):
        relay(stream[: end_of_rows(stream, 0, 2)], 0, found[0].plan)
