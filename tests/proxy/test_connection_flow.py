"""Peers that are slow: nothing piles up, and who never reads is cut off."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy import connection as connections
from pgmaskproxy.proxy.endings import READ_AHEAD_BYTES
from pgmaskproxy.wire.backend import (
    CommandComplete,
    DataRow,
    ReadyForQuery,
)
from pgmaskproxy.wire.copy import CopyData, CopyDone
from pgmaskproxy.wire.frontend import Query
from tests.proxy.moments import ROWS, in_the_middle_of_copy_in, in_the_middle_of_rows, only, while_it_is_held
from tests.proxy.stage import SLOW, Stage, until


async def test_a_slow_client_stops_the_server_and_nothing_piles_up(stage: Stage) -> None:
    client = await stage.client()
    client.query(ROWS)
    await client.until(DataRow)
    before = -1
    while before != stage.relay.passed:
        before = stage.relay.passed
        await asyncio.sleep(0.2)
    assert stage.relay.passed < 50_000_000, "a quarter of it: kernel's and relay's buffers, and ours"
    transport = only(stage)._client
    assert transport is not None
    assert transport.unsent < 4_000_000
    rows = 1
    while isinstance(message := await client.read(), DataRow):
        rows += 1
    assert isinstance(message, CommandComplete)
    assert rows == 200_000
    assert stage.relay.passed > 200_000_000


async def test_a_slow_server_stops_the_client_during_copy_in(copying: Stage) -> None:
    stage = copying
    client = await in_the_middle_of_copy_in(stage)
    connection = only(stage)
    stage.relay.deaf.clear()
    piece = CopyData(b"y" * 99_999 + b"\n").encode()
    sent = 0

    async def fill() -> None:
        nonlocal sent
        for _ in range(1000):
            client.send(piece)
            await client.drain()
            sent += 1

    filling = asyncio.ensure_future(fill())
    before = -1
    while before != sent:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < 500, "it was stopped"
    assert connection._upstream is not None
    assert connection._upstream.unsent < 4_000_000
    stage.relay.deaf.set()
    await filling
    client.send(CopyDone())
    assert (await client.until(CommandComplete)).tag == b"COPY 1001"


async def test_a_client_that_sends_behind_a_running_statement_is_read_no_further(stage: Stage) -> None:
    client = await stage.client()
    connection = only(stage)
    client.query(SLOW)
    piece = Query(b"SELECT 1 -- " + b"z" * 100_000).encode()
    sent = 0

    async def fill() -> None:
        nonlocal sent
        for _ in range(300):
            client.send(piece)
            await client.drain()
            sent += 1

    filling = asyncio.ensure_future(fill())
    await until(lambda: connection._session.backlog > READ_AHEAD_BYTES)
    await asyncio.sleep(0.3)
    assert connection._session.backlog < READ_AHEAD_BYTES + (1 << 20)
    for _ in range(301):
        await client.until(ReadyForQuery)
    await filling
    assert connection._session.backlog == 0


async def test_who_fills_the_buffer_behind_a_held_statement_is_ended(stage: Stage) -> None:
    client = await while_it_is_held(stage)
    for _ in range(20):
        client.send(Query(b"SELECT 1 -- " + b"z" * 100_000))
    assert await client.error() == "53400"
    await client.ended()
    await stage.is_clean()
    assert len(await stage.requests(State.WITHDRAWN)) == 1


async def test_a_client_that_reads_nothing_is_cut_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    client = await in_the_middle_of_rows(stage)
    connection = only(stage)
    await asyncio.sleep(0.2)
    connection.shut_down(Refusal("57P01", "terminating connection due to administrator command"))
    await asyncio.wait_for(connection.closed, 10)
    await stage.is_clean()
    client.hang_up()


async def test_a_server_that_reads_nothing_is_cut_off_too(copying: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = copying
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.2)
    client = await in_the_middle_of_copy_in(stage)
    connection = only(stage)
    stage.relay.deaf.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            while True:
                client.send(CopyData(b"y" * 99_999 + b"\n"))
                await client.drain()
    client.hang_up()
    connection.shut_down(Refusal("57P01", "terminating connection due to administrator command"))
    await asyncio.wait_for(connection.closed, 10)
    stage.relay.deaf.set()
    await stage.is_clean()
