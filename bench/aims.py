"""What it should be like, and whether it is: each aim beside what was measured. Nothing fails where one is not met."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.lanes import MASKING, WORKERS
from bench.report import NONE, Report, latency, median, number


@dataclass(frozen=True)
class Aim:
    """One of them; `measured` None where nothing was."""

    about: str
    wanted: str
    measured: float | None
    met: bool | None
    shown: str


def aims(found: Report) -> list[Aim]:
    """All of them."""
    prepared, simple, rows = "select, prepared, 8", "select, simple, 8", "rows, libpq text"
    pgbouncer, direct = "pgbouncer_rate", "direct_rate"
    every = [
        _least("select-only, prepared, 8 clients", "PgBouncer's rate", _figure(found, prepared, pgbouncer), 1.0),
        _least("select-only, simple, 8 clients", "PgBouncer's rate", _figure(found, simple, pgbouncer), 0.4),
        _least("rows by the million, three masks", "direct's rate", _figure(found, rows, direct), 0.95),
    ]
    for mode in ("simple", "extended", "prepared"):
        later = _figure(found, f"repeated, {mode}", "added_p50")
        every.append(_most(f"a repeated statement, {mode}: later by (p50)", later, 60, latency))
    every += [
        _most("p99 by p50, select-only, prepared, 8 clients", _tail(found, prepared), 4, number),
        _most("a new short statement: later by (p50)", _figure(found, "new, short", "added_p50"), 500, latency),
        _most("a new one of 1,200 characters: later by (p50)", _figure(found, "new, long", "added_p50"), 4000, latency),
        _most("longest stall of the event loop: new statements of any size", stall(found, "new, "), 20, _milliseconds),
        _most("longest stall of the event loop: any workload", stall(found), 20, _milliseconds),
    ]
    hits = _figure(found, "literals", "cache_hits")
    every.append(
        Aim("verdicts from the cache, literals in the text", "at least 95%", hits, _at_least(hits, 0.95), _share(hits))
    )
    waiting = next((each["name"] for each in found["workloads"] if each["name"].endswith(" idle")), "")
    idle = _figure(found, waiting, "proxy_idle_kb")
    every.append(_most("an idle connection, in the proxy", idle, 60, _kilobytes))
    start = found["cold_start"].get(MASKING, {}).get("median")
    every.append(_most("start to accepting", start, 1000, _milliseconds))
    several, one = _figure(found, prepared, "rate", WORKERS), _figure(found, prepared, "rate")
    grown = several / one if several and one else None
    shown = NONE if grown is None else f"{grown:.2f} x"
    every.append(Aim("one worker per core, against one", "more than 1 x", grown, _at_least(grown, 1.0), shown))
    return every


def stall(found: Report, among: str = "") -> float | None:
    """Milliseconds: the longest that any round or look has seen of the proxy as one would have it, in workloads that
    are named so."""
    lanes = [each["lanes"].get(MASKING, {}) for each in found["workloads"] if each["name"].startswith(among)]
    seen = [figures[name]["max"] for figures in lanes for name in ("stall_ms", "answer_ms") if name in figures]
    return max(seen) if seen else None


def _figure(found: Report, workload: str, figure: str, lane: str = MASKING) -> float | None:
    return next((median(each, lane, figure) for each in found["workloads"] if each["name"] == workload), None)


def _tail(found: Report, workload: str) -> float | None:
    middle, tail = _figure(found, workload, "p50"), _figure(found, workload, "p99")
    return tail / middle if middle and tail else None


def _at_least(value: float | None, least: float) -> bool | None:
    return None if value is None else value >= least


def _least(about: str, of: str, value: float | None, least: float) -> Aim:
    shown = NONE if value is None else f"{value:.2f} x"
    return Aim(about, f"at least {least:g} x {of}", value, _at_least(value, least), shown)


def _most(about: str, value: float | None, most: float, write: Callable[[float | None], str]) -> Aim:
    met = None if value is None else value < most
    wanted = f"under {write(most)}".replace(".0 ", " ").replace(".00", "")
    return Aim(about, wanted, value, met, write(value))


def _share(value: float | None) -> str:
    return NONE if value is None else f"{value:.1%}"


def _milliseconds(value: float | None) -> str:
    return number(value, " ms")


def _kilobytes(value: float | None) -> str:
    return number(value, " KB")
