"""What a person has agreed to see of one execution: some masks of a plan taken off, for so many rows.

The plan underneath stays as it was bound, and is what every other row goes through (docs/unmasking.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

from pgmaskproxy.mask.plan import CLEAR, MaskPlan
from pgmaskproxy.model import Mask, Unmask
from pgmaskproxy.wire.backend import Field

_DATA_ROW: Final = ord("D")


@final
class ClearRows:
    """The rows of one execution that go through `plan`; `left` of them are still to come."""

    def __init__(self, plan: MaskPlan, rows: int) -> None:
        self.plan: Final = plan
        self.rows: Final = rows
        self.left = rows

    @property
    def shown(self) -> int:
        """How many there were."""
        return self.rows - self.left


def is_confirmed(unmask: Unmask, fields: Sequence[Field]) -> bool:
    """Whether the server itself says of every output that is to be shown that it is that very column. Of an expression,
    of a whole row and of a set operation's output it says nothing, and that is no."""
    return bool(unmask.outputs) and all(
        each.oid != 0
        and each.number > 0
        and each.ordinal < len(fields)
        and fields[each.ordinal].table_oid == each.oid
        and fields[each.ordinal].column_number == each.number
        for each in unmask.outputs
    )


def lifted(
    plan: MaskPlan, shown: Sequence[Mask | None], unmask: Unmask, fields: Sequence[Field]
) -> tuple[ClearRows, tuple[Mask | None, ...]] | None:
    """`plan` without the masks that `unmask` is about, and what is `shown` by it then; None where one of them is not
    certain to be of the column that was agreed to. Every other mask stays."""
    if plan.sealed or plan.columns != len(fields) or len(shown) != len(fields) or not is_confirmed(unmask, fields):
        return None
    clear = {each.ordinal for each in unmask.outputs}
    maskers = [
        None if ordinal in clear or plan.steps[ordinal] == CLEAR else plan.maskers[ordinal]
        for ordinal in range(len(fields))
    ]
    without = tuple(None if ordinal in clear else mask for ordinal, mask in enumerate(shown))
    return ClearRows(MaskPlan(maskers), unmask.rows), without


def end_of_rows(data: bytes, start: int, most: int) -> int:
    """Where the first `most` whole DataRow frames in `data` from `start` on end: the kernel is given no more than
    these. What is wrong with one of them is the kernel's to say."""
    position = start
    for _ in range(most):
        if len(data) - position < 5 or data[position] != _DATA_ROW:
            break
        length = int.from_bytes(data[position + 1 : position + 5], "big", signed=True)
        if length < 4 or len(data) - position - 1 < length:
            break
        position += 1 + length
    return position
