"""Every measurement in turn, each in a process of its own: `make bench`, with ARGS=statements for one of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = ("kernel", "canary", "statements")


def main() -> int:
    """Run what was named, everything by default; the worst exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("programs", nargs="*", choices=[[], *PROGRAMS], help="all where none is named")
    parser.add_argument("--seconds", default="0.5", help="for each number")
    arguments = parser.parse_args()
    worst = 0
    for name in arguments.programs or PROGRAMS:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-P", str(HERE / f"{name}.py"), "--seconds", arguments.seconds]
        worst = max(worst, subprocess.run(command, check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
