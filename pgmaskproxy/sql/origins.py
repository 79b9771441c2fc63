"""Where a value comes from, and how several origins join into one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pgmaskproxy.model import ColumnOrigin, ColumnRef, Columns, Constant, Opaque

CLEAN = Constant()


@dataclass(frozen=True, slots=True)
class Output:
    """A column of a query's result or of something in FROM. `type_oid` is None when the text does not tell.

    `guessed`: nobody wrote the name. It is what we believe PostgreSQL calls the column, and where the server calls it
    something else, a name is looked for in another place than we did; so no such name ever settles anything.
    """

    name: str
    origin: ColumnOrigin
    type_oid: int | None = None
    guessed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What a query returns. `more` is set when there are further columns whose number and names are unknown."""

    outputs: tuple[Output, ...] = ()
    more: ColumnOrigin | None = None

    def renamed(self, names: Iterable[str]) -> Result:
        """The same with its first columns renamed, as an alias list does."""
        given = tuple(names)
        outputs = tuple(
            replace(output, name=given[index], guessed=False) if index < len(given) else output
            for index, output in enumerate(self.outputs)
        )
        if self.more is not None:
            outputs += tuple(Output(name, self.more) for name in given[len(outputs) :])
        return Result(outputs, self.more)


def columns_of(origin: ColumnOrigin) -> frozenset[ColumnRef]:
    """Every column that flows into a value, bare or computed."""
    return frozenset() if isinstance(origin, Opaque) else origin.columns


def either(one: ColumnOrigin, other: ColumnOrigin) -> ColumnOrigin:
    """The origin of a value that is one or the other: arms of a set operation, rows of VALUES."""
    if isinstance(one, Opaque):
        return one
    if isinstance(other, Opaque):
        return other
    columns = one.columns | other.columns
    if isinstance(one, Columns) and isinstance(other, Columns):
        return Columns(columns, one.pure and other.pure)
    if isinstance(one, Columns) or isinstance(other, Columns):
        return Columns(columns, pure=False)
    return Constant(columns)


def row_of(outputs: Iterable[Output], more: ColumnOrigin | None) -> ColumnOrigin:
    """The origin of a whole row as one value: any of its columns, bare."""
    origins = [output.origin for output in outputs]
    if more is not None:
        origins.append(more)
    joined: ColumnOrigin | None = None
    for origin in origins:
        joined = origin if joined is None else either(joined, origin)
    return CLEAN if joined is None else joined


def guessed(outputs: Iterable[Output]) -> ColumnOrigin | None:
    """What any of the columns whose names are guessed may be; None when there are none."""
    found = [output for output in outputs if output.guessed]
    return row_of(found, None) if found else None


def computed(origins: Iterable[ColumnOrigin]) -> Constant | Opaque:
    """The origin of a value computed from others."""
    columns: frozenset[ColumnRef] = frozenset()
    for origin in origins:
        if isinstance(origin, Opaque):
            return origin
        columns |= origin.columns
    return Constant(columns) if columns else CLEAN


def arms(one: Result, other: Result) -> Result:
    """The columns of a set operation: joined by ordinal, named by the left arm."""
    if one.more is not None or other.more is not None:
        more = row_of((*one.outputs, *other.outputs), either(one.more or CLEAN, other.more or CLEAN))
        return Result((), more)
    return Result(
        tuple(
            Output(
                left.name,
                either(left.origin, right.origin),
                left.type_oid if left.type_oid == right.type_oid else None,
                left.guessed,
            )
            for left, right in zip(one.outputs, other.outputs, strict=False)
        )
    )
