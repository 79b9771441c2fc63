"""The tables of README.md and docs/performance.md: written by the program between two comments, never by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.aims import aims
from bench.builds import CHECKOUT
from bench.lanes import DIRECT, MASKING, POOLER_LANE, TRANSPARENT_LANE, WORKERS
from bench.report import Report, latency, median, number

README, GUIDE = CHECKOUT / "README.md", CHECKOUT / "docs" / "performance.md"
SHORT = ("select, prepared, 8", "select, simple, 8", "literals", "rows, libpq text", "COPY out")
"""What the README shows."""
PROFILED = (
    "select, prepared, 8",
    "select, simple, 8",
    "literals",
    "new, long",
    "rows, libpq text",
    "COPY out",
    "connect",
)
LINES = 8


def write(found: Report, readme: Path = README, guide: Path = GUIDE) -> None:
    """Into both. Raises ValueError where a page has no place for it."""
    blocks = {
        "conditions": told(found),
        "aims": aims_table(found),
        "rates": rates(found),
        "costs": costs(found),
        "profiles": profiles(found),
    }
    readme.write_text(filled(readme.read_text("utf-8"), {"short": short(found)}), "utf-8")
    guide.write_text(filled(guide.read_text("utf-8"), blocks), "utf-8")


def filled(page: str, blocks: dict[str, str]) -> str:
    """`page` with each block between its comments."""
    for name, block in blocks.items():
        begin, end = f"<!-- bench:{name} -->", f"<!-- bench:{name} end -->"
        if page.count(begin) != 1 or page.count(end) != 1:
            raise ValueError(f"the page has no place for {name}: {begin} ... {end}")
        pattern = re.compile(re.escape(begin) + ".*" + re.escape(end), re.DOTALL)
        page = pattern.sub(lambda _, block=block, b=begin, e=end: f"{b}\n{block}\n{e}", page)  # type: ignore[misc]
    return page


def told(found: Report) -> str:
    """The conditions, as a list."""
    return "\n".join(f"- {name}: {value}" for name, value in found["conditions"].items())


def aims_table(found: Report) -> str:
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [[aim.about, aim.wanted, aim.shown, words[aim.met]] for aim in aims(found)]
    return table(["", "wanted", "measured", "met"], rows)


def rates(found: Report) -> str:
    """Every workload: direct's rate, and the others' as parts of it and of PgBouncer's."""
    lanes = [lane for lane in (POOLER_LANE, TRANSPARENT_LANE, MASKING, WORKERS) if _anywhere(found, lane)]
    rows = []
    for workload in found["workloads"]:
        base = median(workload, DIRECT, "rate")
        cells = [number(median(workload, lane, "direct_rate")) for lane in lanes]
        beside = number(median(workload, MASKING, "pgbouncer_rate"))
        rows.append([workload["name"], f"{number(base)} {workload['unit']}", *cells, beside])
    return table(["", DIRECT, *(f"{lane}, x direct" for lane in lanes), f"{MASKING}, x PgBouncer"], rows)


def costs(found: Report) -> str:
    """What the proxy adds and takes, masking and attesting."""
    rows = []
    for workload in found["workloads"]:
        if not workload["lanes"].get(MASKING):
            continue
        later = [latency(median(workload, MASKING, f"added_{part}")) for part in ("p50", "p99", "p999")]
        million = [number(median(workload, lane, f"{which}_cpu_per_million")) for lane, which in _CPU]
        rows.append([workload["name"], *later, *million, number(median(workload, MASKING, "peak_mb"))])
    head = ["", "added p50", "p99", "p99.9", "CPU, proxy", "CPU, server", "CPU, server, direct", "peak MB"]
    return table(head, rows) + "\n\nCPU is in seconds per million (statements, or rows): microseconds for each."


_CPU = ((MASKING, "proxy"), (MASKING, "server"), (DIRECT, "server"))


def short(found: Report) -> str:
    """For the README."""
    rows = []
    for workload in found["workloads"]:
        if workload["name"] in SHORT:
            names = ("direct_rate", "pgbouncer_rate")
            cells = [number(median(workload, MASKING, name)) for name in names]
            rows.append([workload["about"], number(median(workload, MASKING, "rate")) + f" {workload['unit']}", *cells])
    conditions = found["conditions"]
    said = f"{conditions['pgmaskproxy']}; {conditions['machine']}; {conditions['server'].split(',')[0]}"
    return table(["masking and attesting", "", "x direct", "x PgBouncer"], rows) + f"\n\n{said}."


def profiles(found: Report) -> str:
    """Of a few workloads, the functions that took most."""
    parts = []
    for workload in found["workloads"]:
        for title, key in (("proxy", "profile"), ("server", "server_profile")):
            if workload["name"] in PROFILED and workload[key]:
                rows = [[f"`{name}`", f"{own:.0%}", f"{whole:.0%}"] for name, own, whole in workload[key][:LINES]]
                parts.append(table([f"{workload['name']}: the {title}'s time", "itself", "with what it calls"], rows))
    return "\n\n".join(parts)


def _anywhere(found: Report, lane: str) -> bool:
    return any(workload["lanes"].get(lane) for workload in found["workloads"])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; numbers to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
