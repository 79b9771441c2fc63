"""The scripted agent: ordinary psycopg and ordinary asyncpg, told nothing of a proxy."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self, final

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import Diagnostic

REQUEST_ID: Final = re.compile(r"\bapr_[0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Refused:
    """An error as the driver raised it."""

    sqlstate: str
    message: str
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a statement came to: rows and a command tag, or an error."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    tag: str = ""
    error: Refused | None = None


@final
class PsycopgAgent:
    """One psycopg connection (text results, server-side binding)."""

    name = "psycopg"

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True)
        self._notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._connection.add_notice_handler(self._heard)

    def ask(self, statement: str, parameters: Sequence[object] | None = None) -> Reply:
        """Run one statement."""
        try:
            cursor = self._connection.execute(statement.encode(), parameters)
            columns = tuple(column.name for column in cursor.description or ())
            rows = tuple(cursor.fetchall()) if cursor.description else ()
            return Reply(columns, rows, cursor.statusmessage or "")
        except psycopg.Error as error:
            return Reply(error=_refused(error))

    def copy(self, statement: str) -> Reply:
        """Run COPY ... TO STDOUT; the rows are of text."""
        try:
            with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                rows = [tuple(row) for row in copy.rows()]
            return Reply((), tuple(rows))
        except psycopg.Error as error:
            return Reply(error=_refused(error))

    def begin(self, statement: str) -> Pending:
        """Run one statement that may take as long as a person takes."""
        return Pending(self, statement)

    def notice(self, seconds: float) -> str:
        """The next NOTICE with its detail and hint; '' when none came in time."""
        try:
            return self._notices.get(timeout=seconds) if seconds > 0 else self._notices.get_nowait()
        except queue.Empty:
            return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _heard(self, notice: Diagnostic) -> None:
        lines = [notice.message_primary or "", notice.message_detail or "", notice.message_hint or ""]
        self._notices.put("\n".join(line for line in lines if line))


@final
class Pending:
    """A statement that is under way in a thread of its own."""

    def __init__(self, agent: PsycopgAgent, statement: str) -> None:
        self._reply: Reply | None = None
        self._thread = threading.Thread(target=self._run, args=(agent, statement), daemon=True)
        self._thread.start()

    def finished(self, seconds: float) -> Reply | None:
        """The reply; None when there is none after so many seconds."""
        self._thread.join(seconds)
        return self._reply

    def _run(self, agent: PsycopgAgent, statement: str) -> None:
        self._reply = agent.ask(statement)


@dataclass(slots=True)
class AsyncpgAgent:
    """A fresh asyncpg connection per call (binary results, its own cache of prepared statements)."""

    conninfo: str
    name: str = field(default="asyncpg", init=False)

    def ask(self, statement: str, *parameters: object, times: int = 1) -> list[Reply]:
        """Run one statement so many times on one connection; from the second on, the driver does not describe it."""
        return asyncio.run(self._ask(statement, parameters, times))

    async def _ask(self, statement: str, parameters: tuple[object, ...], times: int) -> list[Reply]:
        known = conninfo_to_dict(self.conninfo)
        connection = await asyncpg.connect(
            host=known["host"],
            port=int(str(known["port"])),
            user=known["user"],
            password=known["password"],
            database=known["dbname"],
            ssl=False,
        )
        try:
            return [await self._ask_once(connection, statement, parameters) for _ in range(times)]
        finally:
            await connection.close()

    async def _ask_once(self, connection: asyncpg.Connection, statement: str, parameters: tuple[object, ...]) -> Reply:
        try:
            records = await connection.fetch(statement, *parameters)
        except asyncpg.PostgresError as error:
            return Reply(
                error=Refused(str(error.sqlstate), error.message or str(error), error.detail or "", error.hint or "")
            )
        columns = tuple(records[0].keys()) if records else ()
        return Reply(columns, tuple(tuple(record.values()) for record in records))


def _refused(error: psycopg.Error) -> Refused:
    said = error.diag
    return Refused(
        error.sqlstate or "", said.message_primary or str(error), said.message_detail or "", said.message_hint or ""
    )
