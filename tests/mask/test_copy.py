"""A whole COPY through its plan: in every format what a server would write for the masked rows, or nothing."""

from __future__ import annotations

import csv
import io
import itertools

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.mask.copy import CopyStream
from pgmaskproxy.model import CopyLayout
from pgmaskproxy.wire.copy import CopyData
from tests.mask.copies import PROLOGUE, Copy, binary_tuple, copies, frames, pieces, plan, relayed, written
from tests.mask.shapes import EMAIL, NULL, PARTIAL, REDACT, Row, Shape

TEXT, CSV, BINARY = CopyLayout(), CopyLayout("csv", ",", ""), CopyLayout("binary")
LAYOUTS = [
    TEXT,
    CSV,
    BINARY,
    CopyLayout("text", ",", "", header=True),
    CopyLayout("csv", ";", "NULL", True, "'", "\\", None),
]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(copies(), st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_masking_a_copy_is_copying_what_is_masked(copy: Copy, sizes: list[int]) -> None:
    data, buffered, out, position, rows = copy.data, b"", b"", 0, 0
    stream = CopyStream(plan(copy.shape, copy.layout))
    for size in itertools.cycle(sizes):
        if position >= len(data):
            break
        buffered += data[position : position + size]
        position += size
        found = stream.relay(buffered, 0)
        out, buffered, rows = out + found.out, buffered[found.end :], rows + found.rows
    stream.finish()
    assert buffered == b""
    assert out == copy.expected
    assert rows == len(copy.rows)
    assert out == relayed(data, copy.shape, copy.layout)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(copies())
def test_every_cell_that_is_masked_is_counted(copy: Copy) -> None:
    certain = copy.layout.format != "text" or copy.layout.null == r"\N"
    found = CopyStream(plan(copy.shape, copy.layout)).relay(copy.data, 0)
    nulls = sum(1 for row in copy.rows for value, mask in zip(row, copy.shape.masks, strict=True) if mask and not value)
    count = sum(copy.shape.masked_cells(row) for row in copy.rows)
    assert found.cells == count if certain else count <= found.cells <= count + nulls


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(copies())
@example(Copy(Shape((PARTIAL, EMAIL)), CSV, [(b'a\n,"b"\r\n', b"x@y.example"), (None, b"")]))
def test_pythons_reader_finds_the_masked_values_in_csv(copy: Copy) -> None:
    layout = copy.layout
    if layout.format != "csv" or not copy.shape.masks or layout.quote == layout.escape == " ":
        return
    if layout.escape not in {layout.quote, "\\"} or " " in {layout.quote, layout.delimiter}:
        return  # the reader knows nothing of them
    text = b"".join(pieces(relayed(copy.data, copy.shape, layout))).decode("utf-8", "surrogateescape")
    double = layout.escape == layout.quote
    found = list(
        csv.reader(
            io.StringIO(text, newline=""),
            delimiter=layout.delimiter,
            quotechar=layout.quote,
            doublequote=double,
            escapechar=None if double else layout.escape,
            strict=True,
        )
    )
    if not double and ("\\" in layout.null or any(b"\\" in (value or b"") for row in copy.rows for value in row)):
        return  # it takes a backslash outside of quotes for an escape, and a server does not
    masked = [
        [layout.null if value is None else value.decode("utf-8", "surrogateescape") for value in row]
        for row in map(copy.shape.expected, copy.rows)
    ]
    if masked and len(masked[0]) == 1:
        found = [row or [""] for row in found]  # an empty line is no row to it
    assert found[int(layout.header) :] == masked


SECRET = b"QQQQQQQQQQQQ"
"""No byte of it stands in any clear value: two of them in a row in the output are a leak."""

SECRETIVE = Shape((None, REDACT, None, NULL, REDACT))
SECRET_ROWS: list[Row] = [
    (b"1", SECRET, b'ber"l,in', SECRET, SECRET),
    (None, b"Q\n,\t\\\"'QQ", b"", None, SECRET),
    (b"3", None, b"pa\nr;is", SECRET, None),
]


def output(data: bytes, layout: CopyLayout) -> bytes:
    """What is sent of `data`: nothing when it is refused."""
    try:
        return CopyStream(plan(SECRETIVE, layout)).relay(data, 0).out
    except PeerError:
        return b""


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_no_corrupt_byte_lets_a_masked_value_out(layout: CopyLayout) -> None:
    data = frames(written(SECRET_ROWS, 5, layout))
    for position in range(len(data)):
        near = (data[position] ^ 1, (data[position] + 12) % 256)
        for byte in (0, 1, 2, 9, 10, 13, 0x22, 0x27, 0x2C, 0x3B, 0x4E, 0x5C, 0x7F, 0x80, 0xFF, *near):
            corrupt = bytearray(data)
            corrupt[position] = byte
            assert b"QQ" not in output(bytes(corrupt), layout), (position, byte)


@given(st.sampled_from(LAYOUTS), st.integers(0, 400), st.integers(0, 12), st.binary(max_size=6))
def test_no_cut_or_inserted_bytes_let_a_masked_value_out(
    layout: CopyLayout, at: int, removed: int, inserted: bytes
) -> None:
    data = frames(written(SECRET_ROWS, 5, layout))
    inserted = inserted.replace(b"Q", b"R").replace(layout.delimiter.encode(), b"R")
    assert b"QQ" not in output(data[:at] + inserted + data[at + removed :], layout)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_rows_are_never_joined_nor_cut_differently_than_a_server_does(layout: CopyLayout) -> None:
    shape = Shape((None, REDACT))
    whole = written([(b"1", b"secret"), (b"2", b"secret")], 2, layout)
    for wrong in (
        [b"".join(whole)],
        [*whole[:-2], whole[-2] + whole[-1]],
        [*whole[:-1], whole[-1][:1], whole[-1][1:]],
        [b"", *whole],
        [*whole, b""],
    ):
        for case in (shape, Shape((None, None))):
            stream = CopyStream(plan(case, layout))
            with pytest.raises(PeerError):
                stream.relay(frames(wrong), 0)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("fields", [0, 1, 3])
@pytest.mark.parametrize("shape", [Shape((None, REDACT)), Shape((None, None)), Shape((PARTIAL, NULL))], ids=str)
def test_another_number_of_fields_is_refused_with_all_that_is_before_it(
    layout: CopyLayout, fields: int, shape: Shape
) -> None:
    good, bad = (b"1", b"secret"), (b"secret",) * fields
    for rows in ([bad], [good, bad], [bad, good]):
        data = written([], 2, layout)[:-1] if layout.format == "binary" else written([], 2, layout)
        if layout.format == "binary":
            data = [PROLOGUE + binary_tuple(rows[0]), *map(binary_tuple, rows[1:]), b"\xff\xff"]
        else:
            data += [piece for row in rows for piece in written([row], 2, _without_header(layout))]
        with pytest.raises(PeerError):
            CopyStream(plan(shape, layout)).relay(frames(data), 0)


def _without_header(layout: CopyLayout) -> CopyLayout:
    return CopyLayout(
        layout.format, layout.delimiter, layout.null, False, layout.quote, layout.escape, layout.force_quote
    )


def test_a_header_is_exactly_the_names_and_only_where_one_is_due() -> None:
    headed = CopyLayout("csv", ",", "", header=True)
    shape = Shape((None, REDACT))
    assert relayed(frames([b"c1,c2\n", b"1,secret\n"]), shape, headed) == frames([b"c1,c2\n", b"1,***\n"])
    assert relayed(frames([b"c1,c2\n", b"1,secret\n"]), shape, CSV) == frames([b"c1,***\n", b"1,***\n"])
    for first in (b"1,secret\n", b"c1,secret\n", b"c1,c2,secret\n", b'"c1",c2\n', b"c1,c2\n1,secret\n"):
        with pytest.raises(PeerError, match="header"):
            CopyStream(plan(shape, headed)).relay(frames([first]), 0)


def test_the_end_comes_once_and_nothing_behind_it() -> None:
    shape = Shape((REDACT,))
    for layout in LAYOUTS:
        stream = CopyStream(plan(shape, layout))
        stream.relay(frames(written([(b"secret",)], 1, layout)), 0)
        stream.finish()
        with pytest.raises(PeerError, match="behind its end"):
            stream.relay(frames([b"secret\n"]), 0)
    with pytest.raises(PeerError, match="twice"):
        stream.finish()


@pytest.mark.parametrize("layout", [BINARY, CopyLayout("csv", ",", "", header=True)], ids=str)
def test_an_end_before_the_header_or_trailer_is_refused(layout: CopyLayout) -> None:
    with pytest.raises(PeerError, match="too early"):
        CopyStream(plan(Shape((REDACT,)), layout)).finish()


@pytest.mark.parametrize(
    ("layout", "good"),
    [(TEXT, (0, (0, 0))), (CSV, (0, (0, 0))), (BINARY, (1, (1, 1)))],
    ids=["text", "csv", "binary"],
)
def test_it_is_announced_as_it_was_decided(layout: CopyLayout, good: tuple[int, tuple[int, ...]]) -> None:
    shape = Shape((None, REDACT))
    CopyStream(plan(shape, layout)).announced(*good)
    for format_code, columns in ((1 - good[0], good[1]), (good[0], (0, 1)), (good[0], good[1] * 2), (good[0], ())):
        with pytest.raises(PeerError, match="another form"):
            CopyStream(plan(shape, layout)).announced(format_code, columns)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_it_stops_before_other_frames_and_unfinished_ones(layout: CopyLayout) -> None:
    row = frames(written([(b"1", b"secret")], 2, layout))
    if layout is BINARY:
        row = frames([PROLOGUE + binary_tuple((b"1", b"secret"))])
    for rest in (b"c\0\0\0\4", b"D", b"", b"d", CopyData(b"1").encode()[:-1]):
        found = CopyStream(plan(Shape((None, REDACT)), layout)).relay(row + rest, 0)
        assert (found.end, found.rows) == (len(row), 1)
    for length in (b"\0\0\0\3", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"):
        with pytest.raises(PeerError):
            CopyStream(plan(Shape((None, REDACT)), layout)).relay(b"d" + length, 0)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_rows_of_no_columns_and_no_rows(layout: CopyLayout) -> None:
    for rows in ([(), ()], []):
        data = frames(written(rows, 0, layout))
        assert relayed(data, Shape(()), layout) == data
    assert relayed(frames(written([], 2, layout)), Shape((REDACT, None)), layout) == frames(written([], 2, layout))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_the_widest_row_and_a_long_value(layout: CopyLayout) -> None:
    shape = Shape(tuple(REDACT if number % 2 else None for number in range(1664)))
    row: Row = tuple(b"%d" % number for number in range(1664))
    long: Row = (b'\\",\n' * 50_000, b'\\",\n' * 50_000)
    for copy in (Copy(shape, layout, [row]), Copy(Shape((None, PARTIAL)), layout, [long])):
        assert relayed(copy.data, copy.shape, layout) == copy.expected


@pytest.mark.parametrize("start", [-1, 8])
def test_a_start_outside_of_the_buffer_is_our_own_fault(start: int) -> None:
    with pytest.raises(InternalError):
        CopyStream(plan(Shape((REDACT,)), TEXT)).relay(b"ddddddd", start)
