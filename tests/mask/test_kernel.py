from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.mask.kernel import relay
from pgmaskproxy.mask.keys import Key, Keyring
from pgmaskproxy.mask.plan import MaskPlan, bind_plan
from pgmaskproxy.mask.token import Tokens
from pgmaskproxy.model import Mask
from pgmaskproxy.wire.backend import DataRow, decode
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FrameBuffer
from tests.mask.shapes import (
    NULL,
    PARTIAL,
    REDACT,
    Row,
    Shape,
    data_rows,
    field,
    raw_values,
    rows_of,
    shapes,
    texts,
    visibility,
)

SECRET = b"QQQQQQQQQQQQ"
"""No byte of it stands in any clear value: two of them in a row in the output are a leak."""

READY = b"Z\0\0\0\5I"


def row_plan(shape: Shape) -> MaskPlan:
    return bind_plan(shape.fields, shape.masks, shape.visibility).plan


def parsed(out: bytes) -> list[Row]:
    buffer = FrameBuffer(BACKEND_LIMITS)
    buffer.feed(out)
    rows: list[Row] = []
    while (frame := buffer.next()) is not None:
        message = decode(frame)
        assert isinstance(message, DataRow)
        rows.append(message.values)
    assert buffer.pending == 0
    return rows


@st.composite
def streams(draw: st.DrawFn, cells: st.SearchStrategy[bytes | None]) -> tuple[Shape, list[Row]]:
    shape = draw(shapes)
    return shape, draw(rows_of(shape, cells))


@given(streams(raw_values))
def test_clear_columns_are_byte_identical_and_masked_ones_what_the_masker_says(stream: tuple[Shape, list[Row]]) -> None:
    shape, rows = stream
    data = data_rows(rows)
    relayed = relay(b"junk" + data + READY, 4, row_plan(shape))
    assert parsed(relayed.out) == [shape.expected(row) for row in rows]
    assert relayed.end == 4 + len(data)
    assert relayed.rows == len(rows)
    assert relayed.cells == sum(shape.masked_cells(row) for row in rows)


@given(streams(raw_values), st.data())
def test_any_chunking_gives_the_same_bytes(stream: tuple[Shape, list[Row]], choices: st.DataObject) -> None:
    shape, rows = stream
    plan = row_plan(shape)
    data = data_rows(rows)
    out, position, buffered = b"", 0, b""
    while position < len(data):
        size = choices.draw(st.integers(1, 40))
        buffered += data[position : position + size]
        position += size
        relayed = relay(buffered, 0, plan)
        out += relayed.out
        buffered = buffered[relayed.end :]
    assert buffered == b""
    assert out == relay(data, 0, plan).out


SECRETIVE = Shape((None, REDACT, None, NULL, REDACT))
SECRET_ROWS: list[Row] = [
    (b"1", SECRET, b"berlin", SECRET, SECRET),
    (None, SECRET, b"", None, SECRET),
    (b"3", None, b"paris", SECRET, None),
]


def output(data: bytes) -> bytes:
    """What is sent of `data`, rows of SECRETIVE: nothing when it is refused."""
    try:
        return relay(data, 0, row_plan(SECRETIVE)).out
    except PeerError:
        return b""


def test_no_corrupt_byte_lets_a_masked_value_out() -> None:
    data = data_rows(SECRET_ROWS)
    for position in range(len(data)):
        for byte in (0, 1, 2, 9, 10, 13, 0x4E, 0x5C, 0x7F, 0x80, 0xFF, data[position] ^ 1, (data[position] + 12) % 256):
            corrupt = bytearray(data)
            corrupt[position] = byte
            assert b"QQ" not in output(bytes(corrupt)), (position, byte)


@given(st.integers(0, 400), st.integers(0, 12), st.binary(max_size=6))
def test_no_cut_or_inserted_bytes_let_a_masked_value_out(at: int, removed: int, inserted: bytes) -> None:
    data = data_rows(SECRET_ROWS)
    corrupt = data[:at] + inserted.replace(b"Q", b"R") + data[at + removed :]
    assert b"QQ" not in output(corrupt)


def test_a_row_that_is_cut_off_anywhere_waits_for_its_rest() -> None:
    plan = row_plan(SECRETIVE)
    first = data_rows(SECRET_ROWS[:1])
    data = data_rows(SECRET_ROWS[:2])
    for size in range(len(first), len(data)):
        relayed = relay(data[:size], 0, plan)
        assert (relayed.end, relayed.rows) == (len(first), 1)
        assert parsed(relayed.out) == [SECRETIVE.expected(SECRET_ROWS[0])]


@pytest.mark.parametrize("kind", [b"C", b"E", b"N", b"S", b"Z", b"d", b"\0"])
def test_stops_before_a_frame_of_another_type(kind: bytes) -> None:
    data = data_rows(SECRET_ROWS)
    relayed = relay(data + kind + b"\0\0\0\4", 0, row_plan(SECRETIVE))
    assert relayed.end == len(data)
    assert relay(kind + data, 0, row_plan(SECRETIVE)).end == 0


def frame(columns: int, body: bytes, *, length: int | None = None) -> bytes:
    whole = struct.pack("!h", columns) + body
    return b"D" + struct.pack("!i", len(whole) + 4 if length is None else length) + whole


ONE = struct.pack("!i", 1) + b"x"

MALFORMED = {
    "fewer columns": frame(1, ONE),
    "more columns": frame(3, ONE * 3),
    "no columns": frame(0, b""),
    "a negative count": frame(-1, b""),
    "a count above its columns": frame(2, ONE),
    "a higher count over the right columns": frame(3, ONE * 2),
    "a lower count over the right columns": frame(1, ONE * 2),
    "bytes left over": frame(2, ONE * 2 + b"x"),
    "a cut length": frame(2, ONE + b"\0\0"),
    "a negative length": frame(2, ONE + struct.pack("!i", -2)),
    "the most negative length": frame(2, ONE + struct.pack("!i", -(2**31))),
    "a length one past the row": frame(2, ONE + struct.pack("!i", 2) + b"x"),
    "a length that would wrap": frame(2, ONE + struct.pack("!i", 2**31 - 1) + b"x"),
    "a first column past the row": frame(2, struct.pack("!i", 7) + b"x" + ONE),
    "a frame length of 5": b"D\0\0\0\5\0\2",
    "a frame length of 0": b"D\0\0\0\0\0\0",
    "a negative frame length": b"D\xff\xff\xff\xff\0\0",
    "a frame length of 2 GiB": b"D\x7f\xff\xff\xff\0\0",
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("shape", [Shape((None, REDACT)), Shape((REDACT, None)), Shape((PARTIAL, NULL))])
def test_a_malformed_row_is_refused_with_all_that_is_before_it(name: str, shape: Shape) -> None:
    good = data_rows([(b"1", SECRET)])
    for data in (MALFORMED[name], good + MALFORMED[name], MALFORMED[name] + good):
        with pytest.raises(PeerError):
            relay(data, 0, row_plan(shape))


@pytest.mark.parametrize("name", ["fewer columns", "more columns", "a negative count", "a frame length of 5"])
def test_an_unmasked_plan_checks_frames_and_counts_too(name: str) -> None:
    with pytest.raises(PeerError):
        relay(MALFORMED[name], 0, row_plan(Shape((None, None))))


@pytest.mark.parametrize("shape", [Shape((None, REDACT)), Shape((None, PARTIAL)), Shape((REDACT, None))])
def test_no_masker_is_shown_what_lies_behind_its_row(shape: Shape) -> None:
    for name in ("a length one past the row", "a length that would wrap"):
        with pytest.raises(PeerError, match="longer than the row"):
            relay(MALFORMED[name] + data_rows([(b"1", SECRET)]), 0, row_plan(shape))


def test_a_longer_mask_than_its_value_grows_the_row() -> None:
    shape = Shape((None, REDACT, None))
    out = relay(data_rows([(b"a", b"", b"b"), (b"c", b"12345678", b"d")]), 0, row_plan(shape)).out
    assert parsed(out) == [(b"a", b"***", b"b"), (b"c", b"***", b"d")]


def test_rows_of_no_columns() -> None:
    data = data_rows([(), ()])
    relayed = relay(data, 0, row_plan(Shape(())))
    assert (relayed.out, relayed.rows) == (data, 2)


def test_the_widest_row() -> None:
    shape = Shape(tuple(REDACT if number % 2 else None for number in range(1664)))
    row: Row = tuple(b"%d" % number for number in range(1664))
    assert parsed(relay(data_rows([row]), 0, row_plan(shape)).out) == [shape.expected(row)]


@pytest.mark.parametrize("start", [-1, 8])
def test_a_start_outside_of_the_buffer_is_our_own_fault(start: int) -> None:
    with pytest.raises(InternalError):
        relay(b"DDDDDDD", start, row_plan(Shape((REDACT,))))


KEYS = Keyring([Key("masking", 1, bytes(range(32)))])
TOKEN = Mask("token", "pii")


@given(
    rows=st.lists(st.tuples(st.none() | st.binary(max_size=40), st.none() | texts.map(str.encode)), max_size=30),
    cut=st.integers(0, 20),
)
def test_what_is_masked_ahead_lands_in_its_own_row(rows: list[tuple[bytes | None, bytes | None]], cut: int) -> None:
    tokens = Tokens(KEYS, "pii", "masking")
    fields = [field(1), field(2), field(3)]
    plan = bind_plan(fields, (None, TOKEN, TOKEN), visibility({2: TOKEN, 3: TOKEN}), KEYS).plan
    assert plan.batched
    frames = [DataRow((first, second, first)).encode() for first, second in rows]
    data = b"".join(frames)
    whole = data[: len(data) - cut] if cut else data
    relayed = relay(whole, 0, plan)

    def sealed(value: bytes | None) -> bytes | None:
        return None if value is None else tokens.seal_utf8(value)

    expected = [DataRow((first, sealed(second), sealed(first))).encode() for first, second in rows]
    assert relayed.out == b"".join(expected[: relayed.rows])
    assert relayed.end == sum(map(len, frames[: relayed.rows]))


@given(data=st.binary(min_size=1, max_size=60))
def test_a_row_that_is_wrong_is_found_wrong_when_values_are_masked_ahead(data: bytes) -> None:
    plan = bind_plan([field(1)], (TOKEN,), visibility({1: TOKEN}), KEYS).plan
    good = DataRow((b"value",)).encode()
    bad = b"D" + (len(data) + 4).to_bytes(4, "big") + data
    if len(data) >= 6 and data[:2] == b"\0\1" and int.from_bytes(data[2:6], "big", signed=True) in {-1, len(data) - 6}:
        return
    with pytest.raises(PeerError):
        relay(good + bad, 0, plan)
