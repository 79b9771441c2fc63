"""Any driver of another language, as the matrix wants one: its program does what a session is asked."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from tests.drivers.driver import Driver, Failed, Session
from tests.drivers.foreign.program import Program, value
from tests.e2e.drivers import Result

SIMPLE: Final = "simple"
TEXT_ONLY: Final = "the simple protocol has text results only"
EXTENDED_CURSOR: Final = "its cursors are the extended protocol's"
NO_PARAMETERS: Final = {
    "parameters": "the simple protocol has no parameters",
    "prepared": "the simple protocol has no prepared statements",
    "batch": "the simple protocol has no parameters",
}
_PARAMETER: Final = re.compile(r"\$\d+")


class ForeignSession(Session):
    """A connection of a program's. The driver has the program again when it is closed."""

    def __init__(self, driver: ForeignDriver, conninfo: str, mode: str) -> None:
        self._driver = driver
        self._conninfo = conninfo
        self._mode = mode
        self._depth = 0
        self._others: dict[str, ForeignSession] = {}
        self._program = driver.program()
        self._open = True
        self._program.notices.clear()
        try:
            speaks = self._program.call("open", mode, driver.url(conninfo, mode))["driver"]
            assert speaks == driver.version, "another version is built in"
        except BaseException:
            self._open = False
            self._program.end()
            raise

    def _other(self, mode: str) -> ForeignSession:
        """A connection of another mode, which is closed with this one."""
        if mode not in self._others:
            self._others[mode] = ForeignSession(self._driver, self._conninfo, mode)
        return self._others[mode]

    def call(self, name: str, *fields: str | int | None) -> dict[str, Any]:
        try:
            return self._program.call(name, *fields)
        except Failed as error:
            raise self._driver.understood(error) from error

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        if form and self._driver.forms[form] != self._mode:
            return self._other(self._driver.forms[form]).query(statement, parameters)
        asked = self._driver.worded(statement) if parameters else statement
        return _result(self.call("run", asked, *map(self._driver.value, parameters)))

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        self.call("prepare", self._driver.worded(statement))
        return [_result(self.call("execute", *map(self._driver.value, each))) for each in parameters]

    @contextmanager
    def block(self) -> Iterator[None]:
        by_hand = self._depth if self._driver.savepoints_by_hand else 0
        self._depth += 1
        self._tell(f"SAVEPOINT depth_{by_hand}" if by_hand else "begin")
        try:
            yield
        except BaseException:
            self._tell(f"ROLLBACK TO SAVEPOINT depth_{by_hand}" if by_hand else "rollback")
            raise
        else:
            self._tell(f"RELEASE SAVEPOINT depth_{by_hand}" if by_hand else "commit")
        finally:
            self._depth -= 1

    def _tell(self, what: str) -> None:
        if " " in what:
            self.call("run", what)
        else:
            self.call(what)

    def batch(self, statement: str, parameters: Sequence[Sequence[object]]) -> None:
        values = [self._driver.value(one) for each in parameters for one in each]
        self.call("batch", self._driver.worded(statement), len(parameters[0]), *values)

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        if self._driver.cursor_mode and self._mode != self._driver.cursor_mode:
            return self._other(self._driver.cursor_mode).stream(statement, size)
        return _rows(self.call("stream", statement, size))

    def copy_out(self, statement: str) -> bytes:
        return str(self.call("copyout", statement)["data"]).encode()

    def copy_in(self, statement: str, data: bytes) -> None:
        self.call("copyin", statement, data.decode())

    def cancel(self) -> None:
        self._program.cancel()

    def notices(self) -> list[str]:
        return self._program.notices

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        for other in self._others.values():
            other.close()
        try:
            self._program.call("close")
        except (Failed, AssertionError):
            self._program.end()  # whatever state it is in, nobody else shall have it
            raise
        self._driver.idle.append(self._program)


class ForeignDriver(Driver):
    """A driver of another language. Its programs are started when they are needed, and kept until `stop`."""

    forms: Mapping[str, str] = {}
    """The mode of a connection whose results are in text or in binary format."""
    mode = ""
    """The mode of all others."""
    cursor_mode = ""
    """The mode of a connection that reads by a server-side cursor, where that has to be said when connecting."""
    savepoints_by_hand = True
    """Whether a savepoint is what its user has to write as SQL."""

    def __init__(self) -> None:
        self.idle: list[Program] = []

    @abstractmethod
    def start(self) -> Program:
        """Build it where that has not been done, and run it. Skips the test where there is nothing to build it with."""

    @abstractmethod
    def url(self, conninfo: str, mode: str) -> str:
        """libpq's keywords in the words of this driver."""

    def worded(self, statement: str) -> str:
        """With parameters as this driver wants them."""
        return statement

    def value(self, given: object) -> str | None:
        """A parameter's value as the program reads it."""
        return value(given)

    def understood(self, error: Failed) -> Failed:
        """What this driver shows of an error, told apart."""
        return error

    def program(self) -> Program:
        """One that nobody uses."""
        return self.idle.pop() if self.idle else self.start()

    def stop(self) -> None:
        """End every program; none must be in use."""
        while self.idle:
            self.idle.pop().end()

    def connect(self, conninfo: str) -> Session:
        return ForeignSession(self, conninfo, self.mode)


PASSED_ON: Final = ("sslrootcert", "sslnegotiation", "channel_binding", "min_protocol_version", "max_protocol_version")


def secured(conninfo: str) -> dict[str, str]:
    """What is said about TLS and the protocol, by libpq's names; without a word about it there is no TLS."""
    known = conninfo_to_dict(conninfo)
    return {
        "sslmode": str(known.get("sslmode", "disable")),
        **{name: str(known[name]) for name in PASSED_ON if name in known},
    }


def as_url(conninfo: str, more: Mapping[str, str], *, login: bool = True) -> str:
    """The form that most have taken over from libpq, with `more` as its parameters."""
    known = conninfo_to_dict(conninfo)
    place = f"{known['host']}:{known['port']}/{quote(str(known['dbname']))}"
    query = "&".join(f"{name}={quote(said, safe='')}" for name, said in more.items())
    who = f"{quote(str(known['user']))}:{quote(str(known['password']), safe='')}@" if login else ""
    return f"postgresql://{who}{place}?{query}"


def with_question_marks(statement: str) -> str:
    """With ? for every $n: they are in order, and each is there once."""
    return _PARAMETER.sub("?", statement)


def _result(found: Mapping[str, Any]) -> Result:
    columns = tuple(zip(found.get("names") or (), found.get("types") or (), strict=True))
    return Result(columns, _rows(found), str(found.get("tag") or ""))


def _rows(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(map(_hashable, row)) for row in found.get("rows") or ()]


def _hashable(cell: object) -> object:
    return tuple(cell) if isinstance(cell, list) else cell
