from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copycsv import CsvFormat
from pgmaskproxy.model import CopyLayout
from tests.mask.copies import cells, csv_field
from tests.mask.shapes import raw_values

PLAIN = CsvFormat(b",", b"", b'"', b'"', 2)
ODD = CsvFormat(b";", b"NULL", b"'", b"\\", 2)
SINGLE = CsvFormat(b",", b"", b'"', b'"', 1)


def fields(row: bytes, form: CsvFormat = PLAIN) -> list[bytes | None]:
    return [None if form.is_null(field) else form.decode(field) for field in form.split(row)]


@given(raw_values | cells, st.booleans())
def test_a_field_is_what_a_server_writes_and_decodes_to_its_value(value: bytes | None, forced: bool) -> None:
    for form, layout, single in (
        (PLAIN, CopyLayout("csv", ",", ""), False),
        (SINGLE, CopyLayout("csv", ",", ""), True),
        (ODD, CopyLayout("csv", ";", "NULL", False, "'", "\\"), False),
    ):
        field = form.encode(value, forced)
        assert field == csv_field(value, layout, forced=forced, single=single)
        assert fields(field + b"\n", form) == [value]


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (b"\n", [None]),
        (b'""\n', [b""]),
        (b',"",\n', [None, b"", None]),
        (b'"a,b",c\n', [b"a,b", b"c"]),
        (b'"a\r\nb","c\n"\n', [b"a\r\nb", b"c\n"]),
        (b'"""",""""""\n', [b'"', b'""']),
        (b'x,"y""z",w\n', [b"x", b'y"z', b"w"]),
        (b"\\,'\n", [b"\\", b"'"]),
    ],
)
def test_rows(row: bytes, found: list[bytes | None]) -> None:
    assert fields(row) == found


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (b"NULL;'NULL';\n", [None, b"NULL", b""]),
        (b"'a\\'b';'\\\\';\\\n", [b"a'b", b"\\", b"\\"]),
        (b"'\\\\\\'';'x;y'\n", [b"\\'", b"x;y"]),
    ],
)
def test_another_quote_with_an_escape_of_its_own(row: bytes, found: list[bytes | None]) -> None:
    assert fields(row, ODD) == found


def test_an_escape_that_is_the_delimiter() -> None:
    form = CsvFormat(b",", b"", b'"', b",", 2)
    for values in ([b"a,b", b'"'], [b",", None], [b'",",', b"x"]):
        assert fields(b",".join(form.encode(value, False) for value in values) + b"\n", form) == values


def test_a_value_that_looks_like_null_is_quoted() -> None:
    assert (PLAIN.encode(b"", False), PLAIN.encode(None, False)) == (b'""', b"")
    assert (ODD.encode(b"NULL", False), ODD.encode(None, True)) == (b"'NULL'", b"NULL")


def test_the_end_mark_is_quoted_where_it_is_alone() -> None:
    assert SINGLE.encode(rb"\.", False) == rb'"\."'
    assert PLAIN.encode(rb"\.", False) == rb"\."


@pytest.mark.parametrize(
    "row",
    [
        b"",
        b"a",
        b"a\nb",
        b"a\nb\n",
        b"a\r\n",
        b"\n\n",
        b'"a"\n"b"\n',
        b'"a\n',
        b'"a,b\n',
        b'"a""\n',
        b'"\n',
        b'"a"b\n',
        b'"a" ,b\n',
        b'a"b"\n',
        b'a"\n',
        b'a,b"c\n',
        b'"a",b\rc\n',
        b'"a",b\nc\n',
        b'"a"\r\n',
        b'"a"',
    ],
)
def test_what_no_server_writes_is_refused(row: bytes) -> None:
    with pytest.raises(PeerError):
        PLAIN.split(row)


@pytest.mark.parametrize("row", [b"'a\\b'\n", b"'a\\\n", b"'a''b'\n", b"'a'b'\n", b"'a\\'\n", b"'\\\n'\n"])
def test_an_escape_that_no_server_writes_is_refused(row: bytes) -> None:
    with pytest.raises(PeerError):
        ODD.split(row)


def test_a_long_row_of_quotes_and_escapes_is_read_once() -> None:
    """Were every byte seen again for each field, quote or escape, this would take hours."""
    for form, row in (
        (PLAIN, b'""""' * 1 + b',"x"' * 500_000 + b',"' + b'""' * 500_000 + b'"\n'),
        (ODD, b"'x';" * 500_000 + b"'" + b"\\\\" * 500_000 + b"\\'" * 500_000 + b"'\n"),
    ):
        assert len(form.split(row)) in {500_001, 500_002}
