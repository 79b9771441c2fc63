"""Cancelling by the keys that the proxy gave out: what runs, what is held, what is over, and what was never theirs."""

from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
import threading

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.wire.startup import CancelRequest
from tests.e2e.commands import active, backend, eventually
from tests.e2e.drivers import psql_environment
from tests.e2e.raw import unknown
from tests.e2e.waiting import SECONDS, ask, status
from tests.harness.proxy import Proxy

SLOW = "SELECT count(*) FROM generate_series(1, 3000000000)"
CANCELLED = "canceling statement due to user request"


def key_of(proxy: Proxy) -> CancelRequest:
    """What the last login was given, as it went over the wire."""
    data = proxy.tap.to_client
    at = data.rindex(b"K\0\0\0\x0c")
    process, key = struct.unpack_from("!i4s", data, at + 5)
    return CancelRequest(process, key)


def send(proxy: Proxy, request: CancelRequest) -> None:
    """As a driver does: a connection of its own, which is closed without a word."""
    with unknown(proxy) as raw:
        raw.send(request.encode())
        assert raw.until_closed() == []


def test_psql_is_interrupted_while_its_statement_runs(shared_proxy: Proxy) -> None:
    call = [str(shared_proxy.database.server.bindir / "psql"), "-X", "-A", "-t", "-c", SLOW]
    running = "SELECT count(*) FROM pg_stat_activity WHERE query = %s AND state = 'active'"
    with (
        psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin,
        subprocess.Popen(
            call,
            env=psql_environment(shared_proxy.conninfo()),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        eventually(lambda: admin.execute(running, [SLOW]).fetchone() == (1,), "it does not run")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
        eventually(lambda: admin.execute(running, [SLOW]).fetchone() == (0,), "it runs on")
    assert (out, process.returncode) == ("", 1)
    assert err.endswith(f"ERROR:  {CANCELLED}\n")


@pytest.mark.parametrize("statement", [SLOW, "UPDATE products SET stock = 0"], ids=["running", "held"])
async def test_a_timeout_of_asyncpg(shared_proxy: Proxy, statement: str) -> None:
    """Its timeout cancels by the key; the connection is as good as before."""
    connection = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    try:
        for arguments in ((), (1,)):
            text = statement if not arguments else statement + (" WHERE $1 = 1" if statement == SLOW else " + $1")
            with pytest.raises(asyncio.TimeoutError):
                await connection.execute(text, *arguments, timeout=1)
            assert await connection.fetchval("SELECT ssn FROM customers WHERE id = 1") == "***"
    finally:
        await connection.close()
    with psycopg.connect(shared_proxy.database.admin) as admin:
        assert admin.execute("SELECT count(*) FROM shop.products WHERE stock = 0").fetchone() == (0,)


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "extended"])
def test_statement_timeout_is_the_servers(shared_proxy: Proxy, prepare: bool) -> None:
    with shared_proxy.connect() as connection:
        connection.execute("SET statement_timeout = '100ms'")
        with pytest.raises(psycopg.errors.QueryCanceled, match="canceling statement due to statement timeout"):
            connection.execute(SLOW, prepare=prepare)
        assert status(connection) == TransactionStatus.IDLE
        connection.execute("SET statement_timeout = 0")
        assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)


def test_the_middle_of_a_pipeline_is_cancelled_and_the_rest_is_skipped(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        process = backend(connection)

        def cancel() -> None:
            eventually(lambda: active(shared_proxy, process), "it does not run")
            connection.cancel_safe()

        with connection.pipeline() as pipeline:
            first = connection.execute("SELECT ssn FROM customers WHERE id = %s", [1])
            connection.execute(SLOW)
            last = connection.execute("UPDATE products SET stock = -77 WHERE id = %s", [1])
            thread = threading.Thread(target=cancel)
            thread.start()
            with pytest.raises(psycopg.errors.QueryCanceled, match=CANCELLED):
                pipeline.sync()
            thread.join()
        assert first.fetchone() == ("***",)
        assert last.statusmessage is None
        assert connection.execute("SELECT count(*) FROM products WHERE stock = -77").fetchone() == (0,)


def test_a_key_of_a_session_that_is_over_does_nothing(shared_proxy: Proxy) -> None:
    """Nor does it when the server has given the process id that it stood for to somebody else."""
    old = shared_proxy.connect()
    stale = key_of(shared_proxy)
    old.close()
    with shared_proxy.connect() as connection:
        assert key_of(shared_proxy) != stale
        waiting = ask(connection, "UPDATE products SET stock = 0")
        waiting.request()
        send(shared_proxy, stale)
        assert waiting.held
        send(shared_proxy, key_of(shared_proxy))
        with pytest.raises(psycopg.errors.QueryCanceled, match=CANCELLED):
            waiting.result()


def test_a_cancel_that_comes_too_late_cancels_nothing_else(shared_proxy: Proxy) -> None:
    """It was meant for a statement that has ended: the next ones run, in whatever order they race."""
    with shared_proxy.connect() as connection:
        key = key_of(shared_proxy)
        for _ in range(20):
            assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)
            send(shared_proxy, key)
            assert connection.execute("SELECT ssn FROM customers WHERE id = 2").fetchone() == ("***",)
        connection.execute("BEGIN")
        send(shared_proxy, key)
        assert status(connection) == TransactionStatus.INTRANS
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_the_servers_own_key_is_worth_nothing_here(shared_proxy: Proxy) -> None:
    """A client is told the server's process id, and a secret of the proxy's own."""
    with shared_proxy.connect() as connection:
        process, mine = backend(connection), key_of(shared_proxy)
        assert mine.process_id == process
        waiting = ask(connection, SLOW)
        eventually(lambda: active(shared_proxy, process), "it does not run")
        for key in (b"\0\0\0\0", mine.secret_key[::-1], mine.secret_key * 2):
            send(shared_proxy, CancelRequest(process, key))
        assert waiting.held
        assert active(shared_proxy, process)
        send(shared_proxy, mine)
        with pytest.raises(psycopg.errors.QueryCanceled, match=CANCELLED):
            waiting.result()
