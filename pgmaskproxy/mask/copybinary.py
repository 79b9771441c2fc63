"""COPY's binary format (manual, "COPY", "Binary Format"), as a server writes it: a signature, tuples, a trailer.

A server puts the signature and its fields into the message of the first tuple, or of the trailer where there is none.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i16_be, read_i32_be, write_i32_be
from mypy_extensions import i64

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.frames import copy, patch_length
from pgmaskproxy.mask.masker import appended
from pgmaskproxy.mask.plan import CLEAR, FIXED, CopyPlan

PROLOGUE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
"""Signature, flags and the length of a header extension: no server sets a flag or has an extension."""

TRAILER: Final = -1
"""In the place of a tuple's number of fields."""


def check_prologue(data: bytes, begin: i64, end: i64) -> i64:
    """The position behind the stream's prologue. PeerError where it is not exactly a server's."""
    if end - begin < len(PROLOGUE) or data[begin : begin + len(PROLOGUE)] != PROLOGUE:
        raise PeerError("binary COPY data does not begin as a server writes it")
    return begin + len(PROLOGUE)


def is_trailer(data: bytes, begin: i64, end: i64) -> bool:
    """Whether what begins at `begin` is the trailer. PeerError for one with more behind it, and for half a count."""
    if end - begin < 2:
        raise PeerError("binary COPY data has a message without a tuple")
    if i64(read_i16_be(data, begin)) != TRAILER:
        return False
    if end - begin != 2:
        raise PeerError("binary COPY data goes on behind its trailer")
    return True


def mask_tuple(out: BytesWriter, data: bytes, begin: i64, end: i64, plan: CopyPlan) -> i64:
    """Append the tuple at `begin`, whose count is there, to `out`, masked; how many cells were. PeerError unless it has
    the plan's number of fields and ends at `end`."""
    if i64(read_i16_be(data, begin)) != plan.columns:
        raise PeerError("a row of COPY data has another number of fields than its description")
    copied: i64 = begin
    masked: i64 = 0
    at: i64 = begin + 2
    column: i64 = 0
    while column < plan.columns:
        if end - at < 4:
            raise PeerError("a row of COPY data ends before its last field")
        width = i64(read_i32_be(data, at))
        step: i64 = plan.steps[column]
        if width < 0:
            if width != -1:
                raise PeerError("a field of COPY data has a negative length")
            at += 4
        elif width > end - at - 4:
            raise PeerError("a field of COPY data is longer than its row")
        elif step == CLEAR:
            at += 4 + width
        else:
            copy(out, data, copied, at)
            length: i64 = len(out)
            write_i32_be(out, -1)  # NULL, until it is known to be something else
            if step == FIXED:
                shown: i64 = appended(out, plan.values[column])
            else:
                shown = plan.maskers[column].write(out, data, at + 4, at + 4 + width)
            if shown >= 0:
                patch_length(out, length, shown)
            masked += 1
            at += 4 + width
            copied = at
        column += 1
    if at != end:
        raise PeerError("a row of COPY data is longer than its fields")
    copy(out, data, copied, end)
    return masked
