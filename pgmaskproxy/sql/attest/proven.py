"""The text's Analysis with the server's word in the place of the text's wherever the server has one (DESIGN 3).

Kind, settings, names and transaction control stay the text's: they say what the client asked for. What it reads,
writes, shows and calls is the tree's, by OID, and an effect that only a function's name suggested counts no more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

from pgmaskproxy.model import (
    Analysis,
    ColumnOrigin,
    ColumnRef,
    Columns,
    ColumnUse,
    Constant,
    Effect,
    Opaque,
    RelationRef,
    Use,
)
from pgmaskproxy.sql.attest.attestation import Attestation, Called, TreeUse
from pgmaskproxy.sql.attest.calls import CallVerdict, judge_calls
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog
from pgmaskproxy.sql.definitions import Definitions
from pgmaskproxy.sql.implied import OVER_AN_INDEX, Changes, implied_uses

_COMMANDS: Final = {
    "SelectStmt": "SELECT",
    "InsertStmt": "INSERT",
    "UpdateStmt": "UPDATE",
    "DeleteStmt": "DELETE",
    "MergeStmt": "MERGE",
}
"""What the tree of a statement of its own says it is. NOTHING is what rules may leave of it."""

EXPLAIN: Final = "ExplainStmt"
_MATERIALIZED: Final = "m"

_RETURNS_NOTHING: Final = frozenset({Effect.WRITE, Effect.SESSION})
"""What nextval() and set_config() do: nothing comes back that was not known."""


@final
@dataclass(frozen=True, slots=True)
class Witness:
    """What trees are held against: one database's catalog, the names of its columns, and what of it is labelled."""

    catalog: Catalog
    names: Names
    labelled: Collection[RelationRef]
    """Relations with a labelled column."""
    definitions: Definitions | None = None
    """What views hold labelled columns against; without it whatever they hold against anything counts."""

    def counts(self, use: TreeUse) -> bool:
        """Whether a use inside a definition is the statement's own."""
        if self.definitions is None:
            return bool(use.beside)
        return self.definitions.comparands.counts(use, self.catalog.trusted_views)

    def filled(self, oids: Collection[int]) -> tuple[ColumnUse, ...]:
        """The same of what materialized views were filled by: no tree shows it where they are read."""
        if self.definitions is None:
            return ()
        known = [self.catalog.by_oid[oid] for oid in oids if oid in self.catalog.by_oid]
        return self.definitions.below([relation.oid for relation in known if relation.kind == _MATERIALIZED])


@final
class Unread(Unattestable):
    """A tree names a relation that the catalog does not have: read the catalog again, and refuse until then."""


def proven(text: Analysis, own: Attestation, nested: Sequence[Attestation], witness: Witness) -> Analysis:
    """The Analysis that is decided on. `nested` are the trees of functions that ran meanwhile.

    Raises Unattestable where the tree is of another statement than the text, Unread for an unknown relation.
    """
    expected = _COMMANDS.get(text.kind)
    if expected is not None and own.command not in {expected, "NOTHING"}:
        raise Unattestable(f"the server's tree is of {own.command}, the text of {expected}")
    catalog = witness.catalog
    calls = [judge_calls(_asked_for(own, text, catalog), catalog)]
    calls += [judge_calls(called, catalog) for view, called in own.viewed if not _systems(view, catalog)]
    result = _result(calls)
    reads = own.reads if text.kind == EXPLAIN else own.named | own.locks
    return replace(
        text,
        reads=_relations(reads, catalog),
        writes=_relations({oid for oid, _ in own.writes}, catalog),
        outputs=text.outputs if text.kind == EXPLAIN else _outputs(witness.names.outputs(own), result),
        uses=_uses(own, witness),
        functions=_shipped(text.functions).union(*(verdict.functions for verdict in calls)),
        effects=_effects(text, own, calls),
        opaque=result or _bodies(nested, witness),
        # A tree's own literals are no part of what is kept of it: those stay the text's.
        inputs=tuple(each for each in text.inputs if not each.number) + witness.names.inputs(own),
        elsewhere=own.elsewhere,
        made=_made(own, catalog),
        called_effects=frozenset(),
    )


def _uses(own: Attestation, witness: Witness) -> tuple[ColumnUse, ...]:
    """What the statement does with columns: itself, by definitions that hold them against what anybody writes, by what
    materialized views were filled by, and by constraints and indexes."""
    named = witness.names.uses(own, views=False, counts=witness.counts)
    return named + witness.filled(own.reads) + implied_uses(witness.catalog, _changes(own))


def certain(text: Analysis) -> Analysis:
    """What the text says for certain: without what it only guessed from a function's name, or could not resolve."""
    effects = text.effects - text.called_effects
    return replace(
        text,
        effects=effects or text.effects,
        reads=frozenset(relation for relation in text.reads if relation.schema),
        writes=frozenset(relation for relation in text.writes if relation.schema),
        outputs=tuple(map(_certain, text.outputs)) if text.outputs is not None else None,
        uses=tuple(use for use in text.uses if use.column.schema and use.where != OVER_AN_INDEX),
        functions=frozenset(),
        opaque="",
    )


def _certain(origin: ColumnOrigin) -> ColumnOrigin:
    unknown = isinstance(origin, Opaque) or any(not column.schema for column in origin.columns)
    return Constant() if unknown else origin


def _changes(own: Attestation) -> Changes:
    """What constraints answer: a MERGE that updates and inserts is taken to update all that it writes."""
    changed = {
        command: {oid for oid, done in own.writes if done == command} for command in ("DELETE", "UPDATE", "INSERT")
    }
    written = [use for use in own.uses if use.use is Use.WRITTEN]
    return Changes(
        frozenset(changed["DELETE"]),
        frozenset(use.column for use in written if use.where != "INSERT" and use.column[0] in changed["UPDATE"]),
        frozenset(use.column for use in written if use.where != "UPDATE" and use.column[0] in changed["INSERT"]),
        own.null_tests,
    )


def _made(own: Attestation, catalog: Catalog) -> frozenset[ColumnRef]:
    """Columns of the rows that are written whose values come from the statement all the same: what is generated of
    what it writes, and anything where a trigger may have put it; in the relation itself or in what is below it."""
    found: set[ColumnRef] = set()
    for oid in {oid for oid, done in own.writes if done != "DELETE"}:
        written = catalog.by_oid.get(oid)
        family = [written] if written is not None else []
        for each in family:
            family += [child for child in catalog.children.get(each.oid, ()) if child not in family]
        triggers = any(each.has_triggers for each in family)
        names = {column.name for each in family for column in each.columns if triggers or column.generated}
        if written is not None:
            found |= {written.column_ref(column) for column in written.columns if column.name in names}
    return frozenset(found)


def _effects(text: Analysis, own: Attestation, calls: Sequence[CallVerdict]) -> frozenset[Effect]:
    effects = set(text.effects - text.called_effects)
    for verdict in calls:
        effects |= verdict.effects
    if own.reads:
        effects.add(Effect.READ)
    if own.writes:
        effects.add(Effect.WRITE)
    return frozenset(effects)


def _asked_for(own: Attestation, text: Analysis, catalog: Catalog) -> Called:
    """What the statement calls, without what only the defaults of the columns that it writes call: who may insert a row
    runs them, whoever made them (manual, 5.2). What the text names too is its own doing."""
    named = {name.rpartition(".")[2] for name in text.functions}
    defaults = {
        oid
        for written, _ in own.writes
        if written in catalog.by_oid
        for oid in catalog.by_oid[written].default_functions
        if oid in catalog.functions_by_oid and catalog.functions_by_oid[oid].name not in named
    }
    return replace(own.called, functions=own.called.functions - defaults) if defaults else own.called


def _shipped(names: frozenset[str]) -> frozenset[str]:
    """What the text calls of PostgreSQL's own: a rule may name one that is harmless, and the verdict does not."""
    return frozenset(name for name in names if name.startswith("pg_catalog."))


def _relations(oids: Collection[int], catalog: Catalog) -> frozenset[RelationRef]:
    found = set()
    for oid in oids:
        relation = catalog.by_oid.get(oid)
        if relation is None:
            raise Unread("the statement reads a relation that is not in the catalog", sqlstate="42P01")
        found.add(relation.ref)
    return frozenset(found)


def _systems(view: int, catalog: Catalog) -> bool:
    """Whether a view ships with PostgreSQL: what it runs is covered by the right to read it."""
    relation = catalog.by_oid.get(view)
    return relation is not None and relation.schema in SYSTEM_SCHEMAS


def _result(calls: Sequence[CallVerdict]) -> str:
    """Why what is computed is not known, '' when it is: a function may bring whatever it likes into its result."""
    for verdict in calls:
        if verdict.unknown:
            return f"what {verdict.unknown[0]} does is not known"
        if verdict.effects - _RETURNS_NOTHING:
            return f"the result of {min(verdict.functions, default='a function')}()"
    return ""


def _outputs(outputs: tuple[ColumnOrigin, ...], result: str) -> tuple[ColumnOrigin, ...]:
    """A bare column stays what it is; anything else may be a function's result."""
    if not result:
        return outputs
    return tuple(origin if isinstance(origin, Columns) else Opaque(result) for origin in outputs)


def _bodies(nested: Sequence[Attestation], witness: Witness) -> str:
    """Why the bodies of functions are not to be trusted, '' when nothing in them is near a label or writes."""
    for body in nested:
        if body.writes:
            return "a function that it runs writes rows"
        for relation in sorted(_relations(body.reads | body.locks, witness.catalog)):
            if relation in witness.labelled:
                return f"a function that it runs reads {relation}, which has labelled columns"
    return ""
