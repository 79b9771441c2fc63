"""The fixtures themselves: each driver reaches the server through the proxy, and what leaks is noticed."""

from __future__ import annotations

import asyncpg
import pytest

from tests.harness.proxy import Proxy


def test_psycopg_is_masked(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        row = connection.execute("SELECT name, ssn FROM customers ORDER BY id LIMIT 1").fetchone()
    assert row == ("Bram Abbott", "***")


async def test_asyncpg_is_masked(shared_proxy: Proxy) -> None:
    connection = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        row = await connection.fetchrow("SELECT name, ssn, birth_date FROM customers WHERE id = $1", 1)
    finally:
        await connection.close()
    assert tuple(row) == ("Bram Abbott", "***", None)


def test_psql_is_masked(shared_proxy: Proxy) -> None:
    ended = shared_proxy.psql("SELECT name, ssn FROM customers ORDER BY id LIMIT 1")
    assert (ended.stdout, ended.stderr, ended.returncode) == ("Bram Abbott|***\n", "", 0)


def test_a_served_process_answers_and_ends_by_a_signal(served: Proxy) -> None:
    with served.connect() as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (239,)
    assert served.process is not None
    served.process.terminate()
    assert served.process.wait(30) == 0


def test_a_leak_is_noticed(proxy18: Proxy) -> None:
    """What the agent itself sent comes back in clear: the scan must see it."""
    secret = proxy18.secrets[0].forms[0].decode()
    with proxy18.connect() as connection:
        connection.execute("SELECT %s", [secret])
    with pytest.raises(AssertionError, match="ssn of customers 1"):
        proxy18.check_bytes()
    proxy18.tap.clear()
