"""Django's connection and cursor, over psycopg 3. What its ORM makes is tried in test_django."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, cast, final

import django
import django.db
import psycopg
from django.conf import settings
from django.db import transaction
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.conninfo import conninfo_to_dict

from tests.drivers import by_psycopg
from tests.drivers.driver import Driver, Session, as_format
from tests.e2e.drivers import Result


def configured(conninfo: str) -> dict[str, Any]:
    """An entry of DATABASES; configures Django itself when that has not happened."""
    if not settings.configured:
        settings.configure(
            DATABASES={},
            INSTALLED_APPS=["tests.drivers.shopapp"],
            USE_TZ=True,
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        )
        django.setup()
    known = conninfo_to_dict(conninfo)
    entry = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": known["dbname"],
        "USER": known["user"],
        "PASSWORD": known["password"],
        "HOST": known["host"],
        "PORT": str(cast("str", known["port"])),
    }
    handler = django.db.connections
    whole = handler.configure_settings({"default": {}, "made": entry})
    return dict(whole["made"])


@final
class DjangoSession(Session):
    """A DatabaseWrapper of its own, known by an alias of its own."""

    def __init__(self, conninfo: str) -> None:
        self.alias = f"matrix_{id(self)}"
        self._wrapper = DatabaseWrapper(configured(conninfo), self.alias)
        django.db.connections[self.alias] = self._wrapper
        self._wrapper.inc_thread_sharing()
        self._notices: list[str] = []
        self._wrapper.ensure_connection()
        self._below().add_notice_handler(lambda said: self._notices.append(said.message_primary or ""))

    def _below(self) -> psycopg.Connection:
        return cast("psycopg.Connection", self._wrapper.connection)

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            with self._wrapper.cursor() as cursor:
                yield cursor
        except django.db.Error as error:
            raise by_psycopg.failed(cast("psycopg.Error", error.__cause__)) from error
        except psycopg.Error as error:
            raise by_psycopg.failed(error) from error

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        with self._cursor() as cursor:
            cursor.execute(as_format(statement, parameters), parameters or None)
            columns = tuple((each.name, each.type_code) for each in cursor.description or ())
            return Result(columns, cursor.fetchall() if columns else [], cursor.statusmessage or "")

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        """The same text again."""
        return [self.query(statement, each) for each in parameters]

    @contextmanager
    def block(self) -> Iterator[None]:
        with transaction.atomic(using=self.alias):
            yield

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        with self._cursor() as cursor:
            cursor.executemany(as_format(statement, parameters[0]), parameters)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        """What QuerySet.iterator() uses."""
        with self.block(), self._wrapper.chunked_cursor() as cursor:
            cursor.itersize = size
            cursor.execute(statement)
            return list(cursor)

    def copy_out(self, statement: str) -> bytes:
        with self._cursor() as cursor, cursor.copy(statement) as copy:
            return b"".join(bytes(block) for block in copy)

    def copy_in(self, statement: str, data: bytes) -> None:
        with self._cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(data)

    def cancel(self) -> None:
        by_psycopg.cancel(self._below())

    def notices(self) -> list[str]:
        return self._notices

    def close(self) -> None:
        self._wrapper.close()
        del django.db.connections[self.alias]


@final
class Django(Driver):
    """psycopg 3's backend."""

    name = "Django"
    lacks = MappingProxyType({"binary": "its cursors ask for results in text format"})

    @property
    def version(self) -> str:
        return f"{django.__version__} (psycopg {psycopg.__version__})"

    def connect(self, conninfo: str) -> Session:
        return DjangoSession(conninfo)
