"""An attestation in the words that policy reads: which labels reach which output, and by which names.

Labels come closed over the catalog (`sql/closure`), by relation OID and column number; a whole row has all of its
relation's. A column that the catalog does not have yet is unknown, and what comes from it is not shown.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, final

from pgmaskproxy.model import ColumnOrigin, ColumnRef, Columns, ColumnUse, Constant, Input, Opaque, Use
from pgmaskproxy.sql.attest.attestation import ROW_SECURITY, Attestation, Output, TreeUse
from pgmaskproxy.sql.attest.flows import Column

_NONE: Final[frozenset[str]] = frozenset()


class Shown(enum.Enum):
    """What an output is, as far as labels go."""

    CLEAN = "clean"
    """No labelled column flows into it."""
    BARE = "bare"
    """One or several columns of the same labels as they are, and nothing else: any mask may apply."""
    MIXED = "mixed"
    """Labelled columns as they are beside something else: a mask that depends on the value would be a code book."""
    DERIVED = "derived"
    """Computed from a labelled column, or a row that has one: never shown."""
    UNKNOWN = "unknown"
    """Something in it is a column that the catalog does not have."""


@dataclass(frozen=True, slots=True)
class LabelledOutput:
    """One output, and every label in it."""

    shown: Shown
    labels: frozenset[str] = frozenset()


@final
class Labels:
    """The labels of columns, and which columns are known at all. Built once per epoch of catalog and policy."""

    __slots__ = ("_columns", "_labels", "_relations", "_rows")

    def __init__(
        self, labels: Mapping[Column, frozenset[str]], columns: Collection[Column], relations: frozenset[int]
    ) -> None:
        """`columns` and `relations` are all that the catalog has (`Catalog.column_refs`, `.relation_oids`)."""
        self._labels = dict(labels)
        self._columns = columns
        self._relations = relations
        self._rows: dict[int, frozenset[str]] = {}
        for (oid, _), its in labels.items():
            self._rows[oid] = self._rows.get(oid, _NONE) | its

    def of(self, column: Column) -> frozenset[str]:
        """A column's labels; a whole row's are those of all its columns, a system column has none."""
        oid, number = column
        return self._rows.get(oid, _NONE) if number == 0 else self._labels.get(column, _NONE)

    def known(self, column: Column) -> bool:
        """Whether the catalog has this column: one that was added since it was read has labels nobody knows."""
        return column in self._columns or (column[1] <= 0 and column[0] in self._relations)

    def output(self, output: Output) -> LabelledOutput:
        """What one output is."""
        everything = output.bare | output.derived
        labels = _NONE.union(*(self.of(column) for column in everything))
        if not all(self.known(column) for column in everything):
            return LabelledOutput(Shown.UNKNOWN, labels)
        if not labels:
            return LabelledOutput(Shown.CLEAN)
        if output.whole_row or any(self.of(column) for column in output.derived) or _rows(output.bare):
            return LabelledOutput(Shown.DERIVED, labels)
        alike = all(self.of(column) == labels for column in output.bare)
        pure = output.pure and not output.derived and alike
        return LabelledOutput(Shown.BARE if pure else Shown.MIXED, labels)

    def uses(self, attestation: Attestation, *, views: bool = True) -> tuple[TreeUse, ...]:
        """The uses of labelled columns, and of unknown ones; with those inside `views` or without."""
        return tuple(
            use
            for use in attestation.uses
            if (views or not use.view) and (self.of(use.column) or not self.known(use.column))
        )

    def unknown(self, attestation: Attestation) -> frozenset[int]:
        """Relations that the statement touches and the catalog does not have: read it again, and refuse until then."""
        touched = attestation.reads | attestation.locks | {oid for oid, _ in attestation.writes}
        return frozenset(oid for oid in touched if oid not in self._relations)


@final
class Names:
    """The same by name: an attestation as the outputs and uses of a `model.Analysis`."""

    __slots__ = ("_columns", "_numbers", "_rows")

    def __init__(self, columns: Mapping[Column, ColumnRef]) -> None:
        """`columns` is every column of the catalog (`Catalog.column_refs`)."""
        self._columns = columns
        self._rows: dict[int, list[ColumnRef]] = {}
        self._numbers: dict[int, list[int]] = {}
        for (oid, number), column in sorted(columns.items()):
            self._rows.setdefault(oid, []).append(column)
            self._numbers.setdefault(oid, []).append(number)

    def outputs(self, attestation: Attestation) -> tuple[ColumnOrigin, ...]:
        """Every output's origin; Opaque where the catalog does not have a column."""
        return tuple(self._origin(output) for output in attestation.outputs)

    def uses(
        self, attestation: Attestation, *, views: bool = True, counts: Callable[[TreeUse], bool] | None = None
    ) -> tuple[ColumnUse, ...]:
        """Every use, a whole row's once for each of its columns, in the order of the tree; `views` as in Labels, and
        those in definitions that are the statement's own (`comparands`) all the same.

        Equal uses in different places stay apart only where they count: `Use.EQUALITY`. A column without a name in
        the catalog has an empty schema and its OID as its table.
        """
        found: dict[tuple[ColumnUse, int], None] = {}
        for use in attestation.uses:
            if use.view and not views and not (counts is not None and counts(use)):
                continue
            targets = self._refs([use.target]) if use.target is not None else [None]
            place = use.place if use.use is Use.EQUALITY else 0
            for column in self._refs([use.column]):
                for target in targets:
                    made = ColumnUse(column, use.use, self._where(use), target, use.parameter, use.total, use.many)
                    found[made, place] = None
        return tuple(use for use, _ in found)

    def inputs(self, attestation: Attestation) -> tuple[Input, ...]:
        """Every parameter beside a column that it is compared with or written to."""
        return tuple(
            Input(column, each.use, each.where, each.number, many=each.many, type_oid=each.type_oid)
            for each in attestation.inputs
            for column in self._refs([each.column])
        )

    def _where(self, use: TreeUse) -> str:
        """Where it is, for people."""
        if use.view == ROW_SECURITY:
            return f"{use.where} of a row security policy"
        view = self._rows.get(use.through[-1] if use.through else use.view)
        return f"{use.where} of view {view[0].relation}" if view else use.where

    def _origin(self, output: Output) -> ColumnOrigin:
        bare, derived = self._refs(output.bare), self._refs(output.derived)
        if any(not column.schema for column in (*bare, *derived)):
            return Opaque("a column that the catalog does not have")
        if derived or not bare:
            return Constant(frozenset((*bare, *derived)), frozenset(bare))
        whole = output.whole_row or bool(_rows(output.bare))
        return Columns(frozenset(bare), pure=output.pure or whole, whole=whole, row=self._row(output.row))

    def _row(self, columns: tuple[Column, ...]) -> tuple[ColumnRef, ...]:
        """The columns of a relation's whole row in order; none where the catalog has others, and nobody knows which
        field is which."""
        if not columns:
            return ()
        if self._numbers.get(columns[0][0], []) != [number for _, number in columns]:
            return ()
        return tuple(self._columns[column] for column in columns)

    def _refs(self, columns: Iterable[Column]) -> list[ColumnRef]:
        """Columns by name, in order; a whole row as all of its columns, a system column left out."""
        found: list[ColumnRef] = []
        for oid, number in sorted(columns):
            if number < 0:
                continue
            named = self._rows.get(oid) if number == 0 else None
            column = self._columns.get((oid, number))
            if number == 0 and named is not None:
                found.extend(named)
            elif column is not None:
                found.append(column)
            else:
                found.append(ColumnRef("", str(oid), str(number)))
        return found


def _rows(columns: frozenset[Column]) -> bool:
    return any(number == 0 for _, number in columns)
