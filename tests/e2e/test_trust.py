"""Extensions and functions that `trust:` names, until they are not what they were."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.e2e.waiting import SECONDS
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: trusting
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
"""
OBJECTS = """
CREATE SCHEMA made;
CREATE EXTENSION citext SCHEMA made;
CREATE EXTENSION pg_trgm SCHEMA made;
CREATE EXTENSION hstore SCHEMA made;
CREATE FUNCTION made.doubled(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE FUNCTION made.other(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE TABLE made.words (id int, word made.citext);
INSERT INTO made.words VALUES (1, 'One'), (2, 'two');
GRANT USAGE ON SCHEMA made TO PUBLIC;
GRANT SELECT ON made.words TO PUBLIC;
"""
TRUSTED = [
    ("SELECT id FROM made.words WHERE word = 'ONE'", [(1,)]),
    ("SELECT id FROM made.words ORDER BY word DESC", [(2,), (1,)]),
    ("SELECT made.similarity('word', 'two words') > 0.3", [(True,)]),
    ("SELECT made.doubled(21)", [(42,)]),
]
UNTRUSTED = ["SELECT made.other(1)", "SELECT 'a=>1'::made.hstore OPERATOR(made.->) 'a'"]


@contextmanager
def trusting(database: servers.Database, directory: Path) -> Iterator[Proxy]:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(OBJECTS)
    with proxies.in_process(
        database,
        directory,
        policy=POLICY,
        overrides={"trust.extensions": "citext,pg_trgm", "trust.functions": "made.doubled(integer)"},
    ) as running:
        yield running
        running.check_bytes()


@contextmanager
def connected(proxy: Proxy) -> Iterator[psycopg.Connection]:
    with proxy.connect() as connection:
        connection.execute("SET search_path TO shop, public, made")
        yield connection


def until_refused(connection: psycopg.Connection, statement: str) -> None:
    """A change is noticed within two seconds."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            return
        time.sleep(0.1)
    raise AssertionError("it is still allowed")


def metric(proxy: Proxy) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.metrics_port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(str(line).rpartition(" ")[2] for line in lines if line.startswith("pgmaskproxy_trust_broken{"))


def test_what_is_trusted_passes_and_nothing_else(shop_database: servers.Database, tmp_path: Path) -> None:
    with trusting(shop_database, tmp_path) as proxy, connected(proxy) as connection:
        for statement, rows in TRUSTED:
            assert connection.execute(statement.encode()).fetchall() == rows, statement
        for statement in UNTRUSTED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
        assert "made.doubled(integer)" in (tmp_path / "trust.lock").read_text()
        assert metric(proxy) == "0.0"


def test_a_trusted_function_that_is_replaced_is_refused_and_an_alarm(shop18: servers.Database, tmp_path: Path) -> None:
    with trusting(shop18, tmp_path) as proxy, connected(proxy) as connection:
        assert connection.execute("SELECT made.doubled(21)").fetchall() == [(42,)]
        with psycopg.connect(shop18.admin, autocommit=True) as owner:
            owner.execute(
                "CREATE OR REPLACE FUNCTION made.doubled(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 3'"
            )
        until_refused(connection, "SELECT made.doubled(21)")
        assert metric(proxy) == "1.0"
        assert connection.execute("SELECT id FROM made.words WHERE word = 'ONE'").fetchall() == [(1,)]
