"""ErrorResponse and NoticeResponse (manual, "Error and Notice Message Fields")."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.errors import InternalError
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.writer import Writer

SEVERITY: Final = b"S"
"""Localized; SEVERITY_NONLOCALIZED never is."""
SEVERITY_NONLOCALIZED: Final = b"V"
SQLSTATE: Final = b"C"
MESSAGE: Final = b"M"
DETAIL: Final = b"D"
HINT: Final = b"H"
POSITION: Final = b"P"
INTERNAL_POSITION: Final = b"p"
INTERNAL_QUERY: Final = b"q"
WHERE: Final = b"W"
SCHEMA_NAME: Final = b"s"
TABLE_NAME: Final = b"t"
COLUMN_NAME: Final = b"c"
DATA_TYPE_NAME: Final = b"d"
CONSTRAINT_NAME: Final = b"n"
FILE: Final = b"F"
LINE: Final = b"L"
ROUTINE: Final = b"R"


def _encode_fields(type_byte: int, fields: dict[bytes, bytes]) -> bytes:
    writer = Writer(type_byte)
    for code, value in fields.items():
        if len(code) != 1 or code == b"\0":
            raise InternalError("the code of an error field is not one letter")
        writer.raw(code)
        writer.string(value)
    writer.byte(0)
    return writer.frame()


@final
class ErrorResponse(Message):
    """An error. `fields` is keyed by the one-letter code, in the order sent."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.fields = fields

    def encode(self) -> bytes:
        return _encode_fields(ord("E"), self.fields)


@final
class NoticeResponse(Message):
    """A warning or other notice. `fields` as ErrorResponse."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.fields = fields

    def encode(self) -> bytes:
        return _encode_fields(ord("N"), self.fields)


def read_fields(body: bytes, message: str) -> dict[bytes, bytes]:
    """The fields in the body of either. PeerError for anything inexact, and for a field given twice."""
    reader = Reader(body, message)
    fields: dict[bytes, bytes] = {}
    while True:
        code = reader.take(1)
        if code == b"\0":
            break
        if code in fields:
            raise reader.fail("a field given twice")
        fields[code] = reader.string()
    reader.end()
    return fields
