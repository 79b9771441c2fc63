"""A row of COPY in which nothing is escaped or quoted, as in most: its fields are their values.

What it takes it relays as `copy.relay_any` does; all else it leaves to that, and what is wrong with a row too.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64

from pgmaskproxy.mask.copytext import ORDINARY, RowFormat
from pgmaskproxy.mask.frames import copy
from pgmaskproxy.mask.plan import CLEAR, FIXED, CopyPlan

_NEWLINE: Final = 0x0A


def relay_plain(  # noqa: PLR0917 - a part of a buffer, and both halves of what is known of it
    out: BytesWriter, data: bytes, begin: i64, end: i64, plan: CopyPlan, form: RowFormat
) -> i64:
    """Append the row `data[begin:end]`, where any of it is masked: the number of fields that are; -1 where it is not as
    simple as that, and nothing of it is appended then."""
    last: i64 = end - 1
    if last < begin or data[last] != _NEWLINE:
        return -1
    start: i64 = len(out)
    masked: i64 = _relay_fields(out, data, begin, last, plan, form)
    if masked < 0:
        out.truncate(start)
    return masked


def _relay_fields(  # noqa: PLR0917 - the same
    out: BytesWriter, data: bytes, begin: i64, last: i64, plan: CopyPlan, form: RowFormat
) -> i64:
    """As `relay_plain`, but for what is appended where it fails. At `last` is the newline that ends every search."""
    marks = form.marks
    steps = plan.steps
    columns: i64 = plan.columns
    delimiter: i64 = form.delimiter_byte
    copied: i64 = begin
    masked: i64 = 0
    column: i64 = 0
    field: i64 = begin
    at: i64 = begin
    while column < columns:
        while marks[data[at]] == ORDINARY:
            at += 1
        step: i64 = steps[column]
        null: i64 = -1  # where it ends
        if at < last and data[at] != delimiter:
            null = at = form.null_end(data, field, last)
            if null < 0:
                return -1
        elif step != CLEAR:
            null = form.null_end(data, field, last)
        if step != CLEAR and null < 0:
            copy(out, data, copied, field)
            if step == FIXED:
                out.write(plan.fields[column])
            else:
                written: i64 = len(out)
                if plan.forced[column]:
                    return -1
                if plan.maskers[column].write(out, data, field, at) < 0:
                    out.write(form.null)
                elif not form.is_as_written(out, written):
                    return -1
            copied = at
            masked += 1
        column += 1
        if at == last:
            break
        at += 1
        field = at
    else:
        if columns > 0 or at != last:
            return -1  # there are more
    if column != columns:
        return -1
    if plan.masked:
        copy(out, data, copied, last + 1)
    return masked
