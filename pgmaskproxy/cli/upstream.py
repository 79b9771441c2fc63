"""What the commands ask the upstream server, on connections of their own: version, the role's rights, its catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import tuple_row

from pgmaskproxy.cli.privileges import Privileges, read_privileges
from pgmaskproxy.config import Config
from pgmaskproxy.errors import Unavailable
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.proxy.conninfo import conninfo as upstream_conninfo
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.proxy.trees import why_no_tree
from pgmaskproxy.sql.catalog import Catalog

T = TypeVar("T")

OLDEST: Final = 15
NEWEST: Final = 18
"""Major versions that are supported."""

_SESSION: Final = """
SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, pg_catalog.current_setting('server_version'),
       current_user::pg_catalog.text, pg_catalog.current_schemas(true)::pg_catalog.text[]
"""
_MEMBER: Final = """
SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(current_user, r.oid, 'MEMBER')
"""


@dataclass(frozen=True, slots=True)
class Server:
    """The server as the proxy's role sees it in one database."""

    version: int
    """server_version_num."""
    version_text: str
    role: str
    search_path: tuple[str, ...]
    """Effective, pg_catalog included."""
    member_of: frozenset[str]
    """Every role it is, directly or not."""
    catalog: Catalog
    privileges: Privileges
    no_tree: str = ""
    """Why the server gives no tree of a statement; '' when it does, or when nobody asked."""


def conninfo(config: Config, database: str) -> str:
    """libpq's connection string for `database`, the server's name."""
    return upstream_conninfo(
        config.upstream, database, "pgmaskproxy check", seconds=max(2, round(config.limits.login_seconds))
    )


def probe(config: Config, database: str) -> Server:
    """Logs in to `database` and looks around. Raises Unavailable, and ConfigError for a damaged file of pins."""
    return waited(_probe(config, database))


def waited(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, run in an event loop of its own."""
    with asyncio.Runner() as runner:
        return runner.run(work)


async def _probe(config: Config, database: str) -> Server:
    where = f"{config.upstream.host}:{config.upstream.port}/{database} as {config.upstream.user}"
    try:
        async with await psycopg.AsyncConnection.connect(
            conninfo(config, database), row_factory=tuple_row, autocommit=True
        ) as connection:
            version, text, role, path = await _row(connection, _SESSION)
            roles = frozenset(row[0] for row in await (await connection.execute(_MEMBER.encode())).fetchall())
            await connection.execute("SET search_path TO ''")
            privileges = await read_privileges(connection)
        catalog = await load_catalog(conninfo(config, database))
        catalog = PinFile.of(config).trusting(database, catalog)
    except psycopg.Error as error:
        raise Unavailable(
            f"cannot log in to the server: {str(error).strip()}",
            detail=where,
            hint="is it running, and do upstream.host, port, user and password fit?",
        ) from error
    trees = config.upstream.attestation != "off"
    no_tree = await why_no_tree(conninfo(config, database)) if trees else ""
    return Server(version, text, role, tuple(path), roles, catalog, privileges, no_tree)


async def _row(connection: psycopg.AsyncConnection[tuple[Any, ...]], query: str) -> tuple[Any, ...]:
    found = await (await connection.execute(query.encode())).fetchone()
    if found is None:
        raise psycopg.DatabaseError("the server does not know its own role")
    return found
