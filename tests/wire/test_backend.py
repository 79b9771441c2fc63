from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire import backend
from pgmaskproxy.wire.framing import BACKEND_LIMITS, Frame
from tests.wire import strategies
from tests.wire.test_limits import SHORTEST_BACKEND

TYPES = sorted(BACKEND_LIMITS)


@pytest.mark.parametrize("name", [*strategies.BACKEND, *strategies.BACKEND_OPEN])
@given(st.data())
def test_round_trip(name: str, data: st.DataObject) -> None:
    message = data.draw((strategies.BACKEND | strategies.BACKEND_OPEN)[name])
    assert type(message).__name__ == name
    strategies.assert_round_trip(message, backend.decode)


@pytest.mark.parametrize("name", strategies.BACKEND)
@given(st.data(), st.binary(min_size=1, max_size=4))
def test_truncations_and_trailing_bytes_are_refused(name: str, data: st.DataObject, extra: bytes) -> None:
    strategies.assert_exact(data.draw(strategies.BACKEND[name]), backend.decode, extra)


@given(st.sampled_from(TYPES), st.binary(max_size=60))
def test_arbitrary_bytes(code: int, body: bytes) -> None:
    strategies.assert_decodes_or_refuses(Frame(code, body), backend.decode)


@given(st.data(), st.integers(0, 255))
def test_one_byte_changed(data: st.DataObject, byte: int) -> None:
    message = data.draw(st.one_of(*strategies.BACKEND.values()))
    frame = strategies.frame_of(message.encode())
    if frame.body:
        place = data.draw(st.integers(0, len(frame.body) - 1))
        changed = frame.body[:place] + bytes([byte]) + frame.body[place + 1 :]
        strategies.assert_decodes_or_refuses(Frame(frame.type, changed), backend.decode)


@given(st.integers(0, 255).filter(lambda code: code not in BACKEND_LIMITS))
def test_unknown_types_are_refused(code: int) -> None:
    with pytest.raises(PeerError, match="invalid backend message type"):
        backend.decode(Frame(code, b""))


def test_every_type_with_limits_is_decoded() -> None:
    assert {message.encode()[0] for message in SHORTEST_BACKEND} == set(BACKEND_LIMITS)
    for message in SHORTEST_BACKEND:
        strategies.assert_round_trip(message, backend.decode)


@pytest.mark.parametrize("size", [0, 3, 257])
def test_cancel_keys_have_4_to_256_bytes(size: int) -> None:
    with pytest.raises(PeerError, match="secret key"):
        backend.decode(Frame(ord("K"), bytes(4 + size)))


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("Z", b"X"),
        ("Z", b""),
        ("Z", b"II"),
        ("v", b"\0\2\0\0\0\0\0\0"),  # protocol 2
        ("v", b"\0\3\0\0\x7f\xff\xff\xff"),
        ("v", b"\0\3\0\0\xff\xff\xff\xff"),
        ("V", b"\xff\xff\xff\xfe"),
        ("T", b"\0\1a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\2"),  # formats are 0 and 1
        ("G", b"\2\0\0"),
        ("E", b"Ca\0Cb\0\0"),  # a field given twice
        ("n", b"x"),  # and one byte more than each has
        ("S", b"a\0b\0x"),
        ("C", b"SELECT 1\0x"),
        ("A", b"\0\0\0\1a\0b\0x"),
        ("v", b"\0\3\0\0\0\0\0\0x"),
        ("V", b"\0\0\0\1ax"),
        ("T", b"\0\0x"),
        ("G", b"\0\0\0x"),
        ("E", b"\0x"),
    ],
)
def test_what_a_hostile_server_sends(code: str, body: bytes) -> None:
    with pytest.raises(PeerError):
        backend.decode(Frame(ord(code), body))


def test_bytes_as_the_manual_has_them() -> None:
    assert backend.ReadyForQuery(b"T").encode() == b"Z\0\0\0\5T"
    assert backend.CommandComplete(b"SELECT 1").encode() == b"C\0\0\0\x0dSELECT 1\0"
    assert backend.BackendKeyData(7, b"abcd").encode() == b"K\0\0\0\x0c\0\0\0\7abcd"
    # As PostgreSQL 18 sends it: the whole version number, not the minor alone.
    assert backend.NegotiateProtocolVersion(2, (b"_pq_.x",)).encode() == b"v\0\0\0\x13\0\3\0\2\0\0\0\1_pq_.x\0"
    assert backend.FunctionCallResponse(None).encode() == b"V\0\0\0\x08\xff\xff\xff\xff"


def test_what_cannot_be_sent() -> None:
    with pytest.raises(InternalError):
        backend.ParameterStatus(b"a", b"b\0c").encode()
