"""Labels carried to every column where the same values appear (THREATS, "Closure over the catalog").

Inheritance and partitions carry them both ways by column name, foreign keys both ways, generated columns from
what they are computed from, views and materialized views by the lineage of their definition. A view's column that
is opaque is derived from everything that the view reads; one whose definition cannot be read at all, from every
labelled column there is. Label sets only grow, so the order of work does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.model import ColumnLabels, ColumnRef, Columns, Opaque, RelationRef
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Column, Relation
from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.origins import columns_of
from pgmaskproxy.sql.reader import view_reading
from pgmaskproxy.sql.tree import descend, strings


def close_labels(catalog: Catalog, declared: Mapping[ColumnRef, frozenset[str]]) -> Mapping[ColumnRef, ColumnLabels]:
    """The labels of every column that has any. Parses view definitions: see `grammar.STACK_BYTES`."""
    flows: dict[ColumnRef, set[tuple[ColumnRef, bool]]] = defaultdict(set)
    for source, target, bare in _flows(catalog):
        flows[source].add((target, bare))
    found: dict[ColumnRef, ColumnLabels] = {column: ColumnLabels(given) for column, given in declared.items() if given}
    pending = list(found)
    while pending:
        source = pending.pop()
        for target, bare in flows.get(source, ()):
            known = found.get(target, ColumnLabels(frozenset()))
            labels = known.labels | found[source].labels
            # Computed once is computed for good: a mask made for the value says nothing of what was made from it.
            derived = known.derived or found[source].derived or not bare
            if labels != known.labels or derived != known.derived:
                found[target] = ColumnLabels(labels, derived)
                pending.append(target)
    return MappingProxyType(found)


Flow = tuple[ColumnRef, ColumnRef, bool]


def _flows(catalog: Catalog) -> Iterable[Flow]:
    """Pairs of columns where the values of the first can be seen in the second: as they are, or computed from."""
    for relation in catalog.relations:
        if relation.schema in SYSTEM_SCHEMAS:
            continue
        yield from _inheritance(catalog, relation)
        yield from _foreign_keys(catalog, relation)
        for column in relation.columns:
            if column.generated:
                for source in _generated_from(relation, column):
                    yield relation.column_ref(source), relation.column_ref(column), False
        if relation.kind in {"v", "m"}:
            yield from _view(catalog, relation)


def _inheritance(catalog: Catalog, relation: Relation) -> Iterable[Flow]:
    for oid in relation.parents:
        parent = catalog.by_oid.get(oid)
        for inherited in parent.columns if parent is not None else ():
            column = relation.column(inherited.name)
            if column is not None and parent is not None:
                yield parent.column_ref(inherited), relation.column_ref(column), True
                yield relation.column_ref(column), parent.column_ref(inherited), True


def _foreign_keys(catalog: Catalog, relation: Relation) -> Iterable[Flow]:
    numbered = {column.number: column for column in relation.columns}
    for key in relation.foreign_keys:
        referenced = catalog.by_oid.get(key.referenced)
        theirs = {column.number: column for column in referenced.columns} if referenced is not None else {}
        for number, other in zip(key.columns, key.referenced_columns, strict=False):
            if referenced is not None and number in numbered and other in theirs:
                one, two = relation.column_ref(numbered[number]), referenced.column_ref(theirs[other])
                yield one, two, True
                yield two, one, True


def _generated_from(relation: Relation, column: Column) -> Iterable[Column]:
    """The columns in a generation expression; all of the relation's when it cannot be read."""
    others = [other for other in relation.columns if other is not column]
    try:
        statements = parse(f"SELECT {column.expression}")
    except (Unparsable, RecursionError):
        return others
    if len(statements) != 1 or not column.expression:
        return others
    names = {strings(fields.get("fields"))[-1:] for kind, fields in descend(statements[0].node) if kind == "ColumnRef"}
    return [other for other in others if (other.name,) in names]


def _view(catalog: Catalog, view: Relation) -> Iterable[Flow]:
    reading = view_reading(catalog, view)
    outputs, reads = (reading[0], reading[1].reads) if reading is not None else (None, _all_relations(catalog))
    everything = [column for ref in sorted(reads) for column in _columns(catalog, ref)]
    for number, column in enumerate(view.columns):
        origin = outputs[number] if outputs is not None and number < len(outputs) else Opaque("more columns than read")
        for source in everything if isinstance(origin, Opaque) else columns_of(origin):
            yield source, view.column_ref(column), isinstance(origin, Columns)


def _columns(catalog: Catalog, ref: RelationRef) -> Iterable[ColumnRef]:
    relation = catalog.by_name.get((ref.schema, ref.name))
    return [relation.column_ref(column) for column in relation.columns] if relation is not None else []


def _all_relations(catalog: Catalog) -> set[RelationRef]:
    return {relation.ref for relation in catalog.relations if relation.schema not in SYSTEM_SCHEMAS}
