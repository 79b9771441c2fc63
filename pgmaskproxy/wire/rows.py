"""The shapes of parameters and rows, and a row (manual, "Message Formats").

Rows are relayed by the mask kernel in batches; `DataRow` is for what the proxy answers itself, and for tests.
"""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.wire.limits import MAX_COLUMNS, MAX_PARAMETERS
from pgmaskproxy.wire.message import Message
from pgmaskproxy.wire.reader import Reader
from pgmaskproxy.wire.writer import Writer

_FIELD_SIZE: Final = 19
"""The least a field takes: an empty name's zero byte, and 18 bytes of numbers."""


@final
class Field:
    """One column of a RowDescription.

    `table_oid` and `column_number` are 0 where the column is not a table's; `type_size` is negative
    for types of variable width; `format` is 0 for text, 1 for binary.
    """

    __slots__ = ("column_number", "format", "name", "table_oid", "type_modifier", "type_oid", "type_size")

    def __init__(  # noqa: PLR0917 - as many as the message has
        self,
        name: bytes,
        table_oid: int,
        column_number: int,
        type_oid: int,
        type_size: int,
        type_modifier: int,
        format: int,  # noqa: A002 - the manual's word
    ) -> None:
        self.name = name
        self.table_oid = table_oid
        self.column_number = column_number
        self.type_oid = type_oid
        self.type_size = type_size
        self.type_modifier = type_modifier
        self.format = format

    def write(self, writer: Writer) -> None:
        """Add the field to a RowDescription."""
        writer.string(self.name)
        writer.int32(self.table_oid)
        writer.int16(self.column_number)
        writer.int32(self.type_oid)
        writer.int16(self.type_size)
        writer.int32(self.type_modifier)
        writer.int16(self.format)

    def _key(self) -> tuple[bytes, int, int, int, int, int, int]:
        return (
            self.name,
            self.table_oid,
            self.column_number,
            self.type_oid,
            self.type_size,
            self.type_modifier,
            self.format,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        # A description holds no value of a row, and a test that fails has to say which field.
        return f"Field{self._key()!r}"


@final
class RowDescription(Message):
    """The shape of the rows to come."""

    __slots__ = ("fields",)

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields

    def encode(self) -> bytes:
        writer = Writer(ord("T"))
        writer.int16(len(self.fields))
        for field in self.fields:
            field.write(writer)
        return writer.frame()


@final
class ParameterDescription(Message):
    """The type OIDs of a prepared statement's parameters."""

    __slots__ = ("types",)

    def __init__(self, types: tuple[int, ...]) -> None:
        self.types = types

    def encode(self) -> bytes:
        writer = Writer(ord("t"))
        writer.int32s(self.types)
        return writer.frame()


@final
class DataRow(Message):
    """One row; None is SQL NULL."""

    __slots__ = ("values",)

    def __init__(self, values: tuple[bytes | None, ...]) -> None:
        self.values = values

    def encode(self) -> bytes:
        writer = Writer(ord("D"))
        writer.values(self.values)
        return writer.frame()


def read_row_description(body: bytes) -> RowDescription:
    """PeerError for anything inexact, and for a format that is neither 0 nor 1."""
    reader = Reader(body, "RowDescription")
    fields: list[Field] = []
    for _ in range(reader.count(_FIELD_SIZE, MAX_COLUMNS)):
        name = reader.string()
        table_oid = reader.oid()
        column_number = reader.int16()
        type_oid = reader.oid()
        type_size = reader.int16()
        type_modifier = reader.int32()
        format_code = reader.int16()
        if not 0 <= format_code <= 1:
            raise reader.fail("an unknown format")
        fields.append(Field(name, table_oid, column_number, type_oid, type_size, type_modifier, format_code))
    reader.end()
    return RowDescription(tuple(fields))


def read_parameter_description(body: bytes) -> ParameterDescription:
    """PeerError for anything inexact."""
    reader = Reader(body, "ParameterDescription")
    message = ParameterDescription(reader.oids(MAX_PARAMETERS))
    reader.end()
    return message


def read_data_row(body: bytes) -> DataRow:
    """PeerError for anything inexact."""
    reader = Reader(body, "DataRow")
    message = DataRow(reader.values(MAX_COLUMNS))
    reader.end()
    return message
