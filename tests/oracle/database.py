"""A scratch database that scripts run in: its catalog as it is at each moment, its labels, its trees."""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import ColumnLabels, ColumnRef
from pgmaskproxy.proxy import support
from pgmaskproxy.proxy.catalog import read_catalog
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.sql.attest.labelling import Labels
from pgmaskproxy.sql.attest.notice import Fields, at_parse
from pgmaskproxy.sql.catalog import SYSTEM_SCHEMAS, Catalog
from pgmaskproxy.sql.closure import close_labels
from tests.oracle.scripts import Command
from tests.sql.attest.server import fields_of

_COPY: Final = re.compile(r"\s*copy\b.*\b(?P<way>from|to)\s+(?:stdin|stdout)\b", re.IGNORECASE | re.DOTALL)
_TREES_ON: Final = b"SET debug_print_rewritten=on; SET debug_pretty_print=off; SET client_min_messages=log"
_TREES_OFF: Final = b"SET debug_print_rewritten=off; SET client_min_messages=error"
_OPTIONS: Final = "-c statement_timeout=4s -c lock_timeout=1s -c client_min_messages=error"
_ONE_IN: Final = 3
_OURS: Final = 16384
"""FirstNormalObjectId: what has a smaller OID was there from the beginning, and stays as it was."""
_BESIDE: Final = frozenset({support._TYPES, support._CLASSES, support._FAMILIES})
_ORDERED: Final = re.compile(rb"ORDER BY (c\.oid|a\.attrelid)")


@dataclass(frozen=True, slots=True)
class World:
    """What is known of the database at one moment."""

    catalog: Catalog
    labelling: Mapping[ColumnRef, ColumnLabels]
    labels: Labels


class Recent:
    """The connection as `read_catalog` uses it, which leaves out the system's own relations and columns, and what runs
    without being called: it bears on no column."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self.narrowed = 0

    async def execute(self, query: bytes) -> psycopg.AsyncCursor[tuple[Any, ...]]:
        if query.decode() in _BESIDE:
            return await self._connection.execute("SELECT WHERE false")
        narrowed, count = _ORDERED.subn(rb"AND \1 OPERATOR(pg_catalog.>=) %d ORDER BY \1" % _OURS, query)
        self.narrowed += count
        return await self._connection.execute(narrowed)


@dataclass
class Database:
    """One session in it. `stale`: something may have changed what names mean since the catalog was read."""

    connection: psycopg.AsyncConnection[tuple[Any, ...]]
    deep: DeepThread
    seed: int
    notices: list[Fields] = field(default_factory=list)
    stale: bool = True
    _dirty: bool = False
    _system: Catalog | None = None
    _world: World | None = None

    @property
    def major(self) -> int:
        return self.connection.info.server_version // 10_000

    @property
    def aborted(self) -> bool:
        return self.connection.info.transaction_status == TransactionStatus.INERROR

    @property
    def lost(self) -> bool:
        """Whether the session is gone, or hangs in the middle of a COPY."""
        return self.connection.closed or self.connection.info.transaction_status == TransactionStatus.ACTIVE

    async def world(self) -> World:
        """The catalog as this session sees it, its own uncommitted changes too. Raises psycopg.Error."""
        if self._world is None or self.stale:
            self._world = await self._load()
            self.stale = False
        return self._world

    def ran(self, kind: str, *, moves_names: bool) -> None:
        """Note that a statement of this kind ran."""
        if kind == "TransactionStmt":
            self.stale |= self._dirty
            self._dirty = self.connection.info.transaction_status != TransactionStatus.IDLE and self._dirty
        elif moves_names and kind != "VariableSetStmt":
            self.stale = self._dirty = True

    async def _load(self) -> World:
        inside = self.connection.info.transaction_status == TransactionStatus.INTRANS
        await self.connection.execute("SAVEPOINT oracle" if inside else "BEGIN")
        try:
            await self.connection.execute("SET LOCAL search_path TO ''")
            catalog = await self._catalog()
        finally:
            await self.connection.execute("ROLLBACK TO SAVEPOINT oracle" if inside else "ROLLBACK")
        declared = {
            column: frozenset({str(column)})
            for relation in catalog.relations
            if relation.schema not in SYSTEM_SCHEMAS and relation.kind in {"r", "p", "f"}
            for column in (relation.column_ref(each) for each in relation.columns)
            if zlib.crc32(f"{self.seed} {column}".encode()) % _ONE_IN == 0
        }
        closed = await self.deep.run(lambda: close_labels(catalog, declared))
        columns = catalog.column_refs()
        by_oid = {key: closed[column].labels for key, column in columns.items() if column in closed}
        return World(catalog, closed, Labels(by_oid, columns.keys(), catalog.relation_oids()))

    async def _catalog(self) -> Catalog:
        """What is there now. The system's own part, most of it, is read once."""
        if self._system is None:
            self._system = await read_catalog(self.connection)
            return self._system
        recent = Recent(self.connection)
        ours = await read_catalog(cast("psycopg.AsyncConnection[tuple[Any, ...]]", recent))
        assert recent.narrowed >= 2, "proxy/catalog.py orders its relations or columns by something else now"
        system = (relation for relation in self._system.relations if relation.oid < _OURS)
        return replace(ours, relations=(*system, *ours.relations))

    async def search_path(self) -> tuple[str, ...]:
        found = await (await self.connection.execute("SELECT pg_catalog.current_schemas(true)::text[]")).fetchone()
        return tuple(found[0]) if found is not None else ()

    async def tree(self, text: str) -> str:
        """The server's own tree of one statement. Raises psycopg.Error where it refuses, Unattestable without one."""
        await self.connection.execute(_TREES_ON)
        self.notices.clear()
        result = self.connection.pgconn.prepare(b"", text.encode())
        notices = list(self.notices)
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.ProgrammingError(result.error_message.decode(errors="replace"))
        await self.connection.execute(_TREES_OFF)
        own = at_parse(notices).own
        assert own is not None
        return own

    async def run(self, command: Command) -> None:
        """Send one statement. Raises psycopg.Error."""
        copy = _COPY.match(command.text)
        if copy is None:
            await self.connection.execute(command.text.encode())
            return
        async with self.connection.cursor().copy(command.text.encode()) as stream:
            if copy["way"].lower() == "from":
                await stream.write(command.data.encode())
            else:
                async for _ in stream:
                    pass


@asynccontextmanager
async def session(server: EmbeddedServer, database: str, deep: DeepThread, seed: int) -> AsyncIterator[Database]:
    """A superuser's session, as regression scripts expect."""
    connection = await psycopg.AsyncConnection.connect(
        server.conninfo(database), autocommit=True, options=_OPTIONS, prepare_threshold=None, row_factory=tuple_row
    )
    try:
        found = Database(connection, deep, seed)
        connection.add_notice_handler(lambda notice: found.notices.append(fields_of(notice)))
        yield found
    finally:
        await connection.close()
