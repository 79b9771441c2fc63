from __future__ import annotations

import pytest
from hypothesis import given

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copytext import check, decode, encode
from tests.mask.shapes import copy_field, raw_values


@given(raw_values)
def test_a_field_is_what_a_server_writes_and_decodes_to_its_value(value: bytes | None) -> None:
    field = encode(value)
    assert field == copy_field(value)
    check(field)
    assert decode(field) == value


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
    assert decode(field) == value
    assert encode(value) == field


@pytest.mark.parametrize(
    "field",
    [rb"\.", rb"\x41", rb"\101", rb"a\N", rb"\Na", rb"\a", rb"\ ", b"\\\t", b"\\\n", rb"end\\"[:-1], "\\é".encode()],
)
def test_an_escape_that_no_server_writes_is_refused(field: bytes) -> None:
    with pytest.raises(PeerError):
        check(field)
    with pytest.raises(PeerError):
        decode(field)
