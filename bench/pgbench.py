"""Statements by pgbench, which costs next to nothing itself: its own transactions, or scripts of ours.

Latencies are what pgbench logs of transactions, in microseconds, of a sample where there are many; with several
clients they are of a machine that has nothing to spare, so the queue is in them.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.database import BOOKS, DATABASE
from bench.lanes import Lane
from bench.samples import Sample, percentiles

MODES = ("simple", "extended", "prepared")
SAMPLED = 0.2
"""The part of the transactions that are logged where there are many: the log is not to be what is measured."""
WARM = 20
"""Transactions of each client before anything counts."""


@dataclass(frozen=True)
class Pgbench:
    """A run of it."""

    program: Path
    mode: str
    clients: int
    scripts: tuple[str, ...] = ()
    """Each as likely as the others."""
    builtin: str = ""
    connect: bool = False
    """Anew for each transaction."""

    def run(self, lane: Lane, seconds: float) -> Sample:
        """For so many seconds; 0: a few transactions, before anything counts. Raises RuntimeError with what pgbench
        says."""
        with tempfile.TemporaryDirectory(prefix="pgmaskproxy-pgbench-") as directory:
            return self._run(lane, round(seconds), Path(directory))

    def _run(self, lane: Lane, seconds: int, directory: Path) -> Sample:
        call = [str(self.program), "--no-vacuum", f"--protocol={self.mode}", f"--client={self.clients}"]
        call += [f"--time={seconds}" if seconds else f"--transactions={WARM}"]
        call += ["--log", f"--log-prefix={directory / 'log'}"]
        call += [f"--sampling-rate={SAMPLED}"] if self.clients > 1 and seconds and not self.connect else []
        call += [f"--builtin={self.builtin}"] if self.builtin else []
        call += ["--connect"] if self.connect else []
        for number, script in enumerate(self.scripts):
            path = directory / f"{number}.sql"
            path.write_text(script)
            call.append(f"--file={path}")
        environment = lane.client(BOOKS if self.builtin == "tpcb-like" else DATABASE)
        try:
            done = subprocess.run(
                call, env=environment, capture_output=True, text=True, check=False, timeout=seconds + 60, cwd=directory
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"pgbench did not end within {seconds + 60} s") from error
        if done.returncode or "number of failed transactions: 0 " not in done.stdout:
            raise RuntimeError((done.stderr or done.stdout)[-600:].strip())
        logged = [line for path in directory.glob("log*") for line in path.read_text().splitlines()]
        return sample(done.stdout, seconds or 1, logged)


def sample(said: str, seconds: float, logged: Iterable[str]) -> Sample:
    """From what pgbench says and has logged."""
    found = re.search(r"tps = ([\d.]+)", said)
    if found is None:
        raise RuntimeError(f"no tps: {said[-300:]}")
    rate = float(found[1])
    return Sample(rate * seconds, seconds, latencies=percentiles(latencies(logged)))


def latencies(logged: Iterable[str]) -> Sequence[float]:
    """Microseconds, the third word of each line."""
    return [float(line.split(" ", 3)[2]) for line in logged]
