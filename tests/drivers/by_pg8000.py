"""pg8000: Python alone. Unnamed statements by the extended protocol, results in text format."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, cast, final

import pg8000.dbapi
import pg8000.native
from psycopg.conninfo import conninfo_to_dict

from tests.drivers.driver import Driver, Failed, Session, as_format, as_named, named
from tests.e2e.drivers import Result


def failed(error: Exception) -> Failed:
    """The error in our words."""
    said = error.args[0]
    if not isinstance(said, dict):
        return Failed(None, str(error))
    return Failed(said["C"], said["M"], detail=said.get("D"), hint=said.get("H"), position=said.get("P"))


def _arguments(conninfo: str) -> dict[str, Any]:
    known = conninfo_to_dict(conninfo)
    return {
        "host": known["host"],
        "port": int(cast("str", known["port"])),
        "user": known["user"],
        "password": known["password"],
        "database": known["dbname"],
    }


def _notices(connection: Any) -> list[str]:
    return [said[b"M"].decode() for said in connection.notices]


def _rows(found: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in found or ()]


@final
class Pg8000Session(Session):
    """pg8000.dbapi."""

    def __init__(self, conninfo: str) -> None:
        self._connection = pg8000.dbapi.connect(**_arguments(conninfo))
        self._connection.autocommit = True
        self._depth = 0

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        cursor = self._connection.cursor()
        try:
            yield cursor
        except (pg8000.dbapi.DatabaseError, pg8000.dbapi.InterfaceError) as error:
            raise failed(error) from error
        finally:
            cursor.close()

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        with self._cursor() as cursor:
            cursor.execute(as_format(statement, parameters), tuple(parameters))
            columns = tuple((each[0], each[1]) for each in cursor.description or ())
            return Result(columns, _rows(cursor.fetchall()) if columns else [])

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        """By SQL: pg8000.native has prepared statements, this has none."""
        self.query(f"PREPARE by_hand AS {statement}")
        found = [self.query(f"EXECUTE by_hand ({', '.join(map(repr, each))})") for each in parameters]
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
        with self._cursor() as cursor:
            cursor.executemany(as_format(statement, parameters[0]), [tuple(each) for each in parameters])

    def copy_out(self, statement: str) -> bytes:
        target = io.BytesIO()
        with self._cursor() as cursor:
            cursor.execute(statement, stream=target)
        return target.getvalue()

    def copy_in(self, statement: str, data: bytes) -> None:
        with self._cursor() as cursor:
            cursor.execute(statement, stream=io.BytesIO(data))

    def notices(self) -> list[str]:
        return _notices(self._connection)

    def close(self) -> None:
        try:
            self._connection.close()
        except pg8000.dbapi.InterfaceError:
            return  # it is closed


@final
class Pg8000NativeSession(Session):
    """pg8000.native: named parameters, prepared statements."""

    def __init__(self, conninfo: str) -> None:
        self._connection = pg8000.native.Connection(**_arguments(conninfo))
        self._depth = 0

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except (pg8000.native.DatabaseError, pg8000.native.InterfaceError) as error:
            raise failed(error) from error

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        with self._talking():
            rows = self._connection.run(as_named(statement), **named(parameters))
            columns = tuple((each["name"], each["type_oid"]) for each in self._connection.columns or ())
            return Result(columns, _rows(rows))

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        with self._talking():
            prepared = self._connection.prepare(as_named(statement))
            found = []
            for each in parameters:
                rows = prepared.run(**named(each))
                columns = tuple((one["name"], one["type_oid"]) for one in prepared.columns or ())
                found.append(Result(columns, _rows(rows)))
            prepared.close()
            return found

    @contextmanager
    def block(self) -> Iterator[None]:
        depth, self._depth = self._depth, self._depth + 1
        self.query(f"SAVEPOINT depth_{depth}" if depth else "BEGIN")
        try:
            yield
        except BaseException:
            self.query(f"ROLLBACK TO SAVEPOINT depth_{depth}" if depth else "ROLLBACK")
            raise
        else:
            self.query(f"RELEASE SAVEPOINT depth_{depth}" if depth else "COMMIT")
        finally:
            self._depth = depth

    def copy_out(self, statement: str) -> bytes:
        target = io.BytesIO()
        with self._talking():
            self._connection.run(statement, stream=target)
        return target.getvalue()

    def copy_in(self, statement: str, data: bytes) -> None:
        with self._talking():
            self._connection.run(statement, stream=io.BytesIO(data))

    def notices(self) -> list[str]:
        return _notices(self._connection)

    def close(self) -> None:
        try:
            self._connection.close()
        except pg8000.native.InterfaceError:
            return  # it is closed


CANNOT = {
    "binary": "it reads results in text format only",
    "cancel": "it knows no cancel request",
    "cancel_held": "it knows no cancel request",
    "stream": "it has no server-side cursor",
}


@final
class Pg8000(Driver):
    """pg8000.dbapi."""

    name = "pg8000"
    lacks = CANNOT

    @property
    def version(self) -> str:
        return version("pg8000")

    def connect(self, conninfo: str) -> Session:
        return Pg8000Session(conninfo)


@final
class Pg8000Native(Driver):
    """pg8000.native."""

    name = "pg8000, native"
    lacks = MappingProxyType({**CANNOT, "batch": "it has no executemany"})

    @property
    def version(self) -> str:
        return version("pg8000")

    def connect(self, conninfo: str) -> Session:
        return Pg8000NativeSession(conninfo)
