"""COPY TO STDOUT through a plan: CopyData frames in, the same frames masked out.

One CopyData is one row, as every server sends it (manual, "COPY Operations"); that is checked, not assumed. As in the
row kernel it is all or nothing, and an error is final: no part of a bad row, nor a row behind it, is ever sent.
"""

from __future__ import annotations

from typing import Final, final

from librt.strings import BytesWriter
from mypy_extensions import i64

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copybinary import check_prologue, is_trailer, mask_tuple
from pgmaskproxy.mask.copyplain import relay_plain
from pgmaskproxy.mask.copytext import RowFormat
from pgmaskproxy.mask.frames import (
    HEADER,
    INTERPRETED,
    Relayed,
    checked_length,
    checked_start,
    copy,
    patch_length,
    sealed,
)
from pgmaskproxy.mask.plan import CLEAR, FIXED, CopyPlan

_COPY_DATA: Final = 0x64  # d


@final
class CopyStream:
    """One COPY's data from its first byte to its last: what has come of it, and what may still come."""

    def __init__(self, plan: CopyPlan) -> None:
        self.plan: Final = plan
        self._begun = False
        self._ended = False

    def announced(self, format_code: int, column_formats: tuple[int, ...]) -> None:
        """The server's CopyOutResponse. PeerError where it is not what was decided on."""
        binary = int(self.plan.rows is None)
        if format_code != binary or column_formats != (binary,) * int(self.plan.columns):
            raise PeerError("COPY data was announced in another form than was decided on")

    def relay(self, data: bytes, start: int) -> Relayed:
        """Relay the whole CopyData frames that lie in `data` from `start` on.

        Stops before a frame of any other type and before one that is not whole. PeerError for what no server writes
        in this form, and for another number of fields; SealedError for any data, or the first byte of it, under a
        sealed plan; InternalError for a `start` outside `data`.
        """
        begin: i64 = checked_start(data, start)
        if self.plan.sealed:
            return sealed(data, begin, _COPY_DATA)
        if self.plan.rows is None:
            return self._relay_binary(data, begin)
        return self._relay_rows(data, begin, self.plan.rows)

    def finish(self) -> None:
        """The server's CopyDone. PeerError where a header or a trailer is still due, and for a second one."""
        due = self.plan.header is not None and not self._begun
        if self.plan.rows is None:
            due = not self._ended
        elif self._ended:
            due = True
        self._ended = True
        if due:
            raise PeerError("COPY data ends too early, or twice")

    def _frame_end(self, data: bytes, position: i64, size: i64) -> i64:
        """Where the CopyData frame at `position` ends; 0 where none begins there, or not all of it is here."""
        if size - position < HEADER or data[position] != _COPY_DATA:
            return 0
        length: i64 = checked_length(data, position, 4)
        if size - position - 1 < length:
            return 0
        if self._ended:
            raise PeerError("COPY data goes on behind its end")
        return position + 1 + length

    def _relay_rows(self, data: bytes, begin: i64, form: RowFormat) -> Relayed:
        plan = self.plan
        size: i64 = len(data)
        is_masked: bool = plan.masked
        out = BytesWriter()
        position: i64 = begin
        rows: i64 = 0
        masked: i64 = 0
        while (frame_end := self._frame_end(data, position, size)) > 0:
            if not self._begun and plan.header is not None:
                if data[position + HEADER : frame_end] != plan.header:
                    raise PeerError("COPY data does not begin with its header")
                if is_masked:
                    copy(out, data, position, frame_end)
            else:
                header: i64 = len(out)
                if is_masked:
                    copy(out, data, position, position + HEADER)
                cells: i64 = -1
                if not INTERPRETED:
                    cells = relay_plain(out, data, position + HEADER, frame_end, plan, form)
                if cells < 0:
                    cells = relay_any(out, data[position + HEADER : frame_end], plan, form)
                if cells > 0:
                    patch_length(out, header + 1, len(out) - header - 1)
                masked += cells
                rows += 1
            self._begun = True
            position = frame_end
        return Relayed(out.getvalue() if is_masked else data[begin:position], position, rows, masked)

    def _relay_binary(self, data: bytes, begin: i64) -> Relayed:
        size: i64 = len(data)
        out = BytesWriter()
        position: i64 = begin
        rows: i64 = 0
        masked: i64 = 0
        while (frame_end := self._frame_end(data, position, size)) > 0:
            at: i64 = position + HEADER
            if not self._begun:
                at = check_prologue(data, at, frame_end)
                self._begun = True
            header: i64 = len(out)
            copy(out, data, position, at)
            if is_trailer(data, at, frame_end):
                self._ended = True
                copy(out, data, at, frame_end)
            else:
                cells: i64 = mask_tuple(out, data, at, frame_end, self.plan)
                if cells:
                    patch_length(out, header + 1, len(out) - header - 1)
                masked += cells
                rows += 1
            position = frame_end
        return Relayed(out.getvalue(), position, rows, masked)


@final
class OpenCopy:
    """COPY's data as it comes, under a policy that is transparent: whole frames, whatever is in them."""

    def announced(self, format_code: int, column_formats: tuple[int, ...]) -> None:
        """Any form will do."""

    def relay(self, data: bytes, start: int) -> Relayed:
        """As `CopyStream.relay` has it; nothing is looked at but where frames end."""
        begin: i64 = checked_start(data, start)
        size: i64 = len(data)
        position: i64 = begin
        rows: i64 = 0
        while size - position >= HEADER and data[position] == _COPY_DATA:
            length: i64 = checked_length(data, position, 4)
            if size - position - 1 < length:
                break
            position += 1 + length
            rows += 1
        return Relayed(data[begin:position], position, rows, 0)

    def finish(self) -> None:
        """Nothing can be due."""


def relay_any(out: BytesWriter, row: bytes, plan: CopyPlan, form: RowFormat) -> i64:
    """Append a row, where any of it is masked: how many of its fields are. PeerError for what no server writes, and for
    another number of fields."""
    fields = form.split(row)
    if len(fields) != plan.columns and not (plan.columns == 0 and len(row) == 1):
        raise PeerError("a row of COPY data has another number of fields than its description")
    if not plan.masked:
        return 0
    masked: i64 = _mask_fields(fields, plan, form)
    out.write(form.row(fields))
    return masked


def _mask_fields(fields: list[bytes], plan: CopyPlan, form: RowFormat) -> i64:
    """Replace the masked ones of `fields` in place; how many there were that are not NULL."""
    masked: i64 = 0
    column: i64 = 0
    while column < plan.columns:
        step: i64 = plan.steps[column]
        if step != CLEAR and not form.is_null(fields[column]):
            if step == FIXED:
                fields[column] = plan.fields[column]
            else:
                shown = plan.maskers[column].mask(form.decode(fields[column]))
                fields[column] = form.encode(shown, plan.forced[column] != 0)
            masked += 1
        column += 1
    return masked
