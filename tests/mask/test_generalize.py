from __future__ import annotations

import datetime as dt
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask import types
from pgmaskproxy.mask.calendar import FIRST_DAY, coarse, date_text, day_in, midnight_text
from pgmaskproxy.mask.generalize import CoarseDate, Prefix
from tests.mask.columns import (
    BINARY,
    BPCHAR,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    MONEY,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    a_mask,
    column,
    shown,
)  # fmt: skip
from tests.mask.shapes import texts

HOUR = 3_600_000_000


@given(text=texts, first=st.integers(1, 5))
def test_a_prefix_leaves_one_character_out_at_least(text: str, first: int) -> None:
    bare = text.strip()
    found = Prefix(first).show(text)
    assert found is not None
    assert bare.startswith(found)
    assert len(found) == min(first, max(len(bare) - 1, 0))
    assert not Prefix(first).recognises(text)


def test_padding_is_nothing_to_leave_out() -> None:
    assert column(a_mask("generalize", first=4), BPCHAR, modifier=4 + 8).mask(b"ab      ") == b"a       "


@pytest.mark.parametrize(("oid", "size"), [(INT2, 2), (INT4, 4), (INT8, 8)])
@given(data=st.data(), bucket=st.integers(2, 10**6))
def test_an_integer_is_in_its_bucket_in_both_formats(oid: int, size: int, data: st.DataObject, bucket: int) -> None:
    least = -(1 << (8 * size - 1))
    value = data.draw(st.integers(least, -least - 1))
    text = shown("generalize", oid, str(value).encode(), bucket=bucket)
    assert text is not None
    expected = max(value // bucket * bucket, least)
    assert int(text) == expected
    binary = shown("generalize", oid, value.to_bytes(size, "big", signed=True), BINARY, bucket=bucket)
    assert binary == expected.to_bytes(size, "big", signed=True)


@pytest.mark.parametrize(("oid", "layout"), [(FLOAT4, ">f"), (FLOAT8, ">d")])
@given(value=st.floats(allow_nan=False, allow_infinity=False, width=32), bucket=st.integers(2, 1000))
def test_a_float_is_the_same_in_both_formats(oid: int, layout: str, value: float, bucket: int) -> None:
    text = shown("generalize", oid, repr(value).encode(), bucket=bucket)
    binary = shown("generalize", oid, struct.pack(layout, value), BINARY, bucket=bucket)
    if text is None:
        assert binary is None
        assert abs(value) > 1e38  # rounded down, it is beyond what the type can say
    else:
        assert binary is not None
        assert struct.pack(layout, float(text)) == binary
        assert struct.unpack(layout, binary)[0] <= value


def test_a_numeric_keeps_its_columns_digits() -> None:
    scaled = column(a_mask("generalize"), NUMERIC, modifier=4 + (10 << 16 | 2))
    assert scaled.mask(b"-0.01") == b"-10.00"
    assert scaled.mask(b"99.99") == b"90.00"
    assert shown("generalize", NUMERIC, b"NaN") is None
    assert shown("generalize", NUMERIC, b"12345678901234567890.5") == b"12345678901234567890"


@pytest.mark.parametrize(
    ("text", "cents", "expected"),
    [("$1,234.56", 123456, 1230), ("$5.00", 500, 0), ("-$0.01", -1, -10), ("-$90.00", -9000, -90)],
)
def test_money_is_the_same_in_both_formats(text: str, cents: int, expected: int) -> None:
    sign = "-" if expected < 0 else ""
    assert shown("generalize", MONEY, text.encode()) == f"{sign}${abs(expected):,}.00".encode()
    binary = shown("generalize", MONEY, cents.to_bytes(8, "big", signed=True), BINARY)
    assert binary == (expected * 100).to_bytes(8, "big", signed=True)


@given(days=st.integers(FIRST_DAY, 2_000_000), precision=st.sampled_from(["month", "year", "decade"]))
def test_a_date_is_the_same_in_both_formats(days: int, precision: str) -> None:
    text = shown("generalize", DATE, date_text(days).encode(), dates=precision)
    binary = shown("generalize", DATE, days.to_bytes(4, "big", signed=True), BINARY, dates=precision)
    assert text is not None
    assert binary is not None
    assert day_in(text.decode()) == int.from_bytes(binary, "big", signed=True) <= days


@given(days=st.integers(FIRST_DAY, 2_000_000), rest=st.integers(0, 86_400_000_000 - 1))
def test_a_timestamp_is_the_same_in_both_formats(days: int, rest: int) -> None:
    seconds, micro = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{micro:06}"
    date, _, before = date_text(days).partition(" ")
    binary = (days * 86_400_000_000 + rest).to_bytes(8, "big", signed=True)
    for oid, zone in ((TIMESTAMP, ""), (TIMESTAMPTZ, "+00")):
        text = shown("generalize", oid, f"{date} {clock}{zone}{' BC' if before else ''}".encode(), dates="month")
        found = shown("generalize", oid, binary, BINARY, dates="month")
        assert text is not None
        assert found is not None
        assert day_in(text.decode()) * 86_400_000_000 == int.from_bytes(found, "big", signed=True)
        assert text.endswith(f"00:00:00{zone}{' BC' if before else ''}".encode()) or days < FIRST_DAY + 60


@pytest.mark.parametrize(
    ("oid", "value", "expected"),
    [
        (TIME, b"13:59:59.999999", b"13:00:00"),
        (TIME, b"24:00:00", b"24:00:00"),
        (TIMETZ, b"13:59:59-05:30", b"13:00:00-05:30"),
        (TIMETZ, b"00:00:01+15:59:59", b"00:00:00+15:59:59"),
        (TIME, b"13:59:59 SECRET", None),
        (TIME, b"13:59", None),
        (TIME, b"13:-SECRET", None),
        (TIMETZ, b"13:59:59-SECRET", None),
        (TIME, "١٣:٥٩:٥٩".encode(), None),
        (DATE, b"infinity", None),
        (TIMESTAMP, b"-infinity", None),
        (DATE, b"SECRET", None),
        (MONEY, b"SECRET", None),
        (INT4, b"SECRET", None),
    ],
)
def test_times_are_cut_to_the_hour_and_what_no_server_writes_is_null(
    oid: int, value: bytes, expected: bytes | None
) -> None:
    assert shown("generalize", oid, value) == expected


@pytest.mark.parametrize(
    ("oid", "value", "expected"),
    [
        (TIME, (13 * HOUR + 7).to_bytes(8, "big"), (13 * HOUR).to_bytes(8, "big")),
        (TIMETZ, (HOUR - 1).to_bytes(8, "big") + b"\0\0\x46\x50", bytes(8) + b"\0\0\x46\x50"),
        (TIME, (13 * HOUR).to_bytes(8, "big") + b"SECR", None),
        (TIMETZ, bytes(8), None),
        (TIME, b"\xff" * 8, None),
        (TIME, (24 * HOUR + 1).to_bytes(8, "big"), None),
        (DATE, b"\x7f\xff\xff\xff", None),  # infinity
        (DATE, b"\x80\0\0\0", None),
        (DATE, bytes(8), None),
        (TIMESTAMP, b"\x7f" + b"\xff" * 7, None),
        (TIMESTAMPTZ, b"\x80" + bytes(7), None),
        (TIMESTAMP, bytes(4), None),
        (MONEY, bytes(4), None),
        (INT4, bytes(8), None),
        (NUMERIC, bytes(5), None),
    ],
)
def test_the_same_in_binary_format(oid: int, value: bytes, expected: bytes | None) -> None:
    assert shown("generalize", oid, value, BINARY) == expected


@given(
    date=st.dates(min_value=dt.date(1, 1, 1)),
    precision=st.sampled_from(["month", "year", "decade"]),
    tail=st.sampled_from([(types.DATE, ""), (types.TIMESTAMP, " 12:13:14.5"), (types.TIMESTAMPTZ, " 00:13:14+00")]),
)
def test_the_quick_way_is_the_same(date: dt.date, precision: str, tail: tuple[str, str]) -> None:
    family, time = tail
    value = f"{date.year:04}-{date.month:02}-{date.day:02}{time}"
    day = coarse(day_in(value), precision)
    expected = date_text(day) if family == types.DATE else midnight_text(day, zone=family == types.TIMESTAMPTZ)
    assert CoarseDate(family, 0, precision).mask(value.encode()) == expected.encode()
