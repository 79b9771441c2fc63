"""What has moved under the labels since somebody last looked: labels stick to OIDs, and people are told.

    renamed   a pattern gave the column its label by a name that it no longer has: it keeps the label
    detached  it was labelled by closure (a partition, a foreign key, a child) and the link is gone: it keeps the label
    added     a new column in a relation that had labelled ones: shown as NULL and not to be used
    attached  it is labelled by closure now and was not before
    appeared  a new relation that patterns label
    dropped   a labelled column is gone

The first three await review (`pgmaskproxy labels accept`); the others are only said. Nothing here is remembered of
views: what they show is computed anew, and labelled as their definition says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pgmaskproxy.model import ColumnLabels, ColumnRef
from pgmaskproxy.policy.rules import Policy, declared_labels
from pgmaskproxy.proxy.knowledge import Database
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.store.protocol import ACCEPTED, Key, LabelRecord, Remembered

UNREVIEWED: Final = "(unreviewed)"
"""Stands in for a label where nobody has said yet whether a column needs one: no policy has it, nobody is cleared."""

AWAIT_REVIEW: Final = ("renamed", "detached", "added")
KINDS: Final = (*AWAIT_REVIEW, "attached", "appeared", "dropped")

_STORED: Final = frozenset({"r", "p", "m", "f", "c"})
_NONE: Final = ColumnLabels(frozenset())


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """One column's. `before` is its name when it was last reviewed, the same as `column` where that has not changed."""

    kind: str
    column: ColumnRef
    before: ColumnRef
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A database's labels under a policy, what to remember of them, and what is new about them."""

    database: Database
    remembered: Remembered
    drifts: tuple[Drift, ...]


def reconcile(policy: Policy, catalog: Catalog, before: Remembered | None) -> Reconciled:
    """Label a catalog with what is remembered of it. Reads definitions: on a deep thread."""
    columns = {key: column for key, column in catalog.column_refs().items() if column.schema not in SYSTEM_SCHEMAS}
    declared = declared_labels(policy, catalog.column_refs().values())
    links = _links(catalog)
    if before is None:
        labelling = close_labels(catalog, declared)
        records = _records(catalog, columns, labelling, {}, {})
        return Reconciled(Database(catalog, labelling), Remembered(policy.version, links, records), ())
    known = {record.key: record for record in before.records}
    kept: dict[Key, ColumnLabels] = {}
    drift: dict[Key, str] = {}
    for key, record in known.items():
        if key not in columns:
            continue
        once = declared_labels(policy, [record.accepted]).get(record.accepted, frozenset())
        if once - declared.get(columns[key], frozenset()):
            kept[key], drift[key] = ColumnLabels(once), "renamed"
    # Where only the policy is another one, labels that are no more are so since somebody wanted it.
    only_policy = before.policy != policy.version and before.links == links
    first = close_labels(catalog, declared, kept)
    for key, record in known.items():
        if key not in columns or catalog.by_oid[key[0]].kind not in _STORED or record.drift == ACCEPTED:
            continue
        lost = (record.labels - first.get(columns[key], _NONE).labels) & policy.labels.keys()
        if lost and (record.drift == "detached" or not only_policy):
            sticking = kept.get(key, _NONE)
            kept[key] = ColumnLabels(sticking.labels | lost, derived=record.derived or sticking.derived)
            drift.setdefault(key, "detached")
    labelling = close_labels(catalog, declared, kept) if kept else first
    added = _added(catalog, columns, labelling, known)
    if added:
        drift |= dict.fromkeys(added, "added")
        labelling = _with_unreviewed(catalog, labelling, added)
    records = _records(catalog, columns, labelling, known, drift)
    said = [] if only_policy else _said(catalog, columns, labelling, known, declared)
    for key, kind in drift.items():
        if key not in known or known[key].drift != kind:
            was = known[key].accepted if key in known else columns[key]
            said.append(Drift(kind, columns[key], was, _names(labelling.get(columns[key], _NONE))))
    remembered = Remembered(policy.version, links, records, before.revision)
    return Reconciled(Database(catalog, labelling), remembered, tuple(sorted(said)))


def _with_unreviewed(
    catalog: Catalog, labelling: Mapping[ColumnRef, ColumnLabels], added: Sequence[Key]
) -> Mapping[ColumnRef, ColumnLabels]:
    """Those columns, and what is computed from them; a key that one refers to was there before and is known."""
    alone = replace(catalog, relations=tuple(replace(each, parents=(), foreign_keys=()) for each in catalog.relations))
    unreviewed = ColumnLabels(frozenset({UNREVIEWED}))
    found = dict(labelling)
    for column, labels in close_labels(alone, {}, dict.fromkeys(added, unreviewed)).items():
        had = found.get(column, _NONE)
        found[column] = ColumnLabels(had.labels | labels.labels, had.derived or labels.derived)
    return MappingProxyType(found)


def _added(
    catalog: Catalog,
    columns: Mapping[Key, ColumnRef],
    labelling: Mapping[ColumnRef, ColumnLabels],
    known: Mapping[Key, LabelRecord],
) -> list[Key]:
    """New columns, and those that still await review, of relations that hold or held labelled values."""
    sensitive = {key[0] for key, record in known.items() if record.labels or record.drift}
    return [
        key
        for key, column in columns.items()
        if key[0] in sensitive
        and catalog.by_oid[key[0]].kind in _STORED
        and column not in labelling
        and (key not in known or known[key].drift == "added")
    ]


def _said(
    catalog: Catalog,
    columns: Mapping[Key, ColumnRef],
    labelling: Mapping[ColumnRef, ColumnLabels],
    known: Mapping[Key, LabelRecord],
    declared: Mapping[ColumnRef, frozenset[str]],
) -> list[Drift]:
    """What awaits nobody's review."""
    relations = {oid for oid, _ in known}
    found = [
        Drift("dropped", record.accepted, record.accepted, tuple(sorted(record.labels)))
        for key, record in known.items()
        if record.labels and key not in columns
    ]
    for key, column in columns.items():
        labels = labelling.get(column, _NONE)
        record = known.get(key)
        # A view's columns follow those it shows, and are not remembered.
        if not labels.labels or catalog.by_oid[key[0]].kind not in _STORED:
            continue
        if record is not None and (record.labels or record.drift):
            continue
        if key[0] not in relations and column in declared:
            found.append(Drift("appeared", column, column, _names(labels)))
        elif column not in declared and UNREVIEWED not in labels.labels:
            found.append(Drift("attached", column, column, _names(labels)))
    return found


def _records(
    catalog: Catalog,
    columns: Mapping[Key, ColumnRef],
    labelling: Mapping[ColumnRef, ColumnLabels],
    known: Mapping[Key, LabelRecord],
    drift: Mapping[Key, str],
) -> tuple[LabelRecord, ...]:
    """Every column of every relation that has a labelled one, or had."""
    sensitive = {key[0] for key, column in columns.items() if column in labelling} | {oid for oid, _ in known}
    found = []
    for key, column in sorted(columns.items()):
        if key[0] not in sensitive or catalog.by_oid[key[0]].kind not in _STORED:
            continue
        labels = labelling.get(column, _NONE)
        waiting = drift.get(key, "")
        accepted = known[key].accepted if key in known and waiting in {"renamed", "detached"} else column
        real = labels.labels - {UNREVIEWED}
        found.append(LabelRecord(key, accepted, column, real, labels.derived, waiting))
    return tuple(found)


def _links(catalog: Catalog) -> str:
    """A digest of all that carries labels from column to column, and of the columns' names."""
    parts = [
        [
            relation.oid,
            relation.schema,
            relation.name,
            [[column.number, column.name, column.expression] for column in relation.columns],
            relation.parents,
            [[key.columns, key.referenced, key.referenced_columns] for key in relation.foreign_keys],
            relation.definition_tree or relation.definition,
        ]
        for relation in catalog.relations
        if relation.schema not in SYSTEM_SCHEMAS
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _names(labels: ColumnLabels) -> tuple[str, ...]:
    return tuple(sorted(labels.labels))
