"""Long pipelines with a person in the middle, portals that take turns, names that are made anew, and what arrives
meanwhile: with masks on, and otherwise as the server would say it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.frontend import Bind, Close, Describe, Execute, Flush, Parse, Query, Sync
from tests.e2e.commands import policy
from tests.e2e.drivers import direct
from tests.e2e.raw import Raw, logged_in
from tests.e2e.waiting import Waiting, ask, status
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

ADMINISTRATION = """\
  - id: administration
    effects: [ADMIN]
    decide: deny
    message: "administration is done without the proxy"
"""
FEED = '  - {id: feed, effects: [ADMIN], channels: ["orders"], decide: allow}\n'
MANY = 300
MIDDLE = 150


@pytest.fixture(scope="module")
def standing(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The default policy, with one channel."""
    directory = tmp_path_factory.mktemp("pipelines")
    text = policy((ADMINISTRATION, FEED))
    with servers.fresh_shop(server) as database, proxies.in_process(database, directory, policy=text) as proxy:
        yield proxy
        proxy.check_bytes()


def stock(proxy: Proxy) -> int:
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute("SELECT sum(stock) FROM shop.products").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("agreed", [True, False], ids=["approved", "rejected"])
def test_hundreds_of_statements_and_one_in_the_middle_is_held(standing: Proxy, agreed: bool) -> None:
    """One pipeline is one transaction: all of it is there at the end, or nothing."""
    before = stock(standing)
    with standing.connect() as connection, standing.person() as bob:
        cursors: list[psycopg.Cursor] = []

        def work() -> None:
            with connection.pipeline():
                for number in range(MANY):
                    if number == MIDDLE:
                        cursors.append(connection.execute("UPDATE products SET stock = stock + %s", [1]))
                    elif number % 10 == 0:
                        cursors.append(connection.execute("UPDATE products SET stock = stock + 1 WHERE id = %s", [1]))
                    else:
                        cursors.append(
                            connection.execute("SELECT id, ssn, name FROM customers WHERE id = %s", [number % 40 + 1])
                        )

        waiting = Waiting(connection, work)
        request = waiting.request()
        assert stock(standing) == before
        if agreed:
            assert bob.approve(request).status == 200
            waiting.result()
            for number, cursor in enumerate(cursors):
                if cursor.description is not None:
                    row = cursor.fetchone()
                    assert row is not None
                    assert row[:2] == (number % 40 + 1, "***")
            assert stock(standing) == before + 24 + MANY // 10 - 1
        else:
            assert bob.reject(request, "no").status == 200
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                waiting.result()
            assert stock(standing) == before
        assert status(connection) == TransactionStatus.IDLE
        assert connection.execute("SELECT ssn FROM customers WHERE id = 1").fetchone() == ("***",)


def test_hundreds_of_statements_each_with_its_own_sync(standing: Proxy) -> None:
    """Sent at once; every tenth fails, and none takes another with it."""
    with logged_in(standing.conninfo(port=standing.port)) as raw:
        sent = []
        for number in range(MANY):
            text = b"SELECT 1/0" if number % 10 == 0 else b"SELECT id, ssn FROM customers WHERE id = $1"
            values = () if number % 10 == 0 else (str(number % 40 + 1).encode(),)
            messages = (Parse(b"", text), Bind(b"", b"", (), values), Execute(b""), Sync())
            sent += [message.encode() for message in messages]
        raw.send(*sent)
        for number in range(MANY):
            answer = raw.until_ready()
            if number % 10 == 0:
                assert answer == ["B\t4\tParseComplete", "ERROR 22012", "B\t5\tReadyForQuery\t I"]
            else:
                key = str(number % 40 + 1)
                assert answer[2].endswith(f"\tDataRow\t 2 {len(key)} '{key}' 3 '***'")


def test_a_savepoint_outlives_a_refusal(standing: Proxy) -> None:
    before = stock(standing)
    with standing.connect() as connection:
        connection.execute("BEGIN")
        connection.execute("UPDATE products SET stock = stock + 1 WHERE id = 1")
        for prepare in (False, True):
            connection.execute("SAVEPOINT s")
            connection.execute("UPDATE products SET stock = stock + 100 WHERE id = 2")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT lower(ssn) FROM customers", prepare=prepare)
            assert status(connection) == TransactionStatus.INERROR
            with pytest.raises(psycopg.errors.InFailedSqlTransaction):
                connection.execute("SELECT 1", prepare=prepare)
            connection.execute("ROLLBACK TO s")
            assert status(connection) == TransactionStatus.INTRANS
            assert connection.execute("SELECT ssn FROM customers WHERE id = 1", prepare=prepare).fetchone() == ("***",)
        connection.execute("RELEASE s")
        connection.execute("COMMIT")
    assert stock(standing) == before + 1


def frames(raw: Raw, *messages: bytes) -> list[Frame]:
    """Up to and without ReadyForQuery."""
    raw.send(*messages)
    found = []
    while (frame := raw.frame()) is not None and frame.type != ord("Z"):
        found.append(frame)
    return found


def rows(found: list[Frame]) -> list[list[bytes | None]]:
    """The cells of each DataRow."""
    made = []
    for frame in found:
        if frame.type == ord("D"):
            cells: list[bytes | None] = []
            at = 2
            for _ in range(struct.unpack_from("!h", frame.body)[0]):
                size = struct.unpack_from("!i", frame.body, at)[0]
                cells.append(None if size < 0 else frame.body[at + 4 : at + 4 + size])
                at += 4 + max(size, 0)
            made.append(cells)
    return made


CUSTOMERS = b"SELECT id, ssn FROM customers ORDER BY id"
PAYMENTS = b"SELECT id, card, amount FROM payments ORDER BY id"


def test_portals_that_take_turns_keep_their_own_masks(standing: Proxy) -> None:
    """Two are open, suspended and gone on with in turn, with other formats for each column; a third has no mask."""
    with logged_in(standing.conninfo(port=standing.port)) as raw, logged_in(direct(standing)) as truth:
        opening = [
            message.encode()
            for message in (
                Parse(b"a", CUSTOMERS),
                Parse(b"b", PAYMENTS),
                Parse(b"c", b"SELECT id, name FROM products ORDER BY id"),
                Bind(b"q", b"b", (), (), (0, 0, 1)),
                Bind(b"p", b"a", (), (), (1, 0)),
                Bind(b"r", b"c"),
                *(Execute(name, 2) for name in (b"p", b"q", b"r", b"q", b"p", b"p", b"r", b"q")),
                Close(b"P", b"p"),
                Execute(b"q", 3),
                Sync(),
            )
        ]
        seen, expected = rows(frames(raw, *opening)), rows(frames(truth, *opening))
        assert len(seen) == len(expected) == 19
        for ours, theirs in zip(seen, expected, strict=True):
            if len(ours) == 3:
                theirs[1] = b"***" + (theirs[1] or b"")[-4:]
            elif len(theirs[0] or b"") == 4 and len(ours) == 2:
                theirs[1] = b"***"  # the customers' id was asked for in binary
            assert ours == theirs


def test_two_statements_are_executed_out_of_order_and_made_anew(standing: Proxy) -> None:
    with logged_in(standing.conninfo(port=standing.port)) as raw:
        named = [Parse(b"one", CUSTOMERS + b" LIMIT 1").encode(), Parse(b"two", PAYMENTS + b" LIMIT 1").encode()]
        executed = [
            message.encode() for name in (b"two", b"one", b"one", b"two") for message in (Bind(b"", name), Execute(b""))
        ]
        assert [len(row) for row in rows(frames(raw, *named, *executed, Sync().encode()))] == [3, 2, 2, 3]
        again = [
            message.encode()
            for message in (
                Close(b"S", b"one"),
                Parse(b"one", b"SELECT card FROM payments ORDER BY id LIMIT 1"),
                Describe(b"S", b"one"),
                Bind(b"", b"one"),
                Execute(b""),
                Close(b"S", b"one"),
                Parse(b"one", b"SELECT name FROM products ORDER BY id LIMIT 1"),
                Bind(b"", b"one"),
                Execute(b""),
                Sync(),
            )
        ]
        card, name = rows(frames(raw, *again))
        assert (card[0] or b"").startswith(b"***")
        assert not (name[0] or b"***").startswith(b"***")


def test_notifications_arrive_while_idle_and_while_held(standing: Proxy) -> None:
    with (
        logged_in(standing.conninfo(port=standing.port)) as raw,
        psycopg.connect(standing.database.admin, autocommit=True) as admin,
    ):
        assert [frame.type for frame in frames(raw, Query(b"LISTEN orders").encode())] == [ord("C")]
        admin.execute("NOTIFY orders, 'idle'")
        heard = raw.frame()
        assert heard is not None
        assert (heard.type, heard.body[4:]) == (ord("A"), b"orders\0idle\0")
        raw.send(Query(b"UPDATE products SET stock = 0").encode())
        told = raw.frame()
        assert told is not None
        assert told.type == ord("N")
        admin.execute("NOTIFY orders, 'held'")
        heard = raw.frame()
        assert heard is not None
        assert (heard.type, heard.body[4:]) == (ord("A"), b"orders\0held\0")


def test_flush_alone_brings_what_is_there(standing: Proxy) -> None:
    """No Sync: the answers come all the same, and the transaction stays open."""
    with logged_in(standing.conninfo(port=standing.port)) as raw:
        raw.send(Parse(b"", CUSTOMERS).encode(), Bind(b"", b"").encode(), Execute(b"", 1).encode(), Flush().encode())
        assert [frame.type for frame in (raw.frame() for _ in range(4)) if frame] == [ord(c) for c in "12Ds"]
        raw.send(Execute(b"", 1).encode(), Flush().encode())
        assert [frame.type for frame in (raw.frame() for _ in range(2)) if frame] == [ord(c) for c in "Ds"]
        raw.send(Sync().encode())
        assert raw.until_ready() == ["B\t5\tReadyForQuery\t I"]


@pytest.mark.parametrize("encoding", ["LATIN1", "SJIS", "SQL_ASCII", "EUC_JP"])
def test_another_client_encoding_is_refused_with_a_hint(standing: Proxy, encoding: str) -> None:
    """At the start, and by SET in both protocols; the session goes on in UTF8."""
    with pytest.raises(psycopg.OperationalError, match="UTF8"):
        psycopg.connect(standing.conninfo(client_encoding=encoding))
    with standing.connect() as connection:
        for prepare in (False, True):
            for text in (f"SET client_encoding = '{encoding}'", f"SET NAMES '{encoding}'"):
                with pytest.raises(psycopg.Error) as raised:
                    connection.execute(text.encode(), prepare=prepare)
                assert "UTF8" in f"{raised.value.diag.message_hint} {raised.value.diag.message_primary}"
        assert connection.execute("SELECT 'ä'").fetchone() == ("ä",)


def test_a_held_statement_among_several_in_one_query_with_an_error_behind_it(standing: Proxy) -> None:
    """Asked, agreed, run, and taken back with the rest: one Query is one transaction."""
    before = stock(standing)
    with standing.connect() as connection, standing.person() as bob:
        waiting = ask(connection, "SELECT ssn FROM customers; UPDATE products SET stock = stock + 1; SELECT 1/0")
        assert bob.approve(waiting.request()).status == 200
        with pytest.raises(psycopg.errors.DivisionByZero):
            waiting.result()
        assert status(connection) == TransactionStatus.IDLE
    assert stock(standing) == before
