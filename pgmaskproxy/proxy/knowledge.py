"""What is known at one moment: policy, people, and each database's catalog with its labels closed over it.

Immutable snapshots with an epoch. Whoever holds an older epoch judges again; a bad reload changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, final

from pgmaskproxy.model import Analysis, ColumnLabels, ColumnRef, Principal, Quotable, RelationRef, Visibility
from pgmaskproxy.policy.engine import declared_labels, visibility
from pgmaskproxy.policy.facts import labels_by_relation
from pgmaskproxy.policy.outputs import is_transparent
from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.proven import Witness
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.definitions import Definitions
from pgmaskproxy.sql.quotable import quotable

_MADE: Final = frozenset({"by_relation", "definitions", "quotable"})


@final
@dataclass(frozen=True)
class Database:
    """One database's catalog and the labels of its columns."""

    catalog: Catalog
    labelling: Mapping[ColumnRef, ColumnLabels]

    @cached_property
    def quotable(self) -> Quotable:
        """What errors could quote. Like `witness` made on the deep thread, when first asked for."""
        return quotable(self.catalog, self.labelling)

    @cached_property
    def by_relation(self) -> Mapping[RelationRef, frozenset[str]]:
        """The labels of its relations."""
        return labels_by_relation(self.labelling)

    @cached_property
    def witness(self) -> Witness:
        """What the server's trees are held against."""
        labelled = frozenset(column.relation for column, labels in self.labelling.items() if labels.labels)
        return Witness(self.catalog, Names(self.catalog.column_refs()), labelled, self.definitions)

    @property
    def is_warm(self) -> bool:
        """Whether all of that has been made but `witness`: who decides then waits for nothing."""
        return vars(self).keys() >= _MADE

    @property
    def has_witness(self) -> bool:
        """Whether that has been made, too."""
        return "witness" in vars(self)

    @cached_property
    def definitions(self) -> Definitions:
        """What its views do with labelled columns. Like `witness` made on the deep thread."""
        return Definitions(self.catalog, [column for column, labels in self.labelling.items() if labels.labels])

    def with_definitions(self, text: Analysis) -> Analysis:
        """What a text does, and what the views do that it names."""
        uses = self.definitions.under(text)
        return replace(text, uses=text.uses + uses) if uses else text


@final
@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it together. `databases` are by the server's names."""

    epoch: int
    policy: Policy
    directory: Directory
    databases: Mapping[str, Database]
    views: dict[tuple[str, str], Visibility] = field(default_factory=dict)
    """By database and principal; a cache that lives as long as the snapshot."""

    def transparent(self, database: str) -> bool:
        """Whether everything passes as it is there."""
        known = self.databases.get(database)
        return known is not None and is_transparent(self.policy, known.labelling)

    def is_warm(self, database: str, principal: Principal) -> bool:
        """Whether everything that a decision asks for is at hand."""
        known = self.databases.get(database)
        return known is not None and known.is_warm and (database, principal.name) in self.views

    def visibility(self, database: str, principal: Principal) -> Visibility:
        """What the server's own column references mean for this principal."""
        key = (database, principal.name)
        found = self.views.get(key)
        if found is None:
            known = self.databases[database]
            seen = visibility(
                self.policy,
                principal,
                known.catalog.column_refs(),
                known.catalog.relation_oids(),
                known.labelling,
                self.epoch,
            )
            found = self.views[key] = replace(seen, types=known.catalog.types_by_oid)
        return found


def label(policy: Policy, catalog: Catalog) -> Database:
    """A catalog under a policy: declared labels, closed. Works through every view's definition: on a deep thread."""
    declared = declared_labels(policy, catalog.column_refs().values())
    return Database(catalog, close_labels(catalog, declared))


@final
class Knowledge:
    """The snapshot in force, and the only place that replaces it."""

    def __init__(self, policy: Policy, directory: Directory, databases: Mapping[str, Database]) -> None:
        self.now = Snapshot(1, policy, directory, dict(databases))

    def learn(self, name: str, database: Database) -> bool:
        """Another catalog was read; False when it says the same as before."""
        known = self.now.databases.get(name)
        if known is not None and known.catalog == database.catalog and known.labelling == database.labelling:
            return False
        databases = {**self.now.databases, name: database}
        self.now = replace(self.now, epoch=self.now.epoch + 1, databases=databases, views={})
        return True

    def reload(self, policy: Policy, directory: Directory, databases: Mapping[str, Database]) -> None:
        """Another policy is in force: at once and as a whole."""
        self.now = Snapshot(self.now.epoch + 1, policy, directory, dict(databases))
