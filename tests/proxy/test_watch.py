"""Definitions that others change are noticed, and that the server cannot be asked is, too."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgmaskproxy.proxy import watch
from pgmaskproxy.proxy.watch import Watch
from tests.harness.servers import Database

CHANGES = (
    "ALTER TABLE shop.orders RENAME COLUMN status TO state",
    "CREATE OR REPLACE VIEW shop.sales_by_city AS SELECT city, count(*) AS orders, 0::numeric AS revenue"
    " FROM shop.customers GROUP BY city",
    "CREATE TABLE shop.new_one (id int)",
    "CREATE FUNCTION shop.new_one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP FUNCTION shop.new_one()",
    "ALTER TABLE shop.customers ADD COLUMN more text",
)


class Changes:
    """Counts what the watch says, and wakes who waits for it."""

    def __init__(self) -> None:
        self.count = 0
        self._said = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._said.set()

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self.count < count:
                self._said.clear()
                await self._said.wait()


async def test_every_change_of_a_definition_is_noticed(
    shop_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    changes = Changes()
    watching = Watch(shop_database.upstream, changes)
    await watching.begin()
    running = asyncio.ensure_future(watching.run())
    try:
        async with await psycopg.AsyncConnection.connect(shop_database.admin, autocommit=True) as admin:
            await admin.execute("UPDATE shop.orders SET quantity = quantity")
            await admin.execute("ANALYZE shop.orders")
            await asyncio.sleep(0.3)
            assert changes.count == 0, "rows and statistics are no definitions"
            for change in CHANGES:
                before = changes.count
                await admin.execute(change.encode())
                await changes.reach(before + 1)
    finally:
        running.cancel()


async def test_what_changed_before_the_watch_began_to_run_is_noticed(
    shop18: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "POLL_SECONDS", 0.05)
    changes = Changes()
    watching = Watch(shop18.upstream, changes)
    await watching.begin()
    async with await psycopg.AsyncConnection.connect(shop18.admin, autocommit=True) as admin:
        await admin.execute(CHANGES[0].encode())
    running = asyncio.ensure_future(watching.run())
    try:
        await changes.reach(1)
    finally:
        running.cancel()


async def test_a_server_that_cannot_be_asked_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.02)
    changes = Changes()
    running = asyncio.ensure_future(Watch("host=127.0.0.1 port=1 user=nobody", changes).run())
    try:
        await changes.reach(3)
    finally:
        running.cancel()
