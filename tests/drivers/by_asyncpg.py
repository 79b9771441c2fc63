"""asyncpg: binary results, cached prepared statements that are executed without being described again."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, final

import asyncpg

from tests.drivers.driver import Driver, Failed, Session
from tests.drivers.loop import LoopThread
from tests.e2e.drivers import Result, asyncpg_arguments


def failed(error: asyncpg.PostgresError) -> Failed:
    """The error in our words."""
    return Failed(error.sqlstate, error.message, detail=error.detail, hint=error.hint, position=error.position)


@final
class AsyncpgSession(Session):
    """A connection on a loop of its own."""

    def __init__(self, conninfo: str) -> None:
        self._loop = LoopThread()
        try:
            self._connection = self._loop.run(asyncpg.connect(**asyncpg_arguments(conninfo)))
        except BaseException:
            self._loop.close()
            raise
        self._notices: list[str] = []
        self._connection.add_log_listener(lambda _, said: self._notices.append(said.message))

    def _run(self, work: Callable[[], Any]) -> Any:
        try:
            return self._loop.run(work())
        except asyncpg.PostgresError as error:
            raise failed(error) from error
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            raise Failed(None, "the task was cancelled") from error

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        return self.prepared(statement, [parameters])[0]

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        async def work() -> list[Result]:
            prepared = await self._connection.prepare(statement)
            columns = tuple((each.name, each.type.oid) for each in prepared.get_attributes())
            found = []
            for each in parameters:
                rows = [tuple(row) for row in await prepared.fetch(*each)]
                found.append(Result(columns, rows, prepared.get_statusmsg()))
            return found

        answers: list[Result] = self._run(work)
        return answers

    @contextmanager
    def block(self) -> Iterator[None]:
        transaction = self._connection.transaction()
        self._run(transaction.start)
        try:
            yield
        except BaseException:
            self._run(transaction.rollback)
            raise
        self._run(transaction.commit)

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        self._run(lambda: self._connection.executemany(statement, parameters))

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        async def work() -> list[tuple[Any, ...]]:
            async with self._connection.transaction():
                return [tuple(row) async for row in self._connection.cursor(statement, prefetch=size)]

        found: list[tuple[Any, ...]] = self._run(work)
        return found

    def copy_out(self, statement: str) -> bytes:
        """Its methods write the statement; `COPY (query) TO STDOUT` is what `copy_from_query` makes."""
        query = statement.removeprefix("COPY (").removesuffix(") TO STDOUT")
        target = io.BytesIO()
        self._run(lambda: self._connection.copy_from_query(query, output=target))
        return target.getvalue()

    def copy_in(self, statement: str, data: bytes) -> None:
        table, _, columns = statement.removeprefix("COPY ").removesuffix(") FROM STDIN").partition(" (")
        self._run(lambda: self._connection.copy_to_table(table, columns=columns.split(", "), source=io.BytesIO(data)))

    def cancel(self) -> None:
        self._loop.cancel_task()

    def notices(self) -> list[str]:
        return self._notices

    def close(self) -> None:
        self._loop.run(self._connection.close())
        self._loop.close()


@final
class Asyncpg(Driver):
    """asyncio."""

    name = "asyncpg"
    lacks = MappingProxyType({"text": "it asks for binary results always"})
    swallows_cancel = True

    @property
    def version(self) -> str:
        return str(asyncpg.__version__)

    def connect(self, conninfo: str) -> Session:
        return AsyncpgSession(conninfo)
