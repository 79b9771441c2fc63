"""What the proxy itself says while something runs: its caches, and how long its event loop stood still.

Where the proxy has `pgmaskproxy_event_loop_lag_seconds`, that is it, of each of its workers, to the upper edge of the
bucket. Where it has not, its health port is asked over and over while the workload runs once more, and the longest
answer counts, with what the machine's scheduler adds.
"""

from __future__ import annotations

import re
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field

from bench.lanes import Lane

PERIOD = 0.01
LAG = "pgmaskproxy_event_loop_lag_seconds"
LINE = re.compile(r"^(\w+)(?:\{([^}]*)\})? ([-+.\deE]+|\+Inf|NaN)$", re.MULTILINE)


@dataclass(frozen=True)
class Counters:
    """A page of metrics."""

    hits: float = 0.0
    misses: float = 0.0
    lag_buckets: dict[float, float] = field(default_factory=dict)
    """By upper edge in seconds, how many samples were below, added over workers."""
    lag: float | None = None
    """Where it is a gauge."""

    @property
    def has_lag(self) -> bool:
        return bool(self.lag_buckets) or self.lag is not None


def read(page: str) -> Counters:
    """What is of use of it."""
    hits = misses = 0.0
    buckets: dict[float, float] = {}
    gauge: float | None = None
    for name, labels, number in LINE.findall(page):
        if name == "pgmaskproxy_decision_cache_hits_total":
            hits += float(number)
        elif name == "pgmaskproxy_decision_cache_misses_total":
            misses += float(number)
        elif name == f"{LAG}_bucket":
            edge = re.search(r'le="([^"]+)"', labels)
            if edge is not None:
                buckets[float(edge[1])] = buckets.get(float(edge[1]), 0.0) + float(number)
        elif name == LAG:
            gauge = max(gauge or 0.0, float(number))
    return Counters(hits, misses, buckets, gauge)


def counters(lane: Lane) -> Counters:
    """The lane's own, nothing where it has none."""
    if not lane.metrics:
        return Counters()
    with suppress(OSError), urllib.request.urlopen(lane.metrics, timeout=10) as answer:
        return read(answer.read().decode())
    return Counters()


def between(before: Counters, after: Counters) -> dict[str, float]:
    """Figures of what happened between two looks."""
    found: dict[str, float] = {}
    asked = after.hits - before.hits + after.misses - before.misses
    if asked > 0:
        found["cache_hits"] = (after.hits - before.hits) / asked
    stall = longest(before, after)
    if stall is not None:
        found["stall_ms"] = stall * 1000
    return found


def longest(before: Counters, after: Counters) -> float | None:
    """Seconds: the upper edge of the highest bucket that has had a sample meanwhile; the edge below where that is
    without end."""
    if after.lag is not None:
        return after.lag
    reached, below, edge_below = None, 0.0, 0.0
    for edge in sorted(after.lag_buckets):
        new = after.lag_buckets[edge] - before.lag_buckets.get(edge, 0.0)
        if new > below:
            reached = edge if edge != float("inf") else edge_below
        below, edge_below = max(below, new), edge
    return reached


class Probe(threading.Thread):
    """Asks the health port all the time; the longest answer."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self._address = lane.ready.replace("/readyz", "/healthz")
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(PERIOD):
            begun = time.perf_counter()
            with suppress(OSError):
                urllib.request.urlopen(self._address, timeout=60).close()
                self.longest = max(self.longest, time.perf_counter() - begun)

    def stop(self) -> float:
        """Seconds."""
        self._done.set()
        self.join()
        return self.longest
