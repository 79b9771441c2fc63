"""Takes the lanes in turn through every workload, and keeps what each run gave and took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.database import Database
from bench.lanes import MASKING, TRANSPARENT_LANE, WORKERS, Lane
from bench.processes import cpu_seconds, forget_peak, peak
from bench.profiles import Line, Profile, ServerProfile
from bench.samples import Cost, Sample, Series, figures
from bench.watching import Probe, between, counters
from bench.workloads import KNOWN, Form, Workload

PROFILED = (MASKING,)
STARTS = 3


@dataclass
class Outcome:
    """Of one workload."""

    workload: Workload
    series: dict[str, Series] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    profile: list[Line] = field(default_factory=list)
    server_profile: list[Line] = field(default_factory=list)


class Progress:
    """What runs, what is left, and when it will have ended, on stderr."""

    def __init__(self, total: int) -> None:
        self._begun, self._total, self._done = time.monotonic(), total, 0
        self._live = sys.stderr.isatty()

    def next(self, what: str) -> None:
        passed = time.monotonic() - self._begun
        left = passed / self._done * (self._total - self._done) if self._done else 0.0
        eta = f", about {left / 60:.0f} min left" if self._done else ""
        text = f"{passed:5.0f} s  {self._done}/{self._total} {what}{eta}"
        print(f"\r\033[K{text}" if self._live else text, end="" if self._live else "\n", file=sys.stderr, flush=True)
        self._done += 1

    def end(self) -> None:
        if self._live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


@dataclass
class Runner:
    """All of it."""

    lanes: Sequence[Lane]
    database: Database
    form: Form

    def all(self, workloads: Sequence[Workload]) -> Iterator[Outcome]:
        """In their order. What fails in a lane is kept beside what did not."""
        progress = Progress(len(workloads))
        for workload in workloads:
            progress.next(workload.name)
            yield self._one(workload)
        progress.end()

    def cold_starts(self) -> dict[str, list[float]]:
        """Milliseconds from start to accepting, of what was started by us; nothing else runs meanwhile."""
        found: dict[str, list[float]] = {}
        for lane in self.lanes:
            for _ in range(min(STARTS, self.form.rounds) if lane.command and not lane.failed else 0):
                lane.stop()
                try:
                    found.setdefault(lane.name, []).append(lane.start() * 1000)
                except (RuntimeError, OSError) as error:
                    lane.failed = str(error)
                    break
        return found

    def _one(self, workload: Workload) -> Outcome:
        outcome = Outcome(workload)
        lanes = [lane for lane in self.lanes if not lane.failed and workload.takes(lane.name, self.form, KNOWN)]
        rounds = min(workload.rounds or self.form.rounds, self.form.rounds)
        if workload.rounds is None:  # what is read or seen once is read or seen before
            lanes = [lane for lane in lanes if self._try(outcome, lane, 0, keep=False)]
        for number in range(rounds):
            turn = lanes[number % len(lanes) :] + lanes[: number % len(lanes)] if lanes else []
            failed = [lane for lane in turn if not self._try(outcome, lane, self.form.seconds, keep=True)]
            lanes = [lane for lane in lanes if lane not in failed]
        for lane in lanes if self.form.profile else ():
            self._look(outcome, lane)
        return outcome

    def _try(self, outcome: Outcome, lane: Lane, seconds: float, *, keep: bool) -> bool:
        """Whether it went well; where not, the lane has no numbers in this workload, but what went wrong."""
        try:
            found = self._measure(outcome.workload, lane, seconds)
        except (RuntimeError, OSError, ValueError) as error:
            outcome.failures[lane.name] = f"{type(error).__name__}: {error}"
            outcome.series.pop(lane.name, None)
            return False
        if keep:
            for name, value in found.items():
                outcome.series.setdefault(lane.name, {}).setdefault(name, []).append(value)
        return True

    def _measure(self, workload: Workload, lane: Lane, seconds: float) -> dict[str, float]:
        proxy = lane.process.pid if lane.process is not None else 0
        server = self.database.postmaster
        if proxy:
            forget_peak(proxy)
        before = counters(lane)
        used = (cpu_seconds(proxy) if proxy else 0.0, cpu_seconds(server))
        sample: Sample = workload.run.run(lane, seconds)
        cost = Cost(
            (cpu_seconds(proxy) if proxy else 0.0) - used[0],
            cpu_seconds(server) - used[1],
            peak(proxy) if proxy else 0.0,
            between(before, counters(lane)),
        )
        return figures(sample, cost, proxy=bool(proxy))

    def _look(self, outcome: Outcome, lane: Lane) -> None:
        """Once more, under a profiler; and once more, its health port asked, where it does not say itself how long it
        stood still. Neither is in the numbers."""
        seconds = self.form.profile
        if not lane.ours or lane.process is None or lane.name not in (*PROFILED, TRANSPARENT_LANE, WORKERS):
            return
        try:
            if lane.name in PROFILED:
                profile, server = Profile(lane.process.pid, seconds), ServerProfile(self.database.postmaster, seconds)
                server.start()
                outcome.workload.run.run(lane, seconds)
                outcome.profile, outcome.server_profile = profile.stop(), server.stop()
            if not counters(lane).has_lag and lane.name != WORKERS:
                probe = Probe(lane)
                probe.start()
                outcome.workload.run.run(lane, seconds)
                outcome.series.get(lane.name, {})["answer_ms"] = [probe.stop() * 1000]
        except (RuntimeError, OSError, ValueError) as error:
            outcome.failures[lane.name] = f"while it was watched: {type(error).__name__}: {error}"
