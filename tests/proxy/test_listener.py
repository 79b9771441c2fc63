"""The port: changes are told to every session they concern, and a drain lets finish what may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.demo.stage import AGENT
from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy import connection as connections
from pgmaskproxy.proxy import listener as listeners
from pgmaskproxy.proxy.questions import GONE
from pgmaskproxy.wire.backend import CommandComplete, DataRow, ErrorResponse, ReadyForQuery
from pgmaskproxy.wire.frontend import Bind, Describe, Execute, Parse, Sync
from tests.harness.servers import Database
from tests.proxy.client import Client
from tests.proxy.moments import (
    before_a_word,
    during_authentication,
    idle,
    in_a_transaction,
    in_the_middle_of_rows,
    only,
    while_a_statement_runs,
    while_it_is_held,
    while_the_server_is_silent,
)
from tests.proxy.stage import PERMISSIVE, SLOW, Stage, staged, until


async def why_it_ended(client: Client) -> list[tuple[bytes, bytes]]:
    """Severity and SQLSTATE of the errors up to the end of the connection."""
    return [
        (message.fields[b"S"], message.fields[b"C"])
        for message in await client.ended()
        if isinstance(message, ErrorResponse)
    ]


ADMIN = [(b"FATAL", b"57P01")]

# --- draining ---


async def test_who_is_idle_is_ended_at_once(stage: Stage) -> None:
    clients = [await stage.client() for _ in range(3)]
    draining = asyncio.ensure_future(stage.proxy.listener.drain(600))
    for client in clients:
        assert await why_it_ended(client) == ADMIN
    await asyncio.wait_for(draining, 10)
    await stage.is_clean()


async def test_a_statement_may_finish_and_then_its_session_ends(stage: Stage) -> None:
    client = await while_a_statement_runs(stage)
    draining = asyncio.ensure_future(stage.proxy.listener.drain(600))
    await client.until(DataRow)
    await client.until(ReadyForQuery)
    assert await why_it_ended(client) == ADMIN
    await asyncio.wait_for(draining, 10)


async def test_a_transaction_may_finish_and_then_its_session_ends(stage: Stage) -> None:
    client = await in_a_transaction(stage)
    draining = asyncio.ensure_future(stage.proxy.listener.drain(600))
    await asyncio.sleep(0.2)
    for sql in ("SELECT 1", "SELECT 2", "COMMIT"):
        assert await client.ask(sql) == ""
    assert await why_it_ended(client) == ADMIN
    await asyncio.wait_for(draining, 10)


async def test_a_pipeline_that_is_not_synced_may_finish(stage: Stage) -> None:
    client = await stage.client()
    client.send(Parse(b"", b"SELECT 1"), Bind(b"", b"", (), (), ()), Describe(b"P", b""), Execute(b"", 0), b"H\0\0\0\4")
    await client.until(CommandComplete)
    draining = asyncio.ensure_future(stage.proxy.listener.drain(600))
    await asyncio.sleep(0.2)
    client.send(Sync())
    await client.until(ReadyForQuery)
    assert await why_it_ended(client) == ADMIN
    await asyncio.wait_for(draining, 10)


@pytest.mark.parametrize(
    "at",
    [
        before_a_word,
        during_authentication,
        while_the_server_is_silent,
        in_a_transaction,
        while_a_statement_runs,
        while_it_is_held,
    ],
    ids=lambda at: at.__name__,
)
async def test_the_rest_is_ended_after_the_grace_time(stage: Stage, at: Callable[[Stage], Any]) -> None:
    client = await at(stage)
    await asyncio.wait_for(stage.proxy.listener.drain(0.2), 10)
    assert await why_it_ended(client) == ADMIN
    await stage.is_clean()
    assert len(await stage.requests(State.WITHDRAWN)) == (1 if at is while_it_is_held else 0)


async def test_who_does_not_read_does_not_stop_the_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listeners, "GOODBYE_SECONDS", 0.2)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 600)
    await in_the_middle_of_rows(stage)
    await asyncio.wait_for(stage.proxy.listener.drain(0.1), 10)
    await stage.is_clean()


async def test_nobody_new_is_let_in(stage: Stage) -> None:
    held = await in_a_transaction(stage)
    waiting = await stage.knock()
    draining = asyncio.ensure_future(stage.proxy.listener.drain(2))
    await asyncio.sleep(0.1)
    waiting.start(AGENT, stage.database.name)
    assert await why_it_ended(waiting) == ADMIN
    with pytest.raises(ConnectionRefusedError):
        await Client.connect(stage.port)
    assert not stage.proxy.ready()["accepting"]
    held.hang_up()
    await asyncio.wait_for(draining, 10)


async def test_a_drain_with_nobody_there_is_over_at_once(stage: Stage) -> None:
    await asyncio.wait_for(stage.proxy.listener.drain(600), 5)


# --- changes ---


def without_reads(text: str) -> str:
    return text.replace(
        '{id: reads, effects: [READ], relations: ["*.*"], decide: allow}',
        '{id: reads, effects: [READ], relations: ["*.*"], decide: deny, message: "not now"}',
    )


async def test_no_ruling_of_an_older_policy_is_used(stage: Stage) -> None:
    """Not a cached one, and not one that a prepared statement or an open portal was bound under."""
    client = await stage.client()
    await client.ask("SELECT id FROM shop.orders")
    client.send(Parse(b"s", b"SELECT id FROM shop.orders"), Bind(b"p", b"s", (), (), ()), Sync())
    await client.until(ReadyForQuery)
    await client.ask("PREPARE t AS SELECT id FROM shop.orders")
    in_block = await stage.client()
    await in_block.ask("BEGIN")
    in_block.send(Parse(b"s", b"SELECT id FROM shop.orders"), Bind(b"p", b"s", (), (), ()), Execute(b"p", 1), Sync())
    await in_block.until(ReadyForQuery)

    stage.rewrite_policy(without_reads)
    assert await stage.proxy.reload()

    assert await client.ask("SELECT id FROM shop.orders") == "42501"
    assert await client.ask("EXECUTE t") == "42501"
    client.send(Bind(b"", b"s", (), (), ()), Execute(b"", 0), Sync())
    assert await client.error() == "42501"
    await client.until(ReadyForQuery)
    in_block.send(Execute(b"p", 1), Sync())
    assert await in_block.error() == "42501"


async def test_a_change_is_told_to_the_sessions_of_its_database_only(stage: Stage) -> None:
    client = await stage.client()
    epoch = only(stage)._session._link.epoch
    stage.proxy.knowledge.reload(
        stage.proxy.knowledge.now.policy, stage.proxy.knowledge.now.directory, stage.proxy.knowledge.now.databases
    )
    stage.proxy.listener.moved("another")
    assert only(stage)._session._link.epoch == epoch
    stage.proxy.listener.moved(stage.database.name)
    assert only(stage)._session._link.epoch == stage.proxy.knowledge.now.epoch
    assert await client.ask("SELECT 1") == ""


async def test_one_session_that_fails_keeps_the_news_from_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await stage.client()
    connections = stage.proxy.listener.connections
    victim = next(iter(connections))
    monkeypatch.setattr(victim._session, "_receive", None)
    knowledge = stage.proxy.knowledge
    knowledge.reload(knowledge.now.policy, knowledge.now.directory, knowledge.now.databases)
    stage.proxy.listener.moved(None)
    for connection in connections - {victim}:
        assert connection._session._link.epoch == knowledge.now.epoch
    await asyncio.wait_for(victim.closed, 10)
    assert len(stage.proxy.listener.connections) == 2


async def test_a_removed_login_is_ended_wherever_it_is(stage: Stage) -> None:
    sessions = [await at(stage) for at in (idle, in_a_transaction)]
    sessions.append(await while_it_is_held(stage))
    path = stage.directory / "principals.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"name: {AGENT}\n", "name: somebody\n"), encoding="utf-8")
    assert await stage.proxy.reload()
    for client in sessions:
        assert await why_it_ended(client) == [(b"FATAL", GONE.sqlstate.encode())]
    await stage.is_clean()
    assert len(await stage.requests(State.WITHDRAWN)) == 1
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.authenticate(stage.passwords.agent)
    assert await client.error() == "28P01"


async def test_who_began_under_a_transparent_policy_ends_with_it_also_idle(shop18: Database, tmp_path: Path) -> None:
    """Who only listens asks for nothing that would be judged anew."""
    open_to_all = "apiVersion: pgmaskproxy/v1\nkind: Policy\nname: open\ntransparent: true\n"
    async with staged(shop18, tmp_path, policy=open_to_all) as stage:
        clients = [await at(stage) for at in (idle, in_a_transaction)]
        (stage.directory / "policies" / "default.yaml").write_text(PERMISSIVE, encoding="utf-8")
        assert await stage.proxy.reload()
        for client in clients:
            assert await why_it_ended(client) == [(b"FATAL", b"57P01")]
        client = await stage.client()
        assert await client.ask("SELECT 1") == ""


async def test_a_login_that_is_removed_while_its_statement_is_judged(stage: Stage) -> None:
    client = await stage.client()
    client.query("SELECT 1" + " + 1" * 2000)
    path = stage.directory / "principals.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"name: {AGENT}\n", "name: somebody\n"), encoding="utf-8")
    assert await stage.proxy.reload()
    assert (b"FATAL", b"57P01") in await why_it_ended(client)
    await stage.is_clean()


async def test_a_shutdown_says_why(stage: Stage) -> None:
    client = await stage.client()
    only(stage).shut_down(Refusal("57P01", "because"))
    (error,) = await client.ended()
    assert isinstance(error, ErrorResponse)
    assert error.fields[b"M"] == b"because"
    await stage.is_clean()
    (closed,) = stage.records("session.closed")
    assert closed["data"]["why"] == "because"


async def test_a_statement_under_way_ends_under_the_ruling_it_began_with(stage: Stage) -> None:
    client = await stage.client()
    client.query(SLOW)
    await until(lambda: bool(stage.records("statement.executing")))
    stage.rewrite_policy(without_reads)
    assert await stage.proxy.reload()
    await client.until(DataRow)
    await client.until(ReadyForQuery)
    assert await client.ask("SELECT id FROM shop.orders") == "42501"
