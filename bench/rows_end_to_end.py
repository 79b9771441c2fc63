"""A million rows of seven columns, three of them masked by the proxy: direct, through PgBouncer and through the proxy.

Seconds from the query to the last row in libpq's hands (pgbench runs it, with both protocols), the median of several
rounds in which the lanes take turns, and the ratio to direct.

Run by `make bench`, or by hand with an environment's python. Measures, and asserts nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path

from lanes import Lane, against_direct, arguments, conditions, ways

QUERY = "SELECT id, name, email, ssn, city, notes, seen FROM people"
MODES = ("simple", "extended")


def run(pgbench: Path, lane: Lane, mode: str, script: Path) -> float:
    """Seconds for the query."""
    call = [pgbench, "--no-vacuum", f"--protocol={mode}", "--transactions=1", f"--file={script}"]
    done = subprocess.run(call, env=lane.environment, capture_output=True, text=True, check=False)
    found = re.search(r"latency average = ([\d.]+) ms", done.stdout)
    if done.returncode or found is None or "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"{lane.name}, {mode}: {done.stderr[-1000:]}")
    return float(found[1]) / 1000


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    with (
        ways(rows=given.rows, install=not given.no_install) as found,
        tempfile.NamedTemporaryFile("w", suffix=".sql") as script,
    ):
        script.write(f"{QUERY};\n")
        script.flush()
        print(f"{conditions()}; {given.rows:,} rows, {given.rounds} rounds, seconds (rows a second)")
        if found.missing:
            print(found.missing)
        print(f"\n{'':<10}" + "".join(f"{lane.name:>28}" for lane in found.lanes))
        results = {}
        for mode in MODES:
            numbers: dict[str, list[float]] = {lane.name: [] for lane in found.lanes}
            for lane in found.lanes:  # what is read once is read before
                run(found.pgbench, lane, mode, Path(script.name))
            for _ in range(given.rounds):
                for lane in found.lanes:
                    numbers[lane.name].append(run(found.pgbench, lane, mode, Path(script.name)))
            results[mode] = against_direct(numbers, higher_is_better=False)
            cells = (
                f"{each['median']:.2f} s {given.rows / each['median']:,.0f}/s ({each['ratio']:.2f})"
                for each in results[mode].values()
            )
            print(f"{mode:<10}" + "".join(f"{cell:>28}" for cell in cells), flush=True)
    if given.json:
        given.json.write_text(json.dumps({"rows": results, "conditions": conditions()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
