from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire import frontend
from pgmaskproxy.wire.framing import FRONTEND_LIMITS, Frame
from tests.wire import strategies

TYPES = sorted(FRONTEND_LIMITS)


@pytest.mark.parametrize("name", [*strategies.FRONTEND, *strategies.FRONTEND_OPEN])
@given(st.data())
def test_round_trip(name: str, data: st.DataObject) -> None:
    message = data.draw((strategies.FRONTEND | strategies.FRONTEND_OPEN)[name])
    assert type(message).__name__ == name
    strategies.assert_round_trip(message, frontend.decode)


@pytest.mark.parametrize("name", strategies.FRONTEND)
@given(st.data(), st.binary(min_size=1, max_size=4))
def test_truncations_and_trailing_bytes_are_refused(name: str, data: st.DataObject, extra: bytes) -> None:
    strategies.assert_exact(data.draw(strategies.FRONTEND[name]), frontend.decode, extra)


@given(st.sampled_from(TYPES), st.binary(max_size=60))
def test_arbitrary_bytes(code: int, body: bytes) -> None:
    strategies.assert_decodes_or_refuses(Frame(code, body), frontend.decode)


@given(st.data(), st.integers(0, 255))
def test_one_byte_changed(data: st.DataObject, byte: int) -> None:
    message = data.draw(st.one_of(*strategies.FRONTEND.values()))
    frame = strategies.frame_of(message.encode())
    if frame.body:
        place = data.draw(st.integers(0, len(frame.body) - 1))
        changed = frame.body[:place] + bytes([byte]) + frame.body[place + 1 :]
        strategies.assert_decodes_or_refuses(Frame(frame.type, changed), frontend.decode)


@given(st.integers(0, 255).filter(lambda code: code not in FRONTEND_LIMITS))
def test_unknown_types_are_refused(code: int) -> None:
    with pytest.raises(PeerError, match="invalid frontend message type"):
        frontend.decode(Frame(code, b""))


def test_every_type_with_limits_is_decoded() -> None:
    encoded = {strategies.frame_of(message.encode()).type for message in _one_of_each()}
    assert encoded == set(FRONTEND_LIMITS)


def _one_of_each() -> list[frontend.FrontendMessage]:
    return [
        frontend.Query(b"SELECT 1"),
        frontend.Parse(b"s", b"SELECT $1", (23,)),
        frontend.Bind(b"p", b"s", (0,), (b"1",), (1,)),
        frontend.Describe(b"P", b"p"),
        frontend.Execute(b"p", 10),
        frontend.Close(b"S", b"s"),
        frontend.Sync(),
        frontend.Flush(),
        frontend.Terminate(),
        frontend.CopyData(b"1\n"),
        frontend.CopyDone(),
        frontend.CopyFail(b"no"),
        frontend.FunctionCall(1598, (), (), 0),
        frontend.PasswordMessage(b"secret\0"),
    ]


def test_bytes_as_the_manual_has_them() -> None:
    assert frontend.Query(b"SELECT 1").encode() == b"Q\0\0\0\x0dSELECT 1\0"
    assert frontend.Parse(b"s", b"q", (23, 4294967295)).encode() == b"P\0\0\0\x12s\0q\0\0\2\0\0\0\x17\xff\xff\xff\xff"
    assert (
        frontend.Bind(b"", b"s", (1,), (b"x", None, b""), (0, 1)).encode()
        == b"B\0\0\0\x20\0s\0\0\1\0\1\0\3\0\0\0\1x\xff\xff\xff\xff\0\0\0\0\0\2\0\0\0\1"
    )
    assert frontend.Execute(b"", 5).encode() == b"E\0\0\0\x09\0\0\0\0\5"
    assert frontend.Describe(b"S", b"s").encode() == b"D\0\0\0\7Ss\0"


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("Q", b"SELECT 1\0, ssn FROM customers\0"),  # M14: a parser of C strings would see the prefix alone
        ("P", b"\0SELECT $1\0\xff\xff"),  # 65,535 types said, none there
        ("P", b"\0SELECT $1\0\0\2\0\0\0\x17"),
        ("B", b"\0\0\0\0\xff\xff\0\0"),
        ("B", b"\0\0\0\0\0\1\x7f\xff\xff\xffx\0\0"),  # a value of 2 GiB
        ("B", b"\0\0\0\0\0\1\xff\xff\xff\xfex\0\0"),  # a length of -2
        ("B", b"\0\0\0\0\0\1\x80\0\0\0x\0\0"),
        ("D", b"X\0"),
        ("C", b"s\0"),
        ("S", b"\0"),
        ("H", b"x"),  # and one byte more than each has
        ("X", b"x"),
        ("c", b"x"),
        ("D", b"S\0x"),
        ("E", b"\0\0\0\0\0x"),
        ("P", b"\0SELECT 1\0\0\0x"),
        ("B", b"\0\0\0\0\0\0\0\0x"),
        ("f", b"why\0x"),
        ("F", b"\0\0\0\1\0\0\0\0\0\0x"),
    ],
)
def test_what_a_hostile_client_sends(code: str, body: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        frontend.decode(Frame(ord(code), body))
    assert caught.value.sqlstate == "08P01"
    assert "customers" not in caught.value.message


def test_65535_parameters_are_counted_unsigned() -> None:
    message = frontend.Bind(b"", b"", (), (b"",) * 65_535, ())
    strategies.assert_round_trip(message, frontend.decode)
    with pytest.raises(InternalError):
        frontend.Bind(b"", b"", (), (b"",) * 65_536, ()).encode()


@pytest.mark.parametrize(
    "message",
    [
        frontend.Query(b"a\0b"),
        frontend.Parse(b"a\0b", b""),
        frontend.Describe(b"P", b"\0"),
        frontend.Execute(b"", 1 << 32),
        frontend.Bind(b"", b"", (70_000,)),
    ],
)
def test_what_cannot_be_sent(message: frontend.FrontendMessage) -> None:
    with pytest.raises(InternalError):
        message.encode()
