"""How a canary gets into its column: the statement, and running it so that it is never there without being watched."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.store.protocol import Canary, Store


@dataclass(frozen=True, slots=True)
class Place:
    """Where a canary goes: a new row, with `others` filled in, or the one row that the condition `where` finds."""

    column: ColumnRef
    others: Sequence[tuple[str, str]] = ()
    where: str | None = None

    def query(self, value: str) -> sql.Composed:
        """The INSERT or UPDATE."""
        target = sql.Identifier(self.column.schema, self.column.table)
        if self.where is not None:
            condition = sql.SQL(self.where)  # the operator's own SQL, run as the operator
            return sql.SQL("UPDATE {} SET {} = {} WHERE {}").format(
                target, sql.Identifier(self.column.column), sql.Literal(value), condition
            )
        pairs = [(self.column.column, value), *self.others]
        return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            target,
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in pairs),
            sql.SQL(", ").join(sql.Literal(text) for _, text in pairs),
        )

    def statement(self, value: str) -> str:
        """The same as text, to be run by a person."""
        return f"{self.query(value).as_string(None)};"

    async def has(self, connection: psycopg.AsyncConnection[Any], value: str) -> bool:
        """Whether a row has the value already."""
        query = sql.SQL("SELECT EXISTS (SELECT 1 FROM {} WHERE {}::pg_catalog.text = {})").format(
            sql.Identifier(self.column.schema, self.column.table),
            sql.Identifier(self.column.column),
            sql.Literal(value),
        )
        row = await (await connection.execute(query)).fetchone()
        return bool(row and row[0])

    async def put(self, connection: psycopg.AsyncConnection[Any], value: str) -> None:
        """Run it. Failure when that is not exactly one row."""
        cursor = await connection.execute(self.query(value))
        if cursor.rowcount != 1:
            raise Failure(
                Exit.NEGATIVE,
                f"the condition finds {cursor.rowcount} rows, and a canary goes into one",
                where=self.where or "",
            )


async def planted(dsn: str, place: Place, store: Store, drawn: Iterable[Canary]) -> Canary | None:
    """Plant the first of `drawn` that no row has and that is none yet, on the server at `dsn`; None when there is none.

    It is in the store before the transaction commits, so that nobody can read it before it is looked for. Failure
    when the server refuses.
    """
    try:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            for each in drawn:
                if await place.has(connection, each.value) or not await store.add_canary(each):
                    continue
                try:
                    await place.put(connection, each.value)
                except BaseException:
                    await store.retire_canary(each.id, time.time())
                    raise
                return each
    except psycopg.Error as error:
        raise Failure(
            Exit.UNAVAILABLE if error.sqlstate is None else Exit.NEGATIVE,
            f"the server refuses: {str(error).strip()}",
            next_step="nothing was planted; --with fills other columns, --where takes a row that is there",
        ) from error
    return None
