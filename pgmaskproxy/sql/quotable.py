"""What the server's own text could quote of each relation, with everything that touching it reaches (DESIGN 8).

Reading a relation reads its children, and what a view stands for. Writing it runs its triggers and those of its
children, and goes on to whatever a foreign key cascades to; a view is written through to what it reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from pgmaskproxy.model import ColumnLabels, ColumnRef, Quotable, RelationRef
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Relation
from pgmaskproxy.sql.views import relations_read

Edges = Mapping[int, set[int]]
_FOREIGN: Final = "f"


def quotable(catalog: Catalog, labelling: Mapping[ColumnRef, ColumnLabels]) -> Quotable:
    """For every relation of the catalog. Reads definitions that have no tree: see `grammar.STACK_BYTES`."""
    own: dict[RelationRef, frozenset[str]] = defaultdict(frozenset)
    for column, labels in labelling.items():
        own[column.relation] |= labels.labels
    reads: dict[int, set[int]] = defaultdict(set)
    writes: dict[int, set[int]] = defaultdict(set)
    for relation in catalog.relations:
        if relation.schema in SYSTEM_SCHEMAS:
            continue
        for parent in relation.parents:
            reads[parent].add(relation.oid)
        for key in relation.foreign_keys:
            if key.cascades:
                writes[key.referenced].add(relation.oid)
        if relation.kind in {"v", "m"}:
            reads[relation.oid] |= relations_read(catalog, relation)
    for source, targets in reads.items():
        writes[source] |= targets

    def of(relation: Relation, edges: Edges, runs: Callable[[Relation], bool]) -> frozenset[str] | None:
        found: frozenset[str] = frozenset()
        for oid in _reached(relation.oid, edges):
            each = catalog.by_oid.get(oid)
            if each is None or runs(each):
                return None
            found |= own.get(each.ref, frozenset())
        return found

    return Quotable(
        MappingProxyType({each.ref: of(each, reads, _read_runs) for each in catalog.relations}),
        MappingProxyType({each.ref: of(each, writes, _write_runs) for each in catalog.relations}),
    )


def _reached(oid: int, edges: Edges) -> Iterable[int]:
    found, pending = {oid}, [oid]
    while pending:
        new = edges.get(pending.pop(), set()) - found
        found |= new
        pending.extend(new)
    return found


def _read_runs(relation: Relation) -> bool:
    """Row security may; which of its functions these are is not told apart."""
    return relation.runs_functions


def _write_runs(relation: Relation) -> bool:
    return (
        relation.runs_functions
        or relation.has_triggers
        or relation.has_rules
        or relation.kind == _FOREIGN
        or relation.schema in SYSTEM_SCHEMAS
    )
