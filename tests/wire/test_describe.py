"""Golden lines: a recording of libpq 18's own PQtrace, beside every byte it sent and received."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.wire import backend, frontend
from pgmaskproxy.wire.authentication import password_message
from pgmaskproxy.wire.describe import describe, describe_startup
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FRONTEND_LIMITS, Frame, FrameBuffer
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupBuffer
from tests.wire import strategies

RECORDING = json.loads((Path(__file__).parent / "golden" / "libpq18.json").read_text(encoding="utf-8"))


def recorded(sender: Literal["F", "B"]) -> tuple[str, list[Frame]]:
    """The start-up packet's line (of the frontend), and the frames behind it."""
    stream = bytes.fromhex(RECORDING["frontend" if sender == "F" else "backend"])
    startup = ""
    if sender == "F":
        packets = StartupBuffer()
        packets.feed(stream)
        packet = packets.next()
        assert packet is not None
        startup = describe_startup(packet)
        stream = packets.rest()
    buffer = FrameBuffer(FRONTEND_LIMITS if sender == "F" else BACKEND_LIMITS)
    buffer.feed(stream)
    found = []
    while (frame := buffer.next()) is not None:
        found.append(frame)
    assert buffer.pending == 0
    return startup, found


@pytest.mark.parametrize("sender", ["F", "B"])
def test_the_lines_are_libpqs_own(sender: Literal["F", "B"]) -> None:
    theirs = [line for line in RECORDING["trace"] if line.startswith(sender)]
    ours = [describe(sender, frame) for frame in recorded(sender)[1]]
    assert len(theirs) > 30
    assert ours[-len(theirs) :] == theirs


def test_the_login_before_them() -> None:
    startup, frames = recorded("F")
    assert startup == 'F\t60\tStartupMessage\t 3 2 "user" "postgres" "database" "postgres" "application_name" "x"'
    assert describe("F", frames[0]) == "F\t54\tUnknownAuthenticationResponse"
    lines = [describe("B", frame) for frame in recorded("B")[1]]
    assert lines[0] == 'B\t23\tAuthenticationSASL\t "SCRAM-SHA-256" ""'
    assert lines[1].startswith("B\t92\tAuthenticationSASLContinue\t 'r=")
    assert lines[3:6] == [
        "B\t8\tAuthenticationOk",
        'B\t23\tParameterStatus\t "in_hot_standby" "off"',
        'B\t25\tParameterStatus\t "integer_datetimes" "on"',
    ]


def test_every_recorded_frame_decodes_exactly() -> None:
    for frame in recorded("F")[1]:
        assert frontend.decode(frame).encode() == frame.encode()
    for frame in recorded("B")[1]:
        assert backend.decode(frame).encode() == frame.encode()


def line(sender: Literal["F", "B"], message: Message) -> str:
    return describe(sender, strategies.frame_of(message.encode()))


def test_what_the_recording_does_not_have() -> None:
    assert line("F", frontend.FunctionCall(1598, (0,), (b"x", None), 1)) == (
        "F\t25\tFunctionCall\t 1598 1 0 2 1 'x' -1 1"
    )
    assert line("B", backend.FunctionCallResponse(None)) == "B\t8\tFunctionCallResponse\t -1"
    assert line("B", backend.FunctionCallResponse(b"x")) == "B\t9\tFunctionCallResponse\t 1 'x'"
    assert line("B", backend.CopyBothResponse(0, ())) == "B\t7\tCopyBothResponse\t \\x00 0"
    assert line("B", backend.NegotiateProtocolVersion(2, (b"_pq_.x",))) == (
        'B\t19\tNegotiateProtocolVersion\t 196610 1 "_pq_.x"'
    )
    assert line("B", backend.BackendKeyData(1, b"\0\0\0\2")) == "B\t12\tBackendKeyData\t 1 2"
    assert line("B", backend.BackendKeyData(1, b"abcde")) == "B\t13\tBackendKeyData\t 1 'abcde'"
    assert line("B", backend.AuthenticationMD5Password(b"salt")) == "B\t12\tAuthenticationMD5Password\t 'salt'"
    assert line("B", backend.PortalSuspended()) == "B\t4\tPortalSuspended"
    assert describe("B", Frame(ord("R"), b"\0\0\0\x63")) == "B\t8\tUnknown authentication message 99"
    assert describe("F", Frame(ord("?"), b"x")) == "F\t5\tUnknown message: 3f"


def test_packets_without_a_type() -> None:
    assert describe_startup(SSLRequest().encode()[4:]) == "F\t8\tSSLRequest\t 1234 5679"
    assert describe_startup(GSSENCRequest().encode()[4:]) == "F\t8\tGSSENCRequest\t 1234 5680"
    assert describe_startup(CancelRequest(7, b"\0\0\0\x08").encode()[4:]) == "F\t16\tCancelRequest\t 1234 5678 7 8"
    assert describe_startup(CancelRequest(7, b"12345").encode()[4:]) == "F\t17\tCancelRequest\t 1234 5678 7 '12345'"
    assert describe_startup(b"GET / HTTP/1.1") == "F\t18\tUnknown message"


def test_a_password_is_never_printed() -> None:
    assert line("F", password_message(b"secret")) == "F\t11\tUnknownAuthenticationResponse"


def test_a_frame_is_one_line_whatever_it_holds() -> None:
    assert line("F", frontend.Query("SELECT 'ä'\n\x1b[0m\t\x85".encode() + b"\xff")) == (
        "F\t25\tQuery\t \"SELECT 'ä'\\x0a\\x1b[0m\\x09\\xc2\\x85\\xff\""
    )


@given(st.sampled_from(["F", "B"]), st.integers(0, 255), st.binary(max_size=60))
def test_any_frame_has_a_line(sender: Literal["F", "B"], code: int, body: bytes) -> None:
    described = describe(sender, Frame(code, body))
    assert described.startswith(f"{sender}\t{len(body) + 4}\t")
    assert described.isprintable() or described.replace("\t", "").isprintable()


@given(st.binary(max_size=60))
def test_any_packet_has_a_line(body: bytes) -> None:
    assert "\n" not in describe_startup(body)


def test_a_frame_that_does_not_fit_its_message() -> None:
    assert describe("F", Frame(ord("Q"), b"SELECT 1")) == "F\t12\tInvalid Query 'SELECT 1'"
    assert describe("B", Frame(ord("D"), b"\xff\xff")) == "B\t6\tInvalid DataRow '\\xff\\xff'"
    assert describe("B", Frame(ord("Z"), b"II")) == "B\t6\tInvalid ReadyForQuery 'II'"
    assert describe("B", Frame(ord("R"), b"")) == "B\t4\tInvalid AuthenticationRequest ''"
