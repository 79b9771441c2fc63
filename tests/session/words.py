"""Messages in words and back: what the lines of a transcript are made of.

`Parse "s" "SELECT 1"`, `RowDescription id=1.1:23 ssn=1.3`, `DataRow "1" NULL`, `ErrorResponse 42P01 "..." P="8"`.
Several on one line have a ` / ` between them. A field is name=table.column:type/format, text in text format being
left out. The reserved names of the proxy are written `~path`, `~refused`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from pgmaskproxy.session.asking import CURRENT_SCHEMAS
from pgmaskproxy.wire import backend as b
from pgmaskproxy.wire import copy as c
from pgmaskproxy.wire import frontend as f
from pgmaskproxy.wire.authentication import (
    AuthenticationCleartextPassword,
    AuthenticationMD5Password,
    AuthenticationOk,
    AuthenticationSASL,
    AuthenticationSASLContinue,
    AuthenticationSASLFinal,
    PasswordMessage,
)
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest, StartupMessage

RESERVED = "_pgmaskproxy_R_"
SEVERITIES = ("ERROR", "FATAL", "PANIC", "LOG", "DEBUG", "DEBUG1", "INFO", "NOTICE", "WARNING")
TREE = {b"S": b"LOG", b"V": b"LOG", b"C": b"00000", b"M": b"rewritten parse tree:", b"D": b"({QUERY :commandType 1})"}
_TOKEN = re.compile(r'(?:\w+=)?"(?:[^"\\]|\\.)*"|\S+')


def tokens(line: str) -> list[str]:
    return _TOKEN.findall(line)


def messages(words: Sequence[str]) -> Iterator[list[str]]:
    """The words of each message of a line."""
    start = 0
    for at, word in enumerate([*words, "/"]):
        if word == "/":
            yield list(words[start:at])
            start = at + 1


def text(word: str) -> bytes:
    found = json.loads(word)
    assert isinstance(found, str)
    return found.replace("~", RESERVED).encode()


def quoted(value: bytes) -> str:
    shown = value.decode("utf-8", "backslashreplace").replace(RESERVED, "~")
    return json.dumps(shown.replace(CURRENT_SCHEMAS.decode(), "~current_schemas"), ensure_ascii=False)


# --- from words ---


def _value(word: str) -> bytes | None:
    return None if word == "NULL" else text(word)


def _field(word: str) -> b.Field:
    name, _, rest = word.rpartition("=")
    rest, _, code = rest.partition("/")
    rest, _, type_oid = rest.partition(":")
    table, _, column = rest.partition(".")
    return b.Field(name.encode(), int(table), int(column or 0), int(type_oid or 25), -1, -1, int(code or 0))


def _copy_formats(word: str) -> tuple[int, tuple[int, ...]]:
    """How many columns, and /1 for binary."""
    columns, _, code = word.partition("/")
    return int(code or 0), (int(code or 0),) * int(columns)


def _report(words: Sequence[str], severity: str) -> dict[bytes, bytes]:
    rest = list(words)
    if rest[0] in SEVERITIES:
        severity = rest.pop(0)
    fields = {b"S": severity.encode(), b"V": severity.encode(), b"C": rest[0].encode(), b"M": text(rest[1])}
    for word in rest[2:]:
        fields[word[0].encode()] = text(word[2:])
    return fields


def _bind(words: Sequence[str]) -> f.Bind:
    parameters = tuple(_value(word) for word in words[2:] if "=" not in word.partition('"')[0])
    named = dict(word.split("=") for word in words[2:] if word.startswith(("in=", "out=")))
    formats = {key: tuple(int(code) for code in value.split(",")) for key, value in named.items()}
    return f.Bind(text(words[0]), text(words[1]), formats.get("in", ()), parameters, formats.get("out", ()))


def _pairs(words: Iterable[str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((key.encode(), text(value)) for key, _, value in (word.partition("=") for word in words))


_MAKERS: dict[str, Callable[[Sequence[str]], Message]] = {
    "SSLRequest": lambda _: SSLRequest(),
    "GSSENCRequest": lambda _: GSSENCRequest(),
    "CancelRequest": lambda w: CancelRequest(int(w[0]), text(w[1])),
    "StartupMessage": lambda w: StartupMessage(int(w[0][0]), int(w[0][2:]), _pairs(w[1:])),
    "Query": lambda w: f.Query(text(w[0])),
    "Parse": lambda w: f.Parse(text(w[0]), text(w[1]), tuple(int(oid) for oid in w[2:])),
    "Bind": _bind,
    "Describe": lambda w: f.Describe(w[0].encode(), text(w[1])),
    "Execute": lambda w: f.Execute(text(w[0]), int(w[1]) if len(w) > 1 else 0),
    "Close": lambda w: f.Close(w[0].encode(), text(w[1])),
    "Sync": lambda _: f.Sync(),
    "Flush": lambda _: f.Flush(),
    "Terminate": lambda _: f.Terminate(),
    "FunctionCall": lambda w: f.FunctionCall(int(w[0]), (), (), 0),
    "PasswordMessage": lambda w: PasswordMessage(text(w[0])),
    "CopyData": lambda w: c.CopyData(bytes.fromhex(w[1]) if w[0] == "hex" else text(w[0])),
    "CopyDone": lambda _: c.CopyDone(),
    "CopyFail": lambda w: c.CopyFail(text(w[0])),
    "AuthenticationOk": lambda _: AuthenticationOk(),
    "AuthenticationCleartextPassword": lambda _: AuthenticationCleartextPassword(),
    "AuthenticationMD5Password": lambda _: AuthenticationMD5Password(b"salt"),
    "AuthenticationSASL": lambda w: AuthenticationSASL(tuple(text(word) for word in w)),
    "NegotiateProtocolVersion": lambda w: b.NegotiateProtocolVersion(int(w[0]), tuple(text(word) for word in w[1:])),
    "BackendKeyData": lambda w: b.BackendKeyData(int(w[0]), text(w[1])),
    "ParameterStatus": lambda w: b.ParameterStatus(text(w[0]), text(w[1])),
    "ReadyForQuery": lambda w: b.ReadyForQuery(w[0].encode()),
    "RowDescription": lambda w: b.RowDescription(tuple(_field(word) for word in w)),
    "NoData": lambda _: b.NoData(),
    "ParameterDescription": lambda w: b.ParameterDescription(tuple(int(oid) for oid in w)),
    "DataRow": lambda w: b.DataRow(tuple(_value(word) for word in w)),
    "CommandComplete": lambda w: b.CommandComplete(text(w[0])),
    "EmptyQueryResponse": lambda _: b.EmptyQueryResponse(),
    "ParseComplete": lambda _: b.ParseComplete(),
    "BindComplete": lambda _: b.BindComplete(),
    "CloseComplete": lambda _: b.CloseComplete(),
    "PortalSuspended": lambda _: b.PortalSuspended(),
    "ErrorResponse": lambda w: b.ErrorResponse(_report(w, "ERROR")),
    "NoticeResponse": lambda w: b.NoticeResponse(_report(w, "NOTICE")),
    "NotificationResponse": lambda w: b.NotificationResponse(7, text(w[0]), text(w[1])),
    "CopyInResponse": lambda w: b.CopyInResponse(*_copy_formats(w[0])),
    "CopyOutResponse": lambda w: b.CopyOutResponse(*_copy_formats(w[0])),
    "CopyBothResponse": lambda w: b.CopyBothResponse(0, (0,) * int(w[0])),
    "FunctionCallResponse": lambda w: b.FunctionCallResponse(_value(w[0])),
    # A tree that the server itself printed: `Tree`, `Tree "T1"`; W after it is what a nested one has.
    "Tree": lambda w: b.NoticeResponse(
        {
            **TREE,
            **({b"D": text(w[0])} if w and w[0] != "W" else {}),
            **({b"W": b"SQL function"} if w and w[-1] == "W" else {}),
            b"F": b"print.c",
            b"R": b"elog_node_display",
        }
    ),
}


def encoded(words: Sequence[str]) -> bytes:
    """The bytes of one message. `Bytes 00ff` is those bytes; `Path "a"` a whole answer to the search_path probe."""
    name, rest = words[0], words[1:]
    if name == "Bytes":
        return bytes.fromhex("".join(rest))
    if name == "Path":
        schemas = json.dumps([text(word).decode() for word in rest]).encode()
        answers = (b.ParseComplete(), b.BindComplete(), b.DataRow((schemas,)), b.CommandComplete(b"SELECT 1"))
        return b"".join(answer.encode() for answer in (*answers, b.CloseComplete(), b.CloseComplete()))
    return _MAKERS[name](rest).encode()


# --- to words ---


def _shown_value(value: bytes | None) -> str:
    return "NULL" if value is None else quoted(value)


def _shown_field(field: b.Field) -> str:
    place = f"{field.table_oid}.{field.column_number}" if field.table_oid else "0"
    kind = "" if field.type_oid == 25 else f":{field.type_oid}"
    return f"{field.name.decode()}={place}{kind}" + ("/1" if field.format else "")


def _shown_report(fields: dict[bytes, bytes], usual: str) -> list[str]:
    severity = fields[b"V"].decode()
    head = [] if severity == usual else [severity]
    rest = [f"{code.decode()}={quoted(value)}" for code, value in fields.items() if code not in b"SVCM"]
    return [*head, fields[b"C"].decode(), quoted(fields[b"M"]), *rest]


def _shown_bind(m: f.Bind) -> list[str]:
    words = [quoted(m.portal), quoted(m.statement), *(_shown_value(value) for value in m.parameters)]
    for key, codes in (("in", m.parameter_formats), ("out", m.result_formats)):
        if codes:
            words.append(f"{key}={','.join(str(code) for code in codes)}")
    return words


def _shown_password(m: PasswordMessage) -> str:
    if m.data.startswith(b"SCRAM"):
        return "SASLInitialResponse"
    return "SASLResponse" if m.data.startswith(b"c=") else f"PasswordMessage {quoted(m.data)}"


def shown(message: Message) -> str:
    """The message in words."""
    words: list[str] = []
    match message:
        case StartupMessage():
            pairs = [f"{name.decode()}={quoted(value)}" for name, value in message.parameters]
            words = [f"{message.major}.{message.minor}", *pairs]
        case f.Query():
            words = [quoted(message.query)]
        case f.Parse():
            words = [quoted(message.statement), quoted(message.query), *(str(oid) for oid in message.parameter_types)]
        case f.Bind():
            words = _shown_bind(message)
        case f.Describe() | f.Close():
            words = [message.kind.decode(), quoted(message.name)]
        case f.Execute():
            words = [quoted(message.portal), *([str(message.max_rows)] if message.max_rows else [])]
        case PasswordMessage():
            return _shown_password(message)
        case c.CopyData():
            words = [quoted(message.data)]
        case c.CopyFail():
            words = [quoted(message.message)]
        case b.NegotiateProtocolVersion():
            words = [str(message.minor), *(quoted(option) for option in message.options)]
        case b.BackendKeyData():
            words = [str(message.process_id), quoted(message.secret_key)]
        case b.ParameterStatus():
            words = [quoted(message.name), quoted(message.value)]
        case b.NotificationResponse():
            words = [quoted(message.channel), quoted(message.payload)]
        case b.ReadyForQuery():
            words = [message.status.decode()]
        case b.RowDescription():
            words = [_shown_field(field) for field in message.fields]
        case b.ParameterDescription():
            words = [str(oid) for oid in message.types]
        case b.DataRow():
            words = [_shown_value(value) for value in message.values]
        case b.CommandComplete():
            words = [quoted(message.tag)]
        case b.FunctionCallResponse():
            words = [_shown_value(message.value)]
        case f.FunctionCall():
            words = [str(message.function_oid)]
        case b.ErrorResponse():
            words = _shown_report(message.fields, "ERROR")
        case b.NoticeResponse():
            words = _shown_report(message.fields, "NOTICE")
        case b.CopyInResponse() | b.CopyOutResponse():
            words = [f"{len(message.column_formats)}{'/1' if message.format else ''}"]
        case AuthenticationSASL():
            words = [quoted(mechanism) for mechanism in message.mechanisms]
        case AuthenticationSASLContinue() | AuthenticationSASLFinal():
            pass  # nonces and proofs: checked by whoever they are for
        case _:
            pass
    return " ".join([type(message).__name__, *words])
