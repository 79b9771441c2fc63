"""What a client sends after its start-up packet (manual, "Message Formats", those marked F).

`decode` turns a frame into a message and is exact: a count, length or string that does not fit the
body, or a byte left over, is a PeerError. `encode` gives the whole frame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias, final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire.authentication import PasswordMessage, SASLInitialResponse, SASLResponse
from pgmaskproxy.wire.copy import CopyData, CopyDone, CopyFail
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.limits import MAX_PARAMETERS
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.writer import Writer

__all__ = [
    "Bind",
    "Close",
    "CopyData",
    "CopyDone",
    "CopyFail",
    "Describe",
    "Execute",
    "Flush",
    "FrontendMessage",
    "FunctionCall",
    "Parse",
    "PasswordMessage",
    "Query",
    "SASLInitialResponse",
    "SASLResponse",
    "Sync",
    "Terminate",
    "decode",
]

_SYNC: Final = b"S\0\0\0\4"
_FLUSH: Final = b"H\0\0\0\4"
_TERMINATE: Final = b"X\0\0\0\4"

STATEMENT: Final = b"S"
PORTAL: Final = b"P"


@final
class Query(Message):
    """A simple query: any number of statements."""

    __slots__ = ("query",)

    def __init__(self, query: bytes) -> None:
        self.query = query

    def encode(self) -> bytes:
        writer = Writer(ord("Q"))
        writer.string(self.query)
        return writer.frame()


@final
class Parse(Message):
    """Make a prepared statement named `statement` (b"" is the unnamed one) of one `query`.

    `parameter_types` are OIDs, 0 for what the server is to infer; it may be shorter than the parameters are.
    """

    __slots__ = ("parameter_types", "query", "statement")

    def __init__(self, statement: bytes, query: bytes, parameter_types: tuple[int, ...] = ()) -> None:
        self.statement = statement
        self.query = query
        self.parameter_types = parameter_types

    def encode(self) -> bytes:
        writer = Writer(ord("P"))
        writer.string(self.statement)
        writer.string(self.query)
        writer.int32s(self.parameter_types)
        return writer.frame()


@final
class Bind(Message):
    """Make a `portal` of a prepared `statement` and `parameters`, None being SQL NULL.

    Formats are 0 for text and 1 for binary: none (all text), one for all, or one each.
    """

    __slots__ = ("parameter_formats", "parameters", "portal", "result_formats", "statement")

    def __init__(
        self,
        portal: bytes,
        statement: bytes,
        parameter_formats: tuple[int, ...] = (),
        parameters: tuple[bytes | None, ...] = (),
        result_formats: tuple[int, ...] = (),
    ) -> None:
        self.portal = portal
        self.statement = statement
        self.parameter_formats = parameter_formats
        self.parameters = parameters
        self.result_formats = result_formats

    def encode(self) -> bytes:
        writer = Writer(ord("B"))
        writer.string(self.portal)
        writer.string(self.statement)
        writer.int16s(self.parameter_formats)
        writer.values(self.parameters)
        writer.int16s(self.result_formats)
        return writer.frame()


@final
class Describe(Message):
    """Ask for the description of a statement (`kind` b"S") or portal (b"P")."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: bytes, name: bytes) -> None:
        self.kind = kind
        self.name = name

    def encode(self) -> bytes:
        writer = Writer(ord("D"))
        writer.raw(self.kind)
        writer.string(self.name)
        return writer.frame()


@final
class Execute(Message):
    """Run a `portal` for at most `max_rows` rows; 0 is no limit."""

    __slots__ = ("max_rows", "portal")

    def __init__(self, portal: bytes, max_rows: int = 0) -> None:
        self.portal = portal
        self.max_rows = max_rows

    def encode(self) -> bytes:
        writer = Writer(ord("E"))
        writer.string(self.portal)
        writer.int32(self.max_rows)
        return writer.frame()


@final
class Close(Message):
    """Close a statement (`kind` b"S") or portal (b"P")."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: bytes, name: bytes) -> None:
        self.kind = kind
        self.name = name

    def encode(self) -> bytes:
        writer = Writer(ord("C"))
        writer.raw(self.kind)
        writer.string(self.name)
        return writer.frame()


@final
class Sync(Message):
    """The end of an extended-query cycle; answered by ReadyForQuery."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _SYNC


@final
class Flush(Message):
    """Ask the server to deliver what it owes."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _FLUSH


@final
class Terminate(Message):
    """The client leaves."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _TERMINATE


@final
class FunctionCall(Message):
    """Call a function by OID (manual, "Function Call"): decoded so that it can be refused."""

    __slots__ = ("argument_formats", "arguments", "function_oid", "result_format")

    def __init__(
        self,
        function_oid: int,
        argument_formats: tuple[int, ...],
        arguments: tuple[bytes | None, ...],
        result_format: int,
    ) -> None:
        self.function_oid = function_oid
        self.argument_formats = argument_formats
        self.arguments = arguments
        self.result_format = result_format

    def encode(self) -> bytes:
        writer = Writer(ord("F"))
        writer.int32(self.function_oid)
        writer.int16s(self.argument_formats)
        writer.values(self.arguments)
        writer.int16(self.result_format)
        return writer.frame()


FrontendMessage: TypeAlias = (
    Query
    | Parse
    | Bind
    | Describe
    | Execute
    | Close
    | Sync
    | Flush
    | Terminate
    | CopyData
    | CopyDone
    | CopyFail
    | FunctionCall
    | PasswordMessage
)


def _query(body: bytes) -> FrontendMessage:
    reader = Reader(body, "Query")
    message = Query(reader.string())
    reader.end()
    return message


def _parse(body: bytes) -> FrontendMessage:
    reader = Reader(body, "Parse")
    message = Parse(reader.string(), reader.string(), reader.oids(MAX_PARAMETERS))
    reader.end()
    return message


def _bind(body: bytes) -> FrontendMessage:
    reader = Reader(body, "Bind")
    portal = reader.string()
    statement = reader.string()
    parameter_formats = reader.int16s(MAX_PARAMETERS)
    parameters = reader.values(MAX_PARAMETERS)
    message = Bind(portal, statement, parameter_formats, parameters, reader.int16s(MAX_PARAMETERS))
    reader.end()
    return message


def _kind_and_name(body: bytes, name: str) -> tuple[bytes, bytes]:
    reader = Reader(body, name)
    kind = reader.take(1)
    if kind not in (STATEMENT, PORTAL):
        raise reader.fail("an unknown subtype")
    target = reader.string()
    reader.end()
    return kind, target


def _describe(body: bytes) -> FrontendMessage:
    kind, name = _kind_and_name(body, "Describe")
    return Describe(kind, name)


def _close(body: bytes) -> FrontendMessage:
    kind, name = _kind_and_name(body, "Close")
    return Close(kind, name)


def _execute(body: bytes) -> FrontendMessage:
    reader = Reader(body, "Execute")
    message = Execute(reader.string(), reader.int32())
    reader.end()
    return message


def _sync(body: bytes) -> FrontendMessage:
    Reader(body, "Sync").end()
    return Sync()


def _flush(body: bytes) -> FrontendMessage:
    Reader(body, "Flush").end()
    return Flush()


def _terminate(body: bytes) -> FrontendMessage:
    Reader(body, "Terminate").end()
    return Terminate()


def _copy_done(body: bytes) -> FrontendMessage:
    Reader(body, "CopyDone").end()
    return CopyDone()


def _copy_fail(body: bytes) -> FrontendMessage:
    reader = Reader(body, "CopyFail")
    message = CopyFail(reader.string())
    reader.end()
    return message


def _function_call(body: bytes) -> FrontendMessage:
    reader = Reader(body, "FunctionCall")
    function_oid = reader.oid()
    argument_formats = reader.int16s(MAX_PARAMETERS)
    arguments = reader.values(MAX_PARAMETERS)
    message = FunctionCall(function_oid, argument_formats, arguments, reader.int16())
    reader.end()
    return message


_DECODERS: Final[dict[int, Callable[[bytes], FrontendMessage]]] = {
    ord("Q"): _query,
    ord("P"): _parse,
    ord("B"): _bind,
    ord("D"): _describe,
    ord("E"): _execute,
    ord("C"): _close,
    ord("S"): _sync,
    ord("H"): _flush,
    ord("X"): _terminate,
    ord("d"): CopyData,
    ord("c"): _copy_done,
    ord("f"): _copy_fail,
    ord("F"): _function_call,
    ord("p"): PasswordMessage,
}


def decode(frame: Frame) -> FrontendMessage:
    """The message in `frame`. PeerError for an unknown type and for anything inexact.

    A frame of type 'p' is a PasswordMessage: which answer it is only the asker knows; it can be
    read again by `PasswordMessage.password`, `.sasl_initial_response` and `.sasl_response`.
    """
    decoder = _DECODERS.get(frame.type)
    if decoder is None:
        raise PeerError(f"invalid frontend message type {frame.type}")
    return decoder(frame.body)
