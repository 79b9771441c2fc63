from __future__ import annotations

import struct

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copy import CopyStream
from pgmaskproxy.model import CopyLayout
from tests.mask.copies import PROLOGUE, binary_tuple, frames, plan, relayed
from tests.mask.shapes import NULL, PARTIAL, REDACT, Shape

BINARY = CopyLayout("binary")
SHAPES = [Shape((None, REDACT)), Shape((REDACT, None)), Shape((PARTIAL, NULL)), Shape((None, None))]
GOOD = binary_tuple((b"1", b"secret"))
ONE = struct.pack("!i", 1) + b"x"


def refused(shape: Shape, *data: bytes) -> None:
    with pytest.raises(PeerError):
        CopyStream(plan(shape, BINARY)).relay(frames(data), 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "begin",
    [
        b"",
        PROLOGUE[:-1],
        PROLOGUE[1:],
        b"PGCOPY\n\xff\n\0" + bytes(8),
        PROLOGUE[:11] + b"\0\1\0\0" + bytes(4),
        PROLOGUE[:11] + b"\0\0\0\1" + bytes(4),
        PROLOGUE[:11] + bytes(4) + b"\0\0\0\1",
        PROLOGUE[:11] + bytes(4) + b"\0\0\0\1x",
        PROLOGUE * 2,
    ],
)
def test_it_begins_as_a_server_writes_it(shape: Shape, begin: bytes) -> None:
    refused(shape, begin + GOOD)
    refused(shape, begin, GOOD)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\0",
        struct.pack("!h", 1) + ONE,
        struct.pack("!h", 3) + ONE * 3,
        struct.pack("!h", 3) + ONE * 2,
        struct.pack("!h", 1) + ONE * 2,
        struct.pack("!h", 0),
        struct.pack("!h", -2) + ONE * 2,
        struct.pack("!h", 2) + ONE,
        struct.pack("!h", 2) + ONE * 2 + b"x",
        struct.pack("!h", 2) + ONE + b"\0\0",
        struct.pack("!h", 2) + ONE + struct.pack("!i", -2),
        struct.pack("!h", 2) + ONE + struct.pack("!i", -(2**31)),
        struct.pack("!h", 2) + ONE + struct.pack("!i", 2) + b"x",
        struct.pack("!h", 2) + ONE + struct.pack("!i", 2**31 - 1) + b"x",
        struct.pack("!h", 2) + struct.pack("!i", 7) + b"x" + ONE,
        GOOD * 2,
        GOOD + b"\xff\xff",
        b"\xff\xff\xff\xff",
        b"\xff\xff" + GOOD,
    ],
)
def test_a_malformed_tuple_is_refused_with_all_that_is_before_it(shape: Shape, bad: bytes) -> None:
    refused(shape, PROLOGUE + bad)
    refused(shape, PROLOGUE + GOOD, bad)
    refused(shape, PROLOGUE + bad, GOOD)
    # What lies in the next frame is not the row's.
    refused(shape, PROLOGUE + GOOD, bad, GOOD * 4)


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_no_masker_is_shown_what_lies_behind_its_tuple(shape: Shape) -> None:
    for width in (7, 2**31 - 1):
        bad = struct.pack("!h", 2) + ONE + struct.pack("!i", width) + b"x"
        with pytest.raises(PeerError, match="longer than its row"):
            CopyStream(plan(shape, BINARY)).relay(frames([PROLOGUE + bad, GOOD]), 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("behind", [GOOD, b"", b"\xff\xff", PROLOGUE])
def test_nothing_comes_behind_the_trailer(shape: Shape, behind: bytes) -> None:
    refused(shape, PROLOGUE + GOOD, b"\xff\xff", behind)
    refused(shape, PROLOGUE + b"\xff\xff", behind)


def test_masked_cells_change_the_length_of_their_frame() -> None:
    shape = Shape((None, REDACT, None, NULL))
    rows = [(b"a", b"", None, b"x"), (b"c", b"12345678", b"d", None), (None, None, b"", b"")]
    shown = [(b"a", b"***", None, None), (b"c", b"***", b"d", None), (None, None, b"", None)]
    data = [PROLOGUE + binary_tuple(rows[0]), *map(binary_tuple, rows[1:]), b"\xff\xff"]
    expected = [PROLOGUE + binary_tuple(shown[0]), *map(binary_tuple, shown[1:]), b"\xff\xff"]
    assert relayed(frames(data), shape, BINARY) == frames(expected)
