"""What one measurement gives, and what becomes of several: medians, and ratios of what was measured side by side."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}

MILLION, GIGABYTE = 1e6, 1e9

Series = dict[str, list[float]]
"""A figure's name -> its value in each round."""


@dataclass(frozen=True)
class Sample:
    """One run of one workload by one lane."""

    count: float
    """Statements, connections or rows: what the workload counts."""
    seconds: float
    bytes: float = 0
    latencies: Mapping[str, float] = field(default_factory=dict)
    """Microseconds by percentile."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Figures of the workload's own."""
    costs: bool = True
    """Whether what was used meanwhile was used for these alone."""


@dataclass(frozen=True)
class Cost:
    """What the run took from the machine."""

    proxy_cpu: float = 0.0
    server_cpu: float = 0.0
    proxy_peak: float = 0.0
    more: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """A figure over the rounds."""

    median: float
    least: float
    most: float

    def as_dict(self) -> dict[str, float]:
        return {"median": self.median, "min": self.least, "max": self.most}


def percentiles(microseconds: Sequence[float]) -> dict[str, float]:
    """By name; nothing for nothing. p99.9 of less than a thousand is the slowest of all, nearly."""
    ordered = sorted(microseconds)
    last = len(ordered) - 1
    return {name: ordered[min(last, int(len(ordered) * part))] for name, part in PERCENTILES.items() if ordered}


def figures(sample: Sample, cost: Cost, *, proxy: bool) -> dict[str, float]:
    """Every figure of one run that stands for itself. `proxy`: there is something between client and server."""
    found: dict[str, float] = {"rate": sample.count / sample.seconds, "seconds": sample.seconds}
    found.update(sample.latencies)
    found.update(sample.more)
    found.update(cost.more)
    per = {"million": sample.count / MILLION, "gb": sample.bytes / GIGABYTE}
    for name, amount in per.items():
        if amount and sample.costs:
            found[f"server_cpu_per_{name}"] = cost.server_cpu / amount
            if proxy:
                found[f"proxy_cpu_per_{name}"] = cost.proxy_cpu / amount
    if sample.bytes:
        found["megabytes"] = sample.bytes / 1e6 / sample.seconds
    if proxy and cost.proxy_peak:
        found["peak_mb"] = cost.proxy_peak / 1e6
    return found


def against(series: Mapping[str, Series], base: str, name: str) -> dict[str, Series]:
    """By lane, `name_rate`: how many times the rate of the lane `base` in the same round; and for `base` direct, by how
    much each percentile is later, as `added_p50`."""
    found: dict[str, Series] = {lane: {} for lane in series}
    bases = series.get(base)
    if not bases:
        return found
    for lane, own in series.items():
        pairs = zip(own.get("rate", ()), bases.get("rate", ()), strict=False)
        found[lane][f"{name}_rate"] = [mine / theirs for mine, theirs in pairs if theirs]
        if name == "direct" and lane != base:
            for part in PERCENTILES:
                later = [mine - theirs for mine, theirs in zip(own.get(part, ()), bases.get(part, ()), strict=False)]
                found[lane][f"added_{part}"] = later
    return found


def spread(values: Sequence[float]) -> Spread | None:
    """None of nothing."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def summary(series: Mapping[str, Series]) -> dict[str, dict[str, dict[str, float]]]:
    """By lane and figure the median, the least and the most, with what is relative to direct and to PgBouncer."""
    whole = {lane: dict(own) for lane, own in series.items()}
    for base, name in (("direct", "direct"), ("pgbouncer", "pgbouncer")):
        for lane, more in against(series, base, name).items():
            whole[lane].update(more)
    return {
        lane: {figure: found.as_dict() for figure, values in own.items() if (found := spread(values)) is not None}
        for lane, own in whole.items()
    }
