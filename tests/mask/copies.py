"""COPY as a server writes it, by the manual's own words and apart from the code under test, with strategies for it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from pgmaskproxy.mask.copy import CopyStream
from pgmaskproxy.mask.plan import CopyPlan, bind_copy
from pgmaskproxy.model import CopyLayout
from pgmaskproxy.wire.backend import Field, decode
from pgmaskproxy.wire.copy import CopyData
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FrameBuffer
from tests.mask.shapes import TABLE, TEXT, Row, Shape, masks, values

PROLOGUE = b"PGCOPY\n\xff\r\n\0" + b"\0\0\0\0" + b"\0\0\0\0"
LETTERS = {8: rb"\b", 9: rb"\t", 10: rb"\n", 11: rb"\v", 12: rb"\f", 13: rb"\r", 92: rb"\\"}


def text_field(value: bytes | None, layout: CopyLayout) -> bytes:
    """By the manual's table of escapes, character by character."""
    if value is None:
        return layout.null.encode()
    letters = {ord(layout.delimiter): b"\\" + layout.delimiter.encode(), **LETTERS}
    return b"".join(letters.get(byte, bytes([byte])) for byte in value)


def csv_field(value: bytes | None, layout: CopyLayout, *, forced: bool, single: bool) -> bytes:
    """By the manual: quoted where it must be, and where it would look like NULL or like the end of the data."""
    if value is None:
        return layout.null.encode()
    quote, escape = ord(layout.quote), ord(layout.escape)
    special = {ord(layout.delimiter), quote, 10, 13}
    if not (forced or value == layout.null.encode() or (single and value == rb"\.") or special & set(value)):
        return value
    inside = b"".join(bytes([escape, byte]) if byte in {quote, escape} else bytes([byte]) for byte in value)
    return bytes([quote]) + inside + bytes([quote])


def line(row: Sequence[bytes | None], layout: CopyLayout, *, header: bool = False) -> bytes:
    """One row, or the header: whose names nobody forces into quotes."""
    fields = []
    for number, value in enumerate(row, 1):
        forced = not header and (layout.force_quote is None or f"c{number}" in layout.force_quote)
        csv = layout.format == "csv"
        fields.append(
            csv_field(value, layout, forced=forced, single=len(row) == 1) if csv else text_field(value, layout)
        )
    return layout.delimiter.encode().join(fields) + b"\n"


def binary_tuple(row: Row) -> bytes:
    cells = (struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in row)
    return struct.pack("!h", len(row)) + b"".join(cells)


def written(rows: Sequence[Row], columns: int, layout: CopyLayout) -> list[bytes]:
    """The CopyData of a whole COPY, as every server cuts them."""
    if layout.format == "binary":
        pieces = [binary_tuple(row) for row in rows] + [b"\xff\xff"]
        return [PROLOGUE + pieces[0], *pieces[1:]]
    names = [f"c{number}".encode() for number in range(1, columns + 1)]
    head = [line(names, layout, header=True)] if layout.header else []
    return head + [line(row, layout) for row in rows]


def frames(pieces: Sequence[bytes]) -> bytes:
    return b"".join(CopyData(piece).encode() for piece in pieces)


def pieces(out: bytes) -> list[bytes]:
    """What was sent, CopyData by CopyData."""
    buffer = FrameBuffer(BACKEND_LIMITS)
    buffer.feed(out)
    found = []
    while (frame := buffer.next()) is not None:
        message = decode(frame)
        assert isinstance(message, CopyData)
        found.append(message.data)
    assert buffer.pending == 0
    return found


def plan(shape: Shape, layout: CopyLayout) -> CopyPlan:
    fields = [Field(b"c%d" % number, TABLE, number, TEXT, -1, -1, 0) for number in range(1, len(shape.masks) + 1)]
    return bind_copy(fields, shape.masks, shape.visibility, layout)


def relayed(data: bytes, shape: Shape, layout: CopyLayout) -> bytes:
    """What a whole COPY becomes, in one buffer and to its end."""
    stream = CopyStream(plan(shape, layout))
    found = stream.relay(data, 0)
    stream.finish()
    assert found.end == len(data)
    return found.out


@dataclass(frozen=True)
class Copy:
    """A table, its masks and how it is copied."""

    shape: Shape
    layout: CopyLayout
    rows: list[Row]

    @property
    def data(self) -> bytes:
        return frames(written(self.rows, len(self.shape.masks), self.layout))

    @property
    def expected(self) -> bytes:
        """What the server would have sent of the masked rows. Where NULL is written like a value, a masked one is
        masked like the value."""
        null = self.layout.null.encode()
        uncertain = self.layout.format == "text" and null != rb"\N"

        def as_value(row: Row) -> Row:
            pairs = zip(row, self.shape.masks, strict=True)
            return tuple(null if uncertain and value is None and mask is not None else value for value, mask in pairs)

        masked = [self.shape.expected(as_value(row)) for row in self.rows]
        return frames(written(masked, len(self.shape.masks), self.layout))


characters = st.sampled_from(list("\t,;|'\"~^N#x\x01\b\v "))
nulls = st.sampled_from([r"\N", "", "NULL", "***", "x", "N", "a***z", '"', "é"])


def _valid(layout: CopyLayout) -> bool:
    plain = not set(layout.null) & {layout.delimiter, "\r", "\n"}
    if layout.format == "text":
        return plain and layout.delimiter not in set("\\.x")
    return plain and layout.quote != layout.delimiter and layout.quote not in layout.null


layouts = st.one_of(
    st.just(CopyLayout()),
    st.just(CopyLayout("binary")),
    st.just(CopyLayout("csv", ",", "")),
    st.builds(CopyLayout, st.just("text"), characters, nulls, st.booleans()).filter(_valid),
    st.builds(
        CopyLayout,
        st.just("csv"),
        characters,
        nulls,
        st.booleans(),
        characters,
        characters | st.just("\\"),
        st.sampled_from([None, frozenset(), frozenset({"c1", "c3"})]),
    ).filter(_valid),
)
awkward = st.text("a\\\t\n\r\b\f\vN.x@é\U0001f600,;|'\"~^#\x01 *", max_size=12).map(str.encode)
cells = st.one_of(values, awkward, nulls.map(str.encode), st.just(rb"\."))


@st.composite
def copies(draw: st.DrawFn) -> Copy:
    shape = Shape(tuple(draw(st.lists(masks, max_size=4))))
    return Copy(shape, draw(layouts), draw(st.lists(st.tuples(*[cells] * len(shape.masks)), max_size=3)))
