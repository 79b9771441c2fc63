from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire.startup import (
    MAX_STARTUP_PACKET,
    CancelRequest,
    GSSENCRequest,
    SSLRequest,
    StartupBuffer,
    StartupMessage,
    StartupPacket,
    decode_startup,
)
from tests.wire import strategies

parameters = st.lists(st.tuples(strategies.full_names, strategies.names), max_size=6).map(tuple)
startups = st.builds(StartupMessage, st.just(3), st.integers(0, 0xFFFF), parameters)
cancels = st.builds(CancelRequest, strategies.int32s, strategies.cancel_keys)
packets = st.one_of(startups, cancels, st.builds(SSLRequest), st.builds(GSSENCRequest))


@given(packets)
def test_round_trip(packet: StartupPacket) -> None:
    encoded = packet.encode()
    assert int.from_bytes(encoded[:4], "big") == len(encoded)
    decoded = decode_startup(encoded[4:])
    assert type(decoded) is type(packet)
    assert strategies.attributes(decoded) == strategies.attributes(packet)
    assert decoded.encode() == encoded


@given(st.one_of(startups, st.builds(SSLRequest), st.builds(GSSENCRequest)), st.binary(min_size=1, max_size=4))
def test_truncations_and_trailing_bytes_are_refused(packet: StartupPacket, extra: bytes) -> None:
    body = packet.encode()[4:]
    for size in range(len(body)):
        with pytest.raises(PeerError):
            decode_startup(body[:size])
    with pytest.raises(PeerError):
        decode_startup(body + extra)


@given(st.sampled_from([b"", b"\0\3\0\0", b"\4\xd2\x16\x2e", b"\4\xd2\x16\x2f"]), st.binary(max_size=60))
def test_arbitrary_bytes(head: bytes, rest: bytes) -> None:
    try:
        packet = decode_startup(head + rest)
    except PeerError:
        return
    assert packet.encode()[4:] == head + rest


def test_bytes_as_the_manual_has_them() -> None:
    assert SSLRequest().encode() == b"\0\0\0\x08\x04\xd2\x16\x2f"
    assert GSSENCRequest().encode() == b"\0\0\0\x08\x04\xd2\x16\x30"
    assert CancelRequest(7, b"abcd").encode() == b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\7abcd"
    assert StartupMessage(3, 2, ((b"user", b"a"),)).encode() == b"\0\0\0\x10\0\3\0\2user\0a\0\0"


@pytest.mark.parametrize("size", [0, 3, 257, 300])
def test_cancel_keys_have_4_to_256_bytes(size: int) -> None:
    with pytest.raises(PeerError, match="secret key"):
        decode_startup(CancelRequest(1, bytes(size)).encode()[4:])


@pytest.mark.parametrize(
    "version", [b"\0\2\0\0", b"\0\4\0\0", b"\0\0\0\0", b"\4\xd2\x16\x31", b"\4\xd2\0\0", b"\xff\xff\xff\xff"]
)
def test_other_protocols_are_not_supported(version: bytes) -> None:
    with pytest.raises(PeerError, match="unsupported frontend protocol") as caught:
        decode_startup(version + b"\0")
    assert caught.value.sqlstate == "0A000"


@pytest.mark.parametrize(
    "rest", [b"", b"user", b"user\0", b"user\0a", b"user\0a\0", b"user\0\0", b"\0\0", b"\0user\0a\0\0"]
)
def test_the_list_of_parameters_is_exact(rest: bytes) -> None:
    with pytest.raises(PeerError):
        decode_startup(b"\0\3\0\0" + rest)


def test_a_packet_has_10000_bytes_at_most() -> None:
    fits = StartupMessage(3, 0, ((b"options", b"x" * (MAX_STARTUP_PACKET - 14)),)).encode()
    buffer = StartupBuffer()
    buffer.feed(fits)
    body = buffer.next()
    assert body is not None
    assert len(body) == MAX_STARTUP_PACKET
    decode_startup(body)
    with pytest.raises(PeerError):
        decode_startup(StartupMessage(3, 0, ((b"options", b"x" * (MAX_STARTUP_PACKET - 13)),)).encode()[4:])


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\0",
        b"\0\0\0\7",
        (MAX_STARTUP_PACKET + 5).to_bytes(4, "big"),
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\xff",
        b"\x16\x03\x01\x02",  # TLS
        b"GET ",
    ],
)
def test_lengths_are_bounded_as_soon_as_they_are_there(head: bytes) -> None:
    buffer = StartupBuffer()
    buffer.feed(head[:3])
    assert buffer.next() is None
    buffer.feed(head[3:])
    with pytest.raises(PeerError, match="invalid length of startup packet"):
        buffer.next()


@given(packets, st.binary(max_size=20), st.lists(st.integers(0, 60), max_size=8))
def test_any_chunking_yields_the_same_packet(packet: StartupPacket, behind: bytes, places: list[int]) -> None:
    stream = packet.encode() + behind
    buffer = StartupBuffer()
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    found = None
    for start, end in itertools.pairwise(edges):
        buffer.feed(stream[start:end])
        if found is None:
            found = buffer.next()
    assert found == packet.encode()[4:]
    assert buffer.pending == len(behind)
    assert buffer.rest() == behind
    assert buffer.pending == 0


@pytest.mark.parametrize("pair", [(b"", b"x"), (b"a\0", b"x"), (b"a", b"x\0y")])
def test_what_cannot_be_sent(pair: tuple[bytes, bytes]) -> None:
    with pytest.raises(InternalError):
        StartupMessage(3, 0, (pair,)).encode()
