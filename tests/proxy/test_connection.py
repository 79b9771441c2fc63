"""One client's connection: logging in, the order of its commands, and what happens when a part of it fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.demo.stage import AGENT
from pgmaskproxy.errors import InternalError
from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy.connection import ClientConnection
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.questions import Questions
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.stream import Stream
from pgmaskproxy.session import events as ev
from pgmaskproxy.session.session import Session
from pgmaskproxy.wire.backend import (
    CommandComplete,
    DataRow,
    ErrorResponse,
    ReadyForQuery,
)
from pgmaskproxy.wire.frontend import Bind, Execute, Parse, Query, Sync
from pgmaskproxy.wire.startup import CancelRequest
from tests.harness.servers import Database
from tests.proxy.client import Client, Refused
from tests.proxy.moments import (
    before_a_word,
    during_authentication,
    only,
    right_after_the_password,
    while_it_is_held,
    while_the_server_is_silent,
)
from tests.proxy.stage import HELD, SLOW, Stage, failing, staged, until

EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
"""Execute of the unnamed portal, to its end."""

# --- order ---


async def test_answers_that_come_at_once_keep_the_commands_in_order(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cached judgement and a read's record are answered inside `feed`: what follows waits its turn."""
    client = await stage.client()
    await client.ask("SELECT 1")
    done: list[str] = []
    before = ClientConnection._do

    def spy(self: ClientConnection, command: ev.Command) -> None:
        done.append(f"{type(command).__name__}")
        before(self, command)
        done.append(f"/{type(command).__name__}")

    monkeypatch.setattr(ClientConnection, "_do", spy)
    client.send(Query(b"SELECT 1"), Query(b"SELECT 1"))
    for _ in range(2):
        await client.until(ReadyForQuery)
    opened = [name for name in done if not name.startswith("/")]
    assert done == [word for name in opened for word in (name, f"/{name}")], "no command inside another"
    assert opened.count("RecordExecution") == opened.count("RecordOutcome") == 2


@pytest.mark.parametrize(("what", "text"), [("sync", "SET application_name = 'x'"), ("flush", "SELECT 2")])
async def test_nothing_is_sent_before_it_is_recorded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, what: str, text: str
) -> None:
    client = await stage.client()
    await client.ask("SELECT 1")
    stage.relay.sent.clear()
    seen: list[bool] = []
    done = getattr(AuditLog, what)

    def slow(self: AuditLog) -> None:
        done(self)
        time.sleep(0.02)
        seen.append(EXECUTE in stage.relay.sent)

    monkeypatch.setattr(AuditLog, what, slow)
    assert await client.ask(text) == ""
    assert seen[0] is False, "Execute went before its record"
    assert EXECUTE in stage.relay.sent


async def test_an_answer_leaves_when_its_outcome_is_in_the_log(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await stage.client()
    await client.ask("SELECT 1")
    connection, written = only(stage), list[bool]()
    assert connection._client is not None
    write = Stream.write

    def watched(self: Stream, data: bytes) -> None:
        if self is connection._client and b"SELECT 1\0" in data:
            written.append("statement.finished" in [each["kind"] for each in stage.records()[before:]])
        write(self, data)

    before = len(stage.records())
    monkeypatch.setattr(Stream, "write", watched)
    await client.ask("SELECT 2")
    assert written == [True]


async def test_a_pipeline_keeps_its_order(stage: Stage) -> None:
    async with await stage.connect() as connection, connection.pipeline():
        cursors = [await connection.execute("SELECT %s::int", [number]) for number in range(50)]
        assert [(await cursor.fetchone() or [None])[0] for cursor in cursors] == list(range(50))


# --- our own faults ---


async def broken(*_arguments: object, **_more: object) -> Any:
    """Awaited, and fails."""
    raise InternalError("a guard held")


def broken_now(*_arguments: object, **_more: object) -> Any:
    """Called, and fails."""
    raise InternalError("a guard held")


@pytest.mark.parametrize(
    ("where", "what", "fault"),
    [
        ("Judge", "judge", broken),
        ("Judge", "cached", broken_now),
        ("Records", "execution", broken_now),
        ("Records", "outcome", broken_now),
        ("Session", "receive", broken_now),
    ],
)
async def test_a_fault_ends_its_own_connection_and_no_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, where: str, what: str, fault: Callable[..., Any]
) -> None:
    client, other = await stage.client(), await stage.client()
    await other.ask("SELECT 1")
    stage.relay.sent.clear()
    with monkeypatch.context() as patch:
        patch.setattr({"Judge": Judge, "Records": Records, "Session": Session}[where], what, fault)
        client.query("WITH w AS (SELECT 2 AS another) SELECT another FROM w")  # not for the event loop itself to judge
        assert not [message for message in await client.ended() if isinstance(message, DataRow)] or what == "outcome"
    assert await other.ask("SELECT 1") == ""
    other.hang_up()
    await stage.is_clean()


async def test_after_a_fault_nothing_that_was_to_be_done_is_done(stage: Stage) -> None:
    client = await stage.client()
    await client.ask("SELECT 1")
    connection = only(stage)
    stage.relay.sent.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "receive", broken_now)
        client.query("SELECT 3")
        await client.ended()
    connection.feed(ev.ClientData(Query(b"SELECT 4").encode()))
    connection.feed(ev.Shutdown(Refusal("57P01", "late")))
    assert bytes(stage.relay.sent) == b""
    await stage.is_clean()


async def test_an_answer_that_comes_after_a_fault_lets_nothing_pass(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session itself is whole and would go on; but something it said was not done."""
    client = await stage.client()
    await client.ask("SELECT 1")
    connection, asked = only(stage), list[ev.Judge]()

    def fails(_self: Questions, command: ev.Judge, *, refresh: bool) -> None:
        asked.append(command)
        connection.feed(ev.CancelRequested())  # waits its turn, and never gets it
        raise InternalError("a guard held")

    with monkeypatch.context() as patch:
        patch.setattr(Questions, "judge", fails)
        connection.feed(ev.ClientData(Query(b"SELECT 1").encode()))
    sent = stage.proxy.metrics.bytes.labels("to_upstream")
    before, records = sent.value, stage.records()
    principal = connection._questions.principal
    assert principal is not None
    found = stage.proxy.judge.cached(asked[0].statement, principal)
    assert found is not None
    assert connection._client is not None, "the event loop had no turn in which to say that it is gone"
    connection.feed(ev.Judged(asked[0].ticket, found.rulings, found.visibility))
    assert (sent.value, stage.records()) == (before, records)
    await stage.is_clean()


async def test_a_fault_while_it_is_held_withdraws_the_request(stage: Stage) -> None:
    client = await stage.client()
    client.query(HELD)
    await stage.pending()
    connection = only(stage)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "receive", broken_now)
        connection.feed(ev.HoldTick(0, 0))
    await client.ended()
    await stage.is_clean()
    (request,) = await stage.requests(State.WITHDRAWN)
    assert request.sql == HELD


# --- logging in ---


async def log_in(stage: Stage, user: str = AGENT, password: str = "", database: str = "", **more: str) -> list[str]:
    """Try; the errors the client saw, `severity sqlstate message`, and none when it is in."""
    client = await stage.knock()
    client.start(user, database or stage.database.name, **more)
    found: list[ErrorResponse] = []
    try:
        await client.authenticate(password or stage.passwords.agent)
    except Refused as refused:
        found.append(refused.error)
    while not isinstance(message := await client.read(), ReadyForQuery) and message is not None:
        if isinstance(message, ErrorResponse):
            found.append(message)
    return [b" ".join(error.fields[key] for key in (b"S", b"C", b"M")).decode() for error in found]


async def test_a_login_is_recorded_with_who_and_where(stage: Stage) -> None:
    assert await log_in(stage, application_name="psql") == []
    (opened,) = stage.records("session.opened")
    assert opened["ids"]["principal"] == AGENT
    assert opened["data"]["address"] == "127.0.0.1"
    assert opened["data"]["database"] == stage.database.name
    assert opened["data"]["application"] == "psql"
    assert stage.gauge("client_connections") == 1


async def test_a_wrong_password_and_an_unknown_user_hear_the_same(stage: Stage) -> None:
    wrong = await log_in(stage, password="wrong")
    unknown = await log_in(stage, user="nobody", password="wrong")
    assert wrong == [f'FATAL 28P01 password authentication failed for user "{AGENT}"']
    assert unknown == ['FATAL 28P01 password authentication failed for user "nobody"']
    await stage.is_clean()
    reasons = [each["data"]["reason"] for each in stage.records("session.refused")]
    assert len(set(reasons)) == len(reasons) == 2, "the log tells them apart"
    assert stage.records("session.opened") == []


async def test_an_unknown_database_is_said_only_to_who_has_logged_in(stage: Stage) -> None:
    assert await log_in(stage, database="other", password="wrong") == [
        f'FATAL 28P01 password authentication failed for user "{AGENT}"'
    ]
    assert await log_in(stage, database="other") == ['FATAL 3D000 database "other" does not exist']
    await stage.is_clean()


async def test_a_setting_that_may_not_pass_is_named(stage: Stage) -> None:
    (said,) = await log_in(stage, session_replication_role="replica")
    assert said.startswith("FATAL 22023")
    assert "session_replication_role" in said
    await stage.is_clean()
    assert stage.records("session.refused")[0]["data"]["sqlstate"] == "22023"


async def test_who_does_not_log_in_in_time_is_told_and_recorded(shop: Database, tmp_path: Path) -> None:
    async with staged(shop, tmp_path, settings={"limits.login_seconds": 1}) as stage:
        for at in (before_a_word, during_authentication, while_the_server_is_silent):
            client = await at(stage)
            assert await client.error() == "57014"
            await client.ended()
        await stage.is_clean()
        stage.relay.silent = False
        client = await stage.client()
        await asyncio.sleep(1.1)
        assert await client.ask("SELECT 1") == "", "the time is for logging in only"
        ended = [
            each["data"].get("reason") or each["data"]["why"]
            for each in stage.records("session.refused", "session.closed")
        ]
        assert ended == ["canceling authentication due to timeout"] * 3


async def test_more_than_the_limit_is_53300_and_a_place_is_free_again_at_once(shop: Database, tmp_path: Path) -> None:
    async with staged(shop, tmp_path, settings={"limits.connections": 2}) as stage:
        first, second = await stage.client(), await stage.client()
        (said,) = await log_in(stage)
        assert said.startswith("FATAL 53300 sorry, too many clients already")
        first.hang_up()
        await until(lambda: len(stage.proxy.listener.connections) == 1)
        third = await stage.client()
        assert await third.ask("SELECT 1") == await second.ask("SELECT 1") == ""


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(b"\x7f\xff\xff\xff\0\3\0\0", id="2 GB"),
        pytest.param(b"\0\0\0\0", id="nothing"),
        pytest.param(b"\0\0\0\x08\0\2\0\0", id="protocol 2"),
        pytest.param(b"\0\0\0\x08\x04\xd2\x16\x2f" + b"more", id="bytes behind SSLRequest"),
    ],
)
async def test_noise_is_answered_once_closed_and_recorded(stage: Stage, noise: bytes) -> None:
    client = await stage.knock()
    client.send(noise)
    messages = await client.ended()
    assert [message.fields[b"S"] for message in messages if isinstance(message, ErrorResponse)] == [b"FATAL"]
    await stage.is_clean()
    assert len(stage.records("session.refused")) == 1


async def test_before_it_has_logged_in_nobody_makes_us_keep_a_large_message(stage: Stage) -> None:
    client = await during_authentication(stage)
    client.send(b"Q\x3f\xff\xff\x00")
    assert await client.error() == "08P01"
    await client.ended()
    client = await during_authentication(stage)
    client.send(b"p\x3f\xff\xff\x00")
    assert await client.error() == "08P01"
    await client.ended()
    await stage.is_clean()


async def test_what_is_sent_behind_the_password_is_kept_for_later(stage: Stage) -> None:
    client = await right_after_the_password(stage)
    client.query("SELECT 1")
    await client.until(ReadyForQuery)
    await client.until(DataRow)
    await client.until(ReadyForQuery)


# --- the audit log fails ---

BROKEN = pytest.mark.parametrize(("path", "sqlstate"), [("/dev/full", "53100"), ("/dev/null", "58030")])


@BROKEN
async def test_who_cannot_be_recorded_does_not_get_in(stage: Stage, path: str, sqlstate: str) -> None:
    with failing(stage.proxy.audit, path):
        (said,) = await log_in(stage)
        assert said.startswith(f"FATAL {sqlstate} the audit log cannot be written")
        await until(lambda: not stage.proxy.listener.connections)
        assert bytes(stage.relay.sent) == b"", "the server was not even asked"
    assert await log_in(stage) == []


@BROKEN
@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT 1", id="read"),
        pytest.param("SET application_name = 'x'", id="durable"),
        pytest.param("UPDATE shop.orders SET status = status WHERE id = 1", id="write"),
        pytest.param(HELD, id="held"),
        pytest.param("VACUUM", id="denied"),
    ],
)
async def test_what_cannot_be_recorded_does_not_run(stage: Stage, path: str, sqlstate: str, sql: str) -> None:
    client = await stage.client()
    await client.ask("SELECT 2")
    stage.relay.sent.clear()
    with failing(stage.proxy.audit, path):
        assert await client.ask(sql) == ("42501" if sql == "VACUUM" else sqlstate)
        client.send(Parse(b"", sql.encode()), Bind(b"", b"", (), (), ()), Execute(b"", 0), Sync())
        state = ""
        while not isinstance(message := await client.read(), ReadyForQuery):
            if isinstance(message, ErrorResponse):
                state = state or message.fields[b"C"].decode()
        assert state in (("42501",) if sql == "VACUUM" else ("53100", "58030"))
        assert EXECUTE not in stage.relay.sent
    assert await client.ask("SELECT 2") == "", "it goes on as soon as the log does"
    client.hang_up()
    await stage.is_clean()


async def test_a_transaction_is_aborted_by_what_cannot_be_recorded(stage: Stage) -> None:
    client = await stage.client()
    await client.ask("BEGIN")
    with failing(stage.proxy.audit):
        client.query("SELECT 1")
        assert await client.error() == "53100"
        assert (await client.until(ReadyForQuery)).status == b"E"
    assert await client.ask("SELECT 1") == "25P02"
    assert await client.ask("ROLLBACK") == ""


async def test_an_approval_that_cannot_be_recorded_releases_nothing(stage: Stage) -> None:
    client = await while_it_is_held(stage)
    request = await stage.pending()
    stage.relay.sent.clear()
    release = stage.proxy.services.broker.release

    async def on_a_full_disk(request_id: str, digest: str) -> bool:
        with failing(stage.proxy.audit):
            return await release(request_id, digest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage.proxy.services.broker, "release", on_a_full_disk)
        await stage.decide(request.id, approve=True)
        assert await client.error() == "53100"
        await client.until(ReadyForQuery)
    assert EXECUTE not in stage.relay.sent
    assert stage.records("approval.released") == []
    assert await client.ask("SELECT 1") == ""


async def test_an_outcome_that_cannot_be_recorded_takes_nothing_back(stage: Stage) -> None:
    """It has run. The gap shows: `statement.executing` without `statement.finished`."""
    client = await stage.client()
    client.query(SLOW)
    await until(lambda: bool(stage.records("statement.executing")))
    with failing(stage.proxy.audit):
        await client.until(DataRow)
        await client.until(ReadyForQuery)
    assert await client.ask("SELECT 1") == ""
    assert len(stage.records("statement.executing")) == 2
    assert len(stage.records("statement.finished")) == 1


async def test_a_cancel_or_a_hang_up_works_without_a_log(stage: Stage) -> None:
    client, other = await while_it_is_held(stage), await stage.client()
    with failing(stage.proxy.audit):
        other.hang_up()
        await until(lambda: len(stage.proxy.listener.connections) == 1)
        await cancel(stage, client)
        assert await client.error() == "57014"
        await client.until(ReadyForQuery)
    assert await client.ask("SELECT 1") == ""
    client.hang_up()
    await stage.is_clean()
    assert len(await stage.requests(State.CANCELLED)) == 1, "as soon as the log could be written"


# --- cancel ---


async def cancel(stage: Stage, client: Client, secret: bytes = b"") -> None:
    """Present the client's key on a connection of its own."""
    canceller = await stage.knock()
    canceller.send(CancelRequest(client.key.process_id, secret or client.key.secret_key))
    assert await canceller.ended() == []


async def test_a_running_statement_is_cancelled(stage: Stage) -> None:
    client = await stage.client()
    client.query("SELECT count(*) FROM generate_series(1, 100000000)")
    await until(lambda: bool(stage.records("statement.executing")))
    await asyncio.sleep(0.05)
    await cancel(stage, client)
    assert await client.error() == "57014"
    await client.until(ReadyForQuery)
    assert await client.ask("SELECT 1") == ""
    assert [each["ids"]["principal"] for each in stage.records("session.cancelled")] == [AGENT]


async def test_a_held_statement_is_cancelled(stage: Stage) -> None:
    client = await while_it_is_held(stage)
    await cancel(stage, client)
    error = await client.until(ErrorResponse)
    assert error.fields[b"M"] == b"canceling statement due to user request"
    await client.until(ReadyForQuery)
    assert await client.ask("SELECT 1") == ""
    await until(lambda: stage.gauge("approvals_pending") == 0)
    assert len(await stage.requests(State.CANCELLED)) == 1
    client.hang_up()
    await stage.is_clean()


async def test_a_wrong_key_cancels_nothing_and_leaves_nothing(stage: Stage) -> None:
    client = await while_it_is_held(stage)
    await cancel(stage, client, b"nope")
    await asyncio.sleep(0.05)
    assert (await stage.pending()).sql == HELD
    assert stage.records("session.cancelled", "session.refused") == []


async def test_the_server_s_own_key_is_not_given_to_the_client(stage: Stage) -> None:
    """Its process is: what the client is told is what `pg_stat_activity` says. The secret is the proxy's."""
    client = await stage.client()
    client.query(SLOW)
    with psycopg.connect(stage.database.admin, autocommit=True) as admin:
        state = "SELECT state FROM pg_stat_activity WHERE pid = %s"
        await until(lambda: admin.execute(state, (client.key.process_id,)).fetchone() == ("active",))
        server = stage.database.server
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(CancelRequest(client.key.process_id, client.key.secret_key).encode())
        assert await reader.read() == b""
        writer.close()
    assert (await client.until(CommandComplete)).tag == b"SELECT 1"
