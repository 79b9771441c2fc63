from __future__ import annotations

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.wire.reader import Reader


def test_numbers() -> None:
    reader = Reader(b"\xff" * 13, "Test")
    assert (reader.byte(), reader.int16(), reader.uint16(), reader.int32(), reader.oid()) == (
        255,
        -1,
        65535,
        -1,
        2**32 - 1,
    )
    reader.end()


@pytest.mark.parametrize("read", [Reader.byte, Reader.int16, Reader.uint16, Reader.int32, Reader.oid, Reader.value])
def test_nothing_is_read_past_the_end(read: object) -> None:
    assert callable(read)
    with pytest.raises(PeerError, match="insufficient data left in Test"):
        read(Reader(b"", "Test"))


def test_values() -> None:
    reader = Reader(b"\0\2\0\0\0\1x\xff\xff\xff\xff", "Test")
    assert reader.values(2) == (b"x", None)
    reader.end()


@pytest.mark.parametrize("length", [-2, -(2**31), 2, 2**31 - 1])
def test_a_value_ends_with_the_body(length: int) -> None:
    with pytest.raises(PeerError):
        Reader(length.to_bytes(4, "big", signed=True) + b"x", "Test").value()


def test_a_count_is_compared_with_what_remains_before_anything_is_read() -> None:
    assert Reader(b"\0\2" + bytes(8), "Test").count(4, 10) == 2
    for body in (b"\0\2" + bytes(7), b"\xff\xff", b"\0\x0b" + bytes(100)):
        with pytest.raises(PeerError, match="count"):
            Reader(body, "Test").count(4, 10)


def test_strings() -> None:
    reader = Reader(b"a\0\0b", "Test")
    assert (reader.string(), reader.string()) == (b"a", b"")
    with pytest.raises(PeerError, match="unterminated"):
        reader.string()


def test_trailing_bytes() -> None:
    reader = Reader(b"ab", "Test")
    reader.byte()
    with pytest.raises(PeerError, match="trailing bytes in Test"):
        reader.end()
    assert reader.rest() == b"b"
    reader.end()
