"""What has been spent: all or nothing, by one writer at a time, and still there after a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.model import Charge, ColumnRef, Use
from pgmaskproxy.store import budgets
from pgmaskproxy.store.protocol import Exhausted
from pgmaskproxy.store.schema import METADATA
from pgmaskproxy.store.sqlite import SqliteStore

EMAIL = ColumnRef("shop", "customers", "email")
LOOK_UP = Charge("pii.email", Use.EQUALITY, 3, 60.0, EMAIL)
OTHER = replace(LOOK_UP, label="pii.ssn", limit=1)
NOW = 1_000_000.0


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/state.db"


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqliteStore]:
    made = await SqliteStore.open(url)
    yield made
    await made.close()


async def test_so_many_and_no_more_until_the_oldest_is_forgotten(store: SqliteStore) -> None:
    for at in (0, 10, 20):
        assert await store.charge("bot", [LOOK_UP], NOW + at) is None
    assert await store.charge("bot", [LOOK_UP], NOW + 30) == Exhausted(LOOK_UP, NOW + 60)
    assert await store.charge("bot", [LOOK_UP], NOW + 59.9) == Exhausted(LOOK_UP, NOW + 60)
    assert await store.charge("bot", [LOOK_UP], NOW + 60) is None
    assert await store.charge("bot", [LOOK_UP], NOW + 60) == Exhausted(LOOK_UP, NOW + 70)


async def test_what_was_over_the_budget_is_not_counted(store: SqliteStore) -> None:
    for _ in range(3):
        assert await store.charge("bot", [LOOK_UP], NOW) is None
    for second in range(1, 59):
        assert await store.charge("bot", [LOOK_UP], NOW + second) == Exhausted(LOOK_UP, NOW + 60)
    assert await store.charge("bot", [LOOK_UP], NOW + 60) is None


async def test_everybody_and_every_label_has_a_budget_of_its_own(store: SqliteStore) -> None:
    for _ in range(3):
        await store.charge("bot", [LOOK_UP], NOW)
    assert await store.charge("bot", [LOOK_UP], NOW) is not None
    assert await store.charge("bob", [LOOK_UP], NOW) is None
    assert await store.charge("bot", [OTHER], NOW) is None
    assert await store.charge("bot", [replace(LOOK_UP, use=Use.COUNT)], NOW) is None
    elsewhere = replace(LOOK_UP, column=ColumnRef("shop", "newsletter", "email"))
    assert await store.charge("bot", [elsewhere], NOW) == Exhausted(elsewhere, NOW + 60), (
        "the label's, not the column's"
    )


async def test_all_or_nothing(store: SqliteStore) -> None:
    await store.charge("bot", [OTHER], NOW)
    for _ in range(5):
        assert await store.charge("bot", [LOOK_UP, OTHER], NOW) == Exhausted(OTHER, NOW + 60)
    for _ in range(3):
        assert await store.charge("bot", [LOOK_UP], NOW) is None


async def test_two_look_ups_in_one_statement_are_two(store: SqliteStore) -> None:
    two = [LOOK_UP, replace(LOOK_UP, column=ColumnRef("shop", "newsletter", "email"))]
    assert await store.charge("bot", two, NOW) is None
    assert await store.charge("bot", two, NOW + 1) == Exhausted(LOOK_UP, NOW + 60)
    assert await store.charge("bot", [LOOK_UP], NOW + 1) is None
    small = [replace(each, limit=1) for each in two]
    assert await store.charge("new", small, NOW) == Exhausted(small[0], None), "it could never be run"


async def test_asking_spends_nothing(store: SqliteStore) -> None:
    for _ in range(10):
        assert await store.exhausted("bot", [LOOK_UP], NOW) is None
    for _ in range(3):
        await store.charge("bot", [LOOK_UP], NOW)
    assert await store.exhausted("bot", [LOOK_UP], NOW + 1) == Exhausted(LOOK_UP, NOW + 60)
    assert await store.exhausted("bot", [], NOW) is None
    assert await store.charge("bot", [], NOW) is None


async def test_it_survives_a_restart(url: str) -> None:
    for at in range(3):
        store = await SqliteStore.open(url)
        assert await store.charge("bot", [LOOK_UP], NOW + at) is None
        await store.close()
    store = await SqliteStore.open(url)
    assert await store.charge("bot", [LOOK_UP], NOW + 3) == Exhausted(LOOK_UP, NOW + 60)
    await store.close()


async def test_replicas_share_it(url: str, store: SqliteStore) -> None:
    other = await SqliteStore.open(url)
    tries = [(store, other)[number % 2].charge("bot", [LOOK_UP], NOW) for number in range(12)]
    found = await asyncio.gather(*tries)
    assert found.count(None) == LOOK_UP.limit
    await other.close()


async def test_a_clock_put_back_gives_nothing(store: SqliteStore) -> None:
    for _ in range(3):
        await store.charge("bot", [LOOK_UP], NOW)
    assert await store.charge("bot", [LOOK_UP], NOW - 1000) == Exhausted(LOOK_UP, NOW + 60)


async def test_what_cannot_be_written_is_not_allowed(url: str, tmp_path: Path) -> None:
    store = await SqliteStore.open(url, patience=0.1)
    other = sqlite3.connect(tmp_path / "state" / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await store.charge("bot", [LOOK_UP], NOW)
    other.close()
    await store.close()


async def test_nothing_is_kept_for_ever(store: SqliteStore) -> None:
    for at in range(50):
        await store.charge("bot", [LOOK_UP], NOW + 100 * at)
    with store._engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM charges").scalar() == 1


@given(
    st.lists(st.integers(0, 2400).map(lambda eighths: eighths / 8), min_size=1, max_size=40).map(sorted),
    st.integers(1, 5),
    st.integers(1, 100),
)
@settings(deadline=None, max_examples=30)
def test_no_window_ever_holds_more_than_the_limit(times: list[float], limit: int, seconds: int) -> None:
    engine = create_engine("sqlite://")
    charge = Charge("x", Use.EQUALITY, limit, float(seconds), EMAIL)
    spent: list[float] = []
    with engine.begin() as connection:
        METADATA.create_all(connection)
        for at in times:
            over = budgets.exhausted(connection, "bot", [charge], at)
            if over is None:
                budgets.spend(connection, "bot", [charge], at)
                spent.append(at)
            else:
                assert over.free_at is not None
                assert over.free_at > at
        for start in spent:
            assert sum(start <= at < start + seconds for at in spent) <= limit
    engine.dispose()
