"""Hundreds of connections that do nothing: what each takes, and what they do to a busy one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.builds import CHECKOUT
from bench.database import Database
from bench.lanes import Lane
from bench.pgbench import Pgbench
from bench.processes import resident, tree, unshared
from bench.samples import Sample

SETTLED = 20.0


@dataclass(frozen=True)
class Idle:
    """`busy` is run without them and then beside them."""

    number: int
    busy: Pgbench
    database: Database

    def run(self, lane: Lane, seconds: float) -> Sample:
        """Kilobytes each in what is between client and server and in the server; logins a second; how much is left of
        the busy one's rate."""
        roots = {"server": self.database.postmaster, **({"proxy": lane.process.pid} if lane.process else {})}
        self._settle()
        alone = self.busy.run(lane, seconds)
        before = {name: unshared(root) for name, root in roots.items()}
        with _held(lane, self.number) as opened:
            after = {name: unshared(root) for name, root in roots.items()}
            shown = {"resident_mb": resident(roots["proxy"]) / 1e6} if "proxy" in roots else {}
            beside = self.busy.run(lane, seconds)
        each = {f"{name}_idle_kb": (after[name] - before[name]) / self.number / 1000 for name in roots}
        left = (beside.count / beside.seconds) / (alone.count / alone.seconds)
        more = {**each, **shown, "logins": opened, "busy_left": left}
        return Sample(beside.count, beside.seconds, latencies=beside.latencies, more=more, costs=False)

    def _settle(self) -> None:
        """Until what the lane before has left in the server is gone: PgBouncer keeps connections for a while."""
        until = time.monotonic() + SETTLED
        while len(tree(self.database.postmaster)) > self.number / 2 and time.monotonic() < until:
            time.sleep(0.2)


@contextmanager
def _held(lane: Lane, number: int) -> Iterator[float]:
    """Open meanwhile; logins a second."""
    command = [sys.executable, "-m", "bench.client", "idle", str(number)]
    environment = {**lane.client(), "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen(
        command, env=environment, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(process.stderr.read().decode(errors="replace")[-600:].strip())
            found = json.loads(line)
            yield found["count"] / found["seconds"]
        finally:
            process.stdin.close()
            process.wait()
