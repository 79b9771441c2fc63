"""pgbench's select-only, in its three modes: direct, through PgBouncer and through the proxy with the answer masked.

Transactions a second, the median of several rounds in which the lanes take turns, and the ratio to direct.

Run by `make bench`, or by hand with an environment's python. Measures, and asserts nothing.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from lanes import Lane, against_direct, arguments, conditions, ways

MODES = ("simple", "extended", "prepared")


def run(pgbench: Path, lane: Lane, mode: str, clients: int, seconds: float) -> float:
    """Transactions a second, without the time to connect."""
    call = [
        pgbench,
        "--select-only",
        "--no-vacuum",
        f"--protocol={mode}",
        f"--client={clients}",
        f"--time={seconds:.0f}",
    ]
    done = subprocess.run(call, env=lane.environment, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or found is None or "number of failed transactions: 0 " not in done.stdout:
        raise RuntimeError(f"{lane.name}, {mode}: {done.stderr[-1000:]}")
    return float(found[1])


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__)
    with ways(rows=1, install=not given.no_install) as found:
        print(f"{conditions()}; {given.clients} clients, {given.rounds} x {given.seconds:g} s, transactions a second")
        if found.missing:
            print(found.missing)
        print(f"\n{'':<10}" + "".join(f"{lane.name:>24}" for lane in found.lanes))
        results = {}
        for mode in MODES:
            numbers: dict[str, list[float]] = {lane.name: [] for lane in found.lanes}
            for lane in found.lanes:  # what is read once is read before
                run(found.pgbench, lane, mode, 1, 1)
            for _ in range(given.rounds):
                for lane in found.lanes:
                    numbers[lane.name].append(run(found.pgbench, lane, mode, given.clients, given.seconds))
            results[mode] = against_direct(numbers, higher_is_better=True)
            cells = (f"{each['median']:>15,.0f} ({each['ratio']:.2f})" for each in results[mode].values())
            print(f"{mode:<10}" + "".join(f"{cell:>24}" for cell in cells), flush=True)
    if given.json:
        given.json.write_text(json.dumps({"pgbench": results, "conditions": conditions()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
