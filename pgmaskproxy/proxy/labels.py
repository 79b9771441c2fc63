"""Labels catalogs with what the store remembers of them, and says what moved: log, audit log, metric."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias, final

from pgmaskproxy.audit import events
from pgmaskproxy.errors import AuditFailed, Unavailable
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.drift import AWAIT_REVIEW, Drift, Reconciled, reconcile
from pgmaskproxy.proxy.knowledge import Database
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.store.protocol import Remembered, Store

LabelCatalog: TypeAlias = Callable[[str, Policy, Catalog], Awaitable[Database]]
"""A database's name, a policy and a catalog -> the catalog labelled."""

TRIES: Final = 5
"""Somebody accepts a label while we look: look again. Nobody does so often."""


class AuditWriter(Protocol):
    """The part of the audit log that is needed here."""

    def write(self, event: AuditEvent, *, durable: bool) -> object:
        """Write one event."""


@final
class Labels:
    """See the module. One per process."""

    def __init__(self, store: Store, deep: DeepThread, audit: AuditWriter, metrics: Metrics) -> None:
        self._store = store
        self._deep = deep
        self._audit = audit
        self._metrics = metrics
        self._log = get_logger("labels")
        self._looking = asyncio.Lock()
        self._revisions: dict[str, int] = {}
        """By database: the revision that the labels in force rest on."""

    async def label(self, database: str, policy: Policy, catalog: Catalog) -> Database:
        """Label a catalog. Raises Unavailable where the store cannot be read or written: then nothing is known."""
        async with self._looking:
            for _ in range(TRIES):
                before = await self._store.labels(database)
                found = await self._deep.run(partial(reconcile, policy, catalog, before))
                if await self._remember(database, before, found):
                    self._say(database, found.drifts)
                    return found.database
        raise Unavailable("the labels of a database change faster than they can be read")

    async def accepted(self, database: str) -> bool:
        """Whether somebody has reviewed something since this database was labelled."""
        return self._revisions.get(database, 0) != await self._store.labels_revision(database)

    async def _remember(self, database: str, before: Remembered | None, found: Reconciled) -> bool:
        what = found.remembered
        if before is None or before != what:
            if not await self._store.remember_labels(database, what):
                return False
            self._revisions[database] = what.revision + 1
        else:
            self._revisions[database] = what.revision
        return True

    def _say(self, database: str, drifts: Sequence[Drift]) -> None:
        for drift in drifts:
            self._metrics.label_drift.labels(drift.kind).inc()
            self._log.warning(
                "label_drift",
                state=drift.kind,
                database=database,
                reason=str(drift.column) if drift.column == drift.before else f"{drift.column}, before: {drift.before}",
                hint="pgmaskproxy labels accept" if drift.kind in AWAIT_REVIEW else "",
            )
            event = events.label_drifted(database, drift.kind, str(drift.column), str(drift.before), drift.labels)
            try:
                self._audit.write(event, durable=False)
            except AuditFailed as error:  # the labels stick all the same, and nothing runs unrecorded
                self._log.error("audit_failed", reason=error.message)
