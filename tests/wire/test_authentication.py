from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire import authentication, frontend
from pgmaskproxy.wire.authentication import PasswordMessage, SASLInitialResponse, SASLResponse, password_message
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.message import Message
from tests.wire import strategies


def reread(message: Message) -> PasswordMessage:
    decoded = frontend.decode(strategies.frame_of(message.encode()))
    assert isinstance(decoded, PasswordMessage)
    return decoded


@given(strategies.names, st.none() | strategies.data)
def test_sasl_initial_response(mechanism: bytes, data: bytes | None) -> None:
    again = reread(SASLInitialResponse(mechanism, data)).sasl_initial_response()
    assert (again.mechanism, again.data) == (mechanism, data)


@given(strategies.names, st.none() | strategies.data, st.binary(min_size=1, max_size=4))
def test_sasl_initial_response_is_exact(mechanism: bytes, data: bytes | None, extra: bytes) -> None:
    body = SASLInitialResponse(mechanism, data).encode()[5:]
    for size in range(len(body)):
        with pytest.raises(PeerError):
            PasswordMessage(body[:size]).sasl_initial_response()
    with pytest.raises(PeerError):
        PasswordMessage(body + extra).sasl_initial_response()


@given(strategies.data)
def test_sasl_response(data: bytes) -> None:
    assert reread(SASLResponse(data)).sasl_response().data == data


@given(strategies.names)
def test_password(password: bytes) -> None:
    assert reread(password_message(password)).password() == password


@pytest.mark.parametrize("body", [b"", b"secret", b"secret\0\0", b"sec\0ret\0"])
def test_a_password_is_one_string(body: bytes) -> None:
    with pytest.raises(PeerError):
        PasswordMessage(body).password()


def test_a_password_with_a_zero_byte_cannot_be_sent() -> None:
    with pytest.raises(InternalError):
        password_message(b"a\0b")


@pytest.mark.parametrize("code", [1, 4, 13, -1])
def test_unknown_kinds_are_refused(code: int) -> None:
    with pytest.raises(PeerError, match="unknown kind"):
        authentication.decode_request(code.to_bytes(4, "big", signed=True))


def test_no_repr_holds_a_password() -> None:
    assert "secret" not in repr(password_message(b"secret"))
    assert "secret" not in repr(Frame(ord("p"), b"secret\0"))


@pytest.mark.parametrize(
    "body",
    [
        b"\0\0\0\0x",  # AuthenticationOk with something behind it
        b"\0\0\0\3\0",
        b"\0\0\0\5abc",  # a salt of three bytes, and of five
        b"\0\0\0\5abcde",
        b"\0\0\0\nSCRAM-SHA-256\0",  # mechanisms without an end, and with something behind it
        b"\0\0\0\nSCRAM-SHA-256\0\0x",
        b"\0\0\0",
    ],
)
def test_a_request_is_exact(body: bytes) -> None:
    with pytest.raises(PeerError):
        authentication.decode_request(body)
