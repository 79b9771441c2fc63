"""The PostgreSQL servers that tests run against: the wheel's 18 and Debian's 15."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
HBA = (
    # Two logins that the proxy's upstream side must also manage: see `Database.trusting` and `.cleartext`.
    "host all trusting 127.0.0.1/32 trust",
    "host all cleartext 127.0.0.1/32 password",
)
PASSWORD = "an upstream password"


@dataclass(frozen=True, slots=True)
class Database:
    """A fresh database with the shop in it. `name` is unique on its server."""

    server: EmbeddedServer
    name: str
    role: str = shop.ROLE
    """The least-privileged login the proxy uses: no superuser, owner of nothing."""
    password: str = PASSWORD

    @property
    def admin(self) -> str:
        """The superuser's conninfo."""
        return self.server.conninfo(self.name)

    @property
    def upstream(self) -> str:
        """The conninfo of the proxy's own login."""
        return self.server.conninfo(self.name, self.role, self.password)


def start(bindir: Path | None, **settings: str) -> EmbeddedServer:
    """A started server with the logins of HBA; `settings` are more of postgresql.conf's."""
    known = {"max_connections": "100", "shared_buffers": "32MB", **settings}
    server = EmbeddedServer(bindir, hba=HBA, settings=known)
    server.start()
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        for role in (shop.ROLE, "trusting", "cleartext"):
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(PASSWORD))
            )
    return server


_names = itertools.count(1)


@contextmanager
def fresh_shop(server: EmbeddedServer) -> Iterator[Database]:
    """A database that nobody else uses, with the demo's shop; dropped at the end."""
    name = f"shop{next(_names)}"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        _ensure_template(connection, server)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE shop_template").format(sql.Identifier(name)))
        # A database's own settings are not copied from its template.
        shop.set_search_path(connection, name)
    try:
        yield Database(server, name)
    finally:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _ensure_template(connection: psycopg.Connection, server: EmbeddedServer) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = 'shop_template'").fetchone():
        return
    connection.execute("CREATE DATABASE shop_template")
    with psycopg.connect(server.conninfo("shop_template"), autocommit=True) as inside:
        shop.load(inside)
