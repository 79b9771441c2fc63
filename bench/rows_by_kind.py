"""A million rows of seven columns by kind of mask: direct, and through the proxy with one column masked.

Seconds from the query to the last row in libpq's hands, the median of several rounds in which all take turns, and the
ratio to direct. `clear` is the same through the proxy without a mask. At the end the proxy's resident memory at its
highest, before and after all of it (eight million rows a round).

Run by `python -m bench rows_by_kind`. Measures, and asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path

from bench.builds import checkout, installed
from bench.database import database
from bench.lanes import DIRECT, MASKING, Lane, Wanted, lanes
from bench.processes import peak
from bench.rows import Select

KINDS = ("clear", "redact", "partial", "null", "hash", "token", "json", "scrub")


def query(kind: str) -> str:
    """Six columns beside the one."""
    return f'SELECT id, name, city, seen, plain, other, "{kind}" FROM kinds'


def measure(ways: list[Lane], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Seconds by lane and kind."""
    numbers: dict[tuple[str, str], list[float]] = {}
    for lane in ways:
        Select("libpq", "text", query("clear")).run(lane, 0)  # what is read once is read before
    for _ in range(rounds):
        for kind in KINDS:
            for lane in ways:
                sample = Select("libpq", "text", query(kind)).run(lane, 0)
                numbers.setdefault((lane.name, kind), []).append(sample.seconds)
    return numbers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds in all: does it work?")
    parser.add_argument("--rounds", type=int, default=5, help="of each lane in turn; their median counts")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--installed", type=Path, help="the package compiled there, instead of the environment's")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    given = parser.parse_args()
    rounds, rows = (1, min(given.rows, 20_000)) if given.quick else (given.rounds, given.rows)
    build = installed(given.installed)
    known = build.look()
    compiled = known is not None and known.compiled
    wanted = Wanted(build if compiled else None, checkout(), 0, None, only=frozenset({MASKING}))
    with (
        tempfile.TemporaryDirectory(prefix="pgmaskproxy-bench-") as directory,
        database(rows=1, scale=1, kinds=rows) as base,
        lanes(base, Path(directory), wanted) as ways,
    ):
        said = f"{'compiled' if compiled else 'interpreted'}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{said}; {rows:,} rows, {rounds} rounds, seconds (rows a second)")
        print(f"\n{'':<10}{'direct':>28}{'pgmaskproxy':>28}")
        process = ways[-1].process
        assert process is not None
        before = peak(process.pid)
        numbers = measure(ways, rounds)
        results: dict[str, dict[str, float]] = {}
        for kind in KINDS:
            direct, masked = (statistics.median(numbers[name, kind]) for name in (DIRECT, MASKING))
            results[kind] = {"direct": direct, "masked": masked, "ratio": direct / masked}
            cells = [f"{seconds:.2f} s {rows / seconds:,.0f}/s" for seconds in (direct, masked)]
            print(f"{kind:<10}{cells[0]:>28}{cells[1] + f' ({direct / masked:.2f})':>28}", flush=True)
        passed, after = rows * len(KINDS) * rounds, peak(process.pid)
        print(f"peak resident memory: {before / 1e6:,.1f} MB, and {after / 1e6:,.1f} MB after {passed:,} rows more")
        results["memory"] = {"first": before, "peak": after, "rows": passed}
    if given.json:
        given.json.write_text(json.dumps({"kinds": results, "conditions": said}, indent=1) + "\n")


if __name__ == "__main__":
    main()
