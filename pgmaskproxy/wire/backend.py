"""What a server sends (manual, "Message Formats", those marked B).

`decode` is exact, as the frontend's is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire.authentication import (
    AuthenticationCleartextPassword,
    AuthenticationGSS,
    AuthenticationGSSContinue,
    AuthenticationKerberosV5,
    AuthenticationMD5Password,
    AuthenticationOk,
    AuthenticationRequest,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    AuthenticationSCMCredential,
    AuthenticationSSPI,
    decode_request,
)
from pgmaskproxy.wire.copy import (
    CopyBothResponse,
    CopyData,
    CopyDone,
    CopyInResponse,
    CopyOutResponse,
    read_copy_response,
)
from pgmaskproxy.wire.framing import Frame, pack
from pgmaskproxy.wire.limits import MAX_CANCEL_KEY
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.report import ErrorResponse, NoticeResponse, read_fields
from pgmaskproxy.wire.rows import (
    DataRow,
    Field,
    ParameterDescription,
    RowDescription,
    read_data_row,
    read_parameter_description,
    read_row_description,
)
from pgmaskproxy.wire.writer import Writer

__all__ = [
    "AuthenticationCleartextPassword",
    "AuthenticationGSS",
    "AuthenticationGSSContinue",
    "AuthenticationKerberosV5",
    "AuthenticationMD5Password",
    "AuthenticationOk",
    "AuthenticationRequest",
    "AuthenticationSASL",
    "AuthenticationSASLContinue",
    "AuthenticationSASLFinal",
    "AuthenticationSCMCredential",
    "AuthenticationSSPI",
    "BackendKeyData",
    "BackendMessage",
    "BindComplete",
    "CloseComplete",
    "CommandComplete",
    "CopyBothResponse",
    "CopyData",
    "CopyDone",
    "CopyInResponse",
    "CopyOutResponse",
    "DataRow",
    "EmptyQueryResponse",
    "ErrorResponse",
    "Field",
    "FunctionCallResponse",
    "NegotiateProtocolVersion",
    "NoData",
    "NoticeResponse",
    "NotificationResponse",
    "ParameterDescription",
    "ParameterStatus",
    "ParseComplete",
    "PortalSuspended",
    "ReadyForQuery",
    "RowDescription",
    "decode",
]

_PROTOCOL_3: Final = 3 << 16


@final
class BackendKeyData(Message):
    """What a CancelRequest for this connection has to name. `secret_key` has 4 to 256 bytes."""

    __slots__ = ("process_id", "secret_key")

    def __init__(self, process_id: int, secret_key: bytes) -> None:
        self.process_id = process_id
        self.secret_key = secret_key

    def encode(self) -> bytes:
        writer = Writer(ord("K"))
        writer.int32(self.process_id)
        writer.raw(self.secret_key)
        return writer.frame()


@final
class ParameterStatus(Message):
    """The value of a run-time parameter that the server reports."""

    __slots__ = ("name", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value

    def encode(self) -> bytes:
        writer = Writer(ord("S"))
        writer.string(self.name)
        writer.string(self.value)
        return writer.frame()


@final
class ReadyForQuery(Message):
    """`status` is b"I" idle, b"T" in a transaction block, b"E" in a failed one."""

    __slots__ = ("status",)

    def __init__(self, status: bytes) -> None:
        self.status = status

    def encode(self) -> bytes:
        return pack(b"Z", self.status)


@final
class CommandComplete(Message):
    """A statement is done; `tag` says which and over how many rows."""

    __slots__ = ("tag",)

    def __init__(self, tag: bytes) -> None:
        self.tag = tag

    def encode(self) -> bytes:
        writer = Writer(ord("C"))
        writer.string(self.tag)
        return writer.frame()


@final
class EmptyQueryResponse(Message):
    """CommandComplete's stand-in for an empty query."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"I\0\0\0\4"


@final
class NoData(Message):
    """RowDescription's stand-in for what returns no rows."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"n\0\0\0\4"


@final
class ParseComplete(Message):
    """A Parse succeeded."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"1\0\0\0\4"


@final
class BindComplete(Message):
    """A Bind succeeded."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"2\0\0\0\4"


@final
class CloseComplete(Message):
    """A Close succeeded."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"3\0\0\0\4"


@final
class PortalSuspended(Message):
    """An Execute reached its row limit."""

    __slots__ = ()

    def encode(self) -> bytes:
        return b"s\0\0\0\4"


@final
class NotificationResponse(Message):
    """A NOTIFY by the backend `process_id`. `channel` and `payload` are whatever it was given."""

    __slots__ = ("channel", "payload", "process_id")

    def __init__(self, process_id: int, channel: bytes, payload: bytes) -> None:
        self.process_id = process_id
        self.channel = channel
        self.payload = payload

    def encode(self) -> bytes:
        writer = Writer(ord("A"))
        writer.int32(self.process_id)
        writer.string(self.channel)
        writer.string(self.payload)
        return writer.frame()


@final
class NegotiateProtocolVersion(Message):
    """The newest `minor` version of protocol 3 the server has, and the `options` (`_pq_.*`) it does not know.

    On the wire, PostgreSQL sends the whole version (3 << 16 | minor), as libpq expects; `minor` is the minor alone.
    """

    __slots__ = ("minor", "options")

    def __init__(self, minor: int, options: tuple[bytes, ...] = ()) -> None:
        self.minor = minor
        self.options = options

    def encode(self) -> bytes:
        writer = Writer(ord("v"))
        writer.int32(_PROTOCOL_3 | self.minor)
        writer.int32(len(self.options))
        for option in self.options:
            writer.string(option)
        return writer.frame()


@final
class FunctionCallResponse(Message):
    """A function's result; None is SQL NULL."""

    __slots__ = ("value",)

    def __init__(self, value: bytes | None) -> None:
        self.value = value

    def encode(self) -> bytes:
        writer = Writer(ord("V"))
        writer.value(self.value)
        return writer.frame()


BackendMessage: TypeAlias = (
    AuthenticationRequest
    | BackendKeyData
    | ParameterStatus
    | ReadyForQuery
    | RowDescription
    | ParameterDescription
    | DataRow
    | CommandComplete
    | EmptyQueryResponse
    | NoData
    | ParseComplete
    | BindComplete
    | CloseComplete
    | PortalSuspended
    | ErrorResponse
    | NoticeResponse
    | NotificationResponse
    | CopyInResponse
    | CopyOutResponse
    | CopyBothResponse
    | CopyData
    | CopyDone
    | NegotiateProtocolVersion
    | FunctionCallResponse
)


def _backend_key_data(body: bytes) -> BackendMessage:
    reader = Reader(body, "BackendKeyData")
    process_id = reader.int32()
    secret_key = reader.rest()
    if not 4 <= len(secret_key) <= MAX_CANCEL_KEY:
        raise reader.fail("a secret key of a wrong length")
    return BackendKeyData(process_id, secret_key)


def _parameter_status(body: bytes) -> BackendMessage:
    reader = Reader(body, "ParameterStatus")
    message = ParameterStatus(reader.string(), reader.string())
    reader.end()
    return message


def _ready_for_query(body: bytes) -> BackendMessage:
    if body not in (b"I", b"T", b"E"):
        raise Reader(body, "ReadyForQuery").fail("an unknown transaction status")
    return ReadyForQuery(body)


def _command_complete(body: bytes) -> BackendMessage:
    reader = Reader(body, "CommandComplete")
    message = CommandComplete(reader.string())
    reader.end()
    return message


def _notification_response(body: bytes) -> BackendMessage:
    reader = Reader(body, "NotificationResponse")
    message = NotificationResponse(reader.int32(), reader.string(), reader.string())
    reader.end()
    return message


def _copy_in_response(body: bytes) -> BackendMessage:
    format_code, column_formats = read_copy_response(Reader(body, "CopyInResponse"))
    return CopyInResponse(format_code, column_formats)


def _copy_out_response(body: bytes) -> BackendMessage:
    format_code, column_formats = read_copy_response(Reader(body, "CopyOutResponse"))
    return CopyOutResponse(format_code, column_formats)


def _copy_both_response(body: bytes) -> BackendMessage:
    format_code, column_formats = read_copy_response(Reader(body, "CopyBothResponse"))
    return CopyBothResponse(format_code, column_formats)


def _negotiate_protocol_version(body: bytes) -> BackendMessage:
    reader = Reader(body, "NegotiateProtocolVersion")
    version = reader.int32()
    if version >> 16 != _PROTOCOL_3 >> 16:
        raise reader.fail("another major version")
    number = reader.int32()
    if not 0 <= number <= reader.remaining:
        raise reader.fail("a count beyond the message's end")
    options = tuple([reader.string() for _ in range(number)])
    reader.end()
    return NegotiateProtocolVersion(version & 0xFFFF, options)


def _function_call_response(body: bytes) -> BackendMessage:
    reader = Reader(body, "FunctionCallResponse")
    message = FunctionCallResponse(reader.value())
    reader.end()
    return message


def _empty(body: bytes, name: str) -> None:
    Reader(body, name).end()


def _empty_query_response(body: bytes) -> BackendMessage:
    _empty(body, "EmptyQueryResponse")
    return EmptyQueryResponse()


def _no_data(body: bytes) -> BackendMessage:
    _empty(body, "NoData")
    return NoData()


def _parse_complete(body: bytes) -> BackendMessage:
    _empty(body, "ParseComplete")
    return ParseComplete()


def _bind_complete(body: bytes) -> BackendMessage:
    _empty(body, "BindComplete")
    return BindComplete()


def _close_complete(body: bytes) -> BackendMessage:
    _empty(body, "CloseComplete")
    return CloseComplete()


def _portal_suspended(body: bytes) -> BackendMessage:
    _empty(body, "PortalSuspended")
    return PortalSuspended()


def _copy_done(body: bytes) -> BackendMessage:
    _empty(body, "CopyDone")
    return CopyDone()


def _error_response(body: bytes) -> BackendMessage:
    return ErrorResponse(read_fields(body, "ErrorResponse"))


def _notice_response(body: bytes) -> BackendMessage:
    return NoticeResponse(read_fields(body, "NoticeResponse"))


_DECODERS: Final[dict[int, Callable[[bytes], BackendMessage]]] = {
    ord("1"): _parse_complete,
    ord("2"): _bind_complete,
    ord("3"): _close_complete,
    ord("A"): _notification_response,
    ord("C"): _command_complete,
    ord("D"): read_data_row,
    ord("E"): _error_response,
    ord("G"): _copy_in_response,
    ord("H"): _copy_out_response,
    ord("I"): _empty_query_response,
    ord("K"): _backend_key_data,
    ord("N"): _notice_response,
    ord("R"): decode_request,
    ord("S"): _parameter_status,
    ord("T"): read_row_description,
    ord("V"): _function_call_response,
    ord("W"): _copy_both_response,
    ord("Z"): _ready_for_query,
    ord("c"): _copy_done,
    ord("d"): CopyData,
    ord("n"): _no_data,
    ord("s"): _portal_suspended,
    ord("t"): read_parameter_description,
    ord("v"): _negotiate_protocol_version,
}


def decode(frame: Frame) -> BackendMessage:
    """The message in `frame`. PeerError for an unknown type and for anything inexact."""
    decoder = _DECODERS.get(frame.type)
    if decoder is None:
        raise PeerError(f"invalid backend message type {frame.type}")
    return decoder(frame.body)
