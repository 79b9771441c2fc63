"""The wire itself: pipelines, portals, cancel keys, and messages that no driver of ours sends."""

from __future__ import annotations

import re
import struct

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.wire.frontend import Bind, Close, Describe, Execute, Flush, FunctionCall, Parse, Query, Sync
from pgmaskproxy.wire.startup import CancelRequest, GSSENCRequest, SSLRequest
from tests.e2e.commands import active, backend, eventually
from tests.e2e.drivers import direct
from tests.e2e.raw import logged_in, sqlstate, unknown
from tests.e2e.waiting import Waiting, ask, status
from tests.harness.proxy import Proxy

SLOW = "SELECT count(*) FROM generate_series(1, 3000000000)"


def test_a_pipeline_with_a_refusal_in_the_middle(shared_proxy: Proxy) -> None:
    """What comes before counts, what comes after is skipped until the Sync, and then all is well again."""
    with shared_proxy.connect() as connection:
        with connection.pipeline() as pipeline:
            before = [connection.execute("SELECT ssn FROM customers WHERE id = %s", [n]) for n in range(1, 6)]
            refused = connection.execute("SELECT lower(ssn) FROM customers WHERE id = %s", [1])
            after = connection.execute("SELECT 2")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                pipeline.sync()
            assert [cursor.fetchone() for cursor in before] == [("***",)] * 5
            for cursor in (refused, after):
                with pytest.raises(psycopg.ProgrammingError):
                    cursor.fetchone()
            again = connection.execute("SELECT 3")
            assert again.fetchone() == (3,)
        assert status(connection) == TransactionStatus.IDLE


def test_a_pipeline_is_one_transaction_that_a_refusal_ends(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:

        def work() -> None:
            with connection.pipeline():
                connection.execute("UPDATE products SET stock = -9 WHERE id = %s", [1])
                connection.execute("SELECT lower(ssn) FROM customers WHERE id = %s", [1])

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            work()
        assert connection.execute("SELECT count(*) FROM products WHERE stock = -9").fetchone() == (0,)


def test_a_held_statement_in_a_pipeline(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:

        def work() -> list[object]:
            with connection.pipeline():
                first = connection.execute("SELECT ssn FROM customers WHERE id = %s", [1])
                held = connection.execute("UPDATE products SET stock = stock + %s", [0])
                last = connection.execute("SELECT %s::int", [7])
                return [first.fetchone(), held.statusmessage, last.fetchone()]

        waiting = Waiting(connection, work)
        assert bob.approve(waiting.request()).status == 200
        first, _, last = waiting.result()
        assert (first, last) == (("***",), (7,))


PORTALS = [
    Parse(b"s", b"SELECT id, name FROM products ORDER BY id"),
    Bind(b"p", b"s"),
    Execute(b"p", 2),
    Execute(b"p", 3),
    Flush(),
    Describe(b"P", b"p"),
    Describe(b"S", b"s"),
    Close(b"P", b"p"),
    Close(b"P", b"never was"),
    Close(b"S", b"never was"),
    Sync(),
]
TWICE = [
    Bind(b"", b"s", (), (), (1,)),
    Execute(b"", 0),
    Execute(b"", 0),
    Bind(b"q", b"s", (), (), (0, 1)),
    Describe(b"P", b"q"),
    Execute(b"q", 1),
    Sync(),
]
WRONG = [
    [Bind(b"", b"nothing"), Execute(b""), Sync()],
    [Execute(b"nothing"), Sync()],
    [Describe(b"S", b"nothing"), Sync()],
    [Describe(b"P", b"nothing"), Sync()],
    [Parse(b"", b"SELECT 1; SELECT 2"), Sync()],
    [Parse(b"s", b"SELECT 1"), Sync()],
    [Parse(b"", b"SELECT $1::int"), Bind(b"", b""), Execute(b""), Sync()],
    [Parse(b"", b"SELECT $1::int"), Bind(b"", b"", (), (b"x",)), Execute(b""), Sync()],
    [Parse(b"", b"SELEC"), Bind(b"", b""), Execute(b""), Query(b"SELECT 'skipped'"), Sync()],
]


EMPTY = [Parse(b"", b""), Bind(b"", b""), Execute(b""), Sync()]


def _played(conninfo: str) -> list[list[str]]:
    played = []
    with logged_in(conninfo) as raw:
        for messages in (PORTALS, TWICE, *WRONG, EMPTY):
            raw.send(*(message.encode() for message in messages))
            played.append(raw.until_ready())
    return played


def test_portals_and_wrong_names_are_frame_by_frame_as_directly(shared_proxy: Proxy) -> None:
    assert _played(shared_proxy.conninfo()) == _played(direct(shared_proxy))


def test_execute_without_describe_is_masked(shared_proxy: Proxy) -> None:
    """THREATS M04: no RowDescription was ever asked for, and rows come in text and in binary."""
    with logged_in(shared_proxy.conninfo()) as raw:
        for formats in ((), (1,), (0, 1)):
            raw.send(
                Parse(b"", b"SELECT ssn, birth_date FROM customers WHERE id = 1").encode(),
                Bind(b"", b"", (), (), formats).encode(),
                Execute(b"").encode(),
                Flush().encode(),
            )
            frames = [raw.frame() for _ in range(4)]
            assert [chr(frame.type) for frame in frames if frame is not None] == ["1", "2", "D", "C"]  # before any Sync
            assert frames[2] is not None
            assert frames[2].body == struct.pack("!hi3si", 2, 3, b"***", -1)
            raw.send(Sync().encode())
            assert raw.until_ready() == ["B\t5\tReadyForQuery\t I"]


def test_a_function_call_is_refused_and_the_session_goes_on(shared_proxy: Proxy) -> None:
    """THREATS M01: query_to_xml by its OID, without a statement that anybody could read."""
    with logged_in(shared_proxy.conninfo()) as raw:
        raw.send(FunctionCall(2923, (0,), (b"SELECT ssn FROM customers", b"t", b"f", b""), 0).encode())
        answer = raw.until_ready()
        assert answer[0] in {"ERROR 0A000", "ERROR 42501"}
        raw.send(Query(b"SELECT 1").encode())
        assert 'B\t13\tCommandComplete\t "SELECT 1"' in raw.until_ready()


def test_encryption_is_declined_and_nothing_may_come_before_the_answer(shared_proxy: Proxy) -> None:
    for request in (SSLRequest(), GSSENCRequest()):
        with unknown(shared_proxy) as raw:
            raw.send(request.encode())
            assert raw.socket.recv(10) == b"N"
        with unknown(shared_proxy) as raw:
            raw.send(request.encode(), b"\0\0\0\x08early")
            frames = raw.until_closed()
            assert [sqlstate(frame) for frame in frames if frame.type == ord("E")] in ([], [("FATAL", "08P01")])


@pytest.mark.parametrize("version", ["3.0", "3.2", "latest"])
def test_newer_protocols_are_negotiated_down(shared_proxy: Proxy, version: str) -> None:
    if psycopg.pq.version() < 180000:
        pytest.skip("libpq before 18 speaks 3.0 only")
    with shared_proxy.connect(max_protocol_version=version) as connection:
        assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)


def test_a_running_statement_is_cancelled(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection:
        process = backend(connection)
        for block in (False, True):
            if block:
                connection.execute("BEGIN")
            waiting = ask(connection, SLOW)
            eventually(lambda: active(shared_proxy, process), "it does not run")
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled, match="canceling statement due to user request"):
                waiting.result()
            assert status(connection) == (TransactionStatus.INERROR if block else TransactionStatus.IDLE)
        connection.execute("ROLLBACK")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_key_that_is_wrong_does_nothing(shared_proxy: Proxy) -> None:
    with shared_proxy.connect() as connection, psycopg.connect(direct(shared_proxy)) as other:
        found = re.search(rb"K\x00\x00\x00\x0c(.{4})(.{4})", shared_proxy.tap.to_client, re.DOTALL)
        assert found is not None
        pid, key = struct.unpack("!i", found.group(1))[0], found.group(2)
        assert pid == connection.info.backend_pid
        waiting = ask(connection, "UPDATE products SET stock = 0")
        waiting.request()
        wrong = bytes(each ^ 1 for each in key)
        for request in (
            CancelRequest(pid, wrong),
            CancelRequest(pid ^ 1, key),
            CancelRequest(pid, key + key),
            CancelRequest(other.info.backend_pid, key),
            CancelRequest(0, key),
        ):
            with unknown(shared_proxy) as raw:
                raw.send(request.encode())
                assert raw.until_closed() == []  # and is told nothing
        assert waiting.held
        with unknown(shared_proxy) as raw:
            raw.send(CancelRequest(pid, key).encode())
            assert raw.until_closed() == []
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
        # Its process is the server's; the secret is not.
        assert connection.execute("SELECT pg_backend_pid()").fetchone() == (pid,)
