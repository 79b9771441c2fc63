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
    """

    __slots__ = ("bare", "derived", "mixed", "row")

    def __init__(
        self,
        bare: frozenset[Column] = _NONE,
        derived: frozenset[Column] = _NONE,
        mixed: bool = False,
        row: tuple[Flow, ...] | None = None,
    ) -> None:
        self.bare = bare
        self.derived = derived
        self.mixed = mixed
        self.row = row

    @property
    def columns(self) -> frozenset[Column]:
        """Everything that it carries, as it is or not."""
        return self.bare | self.derived if self.derived else self.bare

    def same_as(self, other: Flow) -> bool:
        """Whether both say the same; the parts of a row apart."""
        return self.bare == other.bare and self.derived == other.derived and self.mixed == other.mixed

    def __repr__(self) -> str:
        return f"Flow({sorted(self.bare)}, {sorted(self.derived)}, mixed={self.mixed}, row={self.row is not None})"


NOTHING: Final = Flow()
"""No value at all: the neutral one of `either`."""

OTHER: Final = Flow(mixed=True)
"""A value that no column flows into."""


def computed(columns: Iterable[Column]) -> Flow:
    """A value computed from columns, constants, anything."""
    found = frozenset(columns)
    return Flow(_NONE, found, True) if found else OTHER


def either(one: Flow, other: Flow) -> Flow:
    """A value that is the one or the other."""
    if one is NOTHING:
        return other
    if other is NOTHING:
        return one
    row: tuple[Flow, ...] | None = None
    if one.row is not None and other.row is not None and len(one.row) == len(other.row):
        row = tuple(either(left, right) for left, right in zip(one.row, other.row, strict=True))
    return Flow(one.bare | other.bare, one.derived | other.derived, one.mixed or other.mixed, row)


def row_of(parts: tuple[Flow, ...]) -> Flow:
    """A whole row as one value: none of its parts is shown as it is, each can be taken out again."""
    bare: frozenset[Column] = _NONE
    derived: frozenset[Column] = _NONE
    for part in parts:
        bare |= part.bare
        derived |= part.derived
    return Flow(bare, derived, True, parts)
