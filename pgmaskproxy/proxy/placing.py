"""What a decision would unmask, as the server names it: by relation and column number."""

from __future__ import annotations

from dataclasses import replace

from pgmaskproxy.model import Decision
from pgmaskproxy.sql.catalog import Catalog


def placed(decision: Decision, catalog: Catalog) -> Decision:
    """The decision, each output that it would unmask with its column's place in the catalog; one that has none is never
    shown."""
    unmask = decision.unmask
    if unmask is None:
        return decision
    wanted = frozenset(unmask.columns)
    places = {column: place for place, column in catalog.column_refs().items() if column in wanted}
    outputs = tuple(
        replace(each, oid=places[each.column][0], number=places[each.column][1]) if each.column in places else each
        for each in unmask.outputs
    )
    return replace(decision, unmask=replace(unmask, outputs=outputs))
