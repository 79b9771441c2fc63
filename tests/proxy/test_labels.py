"""The proxy's memory of labels: kept in the store, said in the log, the audit log and a metric."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgmaskproxy.errors import AuditFailed, Unavailable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent, ColumnRef
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.labels import Labels
from pgmaskproxy.store.sqlite import SqliteStore
from tests.proxy import known

RENAMED = replace(
    known.CUSTOMERS,
    columns=(*known.CUSTOMERS.columns[:2], replace(known.CUSTOMERS.columns[2], name="tax")),
)
TAX = ColumnRef("shop", "customers", "tax")


class Audit:
    """Keeps what is written, or cannot."""

    def __init__(self) -> None:
        self.written: list[AuditEvent] = []
        self.full = False

    def write(self, event: AuditEvent, *, durable: bool) -> None:
        if self.full:
            raise AuditFailed("the disk is full")
        assert not durable
        self.written.append(event)


@pytest.fixture(scope="module")
def deep() -> Iterator[DeepThread]:
    made = DeepThread("tests-labels")
    yield made
    made.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(f"sqlite:///{tmp_path}/state.db")
    yield made
    await made.close()


async def test_a_rename_while_the_proxy_was_away(store: SqliteStore, deep: DeepThread, log: io.StringIO) -> None:
    first = Labels(store, deep, Audit(), Metrics())
    assert (
        ColumnRef("shop", "customers", "ssn") in (await first.label("shop", known.policy(), known.catalog())).labelling
    )
    audit, metrics = Audit(), Metrics()
    second = Labels(store, deep, audit, metrics)
    found = await second.label("shop", known.policy(), known.catalog(RENAMED, known.OTHERS))
    assert found.labelling[TAX].labels == {"pii.ssn"}
    assert [event.data for event in audit.written] == [
        {
            "database": "shop",
            "kind": "renamed",
            "column": "shop.customers.tax",
            "before": "shop.customers.ssn",
            "labels": ["pii.ssn"],
        }
    ]
    assert b'label_drift_total{kind="renamed"} 1.0' in metrics.exposition()[0]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "label_drift"]
    assert (line["state"], line["hint"]) == ("renamed", "pgmaskproxy labels accept")
    assert line["reason"] == "shop.customers.tax, before: shop.customers.ssn"
    await second.label("shop", known.policy(), known.catalog(RENAMED, known.OTHERS))
    assert len(audit.written) == 1


async def test_a_review_is_noticed_and_takes_effect(store: SqliteStore, deep: DeepThread) -> None:
    labels = Labels(store, deep, Audit(), Metrics())
    await labels.label("shop", known.policy(), known.catalog())
    await labels.label("shop", known.policy(), known.catalog(RENAMED))
    assert not await labels.accepted("shop")
    assert await store.accept_labels("shop", [(RENAMED.oid, 3)]) == 1
    assert await labels.accepted("shop")
    assert TAX not in (await labels.label("shop", known.policy(), known.catalog(RENAMED))).labelling
    assert not await labels.accepted("shop")


async def test_a_review_meanwhile_is_not_overwritten(store: SqliteStore, deep: DeepThread) -> None:
    labels = Labels(store, deep, Audit(), Metrics())
    await labels.label("shop", known.policy(), known.catalog())
    await labels.label("shop", known.policy(), known.catalog(RENAMED))
    reviewing = [True]

    class Reviewed(SqliteStore):
        """Somebody accepts between the reading and the writing."""

        async def remember_labels(self, database: str, what: object) -> bool:
            if reviewing and reviewing.pop():
                assert await store.accept_labels("shop", [(RENAMED.oid, 3)]) == 1
            return await store.remember_labels(database, what)  # type: ignore[arg-type]

    between = Reviewed(store._engine, store._thread)
    wider = known.table(20009, "new", ["ssn"])
    found = await Labels(between, deep, Audit(), Metrics()).label("shop", known.policy(), known.catalog(RENAMED, wider))
    assert TAX not in found.labelling


async def test_an_alarm_that_cannot_be_recorded_leaves_the_label(store: SqliteStore, deep: DeepThread) -> None:
    audit = Audit()
    labels = Labels(store, deep, audit, Metrics())
    await labels.label("shop", known.policy(), known.catalog())
    audit.full = True
    assert TAX in (await labels.label("shop", known.policy(), known.catalog(RENAMED))).labelling


async def test_without_the_store_nothing_is_labelled(store: SqliteStore, deep: DeepThread) -> None:
    labels = Labels(store, deep, Audit(), Metrics())
    await store.close()
    with pytest.raises(Unavailable):
        await labels.label("shop", known.policy(), known.catalog())


async def test_labels_that_never_settle_are_not_known(store: SqliteStore, deep: DeepThread) -> None:
    class Restless(SqliteStore):
        """Somebody always writes between the reading and the writing."""

        async def remember_labels(self, database: str, what: object) -> bool:
            return False

    restless = Restless(store._engine, store._thread)
    with pytest.raises(Unavailable):
        await Labels(restless, deep, Audit(), Metrics()).label("shop", known.policy(), known.catalog())
