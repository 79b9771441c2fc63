"""Fields of COPY FROM as they stream, however the stream is cut."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.copyfields import LONGEST, CopyFields, copy_fields
from pgmaskproxy.model import CopyLayout

TEXT, CSV, BINARY = CopyLayout(), CopyLayout("csv", ",", ""), CopyLayout("binary")
HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
ROWS = st.lists(
    st.lists(
        st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)),
        min_size=3,
        max_size=3,
    ),
    max_size=4,
)
CUTS = st.lists(st.integers(1, 7), max_size=60)


def reader(layout: CopyLayout, *wanted: int) -> CopyFields:
    made = copy_fields(layout, wanted)
    assert made is not None
    return made


def found(data: bytes, layout: CopyLayout = TEXT, *wanted: int, cuts: Sequence[int] = ()) -> list[tuple[int, bytes]]:
    """The fields, of data that comes in pieces of these sizes and a rest."""
    made, fields, at = reader(layout, *(wanted or (1, 2, 3))), [], 0
    for size in cuts:
        fields += made.found(data[at : at + size])
        at += size
    return fields + made.found(data[at:]) + made.last()


def expected(rows: Sequence[Sequence[str | None]]) -> list[tuple[int, bytes]]:
    return [(at, value.encode()) for row in rows for at, value in enumerate(row, 1) if value is not None]


@given(ROWS, CUTS)
def test_text_is_read_as_it_is_written(rows: list[list[str | None]], cuts: list[int]) -> None:
    def field(value: str | None) -> str:
        if value is None:
            return "\\N"
        escaped = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        return escaped.replace("\b", "\\b")

    data = "".join("\t".join(map(field, row)) + "\n" for row in rows).encode()
    assert [pair for pair in found(data, cuts=cuts) if pair[1]] == [pair for pair in expected(rows) if pair[1]]


@given(ROWS, CUTS)
def test_csv_is_read_as_it_is_written(rows: list[list[str | None]], cuts: list[int]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [value or "" for value in row] for row in rows
    )
    values = found(written.getvalue().encode(), CSV, cuts=cuts)
    assert [pair for pair in values if pair[1]] == [pair for pair in expected(rows) if pair[1]]


@given(ROWS, CUTS)
def test_binary_is_read_as_it_is_written(rows: list[list[str | None]], cuts: list[int]) -> None:
    data = HEAD[:-4] + struct.pack("!i", 5) + b"extra"
    for row in rows:
        data += struct.pack("!h", len(row))
        for value in row:
            raw = b"" if value is None else value.encode()
            data += struct.pack("!i", -1 if value is None else len(raw)) + raw
    assert found(data + b"\xff\xff", BINARY, cuts=cuts) == expected(rows)


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (rb"\x2a\x2a\52", [b"***"]),
        (
            rb"a\
b",
            [b"a\nb"],
        ),
        (rb"\q\\", [b"q\\"]),
        (rb"\N", []),
        (rb"\NN", [b"NN"]),
        (b"", [b""]),
    ],
)
def test_escapes_of_text(data: bytes, values: list[bytes]) -> None:
    assert [value for _, value in found(data + b"\tx\n", TEXT, 1)][: len(values)] == values


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b'a"b,c"d', [b"ab,cd"]),
        (b'"a""b"', [b'a"b']),
        (b'"",x', [b""]),
        (b'"x\ny"', [b"x\ny"]),
    ],
)
def test_quotes_of_csv(data: bytes, values: list[bytes]) -> None:
    assert [value for _, value in found(data, CSV, 1)] == values


def test_an_unquoted_null_of_csv_is_none_and_a_quoted_one_is_a_value() -> None:
    layout = CopyLayout("csv", ";", "nil", False, "'", "\\")
    assert found(b"nil;'nil';'it\\'s\\\\'\n", layout) == [(2, b"nil"), (3, b"it's\\")]


def test_nobody_keeps_what_nobody_wants_nor_what_is_too_long() -> None:
    made = reader(TEXT, 2)
    for _ in range(5):
        assert made.found(b"x" * LONGEST) == []
    assert made.found(b"\tshort\tmore\nfirst\t") == [(2, b"short")]
    for _ in range(3):
        assert made.found(b"y" * LONGEST) == []
    assert made.found(b"\tz\na\tb\n") == [(2, b"b")]
    assert sum(map(len, made._kept)) == 0


def test_a_layout_that_nobody_can_read() -> None:
    assert copy_fields(CopyLayout(""), [1]) is None
