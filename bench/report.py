"""The table as data, and as text: what the JSON, the page and the documents are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.lanes import Lane
from bench.runner import Outcome
from bench.samples import spread, summary

NONE = "-"

Report = dict[str, Any]
"""`conditions`, `lanes`, `workloads` with figures by lane, `cold_start`, `notes`."""


def report(
    conditions: Mapping[str, str],
    lanes: Sequence[Lane],
    outcomes: Iterable[Outcome],
    starts: Mapping[str, Sequence[float]],
    notes: Sequence[str],
) -> Report:
    """Everything that was found, plain enough for JSON."""
    workloads = [
        {
            "name": each.workload.name,
            "group": each.workload.group,
            "about": each.workload.about,
            "unit": each.workload.unit,
            "lanes": summary(each.series),
            "failures": dict(each.failures),
            "profile": [line.as_list() for line in each.profile],
            "server_profile": [line.as_list() for line in each.server_profile],
        }
        for each in outcomes
    ]
    cold = {name: found.as_dict() for name, values in starts.items() if (found := spread(values)) is not None}
    said = [{"name": lane.name, "about": lane.about, "failed": lane.failed, "ours": lane.ours} for lane in lanes]
    return {
        "conditions": dict(conditions),
        "lanes": said,
        "workloads": workloads,
        "cold_start": cold,
        "notes": list(notes),
    }


def failures(found: Report) -> list[str]:
    """Of ours and of what ours are compared with."""
    lanes = [f"{lane['name']}: {lane['failed']}" for lane in found["lanes"] if lane["failed"]]
    return lanes + [
        f"{workload['name']}, {lane}: {why}"
        for workload in found["workloads"]
        for lane, why in workload["failures"].items()
    ]


def lane_names(found: Report) -> list[str]:
    """Of those that have numbers anywhere."""
    measured = {lane for workload in found["workloads"] for lane in workload["lanes"]}
    return [lane["name"] for lane in found["lanes"] if lane["name"] in measured]


def median(workload: Mapping[str, Any], lane: str, figure: str) -> float | None:
    """Of a figure; None where it was not measured."""
    found = workload["lanes"].get(lane, {}).get(figure)
    return None if found is None else float(found["median"])


def number(value: float | None, unit: str = "") -> str:
    """Three figures that count, with the thousands apart; a dash for none."""
    if value is None:
        return NONE
    size = abs(value)
    text = f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size else "0"
    return text + unit


def latency(microseconds: float | None) -> str:
    """In the unit that reads well."""
    if microseconds is None:
        return NONE
    return number(microseconds, " µs") if abs(microseconds) < 1000 else number(microseconds / 1000, " ms")


COSTS = (
    ("added p50", "added_p50", latency),
    ("added p99", "added_p99", latency),
    ("added p99.9", "added_p999", latency),
    ("proxy CPU s per million", "proxy_cpu_per_million", number),
    ("server CPU s per million", "server_cpu_per_million", number),
    ("proxy CPU s per GB", "proxy_cpu_per_gb", number),
    ("server CPU s per GB", "server_cpu_per_gb", number),
    ("MB/s", "megabytes", number),
    ("peak memory, MB", "peak_mb", number),
    ("cache hits", "cache_hits", lambda value: NONE if value is None else f"{value:.1%}"),
    ("longest stall, ms", "stall_ms", number),
    ("slowest answer of the health port, ms", "answer_ms", number),
    ("KB each, proxy", "proxy_idle_kb", number),
    ("KB each, server", "server_idle_kb", number),
    ("logins a second", "logins", number),
    ("of the busy one's rate", "busy_left", number),
)
"""Besides the rate: how each is called, what it is, and how it is written."""


def text(found: Report) -> str:
    """For a terminal: a line for each workload and lane."""
    lines = [f"{name}: {value}" for name, value in found["conditions"].items()]
    lines += [f"{lane['name']}: {lane['about']}" for lane in found["lanes"]]
    lines += list(found["notes"])
    for workload in found["workloads"]:
        lines += ["", f"{workload['name']}: {workload['about']}"]
        head = f"  {'':<14}{workload['unit']:>16} {'min..max':>17} {'x direct':>9} {'x pgb.':>7}"
        costs = [cost for cost in COSTS if any(cost[1] in figures for figures in workload["lanes"].values())]
        lines.append(head)
        for lane in lane_names(found):
            figures = workload["lanes"].get(lane)
            if not figures:
                if lane in workload["failures"]:
                    lines.append(f"  {lane:<14}failed: {workload['failures'][lane][:160]}")
                continue
            rate = figures["rate"]
            of = [number(median(workload, lane, name)) for name in ("direct_rate", "pgbouncer_rate")]
            span = f"{number(rate['min'])}..{number(rate['max'])}"
            lines.append(f"  {lane:<14}{number(rate['median']):>16} {span:>17} {of[0]:>9} {of[1]:>7}")
            more = [f"{title} {write(median(workload, lane, key))}" for title, key, write in costs if key in figures]
            if more:
                lines.append("      " + "; ".join(more))
        for title, key in (("the proxy's time", "profile"), ("the server's time", "server_profile")):
            if workload[key]:
                most = ", ".join(f"{line[0]} {line[1]:.0%}" for line in workload[key][:6])
                lines.append(f"  {title}: {most}")
    if found["cold_start"]:
        lines += ["", "start to accepting, ms"]
        lines += [f"  {name:<14}{number(each['median']):>16}" for name, each in found["cold_start"].items()]
    wrong = failures(found)
    return "\n".join([*lines, *(["", "failed:", *wrong] if wrong else [])]) + "\n"
