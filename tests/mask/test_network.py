from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.network import Ip
from tests.mask.columns import BINARY, CIDR, INET, shown

EACH = Ip(24, 48)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        (" 203.0.113.77/16 ", "203.0.0.0/16"),
        ("2001:db8:1:2::77", "2001:db8:1::/48"),
        ("::ffff:203.0.113.77", "::/48"),
        ("fe80::1%eth0", "***"),
        ("203.0.113.077", "***"),
        ("203.0.113.256", "***"),
        ("1.2.3", "***"),
        ("1.2.3.4.5", "***"),
        ("٢٠٣.0.113.77", "***"),
        ("3405803853", "***"),
        ("", "***"),
    ],
)
def test_the_network_of_a_text(value: str, expected: str) -> None:
    assert EACH.show(value) == expected


@given(number=st.integers(0, 2**32 - 1), v4=st.integers(1, 30))
def test_quick_and_slow_are_one(number: int, v4: int) -> None:
    address = ipaddress.IPv4Address(number)
    assert Ip(v4, 48).show(str(address)) == str(ipaddress.ip_network((number, v4), strict=False))


addresses = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
)


@given(given_=addresses, oid=st.sampled_from([INET, CIDR]))
def test_text_and_binary_say_one_network(
    given_: tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int], oid: int
) -> None:
    address, bits = given_
    family = b"\x02" if address.version == 4 else b"\x03"
    value = family + bytes([bits, int(oid == CIDR), len(address.packed)]) + address.packed
    binary = shown("ip", oid, value, BINARY)
    text = shown("ip", oid, f"{address}/{bits}".encode())
    assert binary is not None
    assert text is not None
    network = ipaddress.ip_network(text.decode())
    assert (binary[4:], binary[1]) == (network.network_address.packed, network.prefixlen)
    assert network.prefixlen <= (24 if address.version == 4 else 48)
    assert address in network


@pytest.mark.parametrize(
    "value", [b"", b"\x02", b"\x02\x20\0\x04\1\2\3", b"\x03\x20\0\x04\1\2\3\4", b"\x02\x20\0\x10" + bytes(16)]
)
def test_what_no_server_writes_is_null(value: bytes) -> None:
    assert shown("ip", INET, value, BINARY) is None
    assert shown("ip", INET, value) is None


def test_only_what_stands_for_no_address_is_recognised() -> None:
    assert EACH.recognises("***")
    assert not EACH.recognises("203.0.113.0/24")
