"""COPY's messages (manual, "COPY Operations"): CopyData and CopyDone go both ways."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.wire.framing import pack
from pgmaskproxy.wire.limits import MAX_COLUMNS
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.writer import Writer

_COPY_DONE: Final = b"c\0\0\0\4"


@final
class CopyData(Message):
    """A piece of a COPY stream; from a backend in text format exactly one row."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def encode(self) -> bytes:
        return pack(b"d", self.data)


@final
class CopyDone(Message):
    """The COPY stream is complete."""

    __slots__ = ()

    def encode(self) -> bytes:
        return _COPY_DONE


@final
class CopyFail(Message):
    """The client gives a COPY FROM STDIN up, and why."""

    __slots__ = ("message",)

    def __init__(self, message: bytes) -> None:
        self.message = message

    def encode(self) -> bytes:
        writer = Writer(ord("f"))
        writer.string(self.message)
        return writer.frame()


def _encode_response(code: int, format_code: int, column_formats: tuple[int, ...]) -> bytes:
    writer = Writer(code)
    writer.byte(format_code)
    writer.int16s(column_formats)
    return writer.frame()


@final
class CopyInResponse(Message):
    """The server is ready for COPY data. `format` is 0 for text, 1 for binary; `column_formats` likewise."""

    __slots__ = ("column_formats", "format")

    def __init__(self, format: int, column_formats: tuple[int, ...]) -> None:  # noqa: A002 - the manual's word
        self.format = format
        self.column_formats = column_formats

    def encode(self) -> bytes:
        return _encode_response(ord("G"), self.format, self.column_formats)


@final
class CopyOutResponse(Message):
    """The server is about to send COPY data. Fields as CopyInResponse."""

    __slots__ = ("column_formats", "format")

    def __init__(self, format: int, column_formats: tuple[int, ...]) -> None:  # noqa: A002 - the manual's word
        self.format = format
        self.column_formats = column_formats

    def encode(self) -> bytes:
        return _encode_response(ord("H"), self.format, self.column_formats)


@final
class CopyBothResponse(Message):
    """Streaming replication begins. Fields as CopyInResponse."""

    __slots__ = ("column_formats", "format")

    def __init__(self, format: int, column_formats: tuple[int, ...]) -> None:  # noqa: A002 - the manual's word
        self.format = format
        self.column_formats = column_formats

    def encode(self) -> bytes:
        return _encode_response(ord("W"), self.format, self.column_formats)


def read_copy_response(reader: Reader) -> tuple[int, tuple[int, ...]]:
    """The overall format and the columns' formats. PeerError for a format that is neither 0 nor 1."""
    format_code = reader.byte()
    column_formats = reader.int16s(MAX_COLUMNS)
    reader.end()
    if format_code > 1 or any(not 0 <= column <= 1 for column in column_formats):
        raise reader.fail("an unknown format")
    return format_code, column_formats
