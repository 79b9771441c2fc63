"""What views do with labelled columns that counts as the doing of whoever reads them (`attest.comparands`), by their
definitions in the catalog: for what has no tree (the text alone, `check`), and for materialized views, which show it
long after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, final

from pgmaskproxy.model import Analysis, ColumnRef, ColumnUse, RelationRef, Use
from pgmaskproxy.sql.attest.comparands import Comparands
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog, Relation
from pgmaskproxy.sql.reader import view_facts
from pgmaskproxy.sql.views import relations_read

_VIEWS: Final = frozenset({"v", "m"})
_DECIDES: Final = frozenset({Use.PREDICATE, Use.ORDERING, Use.JOIN})


@final
class Definitions:
    """One catalog's views under its labels. Works through definitions: see `grammar.STACK_BYTES`."""

    def __init__(self, catalog: Catalog, labelled: Collection[ColumnRef]) -> None:
        """`labelled` are the columns with a label, closed over the catalog."""
        self.comparands = Comparands(catalog, labelled)
        self._catalog = catalog
        self._labelled = frozenset(labelled)
        self._names = Names(catalog.column_refs())
        self._reads: dict[int, frozenset[int]] = {}
        self._uses: dict[int, tuple[ColumnUse, ...]] = {}
        for view in catalog.relations:
            if view.kind in _VIEWS and view.schema not in SYSTEM_SCHEMAS:
                reads = self._reads[view.oid] = relations_read(catalog, view)
                if any(self.comparands.secret(oid) for oid in reads):
                    self._uses[view.oid] = self._counting(view, reads)

    def named(self) -> Mapping[RelationRef, tuple[ColumnUse, ...]]:
        """Every view that does such things itself and is not vouched for, and which."""
        return {
            self._catalog.by_oid[oid].ref: uses
            for oid, uses in self._uses.items()
            if uses and oid not in self._catalog.trusted_views
        }

    def below(self, oids: Iterable[int]) -> tuple[ColumnUse, ...]:
        """What reading these relations does, by all the views that they are and that those read. A view that is vouched
        for answers for what is below it."""
        found: dict[ColumnUse, None] = {}
        pending = list(oids)
        seen: set[int] = set()
        while pending:
            oid = pending.pop()
            if oid in seen or oid in self._catalog.trusted_views:
                continue
            seen.add(oid)
            found |= dict.fromkeys(self._uses.get(oid, ()))
            pending.extend(sorted(self._reads.get(oid, ())))
        return tuple(found)

    def under(self, analysis: Analysis) -> tuple[ColumnUse, ...]:
        """The same for what a text reads and writes."""
        named = (self._catalog.by_name.get((ref.schema, ref.name)) for ref in sorted(analysis.reads | analysis.writes))
        return self.below([relation.oid for relation in named if relation is not None])

    def _counting(self, view: Relation, reads: Collection[int]) -> tuple[ColumnUse, ...]:
        if not view.definition_tree:
            return self._by_text(view, reads)
        try:
            found = attest(view.definition_tree, self._catalog.version // 10_000, folded=False, view=view.oid)
        except Unattestable:
            return self._everything(view, reads)
        return self._names.uses(found, views=False, counts=self.comparands.counts)

    def _by_text(self, view: Relation, reads: Collection[int]) -> tuple[ColumnUse, ...]:
        """An older snapshot has no trees, and a text does not tell what stands beside what: every comparison counts."""
        facts = view_facts(self._catalog, view) if view.definition else None
        if facts is None:
            return self._everything(view, reads)
        return tuple(use for use in facts.uses if use.use in _DECIDES and use.column in self._labelled)

    def _everything(self, view: Relation, reads: Collection[int]) -> tuple[ColumnUse, ...]:
        """A definition that cannot be read may do anything with what it reads."""
        relations = {self._catalog.by_oid[oid].ref for oid in reads if oid in self._catalog.by_oid}
        return tuple(
            ColumnUse(column, Use.PREDICATE, f"the definition of view {view.ref}, which cannot be read")
            for column in sorted(self._labelled)
            if column.relation in relations
        )
