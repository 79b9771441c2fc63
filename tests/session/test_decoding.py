"""Bound parameters in words."""

from __future__ import annotations

import struct
import uuid
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.datetime import DateBinaryDumper
from psycopg.types.numeric import DecimalBinaryDumper

from pgmaskproxy.model import Parameter
from pgmaskproxy.session import decoding
from pgmaskproxy.session.decoding import decode_parameters
from pgmaskproxy.wire.frontend import Bind

IDENTIFIER = uuid.UUID("12345678-1234-5678-1234-567812345678")


def bind(*values: bytes | None, formats: tuple[int, ...] = ()) -> Bind:
    return Bind(b"", b"", formats, values, ())


def words(value: bytes | None, type_oid: int, code: int) -> str | None:
    (parameter,) = decode_parameters(bind(value, formats=(code,)), (type_oid,))
    return parameter.text


def test_there_are_none_without_a_bind() -> None:
    assert decode_parameters(None, (23,)) == ()


def test_they_are_numbered_and_typed_as_the_server_says() -> None:
    assert decode_parameters(bind(b"7", None, b"x"), (23, 25)) == (
        Parameter(1, 23, "7"),
        Parameter(2, 25, None),
        Parameter(3, 0, "x"),
    )


@pytest.mark.parametrize(
    ("value", "type_oid", "text"),
    [
        (b"\x01", decoding.BOOL, "true"),
        (b"\x00", decoding.BOOL, "false"),
        (struct.pack("!h", -2), decoding.INT2, "-2"),
        (struct.pack("!i", -4), decoding.INT4, "-4"),
        (struct.pack("!q", -8), decoding.INT8, "-8"),
        (struct.pack("!I", 2**32 - 1), decoding.OID, "4294967295"),
        (struct.pack("!d", 0.5), decoding.FLOAT8, "0.5"),
        (IDENTIFIER.bytes, decoding.UUID, str(IDENTIFIER)),
        ("é".encode(), decoding.TEXT, "é"),
        (b"\x01\x02", decoding.BYTEA, "\\x0102"),
        (b"\x01\x02", 600, "\\x0102"),
    ],
)
def test_binary_values(value: bytes, type_oid: int, text: str) -> None:
    assert words(value, type_oid, 1) == text


@pytest.mark.parametrize(
    ("value", "type_oid"),
    [
        (b"\x02", decoding.BOOL),
        (b"\x01", decoding.INT4),
        (b"x", decoding.UUID),
        (b"\xff", decoding.TEXT),
        (b"", decoding.FLOAT8),
    ],
)
def test_what_is_not_what_its_type_says_is_shown_as_the_bytes_it_is(value: bytes, type_oid: int) -> None:
    assert words(value, type_oid, 1) == "\\x" + value.hex()


def test_text_that_is_not_utf8_is_shown_as_bytes() -> None:
    assert words(b"\xff", decoding.INT4, 0) == "\\xff"


@pytest.mark.parametrize(("formats", "expected"), [((), "7"), ((0,), "7"), ((1,), "\\x37"), ((0, 1), "7")])
def test_formats_are_none_one_or_one_each(formats: tuple[int, ...], expected: str) -> None:
    assert decode_parameters(bind(b"7", b"7", formats=formats), (23, 23))[0].text == expected


@given(left=st.binary(max_size=20), right=st.binary(max_size=20), type_oid=st.sampled_from([23, 25, 17, 2950, 600, 16]))
def test_two_values_of_a_format_never_look_the_same(left: bytes, right: bytes, type_oid: int) -> None:
    if left != right:
        assert words(left, type_oid, 1) != words(right, type_oid, 1)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_numeric_is_what_psycopg_sends(number: Decimal) -> None:
    sent = bytes(DecimalBinaryDumper(Decimal).dump(number) or b"")
    shown = words(sent, decoding.NUMERIC, 1)
    assert shown is not None
    assert Decimal(shown) == number


@given(st.dates())
def test_a_date_is_what_psycopg_sends(day: date) -> None:
    assert words(bytes(DateBinaryDumper(date).dump(day) or b""), decoding.DATE, 1) == day.isoformat()


def test_what_is_no_value_of_its_type_is_shown_as_bytes() -> None:
    assert words(b"\x02{}", decoding.JSONB, 1) == "\\x027b7d"
    assert words(b'\x01{"a":1}', decoding.JSONB, 1) == '{"a":1}'
    assert words(struct.pack("!i", 2**31 - 1), decoding.DATE, 1) == "\\x7fffffff"
    assert words(struct.pack("!q", 86_400_000_000), decoding.TIMESTAMPTZ, 1) == "2000-01-02 00:00:00+00"
    assert words(struct.pack("!HhHH", 0, 0, 0xC000, 0), decoding.NUMERIC, 1) == "NaN"
    assert words(struct.pack("!HhHHH", 1, 30000, 0, 0, 1), decoding.NUMERIC, 1) == "\\x00017530000000000001"
    assert words(struct.pack("!HhHHH", 1, 0, 0, 0, 12345), decoding.NUMERIC, 1) == "\\x00010000000000003039"


def test_a_numeric_is_cut_and_not_rounded() -> None:
    assert words(struct.pack("!HhHHHH", 2, 0, 0, 2, 1, 9999), decoding.NUMERIC, 1) == "1.99"


def test_a_value_without_a_format_is_shown_as_bytes() -> None:
    found = decode_parameters(bind(b"a", b"b", b"c", formats=(0, 0)), (decoding.BYTEA,) * 3)
    assert [parameter.text for parameter in found] == ["a", "b", "\\x63"]
