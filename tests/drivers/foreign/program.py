"""A program of another language that speaks to PostgreSQL by its own driver, and does what lines tell it.

A request is a line on its stdin: fields with a tab between them, escaped as in COPY's text format, `\\N` for null.

    open MODE URL             connect; how statements are sent and results come: simple, text, binary, or as it pleases
    run SQL VALUE...          one statement
    prepare SQL               what `execute VALUE...` executes, each time by the same prepared statement
    batch SQL WIDTH VALUE...  the statement with each WIDTH values
    stream SQL SIZE           all rows by a server-side cursor, SIZE at a time
    begin, commit, rollback   the driver's own means where it has them; where it has savepoints, blocks inside of blocks
    copyout SQL, copyin SQL DATA
    cancel                    the driver's own means of cancelling what runs: overtakes it
    close

A value is its kind and its text, `i:3`: i an integer, l a bigint, b a boolean, n a numeric, d a date, a integers with
commas between them, s text. An answer is a line of JSON on its stdout: {"result": {...}} or {"error": {...}}, before it
any number of {"notice": {...}}, and {"cancel": "sent"} whenever that is. What a result has: driver (its version),
names, types (names or OIDs) and rows of a query, tag or command and count, data of a COPY.
"""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, final

from tests.drivers.driver import Failed

SECONDS: Final = 60.0
_ESCAPES: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


@final
class Program:
    """A running one. What it wrote to its standard error is shown when it ends before it has answered."""

    def __init__(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._errors: list[bytes] = []
        self._writing = threading.Lock()
        self.notices: list[str] = []
        """What notices have said since `open`."""
        self._readers = [threading.Thread(target=each, daemon=True) for each in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            if "notice" in answer:
                self.notices.append(answer["notice"]["message"])
            else:
                self._answers.put(answer)
        self._answers.put({"ended": True})

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._errors.append(line)

    def call(self, name: str, *fields: str | int | None) -> dict[str, Any]:
        """Make a request and wait for what comes of it. Raises `Failed`."""
        self._send(name, *fields)
        while True:
            try:
                answer = self._answers.get(timeout=SECONDS)
            except queue.Empty:
                raise AssertionError(f"no answer; its standard error: {b''.join(self._errors).decode()}") from None
            assert "ended" not in answer, f"the program has ended: {b''.join(self._errors).decode()}"
            if "error" in answer:
                raise failed(answer["error"])
            if "result" in answer:
                result: dict[str, Any] = answer["result"]
                return result

    def cancel(self) -> None:
        """From another thread: have it cancel what runs, by the driver's own means."""
        self._send("cancel")

    def _send(self, name: str, *fields: str | int | None) -> None:
        assert self._process.stdin is not None
        with self._writing:
            self._process.stdin.write(("\t".join([name, *map(_escaped, fields)]) + "\n").encode())
            self._process.stdin.flush()

    def end(self) -> None:
        """It ends by itself when there is no more to read."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()


def failed(told: Mapping[str, Any]) -> Failed:
    """The error in our words; a driver that knows no position says 0."""
    position = told.get("position")
    return Failed(
        told.get("sqlstate") or None,
        told.get("message") or "",
        detail=told.get("detail") or None,
        hint=told.get("hint") or None,
        position=str(position) if position else None,
    )


def value(given: object) -> str | None:
    """`given` as the programs read it."""
    match given:
        case None:
            return None
        case bool():
            return f"b:{str(given).lower()}"
        case int():
            return f"{'i' if -(2**31) <= given < 2**31 else 'l'}:{given}"
        case Decimal():
            return f"n:{given}"
        case date():
            return f"d:{given.isoformat()}"
        case list():
            return f"a:{','.join(map(str, given))}"
        case str():
            return f"s:{given}"
    raise TypeError(type(given))


def _escaped(field: str | int | None) -> str:
    if field is None:
        return r"\N"
    return re.sub(r"[\\\t\n\r]", lambda found: _ESCAPES[found.group()], str(field))
