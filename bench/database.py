"""The PostgreSQL that everything is measured against, and what is in it.

Two databases: `bench` with what is masked, and `books` for TPC-B, which adds to balances: a policy does not let an
agent compute with a column that it masks, so none of those is.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.demo.stage import Passwords

DATABASE = "bench"
BOOKS = "books"
AGENT = "agent"
ROLE = "pgmaskproxy"
"""The proxy's login as `pgmaskproxy harden` would have it: no trees in the server's log."""
LOGGED = "pgmaskproxy_logged"
"""And with log_min_messages as PostgreSQL comes: the trees are written to the server's log too."""
VALUE_BYTES = 100_000_000

ROLES = f"""
CREATE ROLE {ROLE} LOGIN;
ALTER ROLE {ROLE} SET log_min_messages = 'fatal';
CREATE ROLE {LOGGED} LOGIN;
CREATE ROLE {AGENT} LOGIN;
"""

SCHEMA = """
CREATE TABLE people (id integer PRIMARY KEY, name text, email text, ssn text, city text, notes text, seen timestamp);
INSERT INTO people
SELECT i, 'Person ' || i, 'person.' || i || '@post.example',
       lpad((i % 1000)::text, 3, '0') || '-12-' || (1000 + i % 9000),
       'Springfield', repeat('n', 40), timestamp '2024-01-01' + i * interval '1 second'
  FROM generate_series(1, ROWS) AS i;
CREATE TABLE arrived (LIKE people);
CREATE TABLE shops (id integer PRIMARY KEY, city text, opened date);
INSERT INTO shops SELECT i, 'City ' || i % 50, date '2010-01-01' + i FROM generate_series(1, 200) AS i;
CREATE TABLE products (id integer PRIMARY KEY, name text, price numeric(10, 2), stock integer);
INSERT INTO products SELECT i, 'Product ' || i, i % 90 + 0.99, i % 70 FROM generate_series(1, 1000) AS i;
CREATE TABLE orders (id integer PRIMARY KEY, person_id integer, product_id integer, shop_id integer,
                     quantity integer, status text, ordered date);
INSERT INTO orders
SELECT i, i % 5000 + 1, i % 1000 + 1, i % 200 + 1, i % 9 + 1,
       (ARRAY['new', 'paid', 'shipped'])[i % 3 + 1], date '2024-01-01' + i % 600
  FROM generate_series(1, 20000) AS i;
CREATE INDEX ON orders (person_id);
CREATE INDEX ON orders (product_id);
CREATE TABLE payments (id integer PRIMARY KEY, order_id integer UNIQUE, amount numeric(10, 2), card text);
INSERT INTO payments SELECT i, i, i % 300 + 0.5, '4111 1111 1111 ' || 1000 + i % 9000 FROM generate_series(1, 20000) i;
CREATE TABLE documents (id integer PRIMARY KEY, value text);
ALTER TABLE documents ALTER value SET STORAGE EXTERNAL;
INSERT INTO documents VALUES (1, repeat('0123456789', BYTES / 10));
"""

KINDS = """
CREATE TABLE kinds (id integer, name text, city text, seen timestamp, plain text, other text,
                    clear text, redact text, partial text, "null" text, hash text, token text, json jsonb, scrub text);
INSERT INTO kinds
SELECT i, 'Person ' || i, 'Springfield', timestamp '2024-01-01' + i * interval '1 second', repeat('n', 40), 'as ever',
       e, e, e, e, e, e, jsonb_build_object('id', i, 'email', e, 'city', 'Springfield', 'note', 'nothing to say'),
       'Customer ' || i || ' asked for a new invoice, and wants it by Friday; nothing else was promised to anybody.'
  FROM generate_series(1, ROWS) AS i, LATERAL (SELECT 'person.' || i || '@post.example') AS a(e);
"""
"""A column for each kind of mask, with values that differ from row to row."""

RIGHTS = f"""
GRANT USAGE ON SCHEMA SCHEMA_NAME TO {ROLE}, {LOGGED}, {AGENT};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA SCHEMA_NAME TO {ROLE}, {LOGGED}, {AGENT};
"""

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
labels:
  email: {columns: ["*.people.email"], mask: {kind: email}}
  ssn: {columns: ["*.people.ssn"], mask: {kind: redact}}
  notes: {columns: ["*.people.notes"], mask: {kind: partial, first: 2}}
  card: {columns: ["*.payments.card"], mask: {kind: card}}
  balance: {columns: ["public.pgbench_accounts.abalance"], mask: {kind: "null"}}
  kind.redact: {columns: ["*.kinds.redact"], mask: {kind: redact}}
  kind.partial: {columns: ["*.kinds.partial"], mask: {kind: partial, last: 4}}
  kind.null: {columns: ["*.kinds.null"], mask: {kind: "null"}}
  kind.hash: {columns: ["*.kinds.hash"], mask: {kind: hash}}
  kind.token: {columns: ["*.kinds.token"], mask: {kind: token}}
  kind.json: {columns: ["*.kinds.json"], mask: {kind: json, paths: {"$.email": {kind: email}}}}
  kind.scrub: {columns: ["*.kinds.scrub"], mask: {kind: scrub}}
rules:
  - {id: reads-and-writes, effects: [READ, WRITE], decide: allow}
"""

TRANSPARENT = """
apiVersion: pgmaskproxy/v1
kind: Policy
transparent: true
"""


@dataclass(frozen=True)
class Database:
    """A running server with everything in it."""

    server: EmbeddedServer
    passwords: Passwords
    settings: dict[str, str]
    wire_bytes: dict[str, int]
    """What all of `people` takes on the wire by format, DataRow messages and all."""

    @property
    def postmaster(self) -> int:
        """Its process, of which every backend is a child."""
        return int((self.server.directory / "data" / "postmaster.pid").read_text().split()[0])

    def run(self, *statements: str) -> None:
        """As superuser, in the database `bench`."""
        with psycopg.connect(self.server.conninfo(DATABASE), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def database(*, rows: int, scale: int, kinds: int = 0, connections: int = 100) -> Iterator[Database]:
    """Started and filled: `rows` people, pgbench's tables by `scale`, and `kinds` rows of every kind of mask."""
    settings = {"shared_buffers": "512MB", "max_connections": str(connections), "max_wal_size": "4GB"}
    with EmbeddedServer(settings=settings) as server:
        passwords = Passwords()
        _run(server, "postgres", f"CREATE DATABASE {DATABASE};\nCREATE DATABASE {BOOKS};\n{ROLES}")
        for role in (ROLE, LOGGED, AGENT):
            _run(server, "postgres", f"ALTER ROLE {role} PASSWORD '{passwords.agent}'")
        _run(server, BOOKS, "CREATE SCHEMA ledger;\nALTER DATABASE books SET search_path = ledger")
        _pgbench_tables(server, DATABASE, scale)
        _pgbench_tables(server, BOOKS, scale)
        script = SCHEMA + (KINDS if kinds else "")
        script = script.replace(
            "FROM generate_series(1, ROWS) AS i, LATERAL", f"FROM generate_series(1, {kinds}) AS i, LATERAL"
        )
        _run(server, DATABASE, script.replace("ROWS", str(rows)).replace("BYTES", str(VALUE_BYTES)))
        _run(server, DATABASE, RIGHTS.replace("SCHEMA_NAME", "public") + "VACUUM ANALYZE")
        _run(server, BOOKS, RIGHTS.replace("SCHEMA_NAME", "ledger") + "VACUUM ANALYZE")
        yield Database(server, passwords, settings, _wire_bytes(server))


def _run(server: EmbeddedServer, name: str, script: str) -> None:
    with psycopg.connect(server.conninfo(name), autocommit=True) as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())


def _pgbench_tables(server: EmbeddedServer, name: str, scale: int) -> None:
    environment = {**os.environ, "PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user}
    environment["PGPASSWORD"] = server.password
    command = [str(server.bindir / "pgbench"), "--initialize", "--quiet", f"--scale={scale}", name]
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _wire_bytes(server: EmbeddedServer) -> dict[str, int]:
    """A DataRow is a letter, a length, a count, and each value's length before it."""
    with psycopg.connect(server.conninfo(DATABASE)) as connection:
        row = connection.execute(
            "SELECT sum(35 + octet_length(name) + octet_length(email) + octet_length(ssn) + octet_length(city)"
            " + octet_length(notes)), sum(octet_length(id::text) + octet_length(seen::text)), count(*) FROM people"
        ).fetchone()
    assert row is not None
    return {"text": int(row[0] + row[1]), "binary": int(row[0] + 12 * row[2])}
