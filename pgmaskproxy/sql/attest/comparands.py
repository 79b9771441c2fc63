"""Whose doing it is that a definition holds a labelled column against something: its author's, or the reader's.

An author is trusted with constants, with what the session is, and with columns that are labelled too: nobody writes
those unasked. What has no label may be a guess that the reader has put there (`INSERT INTO bands`), so that the use is
the statement's own, unless the operator vouches for the view (`trust.views`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, final

from pgmaskproxy.model import ColumnRef, Use
from pgmaskproxy.sql.attest.attestation import ROWS, TreeUse
from pgmaskproxy.sql.attest.flows import Column
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog

_TELLS_NO_VALUE: Final = frozenset({Use.NULL_TEST, Use.COUNT})


@final
class Comparands:
    """The labels of one catalog, as far as this matters. Built once per epoch."""

    __slots__ = ("_columns", "_labelled", "_rows", "_system")

    def __init__(self, catalog: Catalog, labelled: Collection[ColumnRef]) -> None:
        """`labelled` are the columns with a label, closed over the catalog."""
        self._columns = catalog.column_refs()
        self._labelled = frozenset(key for key, column in self._columns.items() if column in labelled)
        self._system = frozenset(one.oid for one in catalog.relations if one.schema in SYSTEM_SCHEMAS)
        self._rows: dict[int, set[int]] = {}
        for oid, number in self._columns:
            self._rows.setdefault(oid, set()).add(number)

    def counts(self, use: TreeUse, vouched: Collection[int] = ()) -> bool:
        """Whether a use inside a definition is the statement's own. `vouched` are OIDs of views."""
        if use.use in _TELLS_NO_VALUE or not self._secret(use.column):
            return False
        if not {use.view, *use.through}.isdisjoint(vouched):
            return False
        # How often a value is added up cannot make it fail; a sum that is held against anything can be made to show.
        return any(self._open(column) for column in use.beside if column != ROWS or use.use is not Use.EXPRESSION)

    def secret(self, oid: int) -> bool:
        """Whether a relation has a labelled column."""
        return any((oid, number) in self._labelled for number in self._rows.get(oid, ()))

    def _secret(self, column: Column) -> bool:
        """Whether a column is labelled, or not known, or a row with such a column."""
        if column[1] == 0:
            return column[0] not in self._rows or self.secret(column[0])
        return column in self._labelled or column not in self._columns

    def _open(self, column: Column) -> bool:
        """Whether something may be anybody's data: all that is not labelled, or the system's own."""
        oid, number = column
        if oid in self._system:
            return False
        if number == 0:
            return any((oid, each) not in self._labelled for each in self._rows.get(oid, (0,)))
        return column not in self._labelled
