"""What a task needs of a driver. Adapters make each driver look like this, by the driver's own means and no others."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any, Final

from tests.e2e.drivers import Result

TEXT: Final = "text"
BINARY: Final = "binary"

_PARAMETER: Final = re.compile(r"\$(\d+)")


class Failed(Exception):
    """An error of the server's or of the proxy's, as the driver shows it; None is what the driver does not show."""

    def __init__(
        self,
        sqlstate: str | None,
        message: str = "",
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: str | None = None,
    ) -> None:
        super().__init__(sqlstate, message)
        self.sqlstate = sqlstate
        self.message = message
        self.detail = detail
        self.hint = hint
        self.position = position

    @property
    def whole(self) -> tuple[object, ...]:
        """Everything, fit to be compared."""
        return self.sqlstate, self.message, self.detail, self.hint, self.position


class Session(ABC):
    """One connection, in autocommit mode but for `block`. Parameters are written $1, $2 in order, each once."""

    null: str | None = None
    """How NULL is shown."""

    @abstractmethod
    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        """Run it; `form` TEXT or BINARY asks for results in that format. Raises `Failed`."""

    @abstractmethod
    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        """One statement prepared once, and executed with each of `parameters`."""

    @abstractmethod
    def block(self) -> AbstractContextManager[None]:
        """A transaction, or a savepoint when inside of one; an exception rolls it back."""

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        """The statement with each of `parameters`, in as few round trips as the driver can."""
        raise NotImplementedError

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        """All rows by a cursor of the server's, `size` at a time."""
        raise NotImplementedError

    def copy_out(self, statement: str) -> bytes:
        """What COPY TO STDOUT sends."""
        raise NotImplementedError

    def copy_in(self, statement: str, data: bytes) -> None:
        """Give COPY FROM STDIN `data`."""
        raise NotImplementedError

    def cancel(self) -> None:
        """From another thread: end what runs, by the driver's own means."""
        raise NotImplementedError

    def notices(self) -> list[str]:
        """What notices have said so far."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Hang up; harmless when that has happened."""

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Driver(ABC):
    """One way to connect. `lacks` says which tasks it cannot do, and why."""

    name: str
    lacks: Mapping[str, str] = MappingProxyType({})
    swallows_cancel = False
    """Whether 57014 is kept from its user, who is told in other words that the statement was cancelled."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Its own version and, where that matters, of what it stands on."""

    @abstractmethod
    def connect(self, conninfo: str) -> Session:
        """Log in with libpq's keywords."""


def as_format(statement: str, parameters: Sequence[object]) -> str:
    """With %s for every $n, and every other % doubled, as DBAPI modules want it where there are parameters."""
    if not parameters:
        return statement
    return _PARAMETER.sub("%s", statement.replace("%", "%%"))


def as_named(statement: str) -> str:
    """With :p1 for $1."""
    return _PARAMETER.sub(r":p\1", statement)


def named(parameters: Sequence[object]) -> dict[str, object]:
    """p1, p2, ... and their values."""
    return {f"p{number}": value for number, value in enumerate(parameters, 1)}
