"""The deep thread: what overflows another stack is an answer here, and the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import resource
import threading
import time
from collections.abc import Iterator

import pytest

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.proxy.deep import ROOM_BYTES, STACK_BYTES, DeepThread, has_room
from pgmaskproxy.sql import grammar
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import ReadStatement, read

CATALOG = Catalog()
LIMIT = 256 * 1024
PLUS = "SELECT " + "1+" * ((LIMIT - 8) // 2) + "1"


@pytest.fixture
def deep() -> Iterator[DeepThread]:
    thread = DeepThread()
    yield thread
    thread.close()


def judged(deep: DeepThread, sql: str) -> tuple[ReadStatement, ...]:
    return deep.call(lambda: read(sql, CATALOG, ("pg_catalog",)))


def test_a_result_comes_back(deep: DeepThread) -> None:
    assert deep.call(lambda: 6 * 7) == 42
    assert deep.call(threading.current_thread) is not threading.current_thread()


async def test_and_to_an_event_loop(deep: DeepThread) -> None:
    assert await deep.run(lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        await deep.run(lambda: 1 // 0)
    assert await deep.run(lambda: "it goes on") == "it goes on"


async def test_who_gives_up_waiting_stops_nobody_else(deep: DeepThread) -> None:
    gate = threading.Event()
    blocked = asyncio.ensure_future(deep.run(gate.wait))
    given_up = asyncio.ensure_future(deep.run(lambda: pytest.fail("it was cancelled before its turn")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait({given_up})
    after = asyncio.ensure_future(deep.run(lambda: "next"))
    gate.set()
    assert await blocked
    assert await after == "next"


async def test_one_who_asks_for_much_leaves_a_thread_to_the_others() -> None:
    deep, gate = DeepThread(threads=2), threading.Event()
    try:
        greedy = [asyncio.ensure_future(deep.run(gate.wait, asked_by="greedy")) for _ in range(3)]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):  # or it would wait for ever
            assert await deep.run(lambda: "mine", asked_by="modest") == "mine"
        assert not any(each.done() for each in greedy)
        given_up = greedy.pop()
        given_up.cancel()
        await asyncio.wait({given_up})
        gate.set()
        assert await asyncio.gather(*greedy) == [True, True]
    finally:
        gate.set()
        deep.close()


def test_close_finishes_what_was_submitted() -> None:
    deep, done = DeepThread(), []
    for number in range(3):
        threading.Thread(target=lambda n=number: deep.call(lambda: done.append(n))).start()
    while len(done) < 3:
        time.sleep(0.01)
    deep.close()
    assert sorted(done) == [0, 1, 2]


def test_other_threads_keep_their_stacks(deep: DeepThread) -> None:
    assert threading.stack_size() != STACK_BYTES
    assert STACK_BYTES >= grammar.STACK_BYTES


# 42601 where the grammar's own stack is full ("memory exhausted"): that is the server's answer too.
@pytest.mark.parametrize(
    ("sql", "sqlstates"),
    [
        pytest.param("SELECT " + "1+" * (43 * 512) + "1", {"54001"}, id="43 KB of 1+1+1..."),
        pytest.param(PLUS, {"54001"}, id="256 KiB of 1+1+1..."),
        pytest.param("SELECT 1" + " UNION ALL SELECT 1" * 20_000, {"54001", "54000"}, id="20,000 UNION ALL arms"),
        pytest.param("SELECT 1" + " UNION ALL SELECT 1" * 13_000, {"54001"}, id="as many arms as fit"),
        pytest.param("SELECT " + "(" * 100_000 + "1" + ")" * 100_000, {"54001", "42601"}, id="100,000 parentheses"),
        pytest.param("SELECT " + "(" * 100_000, {"54001", "42601"}, id="100,000 parentheses left open"),
        pytest.param("SELECT " + "NOT " * 60_000 + "true", {"54001", "42601"}, id="60,000 NOT"),
        pytest.param("SELECT " + "- " * 100_000 + "1", {"54001", "42601"}, id="100,000 minus signs"),
        pytest.param("SELECT " + "ARRAY[" * 35_000 + "1" + "]" * 35_000, {"54001", "42601"}, id="35,000 ARRAY"),
        pytest.param("SELECT " + "(SELECT " * 25_000 + "1" + ")" * 25_000, {"54001", "42601"}, id="subselects"),
        pytest.param(
            "SELECT " + "CASE WHEN true THEN " * 10_000 + "1" + " END" * 10_000, {"54001", "42601"}, id="CASE"
        ),
        pytest.param("SELECT 1 -- " + "x" * LIMIT, {"54000"}, id="too long"),
    ],
)
def test_what_is_too_deep_is_an_error_of_the_documented_class(deep: DeepThread, sql: str, sqlstates: set[str]) -> None:
    with pytest.raises(Unparsable) as caught:
        judged(deep, sql)
    assert caught.value.sqlstate in sqlstates
    assert judged(deep, "SELECT 1")[0].analysis.kind == "SelectStmt"


async def test_the_event_loop_serves_others_meanwhile(deep: DeepThread) -> None:
    reading = asyncio.ensure_future(deep.run(lambda: read(PLUS, CATALOG, ("pg_catalog",))))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert isinstance(reading.exception(), Unparsable)
    assert turns > 5


def test_only_the_main_thread_has_room_and_where_the_system_gives_it(deep: DeepThread) -> None:
    before = resource.getrlimit(resource.RLIMIT_STACK)
    assert not deep.call(has_room)
    try:
        for limit, enough in ((ROOM_BYTES, True), (ROOM_BYTES - 1024, False)):
            resource.setrlimit(resource.RLIMIT_STACK, (limit, before[1]))
            assert has_room() is enough
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, before)
