"""A million rows of seven columns by kind of mask: direct, and through the proxy with one column masked.

Seconds from the query to the last row in libpq's hands, the median of several rounds in which all take turns, and the
ratio to direct. `clear` is the same through the proxy without a mask. At the end the proxy's resident memory at its
highest, before and after all of it (eight million rows a round).

Run by `make bench`, or by hand with an environment's python. Measures, and asserts nothing.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
from pathlib import Path

from lanes import Lane, arguments, conditions, ways
from rows_end_to_end import run

KINDS = ("clear", "redact", "partial", "null", "hash", "token", "json", "scrub")


def query(kind: str) -> str:
    """Six columns beside the one."""
    return f'SELECT id, name, city, seen, plain, other, "{kind}" FROM kinds'


def peak_of_children() -> dict[int, int]:
    """Resident bytes at their highest of every process that this one has started, by process."""
    found: dict[int, int] = {}
    for directory in Path("/proc").iterdir():
        try:
            status = (directory / "status").read_text() if directory.name.isdigit() else ""
        except OSError:
            continue  # it has ended meanwhile
        parent, peak = re.search(r"PPid:\s+(\d+)", status), re.search(r"VmHWM:\s+(\d+) kB", status)
        if parent and peak and int(parent[1]) == os.getpid() and "serve" in _command(directory):
            found[int(directory.name)] = int(peak[1]) * 1024
    return found


def _command(directory: Path) -> str:
    try:
        return (directory / "cmdline").read_text()
    except OSError:
        return ""


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    with ways(rows=given.rows, install=False, kinds=True) as found, tempfile.TemporaryDirectory() as directory:
        lanes = {lane.name: lane for lane in found.lanes}
        scripts = {kind: Path(directory, f"{kind}.sql") for kind in KINDS}
        for kind, script in scripts.items():
            script.write_text(query(kind) + ";\n")
        print(f"{conditions()}; {given.rows:,} rows, {given.rounds} rounds, seconds (rows a second)")
        print(f"\n{'':<10}{'direct':>28}{'pgmaskproxy':>28}")
        numbers: dict[tuple[str, str], list[float]] = {}

        def measure(lane: Lane, kind: str) -> None:
            numbers.setdefault((lane.name, kind), []).append(run(found.pgbench, lane, "extended", scripts[kind]))

        ways_taken = [lanes["direct"], lanes["pgmaskproxy"]]
        for lane in ways_taken:
            run(found.pgbench, lane, "extended", scripts["clear"])  # what is read once is read before
        before = peak_of_children()
        for _ in range(given.rounds):
            for kind in KINDS:
                for lane in ways_taken:
                    measure(lane, kind)
        results = {}
        for kind in KINDS:
            direct, masked = (statistics.median(numbers[lane.name, kind]) for lane in ways_taken)
            results[kind] = {"direct": direct, "masked": masked, "ratio": direct / masked}
            cells = [f"{seconds:.2f} s {given.rows / seconds:,.0f}/s" for seconds in (direct, masked)]
            print(f"{kind:<10}{cells[0]:>28}{cells[1] + f' ({direct / masked:.2f})':>28}", flush=True)
        passed = given.rows * len(KINDS) * given.rounds
        for process, peak in peak_of_children().items():
            first = before.get(process, 0)
            print(f"peak resident memory: {first / 1e6:,.1f} MB, and {peak / 1e6:,.1f} MB after {passed:,} rows more")
            results["memory"] = {"first": before.get(process, 0), "peak": peak, "rows": passed}
    if given.json:
        given.json.write_text(json.dumps({"kinds": results, "conditions": conditions()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
