"""Whether a tree arrives, and what stands in its way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from pgmaskproxy.proxy.trees import why_no_tree
from pgmaskproxy.wire.backend import ErrorResponse
from tests.harness.servers import Database


async def test_every_supported_server_gives_it(shop_database: Database) -> None:
    assert await why_no_tree(shop_database.upstream) == ""


async def test_a_role_for_which_it_is_off_all_the_same(shop18: Database) -> None:
    """A start-up parameter beats the role's own setting: so it is on."""
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"ALTER ROLE {shop18.role} IN DATABASE {shop18.name} SET debug_print_rewritten = off".encode())
    assert await why_no_tree(shop18.upstream) == ""


@asynccontextmanager
async def _pooler() -> AsyncIterator[int]:
    """Answers the start-up packet as PgBouncer does: it knows few parameters."""
    said = ErrorResponse(
        {b"S": b"FATAL", b"V": b"FATAL", b"C": b"08P01", b"M": b"unsupported startup parameter: options"}
    )

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4), "big")
        await reader.readexactly(size - 4)
        writer.write(said.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_pooler_that_refuses_the_parameters(shop18: Database) -> None:
    async with _pooler() as port:
        conninfo = make_conninfo(shop18.upstream, port=port, sslmode="disable", gssencmode="disable")
        found = await why_no_tree(conninfo)
    assert "start-up parameters are refused" in found
    assert "unsupported startup parameter" in found
