"""Moments in the life of a client: each brings one there, and gives it back."""

from __future__ import annotations

import asyncio

from pgmaskproxy.demo.stage import AGENT
from pgmaskproxy.proxy.connection import ClientConnection
from pgmaskproxy.wire.authentication import AuthenticationSASL
from pgmaskproxy.wire.backend import (
    CopyInResponse,
    DataRow,
    NoticeResponse,
)
from pgmaskproxy.wire.copy import CopyData
from pgmaskproxy.wire.startup import SSLRequest
from tests.proxy.client import Client
from tests.proxy.stage import HELD, SLOW, Stage, until

ROWS = "SELECT repeat('x', 1000) FROM generate_series(1, 200000)"
"""200 MB: far more than any buffer on the way."""


def only(stage: Stage) -> ClientConnection:
    (connection,) = stage.proxy.listener.connections
    return connection


async def before_a_word(stage: Stage) -> Client:
    return await stage.knock()


async def in_the_middle_of_the_startup_packet(stage: Stage) -> Client:
    client = await stage.knock()
    client.send(b"\0\0\0\x20\0\3\0\0user")
    return client


async def after_an_ssl_request(stage: Stage) -> Client:
    client = await stage.knock()
    client.send(SSLRequest())
    return client


async def during_authentication(stage: Stage) -> Client:
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.until(AuthenticationSASL)
    return client


async def while_the_server_is_silent(stage: Stage) -> Client:
    stage.relay.silent = True
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.authenticate(stage.passwords.agent)
    await until(lambda: stage.relay.open == 1)
    return client


async def right_after_the_password(stage: Stage) -> Client:
    client = await stage.knock()
    client.start(AGENT, stage.database.name)
    await client.authenticate(stage.passwords.agent)
    return client


async def idle(stage: Stage) -> Client:
    return await stage.client()


async def in_a_transaction(stage: Stage) -> Client:
    client = await stage.client()
    await client.ask("BEGIN")
    return client


async def while_it_is_judged(stage: Stage) -> Client:
    client = await stage.client()
    client.query("SELECT 1" + " + 1" * 5000)
    await client.drain()
    await asyncio.sleep(0.02)
    return client


async def while_a_statement_runs(stage: Stage) -> Client:
    client = await stage.client()
    client.query(SLOW)
    await until(lambda: bool(stage.records("statement.executing")))
    return client


async def while_a_hold_is_being_opened(stage: Stage) -> Client:
    client = await stage.client()
    client.query(HELD)
    await until(lambda: len(stage.proxy.services.held) > 0)
    return client


async def while_it_is_held(stage: Stage) -> Client:
    client = await stage.client()
    client.query(HELD)
    await client.until(NoticeResponse)
    return client


async def in_the_middle_of_rows(stage: Stage) -> Client:
    client = await stage.client()
    client.query(ROWS)
    await client.until(DataRow)
    return client


async def in_the_middle_of_copy_in(stage: Stage) -> Client:
    client = await stage.client()
    client.query("COPY shop.copied FROM STDIN")
    await client.until(CopyInResponse)
    client.send(CopyData(b"one\n"))
    await client.drain()
    return client
