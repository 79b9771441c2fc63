"""What is held: the client is told at once, nothing runs meanwhile, and the session is as it should be afterwards."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from typing import Any

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from tests.e2e.drivers import psql_environment
from tests.e2e.waiting import REQUEST, SECONDS, ask, status
from tests.harness.proxy import Proxy

HELD = [
    "UPDATE products SET stock = 0",
    "DELETE FROM payments",
    "WITH d AS (DELETE FROM payments RETURNING id) SELECT count(*) FROM d",
    "UPDATE customers SET ssn = '900-10-1000' WHERE id = 1",
    "INSERT INTO customers (name, email, ssn, card, birth_date, city)"
    " VALUES ('x', 'x@y.example', '900-10-1001', '1', '1990-01-01', 'Lyon')",
    "TRUNCATE orders",
    "DROP TABLE payments",
    "CREATE TABLE shop.new (a int)",
    "CREATE TEMP TABLE temporary AS SELECT name FROM products",
    "SELECT name INTO TEMP temporary FROM products",
    "ALTER TABLE products ADD COLUMN x int",
    "CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "GRANT SELECT ON customers TO public",
    "DO 'BEGIN DELETE FROM shop.payments; END'",
    "SELECT customer_tax_id(1)",
]


def truth(proxy: Proxy, query: str) -> Any:
    """The first cell of what a superuser sees."""
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def state(proxy: Proxy, request: str, *, expected: str) -> str:
    """A request's state; waits for the expected one, since a hang-up takes a moment to be noticed."""
    with proxy.person() as bob:
        until = time.monotonic() + SECONDS
        while True:
            found = str(bob.request(request).body["state"])
            if found == expected or time.monotonic() > until:
                return found
            time.sleep(0.05)


FINGERPRINT = (
    "SELECT md5(string_agg(x, '|')) FROM (SELECT c::text AS x FROM shop.customers c UNION ALL SELECT p::text FROM"
    " shop.products p UNION ALL SELECT count(*)::text FROM shop.payments"
    " UNION ALL SELECT count(*)::text FROM shop.orders"
    " UNION ALL SELECT count(*)::text FROM pg_class UNION ALL SELECT count(*)::text FROM pg_proc"
    " UNION ALL SELECT relacl::text FROM pg_class WHERE relname = 'customers' ORDER BY 1) y"
)


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "extended"])
def test_the_client_is_told_and_nothing_runs(shared_proxy: Proxy, prepare: bool) -> None:
    before = truth(shared_proxy, FINGERPRINT)
    with shared_proxy.connect() as connection:
        for statement in HELD:
            waiting = ask(connection, statement, prepare=prepare)
            request = waiting.request()
            told = waiting.notices[0]
            assert (told.severity, told.sqlstate) == ("NOTICE", "00000")
            assert "held for approval" in told.primary, statement
            assert "dba" in told.detail
            assert "Ctrl-C" in told.hint
            assert waiting.held
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled, match="canceling statement due to user request") as raised:
                waiting.result()
            assert request in (raised.value.diag.message_detail or "")
            assert status(connection) == TransactionStatus.IDLE
        assert state(shared_proxy, request, expected="cancelled") == "cancelled"
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert truth(shared_proxy, FINGERPRINT) == before


def test_approved_it_runs_once(shared_proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
    before = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
    with shared_proxy.connect() as connection:
        waiting = ask(connection, "UPDATE products SET stock = stock + 1")
        request = waiting.request()
        assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before
        with shared_proxy.person() as bob:
            assert bob.approve(request).status == 200
            decided = time.monotonic()
            assert waiting.result() == ("UPDATE 24", None)
            took = time.monotonic() - decided
            assert state(shared_proxy, request, expected="released") == "released"
            assert bob.approve(request).body["state"] == "released"  # the same vote again, and nothing comes of it
            assert bob.reject(request, "too late").status == 409
        assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before + 24
        # The next one is another one.
        again = ask(connection, "UPDATE products SET stock = stock + 1")
        assert again.request() != request
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            again.result()
    assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before + 24
    with capsys.disabled():
        print(f" [decision to answer: {1000 * took:.0f} ms]", end="")  # noqa: T201 - measured, never asserted


def test_rejected_the_reason_arrives_and_the_session_goes_on(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        waiting = ask(connection, "DELETE FROM payments")
        request = waiting.request()
        with shared_proxy.person() as bob:
            assert bob.reject(request, "not before the month is closed").status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as raised:
            waiting.result()
        assert request in (raised.value.diag.message_detail or "")
        assert "not before the month is closed" in (raised.value.diag.message_detail or "")
        assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT count(*) FROM payments").fetchone() != (0,)


def test_what_is_approved_is_what_runs_parameters_and_all(shared_proxy: Proxy) -> None:
    before = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
    statement = "UPDATE products SET stock = stock + %s * length(%s)"
    with shared_proxy.connect() as connection:
        waiting = ask(connection, statement, (3, "four"))
        request = waiting.request()
        with shared_proxy.person() as bob:
            seen = bob.request(request).body
            assert "UPDATE products SET stock = stock + $1 * length($2)" in seen["sql"]
            assert [each["text"] for each in seen["parameters"]] == ["3", "four"]
            assert (seen["principal"], seen["owner"]) == ("agent", "alice")
            assert bob.approve(request).status == 200
        assert waiting.result() == ("UPDATE 24", None)
    assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before + 24 * 12


async def test_asyncpg(shared_proxy: Proxy) -> None:
    before = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
    told: asyncio.Queue[str] = asyncio.Queue()
    agent = await asyncpg.connect(**shared_proxy.asyncpg_arguments())
    agent.add_log_listener(lambda _connection, said: told.put_nowait(said.message))
    try:
        for add, approve in ((2, True), (5, False), (7, True)):  # the second and third reuse the cached statement
            work = asyncio.ensure_future(agent.execute("UPDATE products SET stock = stock + $1", add))
            found = REQUEST.search(await asyncio.wait_for(told.get(), SECONDS))
            assert found is not None
            with shared_proxy.person() as bob:
                decide = bob.approve if approve else bob.reject
                assert (await asyncio.to_thread(decide, found.group(), "because")).status == 200
            if approve:
                assert await work == "UPDATE 24"
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="rejected"):
                    await work
    finally:
        await agent.close()
    assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before + 24 * 9


def _psql(proxy: Proxy, *commands: str) -> subprocess.Popen[str]:
    call = [str(proxy.database.server.bindir / "psql"), "-X", "-A", "-t"]
    for command in commands:
        call += ["-c", command]
    return subprocess.Popen(
        call, env=psql_environment(proxy.conninfo()), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def _request_of(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    found = REQUEST.search(process.stderr.readline())
    assert found is not None
    return found.group()


def test_psql_is_told_and_approved(shared_proxy: Proxy) -> None:
    with _psql(shared_proxy, "UPDATE products SET stock = stock", "SELECT 'went on'") as process:
        with shared_proxy.person() as bob:
            assert bob.approve(_request_of(process)).status == 200
        out, _ = process.communicate(timeout=SECONDS)
    assert (out, process.returncode) == ("UPDATE 24\nwent on\n", 0)


def test_psql_is_interrupted(shared_proxy: Proxy) -> None:
    with _psql(shared_proxy, "UPDATE products SET stock = 0") as process:
        request = _request_of(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert "ERROR:  canceling statement due to user request" in err
    assert f"Request {request} was withdrawn" in err
    assert (out, process.returncode) == ("", 1)
    assert state(shared_proxy, request, expected="cancelled") == "cancelled"


def test_in_a_block_it_is_part_of_the_block(shared_proxy: Proxy) -> None:
    before = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        for end, expected in (("ROLLBACK", before), ("COMMIT", before + 24)):
            connection.execute("BEGIN")
            connection.execute("UPDATE products SET stock = stock WHERE id = 1")
            waiting = ask(connection, "UPDATE products SET stock = stock + 1")
            bob.approve(waiting.request())
            assert waiting.result() == ("UPDATE 24", None)
            assert status(connection) == TransactionStatus.INTRANS
            assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == before
            assert connection.execute(end.encode()).statusmessage == end
            assert truth(shared_proxy, "SELECT sum(stock) FROM shop.products") == expected
        connection.execute("BEGIN")
        waiting = ask(connection, "UPDATE products SET stock = 0")
        bob.reject(waiting.request(), "no")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            waiting.result()
        assert status(connection) == TransactionStatus.INERROR
        assert connection.execute("COMMIT").statusmessage == "ROLLBACK"


def test_several_in_one_query_are_all_asked_before_the_first_runs(shared_proxy: Proxy) -> None:
    before = truth(shared_proxy, FINGERPRINT)
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        waiting = ask(connection, "UPDATE products SET stock = stock + 1; SELECT 1; DELETE FROM payments")
        bob.approve(waiting.request(1))
        second = waiting.request(2)
        assert truth(shared_proxy, FINGERPRINT) == before
        bob.reject(second, "not both")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
            waiting.result()
        assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert truth(shared_proxy, FINGERPRINT) == before


def test_others_go_on_meanwhile_and_nothing_is_locked(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as waiter, shared_proxy.connect() as other:
        waiting = ask(waiter, "UPDATE products SET stock = stock + 1")
        waiting.request()
        other.execute("SET lock_timeout = '5s'")
        assert other.execute("UPDATE products SET stock = stock WHERE id = 1").statusmessage == "UPDATE 1"
        with psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin:
            admin.execute("SET lock_timeout = '5s'")
            admin.execute("ALTER TABLE shop.products ALTER COLUMN stock SET STATISTICS 50")
            idle = admin.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'pgmaskproxy'"
                " AND state <> 'idle'"
            ).fetchone()
        assert idle == (0,)
        assert waiting.held
        waiter.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()


def test_a_hang_up_withdraws_it(shared_proxy: Proxy) -> None:
    before = truth(shared_proxy, FINGERPRINT)
    with _psql(shared_proxy, "DELETE FROM payments") as process:
        request = _request_of(process)
        process.kill()
    assert state(shared_proxy, request, expected="withdrawn") == "withdrawn"
    with shared_proxy.person() as bob:
        assert bob.approve(request).status == 409
    assert truth(shared_proxy, FINGERPRINT) == before


def test_a_prepared_statement_is_asked_for_at_each_execution(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        connection.execute("PREPARE p (int) AS UPDATE products SET stock = stock + $1")
        for approved, add in ((True, 1), (False, 2), (True, -1)):
            before = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
            waiting = ask(connection, f"EXECUTE p({add})")
            if approved:
                bob.approve(waiting.request())
                assert waiting.result() == ("UPDATE 24", None)
            else:
                bob.reject(waiting.request(), "no")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    waiting.result()
            after = truth(shared_proxy, "SELECT sum(stock) FROM shop.products")
            assert after == before + (24 * add if approved else 0)


def test_what_is_shown_after_an_approval_is_masked_too(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        waiting = ask(connection, "UPDATE customers SET city = city RETURNING id, ssn, city")
        bob.approve(waiting.request())
        message, rows = waiting.result()
    assert message == "UPDATE 239"
    assert {row[1] for row in rows} == {"***"}


def test_the_result_of_a_function_that_was_approved_is_null(shared_proxy: Proxy) -> None:
    """A person may let it run; what it returns is not proven all the same."""
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        for statement in ("SELECT customer_tax_id(1)", "SELECT * FROM customer_tax_id(1) AS t(name)"):
            waiting = ask(connection, statement)
            bob.approve(waiting.request())
            assert waiting.result() == ("SELECT 1", [(None,)])
