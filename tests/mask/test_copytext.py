from __future__ import annotations

import pytest
from hypothesis import given

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copytext import TextFormat
from pgmaskproxy.model import CopyLayout
from tests.mask.copies import text_field
from tests.mask.shapes import raw_values

PLAIN = TextFormat(b"\t", rb"\N")
COMMA = TextFormat(b",", b"")


def fields(row: bytes, form: TextFormat = PLAIN) -> list[bytes | None]:
    return [None if form.is_null(field) else form.decode(field) for field in form.split(row)]


@given(raw_values)
def test_a_field_is_what_a_server_writes_and_decodes_to_its_value(value: bytes | None) -> None:
    for form, layout in ((PLAIN, CopyLayout()), (COMMA, CopyLayout("text", ",", ""))):
        field = form.encode(value, False)
        assert field == text_field(value, layout)
        if form is PLAIN or value is not None:
            assert fields(field + b"\n", form) == [value]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (rb"", b""),
        (rb"plain", b"plain"),
        (rb"\N", None),
        (rb"\\N", rb"\N"),
        (rb"\\.", rb"\."),
        (rb"\t\n\r\b\f\v", b"\t\n\r\b\f\v"),
        (rb"a\\tb", rb"a\tb"),
        (rb"a\\\tb", b"a\\\tb"),
        (rb"\\\\n", rb"\\n"),
    ],
)
def test_escapes(field: bytes, value: bytes | None) -> None:
    assert fields(field + b"\n") == [value]
    assert PLAIN.encode(value, False) == field


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (b"\n", [b""]),
        (b"a\t\tb\n", [b"a", b"", b"b"]),
        (b"\\N\tx\\ty\t\\N\n", [None, b"x\ty", None]),
        (b"a\\\\\tb\n", [b"a\\", b"b"]),
    ],
)
def test_rows(row: bytes, found: list[bytes | None]) -> None:
    assert fields(row) == found


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (b"a\\,b,c\n", [b"a,b", b"c"]),
        (b"a\\\\,b\n", [b"a\\", b"b"]),
        (b"\\,\\,,\\,\n", [b",,", b","]),
        (b"\\\\\\,,\n", [b"\\,", b""]),
        (b"a\tb,\\t\n", [b"a\tb", b"\t"]),
    ],
)
def test_a_delimiter_that_is_no_control_character_is_escaped_as_itself(row: bytes, found: list[bytes | None]) -> None:
    assert fields(row, COMMA) == found
    assert b",".join(COMMA.encode(value, False) for value in found) + b"\n" == row.replace(b"a\tb", rb"a\tb")


def test_a_null_that_a_value_may_look_like_is_a_value() -> None:
    for null in (b"", b"NULL", b"123-45-6789"):
        form = TextFormat(b"\t", null)
        assert not form.is_null(null)
        assert form.encode(None, False) == null
    assert PLAIN.is_null(rb"\N")


@pytest.mark.parametrize(
    "field",
    [rb"\.", rb"\x41", rb"\101", rb"a\N", rb"\Na", rb"\a", rb"\ ", b"\\\t", rb"end\\"[:-1], "\\é".encode(), b"a\rb"],
)
def test_what_no_server_writes_is_refused(field: bytes) -> None:
    for row in (field, b"a\t" + field, field + b"\ta", b"a\\\\" + field):
        with pytest.raises(PeerError):
            PLAIN.split(row + b"\n")


@pytest.mark.parametrize("row", [b"", b"a", b"a\nb", b"a\n\n", b"\n\n", b"a\\\n", b"a\r\n", b"a\nb\n"])
def test_a_row_ends_once_and_at_its_end(row: bytes) -> None:
    with pytest.raises(PeerError):
        PLAIN.split(row)


def test_a_long_row_of_escapes_is_read_once() -> None:
    """Were every byte seen again for each escape, this would take hours."""
    row = b"\\,\\\\" * 500_000 + b",x" * 500_000 + b"\n"
    assert len(COMMA.split(row)) == 500_001
