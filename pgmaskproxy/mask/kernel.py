"""Whole read buffers through a plan: DataRow and CopyData frames in, the same frames masked out.

The only code that runs per row (DESIGN 10). Everything is checked before it is used: lengths against
what remains, never by a sum, and a row is consumed exactly. It is all or nothing: an error leaves no
output at all, so no part of a bad row, nor a row behind it, is ever sent.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter, read_i16_be, read_i32_be, write_i32_be
from mypy_extensions import i32, i64, u8

from pgmaskproxy.errors import InternalError, PeerError, SealedError
from pgmaskproxy.mask.copytext import check, decode, encode
from pgmaskproxy.mask.plan import CLEAR, FIXED, CopyPlan, MaskPlan
from pgmaskproxy.wire.limits import ROW

_DATA_ROW: Final = 0x44  # D
_COPY_DATA: Final = 0x64  # d
_HEADER: Final = 5
_TAB: Final = b"\t"
_NEWLINE: Final = b"\n"
_BACKSLASH: Final = b"\\"


@final
class Relayed:
    """What became of a buffer: `out` to send, `end` the position of the first byte not consumed.

    `rows` were relayed, `cells` in them masked (a NULL is not counted: it is shown as it was).
    """

    def __init__(self, out: bytes, end: i64, rows: i64, cells: i64) -> None:
        self.out: Final = out
        self.end: Final[i64] = end
        self.rows: Final[i64] = rows
        self.cells: Final[i64] = cells


def relay(data: bytes, start: int, plan: MaskPlan) -> Relayed:
    """Relay the whole DataRow frames that lie in `data` from `start` on, masked as `plan` says.

    Stops before a frame of any other type and before one that is not whole. PeerError for a row
    that is malformed or has another number of columns; SealedError for any row, or the first
    byte of one, under a sealed plan; InternalError for a `start` outside `data`.
    """
    size: i64 = len(data)
    begin: i64 = _checked_start(data, start)
    if plan.sealed:
        return _sealed(data, begin, _DATA_ROW)
    if not plan.masked:
        return _relay_clear_rows(data, begin, plan)
    columns: i64 = plan.columns
    steps = plan.steps
    cells = plan.cells
    maskers = plan.maskers
    out = BytesWriter()
    position: i64 = begin
    copied: i64 = begin  # everything before it is in `out`, or was replaced there
    rows: i64 = 0
    masked: i64 = 0
    while size - position >= _HEADER and data[position] == _DATA_ROW:
        length: i64 = _checked_length(data, position, 6)
        if size - position - 1 < length:
            break
        frame_end: i64 = position + 1 + length
        _check_count(data, position, columns)
        header: i64 = len(out) + position - copied  # where this row's frame begins in `out`
        growth: i64 = 0
        at: i64 = position + 7
        column: i64 = 0
        while column < columns:
            if frame_end - at < 4:
                raise PeerError("a row ends before its last column")
            width = i64(read_i32_be(data, at))
            step: i64 = steps[column]
            if width < 0:
                if width != -1:
                    raise PeerError("a column of a row has a negative length")
                at += 4
            elif width > frame_end - at - 4:
                raise PeerError("a column of a row is longer than the row")
            elif step == CLEAR:
                at += 4 + width
            else:
                out.write(data[copied:at])
                if step == FIXED:
                    cell = cells[column]
                    out.write(cell)
                    growth += len(cell) - 4 - width
                else:
                    shown = maskers[column].mask(data[at + 4 : at + 4 + width])
                    if shown is None:
                        write_i32_be(out, -1)
                        growth -= width
                    else:
                        _write_length(out, len(shown))
                        out.write(shown)
                        growth += len(shown) - width
                masked += 1
                at += 4 + width
                copied = at
            column += 1
        if at != frame_end:
            raise PeerError("a row is longer than its columns")
        if growth != 0:
            _patch_length(out, header + 1, length + growth)
        rows += 1
        position = frame_end
    out.write(data[copied:position])
    return Relayed(out.getvalue(), position, rows, masked)


def relay_copy(data: bytes, start: int, plan: CopyPlan) -> Relayed:
    r"""Relay the whole CopyData frames from `start` on: COPY TO STDOUT in text format, a row in each.

    A row has exactly the plan's number of fields, separated by tabs, and one newline, at its end:
    a server writes neither of them in a field but as an escape. Values are masked as decoded, and
    escaped again. Stops and errors as `relay`.
    """
    size: i64 = len(data)
    begin: i64 = _checked_start(data, start)
    if plan.sealed:
        return _sealed(data, begin, _COPY_DATA)
    columns: i64 = plan.columns
    is_masked: bool = plan.masked
    out = BytesWriter()
    position: i64 = begin
    rows: i64 = 0
    masked: i64 = 0
    while size - position >= _HEADER and data[position] == _COPY_DATA:
        length: i64 = _checked_length(data, position, 4)
        if size - position - 1 < length:
            break
        frame_end: i64 = position + 1 + length
        row = data[position + _HEADER : frame_end]
        newline: i64 = row.find(_NEWLINE)
        if newline < 0 or newline != len(row) - 1:
            raise PeerError("a CopyData is not exactly one row")
        fields = row[:newline].split(_TAB)
        if len(fields) != columns and not (columns == 0 and newline == 0):
            raise PeerError("a row of COPY data has another number of fields than its description")
        if row.find(_BACKSLASH) >= 0:
            for field in fields:
                check(field)
        if is_masked:
            masked += _mask_fields(fields, plan)
            row = _TAB.join(fields)
            out.append(_COPY_DATA)
            _write_length(out, len(row) + 5)
            out.write(row)
            out.append(0x0A)
        rows += 1
        position = frame_end
    return Relayed(out.getvalue() if is_masked else data[begin:position], position, rows, masked)


def _mask_fields(fields: list[bytes], plan: CopyPlan) -> i64:
    """Replace the masked ones of `fields` in place; how many there were that are not NULL."""
    masked: i64 = 0
    column: i64 = 0
    while column < plan.columns:
        step: i64 = plan.steps[column]
        if step != CLEAR:
            value = decode(fields[column])
            if value is not None:
                fields[column] = plan.fields[column] if step == FIXED else encode(plan.maskers[column].mask(value))
                masked += 1
        column += 1
    return masked


def _relay_clear_rows(data: bytes, begin: i64, plan: MaskPlan) -> Relayed:
    """Nothing is masked: headers and column counts are checked, and the rows go out in one slice."""
    size: i64 = len(data)
    position: i64 = begin
    rows: i64 = 0
    while size - position >= _HEADER and data[position] == _DATA_ROW:
        length: i64 = _checked_length(data, position, 6)
        if size - position - 1 < length:
            break
        _check_count(data, position, plan.columns)
        position += 1 + length
        rows += 1
    return Relayed(data[begin:position], position, rows, 0)


def _sealed(data: bytes, begin: i64, kind: i64) -> Relayed:
    if begin < len(data) and data[begin] == kind:
        raise SealedError("a row arrived before its plan was bound")
    return Relayed(b"", begin, 0, 0)


def _checked_start(data: bytes, start: int) -> i64:
    if start < 0 or start > len(data):
        raise InternalError("a relay starts outside of its buffer")
    return start


def _checked_length(data: bytes, position: i64, least: i64) -> i64:
    """The length field of the frame at `position`, whose header is there."""
    length = i64(read_i32_be(data, position + 1))
    if length < least or length > ROW:
        raise PeerError("a row has an impossible length")
    return length


def _check_count(data: bytes, position: i64, columns: i64) -> None:
    if i64(read_i16_be(data, position + 5)) != columns:
        raise PeerError("a row has another number of columns than its description")


def _write_length(out: BytesWriter, length: i64) -> None:
    if length > ROW:
        raise PeerError("a masked value is too long for its length field")
    write_i32_be(out, i32(length))


def _patch_length(out: BytesWriter, at: i64, length: i64) -> None:
    if length > ROW:
        raise PeerError("a masked row is too long for its length field")
    out[at] = u8((length >> 24) & 0xFF)
    out[at + 1] = u8((length >> 16) & 0xFF)
    out[at + 2] = u8((length >> 8) & 0xFF)
    out[at + 3] = u8(length & 0xFF)
