from __future__ import annotations

import asyncpg
import psycopg
import pytest

from pgmaskproxy.demo.tap import ByteTap
from tests.harness.servers import PASSWORD, Database


def test_it_keeps_what_a_blocking_driver_was_sent(shop18: Database) -> None:
    with (
        ByteTap(shop18.server.host, shop18.server.port) as tap,
        psycopg.connect(shop18.upstream, host="127.0.0.1", port=tap.port) as connection,
    ):
        assert connection.execute("SELECT 'a' || 'nswer'").fetchone() == ("answer",)
        assert b"answer" in tap.to_client
        assert b"SELECT 'a' || 'nswer'" in tap.to_server
        tap.clear()
        assert tap.to_client == b""


async def test_it_keeps_what_an_asyncio_driver_was_sent(shop18: Database) -> None:
    with ByteTap(shop18.server.host, shop18.server.port) as tap:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=tap.port, user="pgmaskproxy", password=PASSWORD, database=shop18.name, ssl=False
        )
        assert await connection.fetchval("SELECT 'a' || 'nswer'") == "answer"
        await connection.close()
        assert b"answer" in tap.to_client


def test_a_closed_tap_ends_its_connections(shop18: Database) -> None:
    tap = ByteTap(shop18.server.host, shop18.server.port)
    connection = psycopg.connect(shop18.upstream, host="127.0.0.1", port=tap.port)
    tap.close()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()


def test_an_unreachable_server_is_a_closed_connection() -> None:
    with ByteTap("127.0.0.1", 1) as tap, pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=tap.port, dbname="x", user="x")
