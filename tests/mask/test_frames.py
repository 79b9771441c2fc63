"""Bounds of frames: what is read lies within its buffer, and what is written can be said by a length field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from pgmaskproxy.errors import InternalError, PeerError, SealedError
from pgmaskproxy.mask.frames import (
    checked_length,
    checked_start,
    copy,
    copy_words,
    patch_length,
    sealed,
    write_cell,
    write_length,
)
from pgmaskproxy.wire.limits import ROW


def test_a_start_is_in_the_buffer_or_at_its_end() -> None:
    assert [checked_start(b"abc", start) for start in (0, 3)] == [0, 3]
    for start in (-1, 4):
        with pytest.raises(InternalError):
            checked_start(b"abc", start)


@pytest.mark.parametrize("length", [0, 3, -1, ROW + 1, 2**31 - 1])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(PeerError):
        checked_length(b"d" + length.to_bytes(4, "big", signed=True), 0, 4)
    assert checked_length(b"d\0\0\0\4", 0, 4) == 4


def test_a_length_that_no_field_can_say_is_not_written() -> None:
    out = BytesWriter()
    write_length(out, ROW)
    patch_length(out, 0, 0x01020304)
    assert out.getvalue() == b"\1\2\3\4"
    with pytest.raises(PeerError):
        write_length(out, ROW + 1)
    with pytest.raises(PeerError):
        patch_length(out, 0, ROW + 1)


def test_the_first_byte_of_a_sealed_row_is_one_too_many() -> None:
    with pytest.raises(SealedError):
        sealed(b"xd", 1, ord("d"))
    assert sealed(b"xd", 2, ord("d")).end == 2
    assert sealed(b"xZ", 1, ord("d")).out == b""


@given(data=st.binary(max_size=200), begin=st.integers(0, 200), size=st.integers(0, 200))
def test_a_part_is_copied_to_the_byte(data: bytes, begin: int, size: int) -> None:
    begin = min(begin, len(data))
    end = min(begin + size, len(data))
    for each in (copy, copy_words):
        out = BytesWriter()
        out.write(b"before")
        each(out, data, begin, end)
        assert out.getvalue() == b"before" + data[begin:end]


def test_a_cell() -> None:
    out = BytesWriter()
    assert [write_cell(out, shown) for shown in (b"abc", None, b"")] == [3, 0, 0]
    assert out.getvalue() == b"\0\0\0\3abc\xff\xff\xff\xff\0\0\0\0"
