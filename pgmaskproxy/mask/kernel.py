"""Whole read buffers through a plan: DataRow frames in, the same frames masked out. COPY has `copy`.

This is code that runs per row (DESIGN 10). Everything is checked before it is used: lengths against
what remains, never by a sum, and a row is consumed exactly. It is all or nothing: an error leaves no
output at all, so no part of a bad row, nor a row behind it, is ever sent.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i16_be, read_i32_be, write_i32_be
from mypy_extensions import i64

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.frames import (
    HEADER,
    INTERPRETED,
    Relayed,
    checked_length,
    checked_start,
    copy,
    patch_length,
    sealed,
    write_cell,
)
from pgmaskproxy.mask.plan import CLEAR, FIXED, MaskPlan

_DATA_ROW: Final = 0x44  # D


def relay(data: bytes, start: int, plan: MaskPlan) -> Relayed:
    """Relay the whole DataRow frames that lie in `data` from `start` on, masked as `plan` says.

    Stops before a frame of any other type and before one that is not whole. PeerError for a row
    that is malformed or has another number of columns; SealedError for any row, or the first
    byte of one, under a sealed plan; InternalError for a `start` outside `data`.
    """
    size: i64 = len(data)
    begin: i64 = checked_start(data, start)
    if plan.sealed:
        return sealed(data, begin, _DATA_ROW)
    if not plan.masked:
        return _relay_clear_rows(data, begin, plan)
    columns: i64 = plan.columns
    steps = plan.steps
    cells = plan.cells
    maskers = plan.maskers
    ahead = _masked_ahead(data, begin, plan) if plan.batched else []
    taken = [0] * len(ahead)
    out = BytesWriter()
    position: i64 = begin
    copied: i64 = begin  # everything before it is in `out`, or was replaced there
    rows: i64 = 0
    masked: i64 = 0
    while size - position >= HEADER and data[position] == _DATA_ROW:
        length: i64 = checked_length(data, position, 6)
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
                copy(out, data, copied, at)
                if step == FIXED:
                    cell = cells[column]
                    size_shown: i64 = len(cell)
                    out.write(cell)
                    growth += size_shown - 4 - width
                elif ahead and plan.ahead[column]:
                    growth += write_cell(out, ahead[column][taken[column]]) - width
                    taken[column] += 1
                elif INTERPRETED:
                    growth += write_cell(out, maskers[column].mask(data[at + 4 : at + 4 + width])) - width
                else:
                    field: i64 = len(out)
                    write_i32_be(out, -1)  # NULL, until it is known to be something else
                    shown: i64 = maskers[column].write(out, data, at + 4, at + 4 + width)
                    if shown < 0:
                        growth -= width
                    else:
                        patch_length(out, field, shown)
                        growth += shown - width
                masked += 1
                at += 4 + width
                copied = at
            column += 1
        if at != frame_end:
            raise PeerError("a row is longer than its columns")
        if growth != 0:
            patch_length(out, header + 1, length + growth)
        rows += 1
        position = frame_end
    copy(out, data, copied, position)
    return Relayed(out.getvalue(), position, rows, masked)


def _masked_ahead(data: bytes, begin: i64, plan: MaskPlan) -> list[list[bytes | None]]:
    """What is shown of the values of batched columns, by column, in the order of their rows; NULLs are left out.

    It stops where the rows stop being whole, as their relay does, which then says what is wrong with them.
    """
    size: i64 = len(data)
    columns: i64 = plan.columns
    values: list[list[bytes]] = [[] for _ in range(columns)]
    position: i64 = begin
    while size - position >= HEADER and data[position] == _DATA_ROW:
        length: i64 = checked_length(data, position, 6)
        if size - position - 1 < length:
            break
        frame_end: i64 = position + 1 + length
        at: i64 = position + 7
        column: i64 = 0
        while column < columns and frame_end - at >= 4:
            width = i64(read_i32_be(data, at))
            at += 4
            if width > frame_end - at:
                break
            if width >= 0:
                if plan.ahead[column]:
                    values[column].append(data[at : at + width])
                at += width
            column += 1
        position = frame_end
    return [plan.maskers[at].mask_all(found) if found else [] for at, found in enumerate(values)]


def _relay_clear_rows(data: bytes, begin: i64, plan: MaskPlan) -> Relayed:
    """Nothing is masked: headers and column counts are checked, and the rows go out in one slice."""
    size: i64 = len(data)
    position: i64 = begin
    rows: i64 = 0
    while size - position >= HEADER and data[position] == _DATA_ROW:
        length: i64 = checked_length(data, position, 6)
        if size - position - 1 < length:
            break
        _check_count(data, position, plan.columns)
        position += 1 + length
        rows += 1
    return Relayed(data[begin:position], position, rows, 0)


def _check_count(data: bytes, position: i64, columns: i64) -> None:
    if i64(read_i16_be(data, position + 5)) != columns:
        raise PeerError("a row has another number of columns than its description")
