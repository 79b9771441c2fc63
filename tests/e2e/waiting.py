"""A statement that is held: asked in a thread, so that the test can be the person who decides."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import psycopg
from psycopg.pq import TransactionStatus

REQUEST = re.compile(r"apr_[0-9a-f]{32}")
SECONDS = 20.0
"""How long anything may take before the test fails; nothing asserts that it is quick."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a NoticeResponse said: libpq's own copy is gone once the handler has returned."""

    severity: str
    sqlstate: str
    primary: str
    detail: str
    hint: str


@final
class Waiting:
    """`work` runs in a thread; notices of `connection` are looked through for a request's id."""

    def __init__(self, connection: psycopg.Connection, work: Callable[[], Any]) -> None:
        self._connection = connection
        self._found = threading.Condition()
        self.notices: list[Notice] = []
        self._result: Any = None
        self._error: BaseException | None = None
        connection.add_notice_handler(self._notice)
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _notice(self, said: psycopg.errors.Diagnostic) -> None:
        with self._found:
            found = (
                said.severity_nonlocalized,
                said.sqlstate,
                said.message_primary,
                said.message_detail,
                said.message_hint,
            )
            self.notices.append(Notice(*(text or "" for text in found)))
            self._found.notify_all()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self._result = work()
        except psycopg.Error as error:
            self._error = error
        finally:
            self._connection.remove_notice_handler(self._notice)
            with self._found:
                self._found.notify_all()

    @property
    def held(self) -> bool:
        """Whether it still runs."""
        return self._thread.is_alive()

    def request(self, number: int = 1) -> str:
        """The id of the `number`th request that was opened for it, once the client was told."""
        with self._found:
            assert self._found.wait_for(lambda: len(self._requests()) >= number or not self.held, SECONDS)
            found = self._requests()
        if len(found) < number:
            if self.held:
                self._connection.cancel_safe()  # or the test could not end either
            raise AssertionError(f"it was not held: {self._result or self._error}")
        return found[number - 1]

    def _requests(self) -> list[str]:
        found = [REQUEST.search(said.primary) for said in self.notices]
        return list(dict.fromkeys(match.group() for match in found if match))

    def result(self) -> Any:
        """What it came to; raises its error."""
        self._thread.join(SECONDS)
        if self.held:
            self._connection.cancel_safe()
            raise AssertionError("still waiting")
        if self._error is not None:
            raise self._error
        return self._result


def ask(
    connection: psycopg.Connection,
    statement: str,
    parameters: tuple[object, ...] | None = None,
    *,
    prepare: bool | None = None,
) -> Waiting:
    """Execute; with `parameters` or `prepare` by the extended protocol. Result: (status message, rows or None)."""

    def work() -> tuple[str | None, list[tuple[Any, ...]] | None]:
        cursor = connection.execute(statement.encode(), parameters, prepare=prepare)
        return cursor.statusmessage, cursor.fetchall() if cursor.description else None

    return Waiting(connection, work)


def status(connection: psycopg.Connection) -> TransactionStatus:
    """The transaction status of the last ReadyForQuery."""
    return TransactionStatus(connection.pgconn.transaction_status)
