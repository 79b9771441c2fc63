"""Binary parameters as drivers send them, in words; what is not of its type stays bytes, and no two look the same."""

from __future__ import annotations

import struct
from datetime import time, timedelta
from ipaddress import ip_interface
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.session import decoding
from pgmaskproxy.session.decoding import ARRAYS, decode_parameters
from pgmaskproxy.wire.frontend import Bind


def words(value: bytes, type_oid: int) -> str | None:
    (parameter,) = decode_parameters(Bind(b"", b"", (1,), (value,), ()), (type_oid,))
    return parameter.text


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("time '13:37:00.25'", "13:37:00.250000"),
        ("time '24:00'", "24:00:00"),
        ("timetz '13:37+05:30'", "13:37:00+05:30:00"),
        ("timetz '13:37-08'", "13:37:00-08:00:00"),
        ("interval '1 year 2 months -3 days -04:05:06.7'", "14 months -3 days -04:05:06.700000"),
        ("inet '10.0.0.7'", "10.0.0.7/32"),
        ("inet '10.0.0.7/8'", "10.0.0.7/8"),
        ("cidr '10.0.0.0/8'", "10.0.0.0/8"),
        ("inet 'fe80::1/64'", "fe80::1/64"),
        ("ARRAY[1, NULL, 3]", '{"1",NULL,"3"}'),
        ("ARRAY[[1, 2], [3, 4]]::int8[]", '{{"1","2"},{"3","4"}}'),
        ("'{}'::text[]", "{}"),
        ("'[0:1]={a,b}'::text[]", '[0:1]={"a","b"}'),
        (r"""ARRAY['a,b', 'say "hi"', '\', 'NULL', '']""", r'{"a,b","say \"hi\"","\\","NULL",""}'),
        ("ARRAY[1.50, 'NaN'::numeric]", '{"1.50","NaN"}'),
        ("ARRAY[date '2026-11-22']", '{"2026-11-22"}'),
        ("ARRAY[true, false]", '{"true","false"}'),
        ("ARRAY['12345678-1234-5678-1234-567812345678'::uuid]", '{"12345678-1234-5678-1234-567812345678"}'),
        ("ARRAY['{\"a\": 1}'::jsonb]", r'{"{\"a\": 1}"}'),
        ("ARRAY[interval '1 day', NULL]", '{"0 months 1 days 00:00:00",NULL}'),
    ],
)
def test_what_the_server_itself_sends(pg18: EmbeddedServer, expression: str, text: str) -> None:
    with psycopg.connect(pg18.conninfo()) as connection, connection.cursor(binary=True) as cursor:
        cursor.execute(f"SELECT {expression}".encode())
        assert cursor.pgresult is not None
        value = cursor.pgresult.get_value(0, 0)
        assert value is not None
        assert words(value, cursor.pgresult.ftype(0)) == text


def test_every_type_of_array_is_the_servers(pg18: EmbeddedServer) -> None:
    with psycopg.connect(pg18.conninfo()) as connection:
        rows: list[Any] = connection.execute(
            "SELECT oid::int, typelem::int FROM pg_type WHERE oid = ANY(%s) AND typcategory = 'A'", [list(ARRAYS)]
        ).fetchall()
    assert dict(rows) == ARRAYS


def array(*elements: bytes, oid: int = decoding.INT4, size: int | None = None, flags: int = 0) -> bytes:
    head = struct.pack("!iiIii", 1, flags, oid, len(elements) if size is None else size, 1)
    return head + b"".join(struct.pack("!i", len(each)) + each for each in elements)


@pytest.mark.parametrize(
    ("value", "type_oid"),
    [
        (array(b"abc"), 1007),
        (array(b"\0\0\0\1", oid=decoding.TEXT), 1007),
        (array(b"\0\0\0\1", size=2), 1007),
        (array(b"\0\0\0\1", size=-1), 1007),
        (array(b"\0\0\0\1", flags=2), 1007),
        (array(b"\0\0\0\1")[:-1], 1007),
        (array(b"\0\0\0\1") + b"\0", 1007),
        (struct.pack("!iiI", 7, 0, 23), 1007),
        (struct.pack("!iiIiiii", 2, 0, 23, 2**31 - 1, 1, 2**31 - 1, 1), 1007),
        (b"", 1007),
        (struct.pack("!q", 86_400_000_001), decoding.TIME),
        (struct.pack("!qi", 0, 16 * 3600), decoding.TIMETZ),
        (b"\0" * 8, decoding.INTERVAL),
        (b"\x02\x21\x00\x04\x0a\x00\x00\x07", decoding.INET),
        (b"\x02\x20\x01\x04\x0a\x00\x00\x07", decoding.INET),
        (b"\x03\x20\x00\x04\x0a\x00\x00\x07", decoding.INET),
        (b"\x02\x20\x00\x04\x0a\x00\x00", decoding.INET),
    ],
)
def test_what_is_not_of_its_type_stays_bytes(value: bytes, type_oid: int) -> None:
    assert words(value, type_oid) == "\\x" + value.hex()


@given(left=st.lists(st.text(max_size=4), max_size=4), right=st.lists(st.text(max_size=4), max_size=4))
def test_no_two_arrays_look_the_same(left: list[str], right: list[str]) -> None:
    shown = [
        words(array(*(each.encode() for each in texts), oid=decoding.TEXT), 1009) for texts in (left, right) if texts
    ]
    if left != right:
        assert len(set(shown)) == len(shown)


@given(st.times(), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=1)))
def test_times(at: time, since: timedelta) -> None:
    midnight = ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond
    assert words(struct.pack("!q", midnight), decoding.TIME) == at.isoformat()
    microseconds = since // timedelta(microseconds=1)
    assert words(struct.pack("!qii", -microseconds, 0, 0), decoding.INTERVAL) != words(
        struct.pack("!qii", microseconds + 1, 0, 0), decoding.INTERVAL
    )


@given(st.ip_addresses(), st.integers(0, 32))
def test_addresses(address: Any, bits: int) -> None:
    packed = bytes([2 if address.version == 4 else 3, bits, 0, len(address.packed)]) + address.packed
    assert words(packed, decoding.INET) == str(ip_interface((address, bits)))
