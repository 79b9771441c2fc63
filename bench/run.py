"""Every measurement in turn, each in a process of its own: `make bench`, with ARGS=pgbench for one of them.

ARGS=--quick says in a minute whether all of it works; its numbers mean little.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("kernel", "masks", "canary", "statements")
END_TO_END = ("pgbench", "rows_end_to_end", "rows_by_kind")
"""Against a server, direct and through what stands before it: these take --quick."""


def main() -> int:
    """Run what was named, everything by default; the worst exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*", choices=[[], *PROGRAMS, *END_TO_END], help="all where none is named")
    parser.add_argument("--seconds", help="for each number: 0.5, and 3 end to end")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    worst = 0
    for name in arguments.programs or (*PROGRAMS, *END_TO_END):
        print(f"== {name}", flush=True)
        command = [sys.executable, "-P", str(HERE / f"{name}.py")]
        if arguments.seconds or (arguments.quick and name in PROGRAMS):
            command += ["--seconds", arguments.seconds or "0.05"]
        if arguments.quick and name in END_TO_END:
            command.append("--quick")
        # The package is the installed one, which is compiled; what the programs share is beside them.
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        worst = max(worst, subprocess.run(command, check=False, env=environment).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
