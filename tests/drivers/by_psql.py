"""psql as a person at a terminal uses it: prompts, Ctrl-C, and what it prints is all that is seen of an answer."""

from __future__ import annotations

import csv
import io
import os
import pty
import queue
import re
import signal
import subprocess
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

from psycopg import sql

from tests.drivers.driver import Driver, Failed, Session
from tests.e2e.drivers import NULL, Result, psql_environment

SECONDS: Final = 60.0
MARKER: Final = "=== done ==="
ERROR: Final = re.compile(r"^ERROR:  (\w{5}): (.*)$", re.MULTILINE)
FIELD: Final = re.compile(r"^(DETAIL|HINT):  (.*(?:\n(?![A-Z]+:  ).*)*)", re.MULTILINE)
POSITION: Final = re.compile(r"^LINE \d+: .*\n *\^", re.MULTILINE)


def _lines(descriptor: int, found: queue.Queue[str]) -> None:
    """Put every line into `found`, without its end, until the other side is gone."""
    rest = b""
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the terminal's last user has hung up
            return
        if not data:
            return
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            found.put(line.decode())


@final
class PsqlSession(Session):
    """A psql on a terminal of its own."""

    null = NULL

    def __init__(self, program: Path, conninfo: str) -> None:
        self._terminal, other = pty.openpty()
        tty.setraw(other)
        blank = [word for number in (1, 2, 3) for word in ("-v", f"PROMPT{number}=")]
        self._process = subprocess.Popen(
            [
                program,
                "-X",
                "-q",
                "-n",
                "--csv",
                "-P",
                f"null={NULL}",
                "-P",
                "pager=off",
                "-v",
                "VERBOSITY=verbose",
                *blank,
            ],
            env={**psql_environment(conninfo), "TERM": "dumb"},
            stdin=other,
            stdout=other,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        os.close(other)
        assert self._process.stderr is not None
        self._printed: queue.Queue[str] = queue.Queue()
        self._said: queue.Queue[str] = queue.Queue()
        self._notices: list[str] = []
        for descriptor, found in ((self._terminal, self._printed), (self._process.stderr.fileno(), self._said)):
            threading.Thread(target=_lines, args=(descriptor, found), daemon=True).start()
        self._tell("\\encoding")

    def _until_marker(self, found: queue.Queue[str]) -> str:
        lines = []
        while (line := found.get(timeout=SECONDS)) != MARKER:
            lines.append(line + "\n")
        return "".join(lines)

    def _tell(self, typed: str) -> str:
        """What it prints; raises `Failed` for the last error it shows."""
        self._type(f"{typed}\n\\echo {MARKER}\n\\warn {MARKER}\n".encode())
        printed, said = self._until_marker(self._printed), self._until_marker(self._said)
        self._notices += [line for line in said.splitlines() if line.startswith("NOTICE:")]
        if errors := ERROR.findall(said):
            fields = dict(FIELD.findall(said))
            place = POSITION.search(said)
            raise Failed(
                *errors[-1],
                detail=fields.get("DETAIL"),
                hint=fields.get("HINT"),
                position=place.group() if place else None,
            )
        return printed

    def _type(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._terminal, data) :]

    def _asked(self, statement: str, ask: Callable[[str], str]) -> Result:
        columns = csv.reader(io.StringIO(self._tell(f"{statement} \\gdesc")))
        types = tuple(tuple(column) for column in columns)[1:] if statement.startswith(("SELECT", "TABLE")) else ()
        rows = list(csv.reader(io.StringIO(self._tell(ask(statement)))))
        return Result((*types, *map(tuple, rows[:1])), [tuple(row) for row in rows[1:]])

    def query(self, statement: str, parameters: Sequence[object] = (), *, form: str = "") -> Result:
        if not parameters:
            return self._asked(statement, lambda text: f"{text};")
        shown = " ".join(_quoted(value) for value in parameters)
        return self._asked(statement, lambda text: f"{text} \\bind {shown} \\g")

    def prepared(self, statement: str, parameters: Sequence[Sequence[object]]) -> list[Result]:
        self._tell(f"PREPARE by_hand AS {statement};")
        found = []
        for each in parameters:
            values = ", ".join(sql.Literal(value).as_string() for value in each)
            rows = list(csv.reader(io.StringIO(self._tell(f"EXECUTE by_hand ({values});"))))
            found.append(Result(tuple(rows[0]), [tuple(row) for row in rows[1:]]))
        self._tell("DEALLOCATE by_hand;")
        return found

    @contextmanager
    def block(self) -> Iterator[None]:
        inside = self._depth
        self._depth += 1
        self._tell(f"SAVEPOINT depth_{inside};" if inside else "BEGIN;")
        try:
            yield
        except BaseException:
            self._tell(f"ROLLBACK TO depth_{inside};" if inside else "ROLLBACK;")
            raise
        else:
            self._tell(f"RELEASE depth_{inside};" if inside else "COMMIT;")
        finally:
            self._depth = inside

    _depth = 0

    def stream(self, statement: str, size: int) -> list[tuple[Any, ...]]:
        """By FETCH_COUNT, with which it declares a cursor (until 17), or asks for chunks."""
        rows = csv.reader(io.StringIO(self._tell(f"\\set FETCH_COUNT {size}\n{statement};\n\\unset FETCH_COUNT")))
        return [tuple(row) for row in rows][1:]

    def copy_out(self, statement: str) -> bytes:
        return self._tell(f"{statement};").encode()

    def copy_in(self, statement: str, data: bytes) -> None:
        self._tell(f"{statement};\n{data.decode()}\\.")

    def cancel(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def notices(self) -> list[str]:
        return self._notices

    def close(self) -> None:
        if self._process.poll() is None:
            self._type(b"\\q\n")
            try:
                self._process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr is not None and not self._process.stderr.closed:
            self._process.stderr.close()
            os.close(self._terminal)


def _quoted(value: object) -> str:
    """A word of a backslash command."""
    text = "{" + ",".join(map(str, value)) + "}" if isinstance(value, list) else str(value)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@final
class Psql(Driver):
    """The psql that comes with the server."""

    name = "psql"

    def __init__(self, program: Path) -> None:
        self._program = program
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        self._version = told.split()[2]
        self.lacks = {
            "binary": "it reads results in text format only",
            "batch": "it sends a statement at a time",
        }
        if int(self._version.split(".", 1)[0]) < 16:
            self.lacks["parameters"] = "it has no \\bind before 16"

    @property
    def version(self) -> str:
        return self._version

    def connect(self, conninfo: str) -> Session:
        return PsqlSession(self._program, conninfo)
