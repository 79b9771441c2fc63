"""What a value is made of, by relation OID and column number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias, final

Column: TypeAlias = tuple[int, int]
"""(pg_class.oid, pg_attribute.attnum): 0 is the whole row, below 0 a system column."""

_NONE: Final[frozenset[Column]] = frozenset()


@final
class Flow:
    """A value's origin; never changed once made.

    `bare` are the columns that it may be as it is, `derived` those that it is computed from. `mixed` says that it may
    be something else as well: a constant, a parameter, a function's result. `row` are the parts of a whole row.
    `counted` says that how many rows there are, or which, is in it beside what the columns hold.
    """

    __slots__ = ("bare", "counted", "derived", "mixed", "row")

    def __init__(
        self,
        bare: frozenset[Column] = _NONE,
        derived: frozenset[Column] = _NONE,
        mixed: bool = False,
        row: tuple[Flow, ...] | None = None,
        *,
        counted: bool = False,
    ) -> None:
        self.bare = bare
        self.counted = counted
        self.derived = derived
        self.mixed = mixed
        self.row = row

    @property
    def columns(self) -> frozenset[Column]:
        """Everything that it carries, as it is or not."""
        return self.bare | self.derived if self.derived else self.bare

    def same_as(self, other: Flow) -> bool:
        """Whether both say the same; the parts of a row apart."""
        said = (self.bare, self.derived, self.mixed, self.counted)
        return said == (other.bare, other.derived, other.mixed, other.counted)

    def __repr__(self) -> str:
        return f"Flow({sorted(self.bare)}, {sorted(self.derived)}, mixed={self.mixed}, row={self.row is not None})"


NOTHING: Final = Flow()
"""No value at all: the neutral one of `either`."""

OTHER: Final = Flow(mixed=True)
"""A value that no column flows into."""


COUNTED: Final = Flow(mixed=True, counted=True)
"""A number of rows, and the like."""


def computed(columns: Iterable[Column], *, counted: bool = False) -> Flow:
    """A value computed from columns, constants, anything."""
    found = frozenset(columns)
    if not found:
        return COUNTED if counted else OTHER
    return Flow(_NONE, found, True, counted=counted)


def counting(flow: Flow) -> Flow:
    """The same value, where rows decide what it comes to."""
    return flow if flow is NOTHING else Flow(flow.bare, flow.derived, flow.mixed, flow.row, counted=True)


def either(one: Flow, other: Flow) -> Flow:
    """A value that is the one or the other."""
    if one is NOTHING:
        return other
    if other is NOTHING:
        return one
    row: tuple[Flow, ...] | None = None
    if one.row is not None and other.row is not None and len(one.row) == len(other.row):
        row = tuple(either(left, right) for left, right in zip(one.row, other.row, strict=True))
    counted = one.counted or other.counted
    return Flow(one.bare | other.bare, one.derived | other.derived, one.mixed or other.mixed, row, counted=counted)


def row_of(parts: tuple[Flow, ...]) -> Flow:
    """A whole row as one value: none of its parts is shown as it is, each can be taken out again."""
    bare: frozenset[Column] = _NONE
    derived: frozenset[Column] = _NONE
    for part in parts:
        bare |= part.bare
        derived |= part.derived
    return Flow(bare, derived, True, parts, counted=any(part.counted for part in parts))
