"""A shop whose agent sees e-mail addresses as tokens, and works with them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY: Final = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: tokens
labels:
  pii.email:
    columns: ["*.*.email"]
    mask: {kind: token}
    uses: {join: ["shop.customers.email = shop.newsletter.email"]}
  pii.notes: {columns: ["*.*.notes"], mask: {kind: token}, uses: {equality: {budget: 3, per: 1h}}}
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
  pii.card: {columns: ["*.*.card"], mask: {kind: partial, last: 4}}
  pii.rest: {columns: ["*.*.birth_date", "*.*.profile", "*.*.salary"], mask: {kind: "null"}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], decide: allow}
  - {id: explained, effects: [ROUTINE, DDL, EXPORT], decide: allow}
  - id: archive
    effects: [WRITE]
    relations: ["shop.archive"]
    decide: hold
    approvers: {groups: [dba], deadline: 15m}
"""
TABLES: Final = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE DOMAIN shop.address AS text CHECK (value <> 'nobody');
CREATE TABLE shop.newsletter (id integer, email text, topic text);
CREATE TABLE shop.archive (id integer, email text);
CREATE TABLE shop.short (id integer, email varchar(100));
CREATE TABLE shop.padded (id integer, email char(120));
CREATE TABLE shop.caseless (id integer, email citext);
CREATE TABLE shop.checked (id integer, email shop.address);
CREATE TABLE shop.raw (id integer, email bytea);
CREATE TABLE shop.several (id integer, email text[]);
INSERT INTO shop.newsletter SELECT id, email, 'offers' FROM shop.customers WHERE id <= 3 ORDER BY id;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO pgmaskproxy;
"""


@contextmanager
def tokenised(
    database: servers.Database,
    directory: Path,
    policy: str = POLICY,
    more: Mapping[str, str] | None = None,
    *,
    traps: str = "",
) -> Iterator[Proxy]:
    """A proxy before a fresh shop with some more tables."""
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute((TABLES + traps).encode())
    with proxies.in_process(
        database, directory, policy=policy, overrides={"trust.extensions": "citext", **(more or {})}
    ) as proxy:
        yield proxy
        proxy.check_bytes()


def token(connection: psycopg.Connection, row: int = 1, column: str = "email", table: str = "customers") -> str:
    """What the agent sees in a row."""
    found = connection.execute(f"SELECT {column} FROM {table} WHERE id = {row}".encode()).fetchone()
    assert found is not None
    assert found[0].startswith("tok_")
    return str(found[0])


def truth(proxy: Proxy, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a superuser sees."""
    with psycopg.connect(proxy.database.admin) as admin:
        admin.execute("SET search_path = shop, public")
        return admin.execute(query.encode(), parameters).fetchall()


def facts(error: psycopg.Error) -> dict[str, Any]:
    """What an agent reads in an error."""
    found = json.loads((error.diag.message_detail or "").splitlines()[-1].removeprefix("pgmaskproxy:"))
    assert isinstance(found, dict)
    return found
