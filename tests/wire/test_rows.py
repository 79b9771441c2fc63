from __future__ import annotations

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire import backend
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.limits import MAX_COLUMNS
from pgmaskproxy.wire.rows import DataRow, Field, ParameterDescription, RowDescription

ID = Field(b"id", 16384, 1, 23, 4, -1, 0)


def test_bytes_as_the_manual_has_them() -> None:
    assert RowDescription((ID,)).encode() == b"T\0\0\0\x1b\0\1id\0\0\0\x40\0\0\1\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
    assert DataRow((b"1", None, b"")).encode() == b"D\0\0\0\x13\0\3\0\0\0\x011\xff\xff\xff\xff\0\0\0\0"
    assert ParameterDescription((23, 25)).encode() == b"t\0\0\0\x0e\0\2\0\0\0\x17\0\0\0\x19"


def test_fields_are_compared_and_shown_whole() -> None:
    assert Field(b"id", 16384, 1, 23, 4, -1, 0) == ID
    assert hash(Field(b"id", 16384, 1, 23, 4, -1, 0)) == hash(ID)
    for other in (
        Field(b"ssn", 16384, 1, 23, 4, -1, 0),
        Field(b"id", 16385, 1, 23, 4, -1, 0),
        Field(b"id", 16384, 2, 23, 4, -1, 0),
        Field(b"id", 16384, 1, 25, 4, -1, 0),
        Field(b"id", 16384, 1, 23, -1, -1, 0),
        Field(b"id", 16384, 1, 23, 4, 7, 0),
        Field(b"id", 16384, 1, 23, 4, -1, 1),
    ):
        assert other != ID
    assert repr(ID) == "Field(b'id', 16384, 1, 23, 4, -1, 0)"


def test_a_row_is_never_shown() -> None:
    assert repr(DataRow((b"123-45-6789",))) == "<DataRow 22 bytes>"


@pytest.mark.parametrize("format_code", [2, -1])
def test_a_format_is_text_or_binary(format_code: int) -> None:
    field = Field(b"id", 16384, 1, 23, 4, -1, format_code)
    with pytest.raises(PeerError, match="format"):
        backend.decode(Frame(ord("T"), RowDescription((field,)).encode()[5:]))


@pytest.mark.parametrize(
    "body", [b"\xff\xff", b"\0\1", b"\0\1\0\0\0\5abcd", b"\0\1\xff\xff\xff\xfe", b"\0\1\x7f\xff\xff\xff"]
)
def test_rows_that_lie(body: bytes) -> None:
    with pytest.raises(PeerError):
        backend.decode(Frame(ord("D"), body))


def test_no_row_has_more_columns_than_postgresql_allows() -> None:
    backend.decode(Frame(ord("D"), DataRow((None,) * MAX_COLUMNS).encode()[5:]))
    with pytest.raises(PeerError):
        backend.decode(Frame(ord("D"), DataRow((None,) * (MAX_COLUMNS + 1)).encode()[5:]))
    backend.decode(Frame(ord("T"), RowDescription((ID,) * MAX_COLUMNS).encode()[5:]))
    with pytest.raises(PeerError):
        backend.decode(Frame(ord("T"), RowDescription((ID,) * (MAX_COLUMNS + 1)).encode()[5:]))
