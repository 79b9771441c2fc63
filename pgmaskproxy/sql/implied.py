"""What a statement tells of columns that it does not name: by foreign keys, unique indexes, checks, generated columns,
and by the order in which an index gives rows.

A DELETE that a foreign key stops, or lets pass, says whether the value is in the other table: a comparison with its
columns. So is an UPDATE of a part of a unique index, of a CHECK constraint or of a partition key, with the other parts,
and of what a generated column or an index is computed from, where that can fail; and an INSERT, where a unique index
has columns that take their defaults. And what IS NOT NULL asks for may be read from an index: rows then come in the
order of the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from pgmaskproxy.model import ColumnUse, Use
from pgmaskproxy.sql.catalog import Catalog, Column, Index, Relation
from pgmaskproxy.sql.generated import can_fail, computed_from, failing_expressions

Key: TypeAlias = tuple[int, int]
"""(relation's OID, column's number)."""

OVER_AN_INDEX: Final = "IS [NOT] NULL over an index"

_ROW: Final = 0
"""In the place of a column's number: the row goes, with all of its columns."""
_FOREIGN: Final = "f"


@final
@dataclass(frozen=True, slots=True)
class Changes:
    """What of a statement constraints answer, and where rows may come in the order of a column."""

    deleted: frozenset[int] = frozenset()
    """OIDs of relations that lose rows."""
    updated: frozenset[Key] = frozenset()
    """Columns whose values in rows that are there change."""
    inserted: frozenset[Key] = frozenset()
    """Columns that new rows are given values for, column by column."""
    null_tested: frozenset[Key] = frozenset()
    """Columns under IS [NOT] NULL where the order of the rows that it leaves can show."""


def implied_uses(catalog: Catalog, changes: Changes) -> tuple[ColumnUse, ...]:
    """The uses that `changes` make of columns beside those that the statement itself names, in a fixed order."""
    found = {
        *_compared(catalog, changes),
        *_met(catalog, changes.inserted),
        *_ordered(catalog, changes.null_tested),
    }
    return tuple(sorted(found, key=lambda use: (use.column, use.use, use.where)))


def _compared(catalog: Catalog, changes: Changes) -> Iterator[ColumnUse]:
    """What foreign keys, unique indexes and checks compare with what is deleted and updated, by cascades too."""
    pending: list[Key] = [*((oid, _ROW) for oid in changes.deleted), *changes.updated]
    seen = set(pending)
    while pending:
        oid, number = pending.pop()
        relation = catalog.by_oid.get(oid)
        if relation is None:
            continue
        reached = set(_same(catalog, relation, number))
        for child, key in catalog.referencing.get(oid, ()):
            if number == _ROW or number in key.referenced_columns:
                yield from _predicates(child, key.columns, f"a foreign key of {child.ref}")
                if key.cascades:
                    reached.update((child.oid, column) for column in key.columns)
                    reached.update({(child.oid, _ROW)} if number == _ROW else ())
        if number != _ROW:
            for where, columns in (*_constraints(relation), *_failing(relation, number)):
                if number in columns:
                    others = [column for column in columns if (oid, column) not in changes.updated]
                    yield from _predicates(relation, others, f"{where} of {relation.ref}")
        pending.extend(reached - seen)
        seen |= reached


def _same(catalog: Catalog, relation: Relation, number: int) -> Iterator[Key]:
    """The same rows' column in partitions and inheritance children, and what is generated anew with it."""
    name = next((column.name for column in relation.columns if column.number == number), "")
    for child in catalog.children.get(relation.oid, ()):
        column = child.column(name)
        if number == _ROW:
            yield child.oid, _ROW
        elif column is not None:
            yield child.oid, column.number
    if number != _ROW:
        yield from ((relation.oid, column.number) for column in relation.columns if column.generated)


def _constraints(relation: Relation) -> Iterator[tuple[str, tuple[int, ...]]]:
    for index in relation.indexes:
        if index.unique:
            yield "a unique index", index.columns
    for check in relation.checks:
        yield "a constraint", check


def _failing(relation: Relation, number: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What is computed anew with the column, where that may end in an error: `100 / (a - b)` compares a with b."""
    for column in relation.columns:
        if column.generated:
            sources = tuple(source.number for source in computed_from(relation, column))
            if number in sources and can_fail(relation, column):
                yield "a generated column", sources
    for index in relation.indexes:
        for columns in failing_expressions(relation, index):
            yield "an index's expression", tuple(column.number for column in columns)


def _met(catalog: Catalog, inserted: Iterable[Key]) -> Iterator[ColumnUse]:
    """What a new row meets in unique indexes: the values that are there are compared with those that it is given, and
    where it is given none, with defaults. That says which values are there."""
    given: dict[int, set[str]] = {}
    for oid, number in inserted:
        into = catalog.by_oid.get(oid)
        columns = into.columns if into is not None else ()
        given.setdefault(oid, set()).update(column.name for column in columns if column.number == number)
    pending = [(oid, frozenset(names)) for oid, names in given.items()]
    # A partition is reached from above, and by an INSERT of its own with other columns: each has to be looked at.
    seen: set[tuple[int, frozenset[str]]] = set()
    while pending:
        oid, names = pending.pop()
        relation = catalog.by_oid.get(oid)
        if relation is None or (oid, names) in seen:
            continue
        seen.add((oid, names))
        pending.extend((child.oid, names) for child in catalog.children.get(oid, ()))
        for index in relation.indexes:
            columns = _sources(relation, index.columns) if index.unique else ()
            if any(column.name in names for column in columns):
                others = [
                    column.number
                    for column in columns
                    if column.name not in names and (column.filled or relation.has_triggers)
                ]
                yield from _predicates(relation, others, f"a unique index of {relation.ref}")


def _sources(relation: Relation, numbers: Iterable[int]) -> tuple[Column, ...]:
    """The columns of these numbers, and instead of generated ones what they are computed from."""
    found: dict[int, Column] = {}
    for column in relation.columns:
        if column.number in numbers:
            for one in computed_from(relation, column) if column.generated else (column,):
                found[one.number] = one
    return tuple(found.values())


def _predicates(relation: Relation, numbers: Iterable[int], where: str) -> Iterator[ColumnUse]:
    for column in relation.columns:
        if column.number in numbers:
            yield ColumnUse(relation.column_ref(column), Use.PREDICATE, where)


def _ordered(catalog: Catalog, tested: Iterable[Key]) -> Iterator[ColumnUse]:
    for oid, number in tested:
        relation = catalog.by_oid.get(oid)
        column = next((column for column in relation.columns if column.number == number), None) if relation else None
        if relation is not None and column is not None and _comes_in_order(catalog, relation, column.name):
            yield ColumnUse(relation.column_ref(column), Use.ORDERING, OVER_AN_INDEX)


def _comes_in_order(catalog: Catalog, relation: Relation, name: str) -> bool:
    """Whether a column is in the key of an index that rows may be read from, of the relation or of one below it."""
    pending = [relation]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if one.oid in seen:
            continue
        seen.add(one.oid)
        column = one.column(name)
        if one.kind == _FOREIGN or (column is not None and any(_gives(index, column.number) for index in one.indexes)):
            return True
        pending.extend(catalog.children.get(one.oid, ()))
    return False


def _gives(index: Index, number: int) -> bool:
    return index.scanned and number in index.keys
