"""A canary that is copied to where no label is: whoever asks for the copy is cut off, and somebody is told.

The column that is copied is labelled; the copy, made behind the proxy's back, has no label. A missing label is what
canaries are for.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from pgmaskproxy.cli.canary_values import KINDS
from pgmaskproxy.store.protocol import Canary
from pgmaskproxy.store.sqlite import SqliteStore
from tests.e2e.commands import eventually, pgmaskproxy
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

ASKING = {
    "text": "SELECT id, note FROM copies ORDER BY id",
    "in an expression": "SELECT 'his number is ' || note || '.' FROM copies",
    "upper case": "SELECT upper(note) FROM copies",
    "hexadecimal": "SELECT encode(convert_to(note, 'UTF8'), 'hex') FROM copies",
    "base64": "SELECT encode(convert_to('x' || note, 'UTF8'), 'base64') FROM copies",
    "json": "SELECT json_agg(c.note) FROM copies c",
    "an error": "SELECT note::integer FROM copies WHERE id = 2",
    "returned": "UPDATE copies SET id = id WHERE id = 2 RETURNING note",
}


def fresh(number: int = 1) -> Canary:
    return Canary(f"can_{number}", KINDS["email"](secrets.randbelow), "pii.email", "", "shop.customers.email", 1.0)


def copied(database: Database, canary: Canary) -> None:
    """The canary in customers.email, and a copy of it in a column that has no label."""
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute("UPDATE shop.customers SET email = %s WHERE id = 17", [canary.value])
        admin.execute("CREATE TABLE shop.copies (id integer, note text)")
        admin.execute("GRANT SELECT, INSERT, UPDATE ON shop.copies TO pgmaskproxy")
        admin.execute("INSERT INTO shop.copies VALUES (1, 'nothing special'), (3, 'nothing special either')")
        admin.execute("INSERT INTO shop.copies VALUES (2, %s)", [canary.value])


async def watched_from_the_start(directory: Path, canary: Canary) -> None:
    store = await SqliteStore.open(f"sqlite:///{directory}/state.db")
    assert await store.add_canary(canary)
    await store.close()


@contextmanager
def _running(database: Database, directory: Path) -> Iterator[tuple[Proxy, str]]:
    canary = fresh()
    copied(database, canary)
    asyncio.run(watched_from_the_start(directory, canary))
    with proxies.in_process(database, directory) as proxy:
        yield proxy, canary.value
        proxy.check_bytes()


@pytest.fixture
def planted(shop_database: Database, tmp_path: Path) -> Iterator[tuple[Proxy, str]]:
    """A proxy that looks for the canary, and its value, on every supported server in turn."""
    with _running(shop_database, tmp_path) as found:
        yield found


@pytest.fixture
def planted18(shop18: Database, tmp_path: Path) -> Iterator[tuple[Proxy, str]]:
    """The same on PostgreSQL 18 only."""
    with _running(shop18, tmp_path) as found:
        yield found


def metric(proxy: Proxy, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.metrics_port}/metrics", timeout=10) as answer:
        page = answer.read().decode()
    return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(f"pgmaskproxy_{name} "))


def seen(proxy: Proxy) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in proxy.audit_records().splitlines()]
    return [record for record in records if record["kind"] == "canary.seen"]


def forms(value: str) -> list[bytes]:
    return [form for text in (value, value.upper()) for form in (text.encode(), text.encode().hex().encode())]


def assert_caught(proxy: Proxy, value: str, times: int = 1) -> None:
    sent = bytes(proxy.tap.to_client)
    assert not [form for form in forms(value) if form in sent]
    assert value[:8].encode() not in sent, "not even its beginning"
    records = seen(proxy)
    assert len(records) == times
    assert {record["data"]["column"] for record in records} == {"shop.customers.email"}
    assert {record["data"]["label"] for record in records} == {"pii.email"}
    assert value.encode() not in proxy.audit_records()
    assert metric(proxy, "canaries_seen_total") == times


def test_every_way_to_ask_for_it(planted: tuple[Proxy, str]) -> None:
    proxy, value = planted
    allowed = 0
    for name, statement in ASKING.items():
        for binary in (False, True):
            with proxy.connect() as connection, pytest.raises(psycopg.Error) as caught:
                connection.cursor(binary=binary).execute(statement.encode())
            if isinstance(caught.value, psycopg.InternalError):
                allowed += 1
                assert caught.value.sqlstate == "XX000", name
            else:
                assert caught.value.sqlstate in {"42501", "22P02"}, name
    assert allowed >= 10, "policy refuses some"
    assert_caught(proxy, value, allowed)


def test_copy(planted: tuple[Proxy, str]) -> None:
    proxy, value = planted
    with (
        proxy.connect() as connection,
        pytest.raises(psycopg.InternalError),
        connection.cursor().copy("COPY (SELECT id, note FROM shop.copies) TO STDOUT") as copy,
    ):
        assert not [row for row in copy if value.encode() in bytes(row)]
    assert_caught(proxy, value)


async def test_asyncpg(planted18: tuple[Proxy, str]) -> None:
    proxy18, value = planted18
    connection = await asyncpg.connect(**proxy18.asyncpg_arguments())
    with pytest.raises((asyncpg.PostgresError, ConnectionError)):
        await connection.fetch("SELECT note FROM copies")
    await connection.close()
    assert_caught(proxy18, value)


def test_a_row_that_is_larger_than_what_is_read_at_once(planted18: tuple[Proxy, str]) -> None:
    proxy18, value = planted18
    with proxy18.connect() as connection, pytest.raises(psycopg.OperationalError, match="closed the connection"):
        connection.execute("SELECT repeat('x', 3000000) || note || repeat('y', 3000000) FROM copies WHERE id = 2")
    assert_caught(proxy18, value)


def test_the_labelled_column_itself_is_masked_and_that_is_no_alarm(planted: tuple[Proxy, str]) -> None:
    proxy, value = planted
    with proxy.connect() as connection:
        rows = connection.execute("SELECT id, email FROM customers ORDER BY id").fetchall()
        assert len(rows) == 239
        assert value not in {email for _, email in rows}
        assert connection.execute("SELECT note FROM copies WHERE id = 1").fetchone() == ("nothing special",)
    assert seen(proxy) == []


def test_one_that_is_planted_while_a_session_is_open_and_one_that_is_retired(shop18: Database, tmp_path: Path) -> None:
    copied(shop18, fresh())
    with proxies.in_process(shop18, tmp_path) as proxy:
        with proxy.connect() as connection:
            assert connection.execute("SELECT count(*) FROM copies").fetchone() == (3,)
            config = ("-c", str(tmp_path / "pgmaskproxy.yaml"))
            answer = pgmaskproxy(
                *("canary", "plant", "--label", "pii.email", "--column", "shop.customers.email", "--where", "id = 17"),
                *("--execute", shop18.admin, *config),
            )
            assert answer.returncode == 0, answer.stderr
            with psycopg.connect(shop18.admin, autocommit=True) as admin:
                admin.execute(
                    "UPDATE shop.copies SET note = email FROM shop.customers c WHERE c.id = 17 AND copies.id = 2"
                )
                (value,) = admin.execute("SELECT note FROM shop.copies WHERE id = 2").fetchone() or ("",)
            eventually(lambda: metric(proxy, "canaries_watched") == 1.0, "the proxy does not look for it")
            with pytest.raises(psycopg.InternalError):
                connection.execute("SELECT note FROM copies")
        assert_caught(proxy, value)
        (listed,) = json.loads(pgmaskproxy("canary", "list", "--format", "json", *config).stdout)
        assert pgmaskproxy("canary", "retire", listed["id"], *config).returncode == 0
        eventually(lambda: metric(proxy, "canaries_watched") == 0.0, "the proxy still looks for it")
        with proxy.connect() as connection:
            assert connection.execute("SELECT note FROM copies WHERE id = 2").fetchone() == (value,)
