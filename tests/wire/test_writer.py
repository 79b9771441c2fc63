from __future__ import annotations

from collections.abc import Callable

import pytest

from pgmaskproxy.errors import InternalError
from pgmaskproxy.wire.writer import Writer


def test_a_frame() -> None:
    writer = Writer(ord("x"))
    writer.byte(255)
    writer.int16(-1)
    writer.int16(65_535)
    writer.int32(-2)
    writer.int32(2**32 - 2)
    writer.string(b"s")
    writer.value(None)
    writer.value(b"v")
    writer.raw(b"r")
    assert writer.frame() == (
        b"x\0\0\0\x1d\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff\xfes\0\xff\xff\xff\xff\0\0\0\1vr"
    )


def test_the_length_field_of_a_long_frame() -> None:
    writer = Writer(ord("d"))
    writer.raw(bytes(0x1020304 - 4))
    assert writer.frame()[:5] == b"d\1\2\3\4"


def test_large_values_stand_where_they_were_written() -> None:
    writer = Writer(ord("B"))
    large = [bytes([number]) * (64 * 1024 + number) for number in range(3)]
    writer.string(b"s")
    writer.values((b"a", large[0], None, large[1], b"b"))
    writer.raw(large[2])
    writer.int16(7)
    body = b"s\0\0\5\0\0\0\1a" + len(large[0]).to_bytes(4, "big") + large[0] + b"\xff\xff\xff\xff"
    body += len(large[1]).to_bytes(4, "big") + large[1] + b"\0\0\0\1b" + large[2] + b"\0\7"
    assert writer.frame() == b"B" + (len(body) + 4).to_bytes(4, "big") + body


def test_what_is_too_long_in_parts_cannot_be_sent() -> None:
    writer = Writer(ord("B"))
    writer.raw(bytes(0x7FF00000 - 100))
    with pytest.raises(InternalError):
        writer.raw(bytes(100))


@pytest.mark.parametrize(
    "write",
    [
        lambda writer: writer.byte(256),
        lambda writer: writer.byte(-1),
        lambda writer: writer.int16(65_536),
        lambda writer: writer.int16(-32_769),
        lambda writer: writer.int32(2**32),
        lambda writer: writer.int32(-(2**31) - 1),
        lambda writer: writer.string(b"a\0"),
        lambda writer: writer.int16s((0,) * 65_536),
        lambda writer: writer.int32s((0,) * 65_536),
        lambda writer: writer.values((None,) * 65_536),
        # Never touched, so never in memory.
        lambda writer: writer.raw(bytes(0x7FF00000)),
        lambda writer: writer.value(bytes(0x7FF00000)),
    ],
)
def test_what_cannot_be_sent(write: Callable[[Writer], None]) -> None:
    with pytest.raises(InternalError):
        write(Writer(ord("x")))
