"""Labels carried to every column where the same values appear (THREATS, "Closure over the catalog").

By relation OID and column number: inheritance and partitions carry them both ways, foreign keys both ways, generated
columns from what they are computed from, views and materialized views as the server's own tree of their definition
says (`views`), and columns of a row type from the rows that they can hold. Label sets only grow, so the order of work
does not matter, and a view is read only when something that it reads has a label. What no catalog tells is not
covered: triggers, defaults and rules that copy values elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, final

from pgmaskproxy.model import ColumnLabels, ColumnRef
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Relation
from pgmaskproxy.sql.generated import computed_from
from pgmaskproxy.sql.views import Key, everything, relations_read, view_flows

_TOAST: Final = "pg_toast_"
_CHUNK: Final = "chunk_data"


def close_labels(
    catalog: Catalog,
    declared: Mapping[ColumnRef, frozenset[str]],
    kept: Mapping[Key, ColumnLabels] = MappingProxyType({}),
) -> Mapping[ColumnRef, ColumnLabels]:
    """The labels of every column that has any; `kept` are labels that stick to columns whatever declares them now.

    Reads definitions: see `grammar.STACK_BYTES`.
    """
    closing = _Closing(catalog)
    keys = {column: key for key, column in catalog.column_refs().items()}
    for column, labels in declared.items():
        if labels and column in keys:
            closing.give(keys[column], ColumnLabels(labels))
    for key, sticking in kept.items():
        closing.give(key, sticking)
    closing.run()
    names = catalog.column_refs()
    return MappingProxyType({names[key]: labels for key, labels in closing.found.items()})


@final
class _Closing:
    """The labels found so far, and what is still to be carried on."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self.found: dict[Key, ColumnLabels] = {}
        self._pending: list[Key] = []
        self._flows: dict[Key, set[tuple[Key, bool]]] = defaultdict(set)
        self._readers: dict[int, list[Relation]] = defaultdict(list)
        """Views, by what they read, that have not been read themselves yet."""
        self._read: set[int] = set()
        for source, target, bare in _links(catalog):
            self._flows[source].add((target, bare))
        for view in catalog.relations:
            if view.kind in {"v", "m"} and view.schema not in SYSTEM_SCHEMAS:
                for oid in relations_read(catalog, view):
                    self._readers[oid].append(view)

    def give(self, key: Key, labels: ColumnLabels) -> None:
        """Labels for one column, on top of those that it has."""
        known = self.found.get(key, ColumnLabels(frozenset()))
        # Computed once is computed for good: a mask made for the value says nothing of what was made from it.
        grown = ColumnLabels(known.labels | labels.labels, known.derived or labels.derived)
        if grown != known:
            self.found[key] = grown
            self._pending.append(key)

    def run(self) -> None:
        """Until nothing changes any more."""
        while self._pending:
            source = self._pending.pop()
            for view in self._readers.pop(source[0], ()):
                self._open(view)
            labels = self.found[source]
            for target, bare in self._flows.get(source, ()):
                self.give(target, labels if bare else ColumnLabels(labels.labels, derived=True))

    def _open(self, view: Relation) -> None:
        """What flows into a view, now that something in it is labelled."""
        if view.oid in self._read:
            return
        self._read.add(view.oid)
        for source, target, bare in view_flows(self._catalog, view):
            self._flows[source].add((target, bare))
            if source in self.found:
                self._pending.append(source)


Flow = tuple[Key, Key, bool]


def _links(catalog: Catalog) -> Iterable[Flow]:
    """Pairs of columns where the values of the first can be seen in the second, views apart: as they are, or
    computed from."""
    for relation in catalog.relations:
        if relation.kind == "t":
            yield from _toasted(catalog, relation)
        if relation.schema in SYSTEM_SCHEMAS:
            continue
        yield from _inheritance(catalog, relation)
        yield from _foreign_keys(catalog, relation)
        for column in relation.columns:
            for oid in column.rows_of:
                yield from _rows(catalog, oid, (relation.oid, column.number))
            if column.generated:
                for source in computed_from(relation, column):
                    yield (relation.oid, source.number), (relation.oid, column.number), False


def _inheritance(catalog: Catalog, relation: Relation) -> Iterable[Flow]:
    for oid in relation.parents:
        parent = catalog.by_oid.get(oid)
        for inherited in parent.columns if parent is not None else ():
            # The one link that goes by name: a child's columns have numbers of their own, and the server keeps the
            # names equal.
            column = relation.column(inherited.name)
            if column is not None:
                yield (oid, inherited.number), (relation.oid, column.number), True
                yield (relation.oid, column.number), (oid, inherited.number), True


def _foreign_keys(catalog: Catalog, relation: Relation) -> Iterable[Flow]:
    ours = {column.number for column in relation.columns}
    for key in relation.foreign_keys:
        referenced = catalog.by_oid.get(key.referenced)
        theirs = {column.number for column in referenced.columns} if referenced is not None else set()
        for number, other in zip(key.columns, key.referenced_columns, strict=False):
            if number in ours and other in theirs:
                yield (relation.oid, number), (key.referenced, other), True
                yield (key.referenced, other), (relation.oid, number), True


def _rows(catalog: Catalog, oid: int, target: Key) -> Iterable[Flow]:
    """A column that holds whole rows of a relation holds all its columns: each can be taken out again."""
    held = catalog.by_oid.get(oid)
    for column in held.columns if held is not None else ():
        yield (oid, column.number), target, False


def _toasted(catalog: Catalog, toast: Relation) -> Iterable[Flow]:
    """Long values live in a table of their own, which is called after their relation's OID (manual, "TOAST")."""
    owner = toast.name.removeprefix(_TOAST)
    if owner.isdecimal():
        for source in everything(catalog, (int(owner),)):
            for column in toast.columns:
                if column.name == _CHUNK:
                    yield source, (toast.oid, column.number), False
