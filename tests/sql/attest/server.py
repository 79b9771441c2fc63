"""A real server's trees: the corpus schema and more in a database, and what Parse says of a statement there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.errors import Diagnostic

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.sql.attest.notice import Fields
from tests.sql.attest.notation import Relations

HERE = Path(__file__).parent
DATABASE = "attest"
OPTIONS = "-c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log"
EXTENSIONS = ("citext", "dblink", "fuzzystrmatch", "hstore", "pageinspect", "pg_stat_statements", "pg_trgm", "pgcrypto")
_FIELDS = {
    b"V": "severity_nonlocalized",
    b"M": "message_primary",
    b"D": "message_detail",
    b"W": "context",
    b"F": "source_file",
    b"R": "source_function",
}


def fields_of(notice: Diagnostic) -> Fields:
    """A notice as it was on the wire, the fields that matter here."""
    found = {code: getattr(notice, name) for code, name in _FIELDS.items()}
    return {code: value.encode() for code, value in found.items() if value is not None}


@dataclass
class Trees:
    """A session whose server sends its trees."""

    connection: psycopg.Connection
    notices: list[Fields] = field(default_factory=list)

    @property
    def major(self) -> int:
        return self.connection.info.server_version // 10_000

    def parse(self, text: str) -> list[Fields]:
        """What the server says between Parse and ParseComplete. Raises psycopg.Error where it refuses."""
        self.notices.clear()
        result = self.connection.pgconn.prepare(b"", text.encode())
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.ProgrammingError(f"{result.error_message.decode()}: {text}")
        return list(self.notices)

    def relations(self) -> Relations:
        """Every relation that is not the system's."""
        found = self.connection.execute(
            "SELECT c.oid::int8, c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.oid >= 16384 AND c.relkind <> 'i'"
            " GROUP BY 1, 2"
        )
        return {oid: (name, columns) for oid, name, columns in found}


def create(server: EmbeddedServer) -> None:
    """The database, with the extensions that the server has, unless it is there: once per server, though fixtures may
    come and go between other files' tests."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is not None:
            return
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with psycopg.connect(server.conninfo(DATABASE), autocommit=True) as connection:
        available = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions")}
        for name in EXTENSIONS:
            if name in available:
                connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
        for script in ("corpus.sql", "more.sql"):
            text = re.sub(r"^--.*$", "", (HERE / script).read_text(encoding="utf-8"), flags=re.MULTILINE)
            connection.execute(text.encode())


@contextmanager
def session(server: EmbeddedServer, role: str = "reader") -> Iterator[Trees]:
    """A session in the database, as a role that owns nothing and bypasses nothing."""
    with psycopg.connect(
        server.conninfo(DATABASE), autocommit=True, options=OPTIONS, prepare_threshold=None
    ) as connection:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        trees = Trees(connection)
        connection.add_notice_handler(lambda notice: trees.notices.append(fields_of(notice)))
        yield trees
