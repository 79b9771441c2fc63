"""psycopg2: parameters are put into the text, everything is a simple Query."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, final

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from tests.drivers.child import in_child
from tests.drivers.driver import Driver, Failed, Session, as_format
from tests.e2e.drivers import Result


def failed(error: psycopg2.Error) -> Failed:
    """The error in our words."""
    said = error.diag
    return Failed(
        error.pgcode,
        said.message_primary or str(error),
        detail=said.message_detail,
        hint=said.message_hint,
        position=said.statement_position,
    )


@final
class Psycopg2Session(Session):
    """A blocking connection."""

    def __init__(self, conninfo: str) -> None:
        self._connection = psycopg2.connect(conninfo)
        self._connection.autocommit = True
        self._depth = 0

    @contextmanager
    def _cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            raise failed(error) from error

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        with self._cursor() as cursor:
            cursor.execute(as_format(statement, parameters), parameters or None)
            columns = tuple((each.name, each.type_code) for each in cursor.description or ())
            return Result(columns, cursor.fetchall() if columns else [], cursor.statusmessage or "")

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        """By SQL: the driver knows no other way."""
        self.query(f"PREPARE by_hand AS {statement}")
        slots = ", ".join("%s" for _ in parameters[0])
        found = []
        for each in parameters:
            with self._cursor() as cursor:
                cursor.execute(f"EXECUTE by_hand ({slots})", each)
                columns = tuple((one.name, one.type_code) for one in cursor.description or ())
                found.append(Result(columns, cursor.fetchall() if columns else [], cursor.statusmessage or ""))
        self.query("DEALLOCATE by_hand")
        return found

    @contextmanager
    def block(self) -> Iterator[None]:
        depth, self._depth = self._depth, self._depth + 1
        if depth:
            self.query(f"SAVEPOINT depth_{depth}")
        else:
            self._connection.autocommit = False
        try:
            yield
        except BaseException:
            if depth:
                self.query(f"ROLLBACK TO SAVEPOINT depth_{depth}")
            else:
                self._connection.rollback()
            raise
        else:
            if depth:
                self.query(f"RELEASE SAVEPOINT depth_{depth}")
            else:
                self._connection.commit()
        finally:
            self._depth = depth
            if not depth:
                self._connection.autocommit = True

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        """A hundred statements to a Query."""
        with self._cursor() as cursor:
            psycopg2.extras.execute_batch(cursor, as_format(statement, parameters[0]), parameters, page_size=100)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        try:
            with self.block(), self._connection.cursor("streamed") as cursor:
                cursor.itersize = size
                cursor.execute(statement)
                return list(cursor)
        except psycopg2.Error as error:
            raise failed(error) from error

    def copy_out(self, statement: str) -> bytes:
        target = io.BytesIO()
        with self._cursor() as cursor:
            cursor.copy_expert(statement, target)
        return target.getvalue()

    def copy_in(self, statement: str, data: bytes) -> None:
        with self._cursor() as cursor:
            cursor.copy_expert(statement, io.BytesIO(data))

    def cancel(self) -> None:
        in_child(self._connection.cancel)

    def notices(self) -> list[str]:
        return list(self._connection.notices)

    def close(self) -> None:
        self._connection.close()


@final
class Psycopg2(Driver):
    """Blocking."""

    name = "psycopg2"
    lacks = MappingProxyType({"binary": "it reads results in text format only"})

    @property
    def version(self) -> str:
        libpq = psycopg2.__libpq_version__
        return f"{version('psycopg2-binary')} (libpq {libpq // 10000}.{libpq % 10000})"

    def connect(self, conninfo: str) -> Session:
        return Psycopg2Session(conninfo)
