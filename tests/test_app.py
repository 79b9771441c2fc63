"""The composition root: starting, changing and ending, with everything real."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import uvloop

from pgmaskproxy import app
from pgmaskproxy.approval.request import State
from pgmaskproxy.config import load_config
from pgmaskproxy.demo.server import EmbeddedServer, free_port
from pgmaskproxy.demo.stage import AGENT, Passwords, Ports
from pgmaskproxy.errors import AuditFailed, ConfigError, Unavailable
from pgmaskproxy.proxy import plane
from pgmaskproxy.proxy.watch import Watch
from pgmaskproxy.store.protocol import Filter
from pgmaskproxy.wire.backend import DataRow, ErrorResponse, ReadyForQuery
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.servers import Database
from tests.proxy.client import Client
from tests.proxy.moments import in_a_transaction, while_it_is_held
from tests.proxy.stage import HELD, PERMISSIVE, Stage, failing, staged, until, write


@pytest.fixture
async def stage(shop18: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(shop18, tmp_path) as made:
        yield made


@pytest.fixture
async def permissive(shop18: Database, tmp_path: Path) -> AsyncIterator[Stage]:
    """Owns what it changes, and may change it without asking."""
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute(f"ALTER TABLE shop.customers OWNER TO {shop18.role}")
        admin.execute(f"GRANT CREATE, USAGE ON SCHEMA shop TO {shop18.role}")
        admin.execute("CREATE VIEW shop.names AS SELECT id, name FROM shop.customers")
        admin.execute(f"ALTER VIEW shop.names OWNER TO {shop18.role}")
    async with staged(shop18, tmp_path, policy=PERMISSIVE) as made:
        yield made


# --- what can be wrong at the start ---


async def starting(path: Path) -> None:
    """Start with this configuration, and end at once."""
    async with app.running(load_config(path, {}), drain_seconds=0):
        pass


def files(database: Database, directory: Path, ports: Ports | None = None) -> Path:
    return write(database, directory, Passwords(), database.server.port, ports or Ports(0, 0, 0))


async def test_it_starts_and_ends_and_says_so(shop18: Database, tmp_path: Path) -> None:
    await starting(files(shop18, tmp_path))
    await starting(tmp_path / "pgmaskproxy.yaml")
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "audit/proxy.jsonl").read_text().splitlines()]
    assert kinds == ["chain.started", *["catalog.refreshed", "keys.in_force", "server.started", "server.stopped"] * 2]


async def test_a_database_that_does_not_exist_is_named(shop18: Database, tmp_path: Path) -> None:
    path = files(shop18, tmp_path)
    path.write_text(path.read_text().replace(f"databases: [{shop18.name}]", "databases: [no_such_thing]"))
    with pytest.raises(Unavailable) as caught:
        await starting(path)
    assert 'database "no_such_thing" does not exist' in caught.value.detail


async def test_a_server_that_is_not_there(shop18: Database, tmp_path: Path, unused_tcp_port: int) -> None:
    path = write(shop18, tmp_path, Passwords(), unused_tcp_port, Ports(0, 0, 0))
    with pytest.raises(Unavailable, match="cannot read the catalog"):
        await starting(path)


async def test_a_server_that_says_nothing_is_given_up(
    shop18: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane, "CATALOG_SECONDS", 0.5)
    monkeypatch.setattr(Watch, "begin", _nothing)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        path = write(shop18, tmp_path, Passwords(), silent.getsockname()[1], Ports(0, 0, 0))
        with pytest.raises(Unavailable) as caught:
            await starting(path)
    assert caught.value.detail == "No answer in 0 s."


async def _nothing(_self: object) -> None:
    """Takes no stamp."""


@pytest.mark.parametrize("which", ["proxy", "web", "metrics"])
async def test_a_port_that_is_taken_is_named(shop18: Database, tmp_path: Path, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"proxy": 0, "web": 0, "metrics": 0, which: port}
        with pytest.raises(Unavailable, match=rf"cannot listen on 127.0.0.1:{port}: Address already in use"):
            await starting(files(shop18, tmp_path, Ports(**ports)))
    await starting(tmp_path / "pgmaskproxy.yaml")


async def test_a_second_one_on_the_same_log_does_not_start(stage: Stage) -> None:
    with pytest.raises(AuditFailed, match=f"is being written by process {os.getpid()}"):
        await starting(stage.directory / "pgmaskproxy.yaml")
    assert await (await stage.client()).ask("SELECT 1") == ""


async def test_nor_on_the_same_state_with_a_log_of_its_own(stage: Stage) -> None:
    client = await while_it_is_held(stage)
    path = stage.directory / "second.yaml"
    path.write_text((stage.directory / "pgmaskproxy.yaml").read_text().replace("directory: audit", "directory: log2"))
    with pytest.raises(Unavailable, match="the state file is in use by another pgmaskproxy") as caught:
        await starting(path)
    assert caught.value.detail == f"{stage.directory}/state.db.lock"
    request = await stage.pending()
    await stage.decide(request.id, approve=False)
    assert await client.error() == "42501"


async def test_all_that_is_wrong_with_policy_and_people_is_said_at_once(shop18: Database, tmp_path: Path) -> None:
    path = files(shop18, tmp_path)
    (tmp_path / "policies/default.yaml").write_text("apiVersion: pgmaskproxy/v1\nkind: Policy\nnames: x\n")
    (tmp_path / "principals.yaml").write_text("apiVersion: pgmaskproxy/v1\nkind: Principals\npeeple: []\n")
    with pytest.raises(ConfigError) as caught:
        await starting(path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {"default.yaml", "principals.yaml"}


async def test_what_a_predecessor_left_open_is_withdrawn(shop18: Database, tmp_path: Path) -> None:
    passwords = Passwords()
    config = write(shop18, tmp_path, passwords, shop18.server.port, Ports(free_port(), 0, 0))
    process = subprocess.Popen(  # noqa: ASYNC220 - it only starts it
        [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", "serve", "-c", str(config)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        info = psycopg.conninfo.make_conninfo(
            host="127.0.0.1",
            port=load_config(config, {}).listen.port,
            user=AGENT,
            password=passwords.agent,
            dbname=shop18.name,
        )
        connection = await _patiently(info)
        holding = asyncio.ensure_future(connection.execute(HELD))
        with closing(sqlite3.connect(tmp_path / "state.db")) as state:
            await until(lambda: state.execute("SELECT count(*) FROM requests").fetchone() == (1,))
    finally:
        process.kill()
        process.wait()
    with pytest.raises(psycopg.OperationalError):
        await holding
    await connection.close()
    async with app.running(load_config(config, {}), drain_seconds=0) as proxy:
        page = await proxy.services.broker.search(Filter())
        assert [request.state for request in page.requests] == [State.WITHDRAWN]
        assert page.requests[0].note == "the proxy that held it stopped"


async def _patiently(info: str) -> psycopg.AsyncConnection:
    async with asyncio.timeout(30):
        while True:
            try:
                return await psycopg.AsyncConnection.connect(info, autocommit=True)
            except psycopg.OperationalError:
                await asyncio.sleep(0.1)


# --- reload ---


async def test_a_good_policy_is_taken_at_once_and_recorded(stage: Stage) -> None:
    client = await stage.client()
    before = stage.proxy.knowledge.now.policy.version
    stage.rewrite_policy(lambda text: text.replace('columns: ["*.*.ssn"]', 'columns: ["*.*.ssn", "*.*.city"]'))
    assert await stage.proxy.reload()
    after = stage.proxy.knowledge.now.policy.version
    assert after != before
    (record,) = stage.records("policy.reloaded")
    assert record["data"] == {"policy_version": after, "taken": True, "problems": 0}
    client.query("SELECT city FROM shop.customers LIMIT 1")
    assert await _row(client) == [b"***"]


async def test_a_bad_policy_changes_nothing_and_is_said_loudly(stage: Stage) -> None:
    client = await stage.client()
    before = stage.proxy.knowledge.now
    stage.rewrite_policy(lambda text: text + "  - {id: x}\n  - {id: y, efects: []}\n")
    assert not await stage.proxy.reload()
    assert stage.proxy.knowledge.now is before
    client.query("SELECT ssn FROM shop.customers LIMIT 1")
    assert await _row(client) == [b"***"]
    (record,) = stage.records("policy.reloaded")
    assert record["data"]["policy_version"] == before.policy.version
    assert (record["data"]["taken"], record["data"]["problems"] >= 2) == (False, True)
    metrics = stage.proxy.metrics.registry
    assert metrics.get_sample_value("pgmaskproxy_policy_reload_total", {"outcome": "failed"}) == 1


async def test_a_missing_file_changes_nothing(stage: Stage) -> None:
    before = stage.proxy.knowledge.now
    (stage.directory / "principals.yaml").unlink()
    assert not await stage.proxy.reload()
    assert stage.proxy.knowledge.now is before


async def test_a_reload_that_cannot_be_recorded_is_taken_all_the_same(stage: Stage) -> None:
    """It narrows as often as it widens; every decision under it is recorded, or refused."""
    before = stage.proxy.knowledge.now.epoch
    with failing(stage.proxy.audit):
        assert await stage.proxy.reload()
    assert stage.proxy.knowledge.now.epoch == before + 1


async def _row(client: Client) -> list[bytes | None]:
    values = list((await client.until(DataRow)).values)
    await client.until(ReadyForQuery)
    return values


# --- definitions ---


async def test_the_next_statement_knows_what_this_one_defined(permissive: Stage) -> None:
    client, other = await permissive.client(), await permissive.client()
    assert await client.ask("CREATE TABLE shop.more (id int, ssn text)") == ""
    assert await client.ask("INSERT INTO shop.more VALUES (1, '937-63-8919')") == ""
    for each in (client, other):
        each.query("SELECT id, ssn FROM shop.more")
        assert await _row(each) == [b"1", b"***"]


async def test_a_redefined_view_shows_nothing_inside_its_transaction_and_is_masked_after_it(
    permissive: Stage,
) -> None:
    client, other = await permissive.client(), await permissive.client()
    other.query("SELECT name FROM shop.names WHERE id = 1")
    assert await _row(other) == [b"Bram Abbott"]
    redefining = "CREATE OR REPLACE VIEW shop.names AS SELECT id, ssn AS name FROM shop.customers"
    assert [await client.ask(sql) for sql in ("BEGIN", redefining)] == ["", ""]
    assert await client.ask("SELECT name FROM shop.names WHERE id = 1") == "55P03"
    assert [await client.ask(sql) for sql in ("ROLLBACK", "BEGIN", redefining, "COMMIT")] == ["", "", "", ""]
    for each in (client, other):
        each.query("SELECT name FROM shop.names WHERE id = 1")
        assert await _row(each) == [b"***"]


async def test_a_change_in_an_open_transaction_keeps_nobody_else_waiting(permissive: Stage) -> None:
    client, other = await permissive.client(), await permissive.client()
    assert await client.ask("BEGIN") == ""
    assert await client.ask("ALTER TABLE shop.customers ADD COLUMN zip text") == ""
    assert await other.ask("SELECT id FROM shop.orders LIMIT 1") == ""
    assert await client.ask("COMMIT") == ""
    assert await other.ask("SELECT zip FROM shop.customers LIMIT 1") == ""


async def test_what_others_define_is_noticed(stage: Stage) -> None:
    client = await stage.client()
    with psycopg.connect(stage.database.admin, autocommit=True) as admin:
        admin.execute("CREATE TABLE shop.theirs (id int, ssn text)")
        admin.execute("INSERT INTO shop.theirs VALUES (1, '937-63-8919')")
        admin.execute(f"GRANT SELECT ON shop.theirs TO {stage.database.role}")
    await asyncio.sleep(3)
    client.query("SELECT id, ssn FROM shop.theirs")
    assert await _row(client) == [b"1", b"***"]


# --- the end ---


async def test_the_end_is_recorded_even_with_clients_that_stay(shop18: Database, tmp_path: Path) -> None:
    async with staged(shop18, tmp_path, drain_seconds=0.2) as stage:
        held, open_ = await while_it_is_held(stage), await in_a_transaction(stage)
        stage.clients.clear()
        ending = [asyncio.ensure_future(client.ended()) for client in (held, open_)]
    for messages in await asyncio.gather(*ending):
        errors = [message for message in messages if isinstance(message, ErrorResponse)]
        assert [error.fields[b"C"] for error in errors] == [b"57P01"]
    for client in (held, open_):
        await client.close()
    kinds = [record["kind"] for record in stage.records()]
    assert kinds[-1] == "server.stopped"
    assert kinds.count("session.closed") == 2
    assert "approval.withdrawn" in kinds


async def test_an_end_that_cannot_be_recorded_is_an_end(stage: Stage) -> None:
    with failing(stage.proxy.audit):
        await stage.proxy.stop("test", 0)
    assert stage.records("server.stopped") == []


# --- as it is run ---


def test_on_the_event_loop_it_is_run_on(shop18: Database, tmp_path: Path) -> None:
    """uvloop's transports differ from asyncio's in small things."""

    async def play() -> None:
        async with staged(shop18, tmp_path) as stage:
            client = await while_it_is_held(stage)
            client.hang_up()
            await stage.is_clean()
            client = await stage.client()
            client.query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
            await asyncio.sleep(0.3)
            await client.until(ReadyForQuery)
            stage.relay.cut()
            await client.ended()
            client = await stage.knock()
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            await client.ended()
            await stage.is_clean()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


def test_signals(pg18: EmbeddedServer, tmp_path: Path) -> None:
    """SIGHUP reloads and keeps sessions; SIGTERM ends idle ones at once, lets a transaction end, and exits with 0."""
    with servers.fresh_shop(pg18) as database, proxies.as_process(database, tmp_path) as proxy:
        assert proxy.process is not None
        idle, busy = proxy.connect(), proxy.connect()
        busy.execute("BEGIN")
        policy = tmp_path / "policies/default.yaml"
        policy.write_text(policy.read_text() + "  - {id: x}\n")
        os.kill(proxy.process.pid, signal.SIGHUP)
        _until(lambda: "policy_reload_failed" in (tmp_path / "log").read_text())
        assert "default.yaml" in (tmp_path / "log").read_text()
        assert busy.execute("SELECT 1").fetchone() == (1,)
        os.kill(proxy.process.pid, signal.SIGTERM)
        _until(lambda: _is_over(idle))
        assert busy.execute("SELECT 1").fetchone() == (1,)
        busy.execute("COMMIT")
        assert proxy.process.wait(20) == 0
        for connection in (idle, busy):
            connection.close()
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "audit/proxy.jsonl").read_text().splitlines()]
    assert kinds[-1] == "server.stopped"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_how_long_the_first_statement_takes(shop18: Database, tmp_path: Path) -> None:
    """Printed, not asserted (`pytest -s`)."""
    with proxies.as_process(shop18, tmp_path) as proxy, proxy.connect() as connection:
        took = []
        for _ in range(5):
            before = time.perf_counter()
            connection.execute("SELECT id FROM orders WHERE id = 7")
            took.append(f"{(time.perf_counter() - before) * 1000:.1f}")
        print("milliseconds, first to fifth:", *took)  # noqa: T201


def _is_over(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
