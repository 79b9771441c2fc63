"""psycopg 3: cursors in both formats, pipelines, asyncio. PSYCOPG_IMPL chooses its python, c or binary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from types import MappingProxyType
from typing import Any, final

import psycopg
from psycopg import pq

from tests.drivers.child import in_child
from tests.drivers.driver import BINARY, Driver, Failed, Session, as_format
from tests.drivers.loop import LoopThread
from tests.e2e.drivers import Result


def failed(error: psycopg.Error) -> Failed:
    """The error in our words."""
    said = error.diag
    return Failed(
        error.sqlstate,
        said.message_primary or str(error),
        detail=said.message_detail,
        hint=said.message_hint,
        position=said.statement_position,
    )


def cancel(connection: psycopg.Connection) -> None:
    """By libpq 17's cancelling, which encrypts where the connection does, or by the older one."""
    if psycopg.capabilities.has_cancel_safe():
        connection.cancel_safe()
    else:
        in_child(connection.cancel)


def _version() -> str:
    libpq = pq.version()
    return f"{psycopg.__version__} ({pq.__impl__}, libpq {libpq // 10000}.{libpq % 10000})"


def result(cursor: psycopg.Cursor[Any] | psycopg.AsyncCursor[Any], rows: list[tuple[Any, ...]], form: str) -> Result:
    """What the cursor holds; asserts that the format is the one that was asked for."""
    found = cursor.pgresult
    assert found is not None
    if form and found.nfields:
        assert {found.fformat(i) for i in range(found.nfields)} == {1 if form == BINARY else 0}
    columns = tuple((each.name, each.type_code) for each in cursor.description or ())
    return Result(columns, rows, cursor.statusmessage or "")


@final
class PsycopgSession(Session):
    """A blocking connection."""

    def __init__(self, conninfo: str, *, pipelined: bool) -> None:
        self._connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)
        self._pipelined = pipelined
        self._notices: list[str] = []
        self._connection.add_notice_handler(lambda said: self._notices.append(said.message_primary or ""))

    @contextmanager
    def _talking(self) -> Iterator[psycopg.Pipeline | None]:
        try:
            with self._connection.pipeline() if self._pipelined else nullcontext() as pipeline:
                yield pipeline
        except psycopg.Error as error:
            raise failed(error) from error

    def _execute(
        self, statement: str, parameters: Sequence[Sequence[object]], form: str = "", prepare: bool | None = None
    ) -> list[Result]:
        """All of them before the first answer is looked at, where it is a pipeline."""
        with self._talking() as pipeline, ExitStack() as cursors:
            found = []
            for each in parameters:
                cursor = cursors.enter_context(self._connection.cursor(binary=form == BINARY))
                cursor.execute(as_format(statement, each).encode(), each or None, prepare=prepare)
                found.append(cursor)
            if pipeline is not None:
                pipeline.sync()
            return [result(cursor, cursor.fetchall() if cursor.description else [], form) for cursor in found]

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        return self._execute(statement, [parameters], form)[0]

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        return self._execute(statement, parameters, prepare=True)

    @contextmanager
    def block(self) -> Iterator[None]:
        with self._connection.transaction():
            yield

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        with self._talking(), self._connection.cursor() as cursor:
            cursor.executemany(as_format(statement, parameters[0]).encode(), parameters)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        with self._talking(), self._connection.transaction(), self._connection.cursor("streamed") as cursor:
            cursor.itersize = size
            cursor.execute(statement.encode())
            return list(cursor)

    def copy_out(self, statement: str) -> bytes:
        with self._talking(), self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            return b"".join(bytes(block) for block in copy)

    def copy_in(self, statement: str, data: bytes) -> None:
        with self._talking(), self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.write(data)

    def cancel(self) -> None:
        cancel(self._connection)

    def notices(self) -> list[str]:
        return self._notices

    def close(self) -> None:
        self._connection.close()


@final
class PsycopgAsyncSession(Session):
    """psycopg.AsyncConnection."""

    def __init__(self, conninfo: str) -> None:
        self._loop = LoopThread()
        try:
            self._connection = self._loop.run(
                psycopg.AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
            )
        except BaseException:
            self._loop.close()
            raise
        self._notices: list[str] = []
        self._connection.add_notice_handler(lambda said: self._notices.append(said.message_primary or ""))

    def _run(self, work: Callable[[], Any]) -> Any:
        try:
            return self._loop.run(work())
        except psycopg.Error as error:
            raise failed(error) from error

    async def _execute(self, statement: str, parameters: Sequence[object], form: str, prepare: bool | None) -> Result:
        async with self._connection.cursor(binary=form == BINARY) as cursor:
            await cursor.execute(as_format(statement, parameters).encode(), parameters or None, prepare=prepare)
            return result(cursor, await cursor.fetchall() if cursor.description else [], form)

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        found: Result = self._run(lambda: self._execute(statement, parameters, form, None))
        return found

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        async def work() -> list[Result]:
            return [await self._execute(statement, each, "", True) for each in parameters]

        found: list[Result] = self._run(work)
        return found

    @contextmanager
    def block(self) -> Iterator[None]:
        transaction = self._connection.transaction()
        self._run(transaction.__aenter__)
        try:
            yield
        except BaseException as error:
            kind, value = type(error), error
            self._run(lambda: transaction.__aexit__(kind, value, None))
            raise
        self._run(lambda: transaction.__aexit__(None, None, None))

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        async def work() -> None:
            async with self._connection.cursor() as cursor:
                await cursor.executemany(as_format(statement, parameters[0]).encode(), parameters)

        self._run(work)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        async def work() -> list[tuple[Any, ...]]:
            async with self._connection.transaction(), self._connection.cursor("streamed") as cursor:
                cursor.itersize = size
                await cursor.execute(statement.encode())
                return [row async for row in cursor]

        found: list[tuple[Any, ...]] = self._run(work)
        return found

    def copy_out(self, statement: str) -> bytes:
        async def work() -> bytes:
            async with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                return b"".join([bytes(block) async for block in copy])

        found: bytes = self._run(work)
        return found

    def copy_in(self, statement: str, data: bytes) -> None:
        async def work() -> None:
            async with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
                await copy.write(data)

        self._run(work)

    def cancel(self) -> None:
        if psycopg.capabilities.has_cancel_safe():
            self._loop.aside(self._connection.cancel_safe())
        else:
            in_child(self._connection.cancel)

    def notices(self) -> list[str]:
        return self._notices

    def close(self) -> None:
        self._loop.run(self._connection.close())
        self._loop.close()


@final
class Psycopg(Driver):
    """Blocking."""

    name = "psycopg 3"

    @property
    def version(self) -> str:
        return _version()

    def connect(self, conninfo: str) -> Session:
        return PsycopgSession(conninfo, pipelined=False)


@final
class PsycopgPipeline(Driver):
    """Everything in pipeline mode: without waiting between statements, and with Sync where the driver puts it."""

    name = "psycopg 3, pipeline"
    lacks = MappingProxyType(
        {
            "copy_out": "libpq has no COPY in pipeline mode",
            "copy_in": "libpq has no COPY in pipeline mode",
            "stream": "its server-side cursors do not work in pipeline mode",
        }
    )

    @property
    def version(self) -> str:
        return _version()

    def connect(self, conninfo: str) -> Session:
        return PsycopgSession(conninfo, pipelined=True)


@final
class PsycopgAsync(Driver):
    """asyncio."""

    name = "psycopg 3, async"

    @property
    def version(self) -> str:
        return _version()

    def connect(self, conninfo: str) -> Session:
        return PsycopgAsyncSession(conninfo)
