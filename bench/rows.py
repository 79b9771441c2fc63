"""Rows by the million: SELECT in both formats over two drivers, COPY out and in, and one value of 100 MB."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.builds import CHECKOUT
from bench.database import Database
from bench.lanes import Lane
from bench.samples import Sample

QUERY = "SELECT id, name, email, ssn, city, notes, seen FROM people"
VALUE = "SELECT value FROM documents WHERE id = 1"
PUT = "INSERT INTO documents VALUES (2, $1)"
SECONDS = 300.0
"""After which a run has failed."""


def call(command: Sequence[str], environment: Mapping[str, str], **more: object) -> str:
    """What it prints. Raises RuntimeError with the end of what it complains of."""
    try:
        done = subprocess.run(
            command, env=dict(environment), stderr=subprocess.PIPE, timeout=SECONDS, check=False, cwd=CHECKOUT, **more
        )  # type: ignore[call-overload]
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"it did not end within {SECONDS:.0f} s") from error
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace")[-600:].strip())
    return (done.stdout or b"").decode()


@dataclass(frozen=True)
class Select:
    """By a client of ours (bench/client.py)."""

    kind: str
    form: str
    statement: str
    wire_bytes: float = 0.0

    def run(self, lane: Lane, seconds: float) -> Sample:
        """Once, however long it takes."""
        del seconds
        environment = {**lane.client(), "PYTHONPATH": str(CHECKOUT)}
        command = [sys.executable, "-m", "bench.client", self.kind, self.form, self.statement]
        found = json.loads(call(command, environment, stdout=subprocess.PIPE))
        return Sample(found["count"], found["seconds"], found.get("bytes", self.wire_bytes))


@dataclass(frozen=True)
class Copy:
    """By psql: all of `people` out to nowhere, or from `file` into a table that is emptied first."""

    psql: Path
    rows: int
    file: Path
    database: Database
    out: bool

    def run(self, lane: Lane, seconds: float) -> Sample:
        """Once, psql's start and login and all."""
        del seconds
        if not self.out:
            self.database.run("TRUNCATE arrived", "CHECKPOINT")
        size = self.prepare()
        statement = "COPY people TO STDOUT" if self.out else "COPY arrived FROM STDIN"
        command = [str(self.psql), "--no-psqlrc", "--quiet", "--command", statement]
        begun = time.perf_counter()
        if self.out:
            call(command, lane.client(), stdout=subprocess.DEVNULL)
        else:
            with self.file.open("rb") as source:
                call(command, lane.client(), stdin=source, stdout=subprocess.DEVNULL)
        return Sample(self.rows, time.perf_counter() - begun, size)

    def prepare(self) -> int:
        """The file, where it is not there yet: bytes."""
        if not self.file.exists():
            server = self.database.server
            environment = {**os.environ, "PGPASSWORD": server.password}
            command = [str(self.psql), "--no-psqlrc", server.conninfo("bench"), "--command", "COPY people TO STDOUT"]
            with self.file.open("wb") as target:
                call(command, environment, stdout=target)
        return self.file.stat().st_size
