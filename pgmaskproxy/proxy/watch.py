"""Notices that somebody changed a database's definitions, soon and cheaply (DESIGN: "epoch polled").

A stamp over the catalog's own row versions is asked for every two seconds on a connection of our
own; when it differs, no ruling is given before the catalog has been read again. ANALYZE and VACUUM write
in place and leave it as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, final

import psycopg

from pgmaskproxy.proxy.catalog import STAMP, quiet_connection, stamp_of

POLL_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 5.0

_READ: Final = (
    ("pg_class", "oid"),
    ("pg_attribute", "attrelid"),
    ("pg_attrdef", "adrelid"),
    ("pg_rewrite", "ev_class"),
    ("pg_proc", "oid"),
    ("pg_aggregate", "aggfnoid"),
    ("pg_type", "oid"),
    ("pg_operator", "oid"),
    ("pg_constraint", "oid"),
    ("pg_inherits", "inhrelid"),
    ("pg_namespace", "oid"),
    ("pg_opfamily", "oid"),
)
"""What a `Catalog` is read from, by the column that tells what came with the server."""

_STAMP: Final = f"{stamp_of(_READ)} UNION ALL {STAMP}"


@final
class Watch:
    """Watches one database, for as long as `run` is not cancelled.

    `changed` is called when definitions changed, and whenever the server could not be asked: what is
    there then is not known.
    """

    def __init__(self, conninfo: str, changed: Callable[[], None]) -> None:
        self._conninfo = conninfo
        self._changed = changed
        self._stamp: list[tuple[object, ...]] | None = None

    async def begin(self) -> None:
        """Take the first stamp: before the catalog is read, so that no change falls between. Raises psycopg.Error."""
        async with await quiet_connection(self._conninfo) as connection:
            self._stamp = await self._take(connection)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            with suppress(psycopg.Error, OSError):
                async with await quiet_connection(self._conninfo) as connection:
                    await self._poll(connection)
            self._changed()
            await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        while True:
            stamp = await self._take(connection)
            if stamp != self._stamp:
                self._stamp = stamp
                self._changed()
            await asyncio.sleep(POLL_SECONDS)

    @staticmethod
    async def _take(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> list[tuple[object, ...]]:
        cursor = await connection.execute(_STAMP.encode())
        stamp = await cursor.fetchall()
        await connection.commit()
        return stamp
