"""What no honest client sends, and what a wrong one does: the documented error, and nothing let through or lost."""

from __future__ import annotations

import struct

import psycopg
import pytest

from pgmaskproxy.wire.framing import pack
from pgmaskproxy.wire.frontend import Bind, Execute, Parse, Query, Sync
from pgmaskproxy.wire.startup import StartupMessage
from tests.e2e.raw import logged_in, sqlstate, unknown
from tests.harness.proxy import Proxy

GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "a TLS hello": bytes.fromhex("16030100a5010000a10303") + bytes(160),
    "2 GB": struct.pack("!II", 0x7FFFFFFF, 196608),
    "a length below its own": struct.pack("!II", 3, 196608),
    "a version of the future": struct.pack("!II", 9, 4 << 16) + b"\0",
    "version 2": struct.pack("!II", 296, 2 << 16) + bytes(288),
    "no terminator": struct.pack("!II", 17, 196608) + b"user\0agen",
    "a query before any login": Query(b"SELECT 1").encode(),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_instead_of_a_start_up(shared_proxy18: Proxy, name: str) -> None:
    with unknown(shared_proxy18) as raw:
        raw.send(GARBAGE[name])
        states = [sqlstate(frame) for frame in raw.until_closed()]
    assert len(states) <= 1
    assert all(severity == "FATAL" and state in {"08P01", "0A000"} for severity, state in states)
    with shared_proxy18.connect() as connection:  # nobody else noticed
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_half_a_start_up_and_a_hang_up(shared_proxy18: Proxy) -> None:
    whole = StartupMessage(3, 0, ((b"user", b"agent"), (b"database", b"shop"))).encode()
    for size in (0, 1, 4, 7, len(whole) - 1):
        with unknown(shared_proxy18) as raw:
            raw.send(whole[:size])
    with shared_proxy18.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


FRAMES = {
    "an unknown type": pack(b"!", b""),
    "a type of the server's": pack(b"D", b"\0\0"),
    "2 GB": b"Q" + struct.pack("!I", 0x7FFFFFFF),
    "a negative length": b"Q" + struct.pack("!i", -1),
    "a length below its own": b"Q" + struct.pack("!I", 3),
    "a password again": pack(b"p", b"secret\0"),
    "no terminator": pack(b"Q", b"SELECT 1"),
    "more than its fields": pack(b"S", b"x"),
    "a Bind of 65535 parameters that are not there": pack(b"B", b"\0\0\0\0\xff\xff"),
    "a Bind of a parameter longer than the frame": pack(b"B", b"\0\0\0\0\0\1" + struct.pack("!i", 1 << 30) + b"x\0\0"),
    "a Describe of nothing known": pack(b"D", b"Xname\0"),
    "garbage": bytes(range(256)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_garbage_in_a_session(shared_proxy18: Proxy, name: str) -> None:
    with logged_in(shared_proxy18.conninfo()) as raw:
        raw.send(FRAMES[name], Query(b"SELECT 'and on'").encode())
        frames = raw.until_closed()
    assert [sqlstate(frame) for frame in frames] == [("FATAL", "08P01")]
    with shared_proxy18.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_half_a_frame_and_a_hang_up_runs_nothing(shared_proxy18: Proxy) -> None:
    whole = Query(b"UPDATE products SET stock = -11 WHERE id = 1").encode()
    for size in (1, 4, 5, len(whole) - 1):
        with logged_in(shared_proxy18.conninfo()) as raw:
            raw.send(whole[:size])
    with shared_proxy18.connect() as connection:
        assert connection.execute("SELECT count(*) FROM products WHERE stock = -11").fetchone() == (0,)


STATEMENTS = {
    "43 KB of 1+1": (b"SELECT " + b"+".join([b"1"] * 21500), {"54001"}),
    "10000 parentheses": (b"SELECT " + b"(" * 10000 + b"1" + b")" * 10000, {"54001"}),
    "500 subqueries": (b"SELECT * FROM (" * 500 + b"SELECT 1" + b") x" * 500, {"54001"}),
    "9000 arms of a UNION": (b"SELECT 1" + b" UNION ALL SELECT 1" * 9000, {"54001", "0A000"}),
    "too long": (b"SELECT '" + b"x" * 300_000 + b"'", {"54000"}),
    "invalid UTF-8": (b"SELECT '\xff\xfe'", {"22021"}),
    "half a character": (b"SELECT '\xc3", {"22021"}),
    "a surrogate": (b"SELECT '\xed\xa0\x80'", {"22021"}),
    "an overlong slash": (b"SELECT '\xc0\xaf'", {"22021"}),
    "no SQL": (b"hello", {"42601"}),
    "an unfinished literal": (b"SELECT 'x", {"42601"}),
    "an unfinished comment": (b"SELECT 1 /* x", {"42601"}),
    "white space of another world": ("SELECT\u00a0ssn FROM customers".encode(), {"42601", "42703", "0A000"}),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_that_cannot_be_read(shared_proxy18: Proxy, name: str) -> None:
    """By both protocols; the session goes on."""
    sql, states = STATEMENTS[name]
    with logged_in(shared_proxy18.conninfo()) as raw:
        for messages in (
            [Query(sql)],
            [Parse(b"", sql), Bind(b"", b""), Execute(b""), Sync()],
        ):
            raw.send(*(message.encode() for message in messages))
            answer = raw.until_ready()
            assert answer[0].removeprefix("ERROR ") in states
            assert answer[-1] == "B\t5\tReadyForQuery\t I"
        raw.send(Query(b"SELECT 1").encode())
        assert 'B\t13\tCommandComplete\t "SELECT 1"' in raw.until_ready()


def test_a_nul_in_a_statement(shared_proxy18: Proxy) -> None:
    """PostgreSQL takes it for a malformed message, and so do we: no parser may see only a part (THREATS M14)."""
    for message in (pack(b"Q", b"SELECT 1\0, ssn FROM customers\0"), pack(b"P", b"\0SELECT 1\0, ssn\0\0\0")):
        with logged_in(shared_proxy18.conninfo()) as raw:
            raw.send(message, Sync().encode())
            assert sqlstate(raw.until_closed()[0]) == ("FATAL", "08P01")


def test_a_wrong_password_and_an_unknown_user_are_told_the_same(shared_proxy18: Proxy) -> None:
    told = []
    for user, password in (
        ("agent", "wrong"),
        ("nobody", "wrong"),
        ("alice", shared_proxy18.passwords.owner),
        ("agent", ""),
    ):
        with pytest.raises(psycopg.OperationalError) as raised:
            psycopg.connect(shared_proxy18.conninfo(user, password or "\x7f"))
        told.append(str(raised.value).rpartition("FATAL:")[2].replace(user, "USER").strip())
    assert set(told) == {'password authentication failed for user "USER"'}


REFUSED_STARTS = {
    "a database that is not served": ({"dbname": "nowhere"}, "3D000", "nowhere"),
    "the server's own": ({"dbname": "postgres"}, "3D000", "postgres"),
    "replication": ({"replication": "database"}, "22023", "replication"),
    "a role": ({"options": "-c role=shop_owner"}, "22023", "role"),
    "planner settings": ({"options": "-c enable_seqscan=off"}, "22023", "enable_seqscan"),
    "another encoding": ({"client_encoding": "SJIS"}, "22023", "client_encoding"),
    "trees": ({"options": "-c debug_print_plan=on"}, "22023", "debug_print_plan"),
}


@pytest.mark.parametrize("name", REFUSED_STARTS)
def test_a_start_up_that_is_refused_by_name(shared_proxy18: Proxy, name: str) -> None:
    more, state, said = REFUSED_STARTS[name]
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(shared_proxy18.conninfo(**more))
    assert said in str(raised.value)
    assert f"C{state}\0".encode() in shared_proxy18.tap.to_client


def test_start_up_parameters_that_pass(shared_proxy18: Proxy) -> None:
    options = "-c search_path=public -c statement_timeout=4s -c pgmaskproxy.reason=INC-7"
    with shared_proxy18.connect(options=options, application_name="tests", client_encoding="utf-8") as connection:
        for setting, value in (("search_path", "public"), ("statement_timeout", "4s"), ("client_encoding", "UTF8")):
            assert connection.execute(f"SHOW {setting}".encode()).fetchone() == (value,)
        row = connection.execute("SHOW application_name").fetchone()
        assert row is not None
        assert row[0].startswith("tests")
