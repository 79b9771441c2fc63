"""What a view's columns are made of: by the server's own tree of its definition, pg_rewrite.ev_action.

Where a tree cannot be read (an unknown node, a damaged text), every column is derived from everything that the view
reads. A catalog without trees, which an older snapshot is, falls back on the lineage of the definition's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from pgmaskproxy.model import ColumnRef, Columns, ColumnUse, Opaque, Use
from pgmaskproxy.sql.attest.attestation import Attestation, Called, Output, TreeUse
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Relation
from pgmaskproxy.sql.origins import columns_of
from pgmaskproxy.sql.reader import view_reading

Key: TypeAlias = tuple[int, int]
"""(relation's OID, column's number)."""
Flow: TypeAlias = tuple[Key, Key, bool]
"""Where a value comes from, where it is seen, and whether as it is."""

_RELATION: Final = re.compile(r":relid (\d+)")
_DECIDES: Final = frozenset({Use.PREDICATE, Use.ORDERING, Use.JOIN, Use.EQUALITY, Use.NULL_TEST})
_OURS: Final = 16384
"""FirstNormalObjectId: what has a lower OID came with the server."""


def relations_read(catalog: Catalog, view: Relation) -> frozenset[int]:
    """OIDs of everything a view's definition names, too many rather than too few."""
    if view.definition_tree:
        found = frozenset(int(oid) for oid in _RELATION.findall(view.definition_tree)) - {0, view.oid}
        return found if found or _attested(catalog, view) is not None else _every_relation(catalog)
    if not view.definition:
        return frozenset()
    reading = view_reading(catalog, view)
    if reading is None:
        return _every_relation(catalog)
    known = (catalog.by_name.get((ref.schema, ref.name)) for ref in reading[1].reads)
    return frozenset(relation.oid for relation in known if relation is not None)


def view_flows(catalog: Catalog, view: Relation) -> Iterable[Flow]:
    """What flows into which column of a view. Works through its definition: see `grammar.STACK_BYTES`."""
    if not view.definition_tree:
        yield from _by_text(catalog, view)
        return
    reads = relations_read(catalog, view)
    attested = _attested(catalog, view)
    # What a function of somebody's own made of it when a materialized view was filled, no tree tells.
    hidden = attested is None or (view.kind == "m" and _calls_others(attested.called))
    for at, column in enumerate(view.columns):
        target = (view.oid, column.number)
        output = attested.outputs[at] if attested is not None and at < len(attested.outputs) else None
        if output is None or (hidden and not output.pure):
            for source in everything(catalog, reads):
                yield source, target, False
        else:
            yield from ((source, target, bare) for source, bare in _sources(catalog, output))


def deciding(catalog: Catalog, view: Relation) -> frozenset[Key]:
    """Columns that decide which rows a view has, or in which order: its author's doing, which its readers see. All
    that it reads where its definition cannot be read. Works through that: see `grammar.STACK_BYTES`."""
    attested = _attested(catalog, view) if view.definition_tree else None
    if attested is not None:
        return frozenset(use.column for use in attested.uses if _decides(use))
    reading = view_reading(catalog, view) if not view.definition_tree and view.definition else None
    if reading is None:
        return frozenset(everything(catalog, relations_read(catalog, view)))
    return frozenset(key for use in reading[1].uses if _decides(use) for key in _key(catalog, use.column))


def _decides(use: TreeUse | ColumnUse) -> bool:
    """GROUP BY is left out: beside a table's key, which it mostly stands for, it groups nothing."""
    return use.use in _DECIDES and use.where != "GROUP BY"


def everything(catalog: Catalog, oids: Iterable[int]) -> Iterable[Key]:
    """Every column of those relations."""
    for oid in sorted(oids):
        relation = catalog.by_oid.get(oid)
        for column in relation.columns if relation is not None else ():
            yield oid, column.number


def _attested(catalog: Catalog, view: Relation) -> Attestation | None:
    try:
        return attest(view.definition_tree, catalog.version // 10_000, folded=False)
    except Unattestable:
        return None


def _sources(catalog: Catalog, output: Output) -> Iterable[tuple[Key, bool]]:
    for columns, bare in ((output.bare, not output.whole_row), (output.derived, False)):
        for oid, number in sorted(columns):
            if number > 0:
                yield (oid, number), bare
            elif number == 0:
                for source in everything(catalog, (oid,)):
                    yield source, False


def _calls_others(called: Called) -> bool:
    """Whether anything runs that did not come with the server."""
    oids = called.functions | called.aggregates | called.windows | called.operators | called.domains
    return any(oid >= _OURS for oid in oids) or any(max(cast) >= _OURS for cast in called.casts)


def _by_text(catalog: Catalog, view: Relation) -> Iterable[Flow]:
    reading = view_reading(catalog, view) if view.definition else None
    outputs = reading[0] if reading is not None else None
    for at, column in enumerate(view.columns):
        origin = outputs[at] if outputs is not None and at < len(outputs) else Opaque("more columns than read")
        target = (view.oid, column.number)
        if isinstance(origin, Opaque):
            for source in everything(catalog, relations_read(catalog, view)):
                yield source, target, False
        else:
            for ref in sorted(columns_of(origin)):
                for key in _key(catalog, ref):
                    yield key, target, isinstance(origin, Columns)


def _key(catalog: Catalog, ref: ColumnRef) -> Iterable[Key]:
    """The column that a name means; every one of the relation's when it is a whole row."""
    relation = catalog.by_name.get((ref.schema, ref.table))
    if relation is not None:
        column = relation.column(ref.column)
        return ((relation.oid, column.number),) if column is not None else everything(catalog, (relation.oid,))
    return ()


def _every_relation(catalog: Catalog) -> frozenset[int]:
    return frozenset(relation.oid for relation in catalog.relations if relation.schema not in SYSTEM_SCHEMAS)
