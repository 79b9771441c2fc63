from __future__ import annotations

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.numbers import floor_of, written
from pgmaskproxy.mask.types import FLOAT4, FLOAT8, INT2, INT4, INT8, NUMERIC


def numeric(value: Decimal) -> bytes:
    """numeric_send, by the digits of the number itself."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)) + "0" * max(exponent, 0)
    whole, fraction = (text[:exponent], text[exponent:].rjust(-exponent, "0")) if exponent < 0 else (text, "")
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole + fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups, weight = groups[1:], weight - 1
    while groups and groups[-1] == 0:
        groups.pop()
    scale = max(-exponent, 0)
    return struct.pack(f">HhHH{len(groups)}H", len(groups), weight if groups else 0, sign * 0x4000, scale, *groups)


decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@given(value=decimals)
def test_a_numeric_is_the_same_number_in_both_formats(value: Decimal) -> None:
    expected = math.floor(value)
    assert floor_of(f"{value:f}".encode(), NUMERIC, 0) == expected
    assert floor_of(numeric(value), NUMERIC, 1) == expected


@given(number=st.integers(-(10**40), 10**40), scale=st.integers(0, 5))
def test_a_whole_number_is_written_and_read_back(number: int, scale: int) -> None:
    assert floor_of(written(number, NUMERIC, 1, scale), NUMERIC, 1) == number
    assert floor_of(written(number, NUMERIC, 0, scale), NUMERIC, 0) == number
    assert written(number, NUMERIC, 1, 0) == numeric(Decimal(number))
    assert written(number, NUMERIC, 0, 2).endswith(b".00")


@pytest.mark.parametrize(("family", "layout"), [(FLOAT4, ">f"), (FLOAT8, ">d")])
@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_float_is_the_same_number_in_both_formats(family: str, layout: str, value: float) -> None:
    binary = struct.pack(layout, value)
    assert floor_of(repr(value).encode(), family, 0) == floor_of(binary, family, 1) == math.floor(value)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, b"0"), (-100, b"-100"), (481500, b"481500"), (-15 * 10**29, b"-1.5e+30"), (2**24, b"16777216")],
)
def test_a_real_has_as_few_digits_as_the_server_would_write(number: int, expected: bytes) -> None:
    assert written(number, FLOAT4, 0, 0) == expected


@pytest.mark.parametrize(("family", "size"), [(INT2, 2), (INT4, 4), (INT8, 8)])
def test_an_integer_beyond_its_range_is_its_end(family: str, size: int) -> None:
    end = 1 << (8 * size - 1)
    assert written(-end - 5, family, 0, 0) == str(-end).encode()
    assert written(end + 5, family, 1, 0) == (end - 1).to_bytes(size, "big", signed=True)
    assert floor_of((-end).to_bytes(size, "big", signed=True), family, 1) == -end


@pytest.mark.parametrize(
    ("value", "family", "code"),
    [
        (b"NaN", NUMERIC, 0),
        (b"Infinity", NUMERIC, 0),
        (b"-Infinity", FLOAT8, 0),
        (b"NaN", FLOAT4, 0),
        (b"1e400", FLOAT8, 0),
        (b"1e9999999", NUMERIC, 0),
        (b"9" * 1001, NUMERIC, 0),
        (b"twelve", INT4, 0),
        (b"\xff", INT4, 0),
        (b"", NUMERIC, 0),
        (bytes(3), INT4, 1),
        (bytes(4), FLOAT8, 1),
        (struct.pack(">d", math.inf), FLOAT8, 1),
        (struct.pack(">f", math.nan), FLOAT4, 1),
        (bytes(7), NUMERIC, 1),
        (struct.pack(">HhHH", 0, 0, 0xC000, 0), NUMERIC, 1),  # NaN
        (struct.pack(">HhHH", 0, 0, 0xD000, 0), NUMERIC, 1),  # Infinity
        (struct.pack(">HhHH", 0, 0, 0xF000, 0), NUMERIC, 1),
        (struct.pack(">HhHH", 2, 0, 0, 0) + bytes(2), NUMERIC, 1),
        (struct.pack(">HhHHH", 1, 32767, 0, 0, 1), NUMERIC, 1),
        (struct.pack(">HhHH", 65535, 0, 0, 0) + bytes(2000), NUMERIC, 1),
    ],
)
def test_what_is_no_finite_number_of_a_reasonable_size_is_an_error(value: bytes, family: str, code: int) -> None:
    with pytest.raises((ValueError, OverflowError)):
        floor_of(value, family, code)
