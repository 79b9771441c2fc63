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
    "CREATE OR REPLACE FUNCTION shop.new_one() RETURNS int LANGUAGE sql AS 'SELECT 2'",
    "ALTER FUNCTION shop.new_one() SECURITY DEFINER",
    "DROP FUNCTION shop.new_one()",
    "CREATE FUNCTION shop.eq(int, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR shop.= (leftarg = int, rightarg = text, function = shop.eq)",
    "CREATE FUNCTION shop.cast_it(date) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'",
    "CREATE CAST (date AS int) WITH FUNCTION shop.cast_it(date)",
    "DROP CAST (date AS int)",
    "CREATE RULE quiet AS ON DELETE TO shop.new_one DO INSTEAD NOTHING",
    "CREATE FUNCTION shop.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE INSERT ON shop.new_one FOR EACH ROW EXECUTE FUNCTION shop.t()",
    "ALTER TABLE shop.new_one DISABLE TRIGGER t",
    "CREATE POLICY p ON shop.new_one USING (id > 0)",
    "ALTER POLICY p ON shop.new_one USING (id > 1)",
    "ALTER TABLE shop.new_one ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE shop.new_one ALTER id SET DEFAULT 5",
    "CREATE UNIQUE INDEX ON shop.new_one (id)",
    "CREATE TYPE shop.mood AS ENUM ('fine')",
    "ALTER TYPE shop.mood ADD VALUE 'better'",
    "CREATE DOMAIN shop.plain AS text",
    "ALTER DOMAIN shop.plain ADD CONSTRAINT c CHECK (shop.eq(1, VALUE))",
    "ALTER DOMAIN shop.plain DROP CONSTRAINT c",
    "CREATE OPERATOR FAMILY shop.f USING btree",
    "ALTER ROLE pgmaskproxy SET statement_timeout = '1h'",
    "ALTER ROLE pgmaskproxy RESET statement_timeout",
    "GRANT shop_owner TO trusting",
    "REVOKE shop_owner FROM trusting",
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
