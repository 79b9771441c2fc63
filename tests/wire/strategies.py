"""Messages of every kind, for hypothesis; and what every test of a codec does with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire import authentication, backend, copy, frontend, report, rows
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.message import Message

data = st.binary(max_size=40)
names = data.map(lambda value: value.replace(b"\0", b"."))
full_names = names.filter(bool)
values = st.lists(st.none() | data, max_size=6).map(tuple)
int16s = st.integers(-0x8000, 0x7FFF)
int32s = st.integers(-0x80000000, 0x7FFFFFFF)
oids = st.integers(0, 0xFFFFFFFF)
formats = st.integers(0, 1)
many_int16s = st.lists(int16s, max_size=5).map(tuple)
many_formats = st.lists(formats, max_size=5).map(tuple)
many_oids = st.lists(oids, max_size=5).map(tuple)
kinds = st.sampled_from([b"S", b"P"])
cancel_keys = st.binary(min_size=4, max_size=256)
fields = st.dictionaries(st.integers(1, 255).map(lambda code: bytes([code])), names, max_size=6)

FRONTEND: dict[str, SearchStrategy[Message]] = {
    "Query": st.builds(frontend.Query, names),
    "Parse": st.builds(frontend.Parse, names, names, many_oids),
    "Bind": st.builds(frontend.Bind, names, names, many_int16s, values, many_int16s),
    "Describe": st.builds(frontend.Describe, kinds, names),
    "Execute": st.builds(frontend.Execute, names, int32s),
    "Close": st.builds(frontend.Close, kinds, names),
    "Sync": st.builds(frontend.Sync),
    "Flush": st.builds(frontend.Flush),
    "Terminate": st.builds(frontend.Terminate),
    "CopyDone": st.builds(copy.CopyDone),
    "CopyFail": st.builds(copy.CopyFail, names),
    "FunctionCall": st.builds(frontend.FunctionCall, oids, many_int16s, values, int16s),
}
"""All but those whose body is any bytes."""

FRONTEND_OPEN: dict[str, SearchStrategy[Message]] = {
    "CopyData": st.builds(copy.CopyData, data),
    "PasswordMessage": st.builds(authentication.PasswordMessage, data),
}

row_fields = st.builds(rows.Field, names, oids, int16s, oids, int16s, int32s, formats)

BACKEND: dict[str, SearchStrategy[Message]] = {
    "AuthenticationOk": st.builds(authentication.AuthenticationOk),
    "AuthenticationKerberosV5": st.builds(authentication.AuthenticationKerberosV5),
    "AuthenticationCleartextPassword": st.builds(authentication.AuthenticationCleartextPassword),
    "AuthenticationMD5Password": st.builds(authentication.AuthenticationMD5Password, st.binary(min_size=4, max_size=4)),
    "AuthenticationSCMCredential": st.builds(authentication.AuthenticationSCMCredential),
    "AuthenticationGSS": st.builds(authentication.AuthenticationGSS),
    "AuthenticationSSPI": st.builds(authentication.AuthenticationSSPI),
    "AuthenticationSASL": st.builds(authentication.AuthenticationSASL, st.lists(full_names, max_size=3).map(tuple)),
    "ParameterStatus": st.builds(backend.ParameterStatus, names, names),
    "ReadyForQuery": st.builds(backend.ReadyForQuery, st.sampled_from([b"I", b"T", b"E"])),
    "RowDescription": st.builds(rows.RowDescription, st.lists(row_fields, max_size=5).map(tuple)),
    "ParameterDescription": st.builds(rows.ParameterDescription, many_oids),
    "DataRow": st.builds(rows.DataRow, values),
    "CommandComplete": st.builds(backend.CommandComplete, names),
    "EmptyQueryResponse": st.builds(backend.EmptyQueryResponse),
    "NoData": st.builds(backend.NoData),
    "ParseComplete": st.builds(backend.ParseComplete),
    "BindComplete": st.builds(backend.BindComplete),
    "CloseComplete": st.builds(backend.CloseComplete),
    "PortalSuspended": st.builds(backend.PortalSuspended),
    "ErrorResponse": st.builds(report.ErrorResponse, fields),
    "NoticeResponse": st.builds(report.NoticeResponse, fields),
    "NotificationResponse": st.builds(backend.NotificationResponse, int32s, names, names),
    "CopyInResponse": st.builds(copy.CopyInResponse, formats, many_formats),
    "CopyOutResponse": st.builds(copy.CopyOutResponse, formats, many_formats),
    "CopyBothResponse": st.builds(copy.CopyBothResponse, formats, many_formats),
    "CopyDone": st.builds(copy.CopyDone),
    "NegotiateProtocolVersion": st.builds(
        backend.NegotiateProtocolVersion, st.integers(0, 0xFFFF), st.lists(names, max_size=3).map(tuple)
    ),
    "FunctionCallResponse": st.builds(backend.FunctionCallResponse, st.none() | data),
}
"""All but those whose body ends in any bytes."""

BACKEND_OPEN: dict[str, SearchStrategy[Message]] = {
    "AuthenticationGSSContinue": st.builds(authentication.AuthenticationGSSContinue, data),
    "AuthenticationSASLContinue": st.builds(authentication.AuthenticationSASLContinue, data),
    "AuthenticationSASLFinal": st.builds(authentication.AuthenticationSASLFinal, data),
    "BackendKeyData": st.builds(backend.BackendKeyData, int32s, cancel_keys),
    "CopyData": st.builds(copy.CopyData, data),
}


def frame_of(encoded: bytes) -> Frame:
    """What FrameBuffer makes of one encoded message; its length field is checked."""
    assert int.from_bytes(encoded[1:5], "big") == len(encoded) - 1
    return Frame(encoded[0], encoded[5:])


def attributes(message: Message) -> dict[str, object]:
    return {name: getattr(message, name) for name in dir(message) if _is_public_data(message, name)}


def _is_public_data(message: Message, name: str) -> bool:
    return not name.startswith("_") and not callable(getattr(message, name))


def assert_round_trip(message: Message, decode: Callable[[Frame], Message]) -> None:
    frame = frame_of(message.encode())
    decoded = decode(frame)
    assert type(decoded) is type(message)
    assert attributes(decoded) == attributes(message)
    assert decoded.encode() == message.encode() == frame.encode()
    assert decoded == message
    assert hash(decoded) == hash(message)


def assert_exact(message: Message, decode: Callable[[Frame], Message], extra: bytes) -> None:
    """Every truncation, and whatever comes behind, is refused."""
    frame = frame_of(message.encode())
    for size in range(len(frame.body)):
        with pytest.raises(PeerError):
            decode(Frame(frame.type, frame.body[:size]))
    with pytest.raises(PeerError):
        decode(Frame(frame.type, frame.body + extra))


def assert_decodes_or_refuses(frame: Frame, decode: Callable[[Frame], Message]) -> None:
    """Nothing but a PeerError comes out of arbitrary bytes; what is accepted has only this spelling."""
    try:
        message = decode(frame)
    except PeerError:
        return
    assert message.encode() == frame.encode()
