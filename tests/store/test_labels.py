"""What is remembered of labels: all of it or nothing, and nobody's review is overwritten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.store.protocol import ACCEPTED, LabelRecord, Remembered
from pgmaskproxy.store.sqlite import SqliteStore

SSN = ColumnRef("shop", "customers", "ssn")
TAX = ColumnRef("shop", "customers", "tax")
RECORDS = (
    LabelRecord((1 << 31, 1), SSN, TAX, frozenset({"pii.ssn"}), True, "renamed"),
    LabelRecord((1 << 31, 2), ColumnRef("s", 't"', "ü"), ColumnRef("s", 't"', "ü")),
)
WHAT = Remembered("policy", "links", RECORDS)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(f"sqlite:///{tmp_path}/state.db")
    yield made
    await made.close()


async def test_nothing_is_known_of_a_database_that_was_never_looked_at(store: SqliteStore) -> None:
    assert await store.labels("shop") is None
    assert await store.labels_revision("shop") == 0


async def test_what_was_remembered_is_known_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    first = await SqliteStore.open(url)
    assert await first.remember_labels("shop", WHAT)
    await first.close()
    second = await SqliteStore.open(url)
    assert await second.labels("shop") == replace(WHAT, revision=1)
    assert await second.labels("other") is None
    await second.close()


async def test_a_look_that_rests_on_an_older_revision_changes_nothing(store: SqliteStore) -> None:
    assert await store.remember_labels("shop", WHAT)
    assert not await store.remember_labels("shop", replace(WHAT, policy="late"))
    assert await store.remember_labels("shop", replace(WHAT, records=RECORDS[:1], revision=1))
    assert await store.labels("shop") == replace(WHAT, records=RECORDS[:1], revision=2)


async def test_what_awaits_review_is_accepted_under_its_new_name(store: SqliteStore) -> None:
    await store.remember_labels("shop", WHAT)
    assert await store.accept_labels("shop", [record.key for record in RECORDS]) == 1
    found = await store.labels("shop")
    assert found is not None
    assert found.records == (LabelRecord((1 << 31, 1), TAX, TAX, drift=ACCEPTED), RECORDS[1])
    assert await store.labels_revision("shop") == 2
    assert await store.accept_labels("shop", [record.key for record in RECORDS]) == 0
    assert await store.accept_labels("other", [(1, 1)]) == 0
    assert await store.labels_revision("shop") == 2
