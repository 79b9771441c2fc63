"""SQLAlchemy 2 over four drivers: text() for what is the same everywhere, and the pool with pre-ping on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast, final

import asyncpg
import psycopg
import psycopg2
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy.ext.asyncio import create_async_engine

from tests.drivers import by_asyncpg, by_pg8000, by_psycopg, by_psycopg2
from tests.drivers.child import in_child
from tests.drivers.driver import Driver, Failed, Session, as_named, named
from tests.drivers.loop import LoopThread
from tests.e2e.drivers import Result

T = TypeVar("T")
_LOGGER: Final = logging.getLogger("sqlalchemy.dialects.postgresql")


def url(conninfo: str, driver: str) -> sqlalchemy.URL:
    """libpq's keywords as SQLAlchemy's address."""
    known = conninfo_to_dict(conninfo)
    return sqlalchemy.URL.create(
        f"postgresql+{driver}",
        str(known["user"]),
        str(known["password"]),
        str(known["host"]),
        int(cast("str", known["port"])),
        str(known["dbname"]),
        {"ssl": "disable"} if driver == "asyncpg" else {},
    )


def failed(error: sqlalchemy.exc.DBAPIError) -> Failed:
    """What the driver below said."""
    origin = error.orig
    below = origin.__cause__ if origin is not None and origin.__cause__ is not None else origin
    if isinstance(below, psycopg.Error):
        return by_psycopg.failed(below)
    if isinstance(below, psycopg2.Error):
        return by_psycopg2.failed(below)
    if isinstance(below, asyncpg.PostgresError):
        return by_asyncpg.failed(below)
    if isinstance(origin, Exception):
        return by_pg8000.failed(origin)
    return Failed(None, str(error))


class _Engine:
    """A connection in autocommit mode, and how to do something with it."""

    def __init__(self, conninfo: str, driver: str) -> None:
        self._loop: LoopThread | None = None
        options = {"pool_pre_ping": True, "isolation_level": "AUTOCOMMIT"}
        if driver != "asyncpg":
            self._engine = sqlalchemy.create_engine(url(conninfo, driver), **options)
            self._connection = self._engine.connect()
            return
        self._loop = LoopThread()
        self._aengine = create_async_engine(url(conninfo, driver), **options)
        try:
            self._aconnection = self._loop.run(self._connect())
        except BaseException:
            self._loop.close()
            raise

    async def _connect(self) -> Any:
        return await self._aengine.connect()

    def do(self, work: Callable[[sqlalchemy.Connection], T]) -> T:
        try:
            if self._loop is None:
                return work(self._connection)
            return cast("T", self._loop.run(self._aconnection.run_sync(work)))
        except sqlalchemy.exc.DBAPIError as error:
            raise failed(error) from error

    @property
    def below(self) -> Any:
        """The driver's own connection."""
        connection = self._connection if self._loop is None else self._aconnection.sync_connection
        return connection.connection.driver_connection

    def close(self) -> None:
        if self._loop is None:
            self._connection.close()
            self._engine.dispose()
        else:
            self._loop.run(self._aconnection.close())
            self._loop.run(self._aengine.dispose())
            self._loop.close()


@final
class SqlalchemySession(Session):
    """One connection out of an engine's pool."""

    def __init__(self, conninfo: str, driver: str) -> None:
        self._driver = driver
        self._engine = _Engine(conninfo, driver)
        self._notices: list[str] = []
        self._depth = 0
        if driver == "psycopg2":
            _LOGGER.setLevel(logging.INFO)
            _LOGGER.addFilter(self._logged)
        elif driver == "psycopg":
            self._engine.below.add_notice_handler(lambda said: self._notices.append(said.message_primary or ""))
        elif driver == "asyncpg":
            self._engine.below.add_log_listener(lambda _, said: self._notices.append(said.message))

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        return self.prepared(statement, [parameters])[0]

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        """The same text() again: what the dialect makes of that is its own affair (asyncpg's prepares and keeps it)."""
        text = sqlalchemy.text(as_named(statement))

        def work(connection: sqlalchemy.Connection) -> list[Result]:
            found = []
            for each in parameters:
                with connection.execute(text, named(each)) as answer:
                    if not answer.returns_rows:
                        found.append(Result((), []))
                        continue
                    columns = tuple((one[0], one[1]) for one in answer.cursor.description)
                    found.append(Result(columns, [tuple(row) for row in answer]))
            return found

        return self._engine.do(work)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Its savepoints need a transaction it knows of: AUTOCOMMIT is left for it."""
        nested, self._depth = bool(self._depth), self._depth + 1
        transactions: list[Any] = []

        def begin(connection: sqlalchemy.Connection) -> None:
            if not nested:
                connection.execution_options(isolation_level="READ COMMITTED")
            transactions.append(connection.begin_nested() if nested else connection.begin())

        def end(connection: sqlalchemy.Connection) -> None:
            if not nested:
                connection.execution_options(isolation_level="AUTOCOMMIT")

        self._engine.do(lambda connection: connection.rollback() if not nested else None)
        self._engine.do(begin)
        try:
            yield
        except BaseException:
            self._engine.do(lambda _: transactions[0].rollback())
            raise
        else:
            self._engine.do(lambda _: transactions[0].commit())
        finally:
            self._depth -= 1
            self._engine.do(end)

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        text = sqlalchemy.text(as_named(statement))

        def work(connection: sqlalchemy.Connection) -> None:
            connection.execute(text, [named(each) for each in parameters])

        self._engine.do(work)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        def work(connection: sqlalchemy.Connection) -> list[tuple[Any, ...]]:
            with connection.execute(
                sqlalchemy.text(statement), execution_options={"stream_results": True, "yield_per": size}
            ) as answer:
                return [tuple(row) for row in answer]

        with self.block():
            return self._engine.do(work)

    def cancel(self) -> None:
        below = self._engine.below
        if self._driver == "psycopg":
            by_psycopg.cancel(below)
        elif self._driver == "psycopg2":
            in_child(below.cancel)
        else:
            assert self._engine._loop is not None
            self._engine._loop.cancel_task()

    def notices(self) -> list[str]:
        if self._driver == "pg8000":
            return [said[b"M"].decode() for said in self._engine.below.notices]
        return self._notices

    def _logged(self, record: logging.LogRecord) -> bool:
        """The dialect of psycopg2 takes the notices away, and logs them."""
        self._notices.append(record.getMessage())
        return False

    def close(self) -> None:
        _LOGGER.removeFilter(self._logged)
        self._engine.close()


LACKS: Final = {
    "psycopg": {"binary": "the dialect asks for results in text format"},
    "psycopg2": {"binary": "psycopg2 reads results in text format only"},
    "pg8000": {
        "binary": "pg8000 reads results in text format only",
        "cancel": "pg8000 knows no cancel request",
        "cancel_held": "pg8000 knows no cancel request",
    },
    "asyncpg": {
        "text": "asyncpg asks for binary results always",
        "cancel": "cancelling its task closes the connection: SQLAlchemy's pool does not take it back",
        "cancel_held": "cancelling its task closes the connection: SQLAlchemy's pool does not take it back",
    },
}


@final
class Sqlalchemy(Driver):
    """One dialect."""

    def __init__(self, driver: str) -> None:
        self._driver = driver
        self.name = f"SQLAlchemy, {driver}"
        copying = "it has no COPY of its own; the driver below has"
        self.lacks = {**LACKS[driver], "copy_out": copying, "copy_in": copying}

    @property
    def version(self) -> str:
        return sqlalchemy.__version__

    def connect(self, conninfo: str) -> Session:
        return SqlalchemySession(conninfo, self._driver)
