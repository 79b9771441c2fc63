from __future__ import annotations

import struct

import pytest

from tests.mask.columns import (
    BINARY,
    BOOL,
    BPCHAR,
    BYTEA,
    CIDR,
    DATE,
    FLOAT8,
    INET,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSON,
    JSONB,
    MONEY,
    NAME,
    NUMERIC,
    PLAIN,
    POINT,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    TIMETZ,
    UUID,
    VARCHAR,
    XML,
    a_mask,
    column,
    shown,
)  # fmt: skip


@pytest.mark.parametrize(
    ("oid", "text", "binary"),
    [
        (PLAIN, b"", b""),
        (NAME, b"", b""),
        (BOOL, b"f", b"\0"),
        (BYTEA, b"\\x", b""),
        (INT2, b"0", bytes(2)),
        (INT4, b"0", bytes(4)),
        (INT8, b"0", bytes(8)),
        (FLOAT8, b"0", bytes(8)),
        (NUMERIC, b"0", bytes(8)),
        (DATE, b"2000-01-01", bytes(4)),
        (TIME, b"00:00:00", bytes(8)),
        (TIMETZ, b"00:00:00+00", bytes(12)),
        (TIMESTAMP, b"2000-01-01 00:00:00", bytes(8)),
        (TIMESTAMPTZ, b"2000-01-01 00:00:00+00", bytes(8)),
        (UUID, b"00000000-0000-0000-0000-000000000000", bytes(16)),
        (INET, b"0.0.0.0", b"\x02\x20\0\x04" + bytes(4)),
        (CIDR, b"0.0.0.0/0", b"\x02\0\x01\x04" + bytes(4)),
        (JSON, b"null", b"null"),
        (JSONB, b"null", b"\x01null"),
        (XML, b"", b""),
        (POINT, None, None),
    ],
)
def test_zero_is_the_types_own(oid: int, text: bytes | None, binary: bytes | None) -> None:
    assert shown("zero", oid, b"17", TEXT) == text
    assert shown("zero", oid, b"17", BINARY) == binary


def test_zero_has_the_columns_digits_and_length() -> None:
    scaled = 4 + (10 << 16 | 2)
    assert column(a_mask("zero"), NUMERIC, TEXT, modifier=scaled).value == b"0.00"
    assert column(a_mask("zero"), NUMERIC, BINARY, modifier=scaled).value == struct.pack(">HhHH", 0, 0, 0, 2)
    assert column(a_mask("zero"), BPCHAR, TEXT, modifier=4 + 3).value == b"   "


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"1 year 2 mons", b"00:00:00"), (b"P1Y2M", b"PT0S"), (b"@ 1 year", b"@ 0"), (b"+1-2", b"00:00:00")],
)
def test_zero_writes_an_interval_in_the_sessions_style(value: bytes, expected: bytes) -> None:
    assert shown("zero", INTERVAL, value) == expected
    assert shown("zero", INTERVAL, value, BINARY) == bytes(16)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b"$1,234.56", "$0.00"), ("-1.234,56 €".encode(), "0,00 €"), (b"$SECRET", None), (b"\xff1", None)],
)
def test_zero_writes_money_as_the_server_does(value: bytes, expected: str | None) -> None:
    assert shown("zero", MONEY, value) == (None if expected is None else expected.encode())
    assert shown("zero", MONEY, value, BINARY) == bytes(8)


@pytest.mark.parametrize(
    ("oid", "text", "binary"),
    [
        (PLAIN, b'<"&>', b'<"&>'),
        (BYTEA, b"\\x3c22263e", b'<"&>'),
        (JSON, b'"<\\"&>"', b'"<\\"&>"'),
        (JSONB, b'"<\\"&>"', b'\x01"<\\"&>"'),
        (XML, b'&lt;"&amp;&gt;', b'&lt;"&amp;&gt;'),
        (INT4, None, None),
        (UUID, None, None),
    ],
)
def test_redact_says_it_as_the_type_can(oid: int, text: bytes | None, binary: bytes | None) -> None:
    assert shown("redact", oid, b"17", TEXT, text='<"&>') == text
    assert shown("redact", oid, b"17", BINARY, text='<"&>') == binary


def test_redact_keeps_the_columns_length() -> None:
    assert column(a_mask("redact"), VARCHAR, modifier=4 + 2).value == b"**"
    assert column(a_mask("redact"), BPCHAR, modifier=4 + 5).value == b"***  "
    assert len(column(a_mask("redact", text="é" * 40), NAME).value or b"") == 62
