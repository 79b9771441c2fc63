"""Every way a connection can end: nothing is left of it, on either side."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest

from pgmaskproxy.build_info import compiled
from pgmaskproxy.demo.stage import AGENT
from pgmaskproxy.proxy import connection as connections
from pgmaskproxy.wire.backend import (
    DataRow,
    ErrorResponse,
)
from tests.proxy.client import Client
from tests.proxy.moments import (
    after_an_ssl_request,
    before_a_word,
    during_authentication,
    idle,
    in_a_transaction,
    in_the_middle_of_copy_in,
    in_the_middle_of_rows,
    in_the_middle_of_the_startup_packet,
    right_after_the_password,
    while_a_hold_is_being_opened,
    while_a_statement_runs,
    while_it_is_held,
    while_it_is_judged,
    while_the_server_is_silent,
)
from tests.proxy.stage import HELD, Stage, until

STAGES: list[Callable[[Stage], Coroutine[Any, Any, Client]]] = [
    before_a_word,
    in_the_middle_of_the_startup_packet,
    after_an_ssl_request,
    during_authentication,
    right_after_the_password,
    while_the_server_is_silent,
    idle,
    in_a_transaction,
    while_it_is_judged,
    while_a_statement_runs,
    while_a_hold_is_being_opened,
    while_it_is_held,
    in_the_middle_of_rows,
]


@pytest.mark.parametrize("at", STAGES, ids=lambda at: at.__name__)
async def test_a_client_that_hangs_up_leaves_nothing(stage: Stage, at: Callable[[Stage], Any]) -> None:
    client = await at(stage)
    (connection,) = stage.proxy.listener.connections
    client.hang_up()
    await asyncio.wait_for(connection.closed, 20)
    await stage.is_clean()
    opened, closed = stage.records("session.opened"), stage.records("session.closed")
    assert [each["ids"]["session"] for each in opened] == [each["ids"]["session"] for each in closed]
    kinds = {each["kind"] for each in stage.records() if each["kind"].startswith("approval.")}
    assert kinds <= {"approval.requested", "approval.withdrawn"}


@pytest.mark.skipif(compiled(), reason="nobody can be told when an object of a compiled class has gone")
@pytest.mark.parametrize("at", STAGES, ids=lambda at: at.__name__)
async def test_nothing_is_left_for_a_collection_to_find(stage: Stage, at: Callable[[Stage], Any]) -> None:
    """It would look through everybody else's sessions for it, and stop them all meanwhile."""
    gc.collect()
    gc.disable()
    try:
        client = await at(stage)
        (connection,) = stage.proxy.listener.connections
        gone = weakref.ref(connection)
        del connection
        client.hang_up()
        await stage.is_clean()
        await until(lambda: gone() is None)
    finally:
        gc.enable()


async def test_a_client_that_hangs_up_while_its_hold_is_opened_is_not_asked_for_later(stage: Stage) -> None:
    """Whatever turn of the loop it comes in: no request stays open for fifteen minutes with nobody behind it."""
    for turns in range(0, 60, 3):
        client = await stage.client()
        client.query(HELD)
        await until(lambda: len(stage.proxy.services.held) > 0)
        for _ in range(turns):
            await asyncio.sleep(0)
        client.hang_up()
        await stage.is_clean()


async def test_who_hangs_up_while_the_server_does_not_accept_is_waited_for_no_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    connecting = asyncio.Event()

    async def never(_owner: object, _upstream: object, _context: object) -> None:
        connecting.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(connections, "connect_upstream", never)
    client = await right_after_the_password(stage)
    await connecting.wait()
    client.hang_up()
    await stage.is_clean()
    assert len(stage.records("session.closed")) == 1


# --- the server goes away ---


async def test_no_server_is_08006_and_recorded(stage: Stage) -> None:
    stage.relay.refuse = True
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.authenticate(stage.passwords.agent)
    assert await client.error() == "08006"
    await client.ended()
    await stage.is_clean()
    assert len(stage.records("session.opened")) == len(stage.records("session.closed")) == 1


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(b"R\0\0\0\x07\0\0\0", id="a length that is too low"),
        pytest.param(b"R\x7f\xff\xff\xff", id="a length of 2 GB"),
        pytest.param(b"Z\0\0\0\x05I", id="ready before it asked who we are"),
        pytest.param(b"D\0\0\0\x0b\0\1\0\0\0\1x", id="a row"),
        pytest.param(b"\0" * 64, id="zeros"),
        pytest.param(b"E\0\0\0\x05\0", id="an error that says nothing"),
    ],
)
async def test_a_server_that_talks_nonsense_ends_the_login(stage: Stage, greeting: bytes) -> None:
    stage.relay.greeting = greeting
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.authenticate(stage.passwords.agent)
    error = await client.until(ErrorResponse)
    assert error.fields[b"S"] == b"FATAL"
    assert error.fields[b"C"] in (b"08006", b"08P01")
    assert not [message for message in await client.ended() if isinstance(message, DataRow)]
    await stage.is_clean()


async def test_a_server_that_is_not_there_at_all(stage: Stage, unused_tcp_port: int) -> None:
    upstream = stage.config.upstream.model_copy(update={"port": unused_tcp_port})
    config = stage.config.model_copy(update={"upstream": upstream})
    object.__setattr__(stage.proxy.services, "config", config)
    with pytest.raises(psycopg.OperationalError, match="the upstream server cannot be reached"):
        await stage.connect()
    await stage.is_clean()
    (closed,) = stage.records("session.closed")
    assert "Connect call failed" in closed["data"]["why"]


@pytest.mark.parametrize(
    "at",
    [
        idle,
        in_a_transaction,
        while_it_is_judged,
        while_a_statement_runs,
        while_it_is_held,
        in_the_middle_of_rows,
        while_the_server_is_silent,
    ],
    ids=lambda at: at.__name__,
)
async def test_a_server_that_dies_ends_the_session_with_08006(stage: Stage, at: Callable[[Stage], Any]) -> None:
    client = await at(stage)
    stage.relay.cut()
    messages = await client.ended()
    found = [message for message in messages if isinstance(message, ErrorResponse)]
    if at is in_the_middle_of_rows and not found:
        assert isinstance(messages[-1], DataRow)  # part of a row is out: an error would be read as the rest of it
    else:
        (error,) = found
        assert (error.fields[b"S"], error.fields[b"C"]) == (b"FATAL", b"08006")
        assert error is messages[-1]
    await stage.is_clean()


async def test_a_client_that_hangs_up_in_the_middle_of_copy_in_has_copied_nothing(copying: Stage) -> None:
    client = await in_the_middle_of_copy_in(copying)
    client.hang_up()
    await copying.is_clean()
    with psycopg.connect(copying.database.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.copied").fetchone() == (0,)


async def test_a_server_that_dies_while_its_client_does_not_read(stage: Stage) -> None:
    client = await in_the_middle_of_rows(stage)
    await asyncio.sleep(0.1)
    stage.relay.cut()
    await client.ended()
    await stage.is_clean()
