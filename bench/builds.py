"""One measurement in two processes: interpreted from the checkout, and as it is installed. One interpreter imports one
kernel."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def in_both(file: str, about: str | None, measure: Callable[[float], None], seconds: float) -> int:
    """Run `measure(seconds)` of the program `file` in both; the worst exit code. `seconds` is for each line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seconds", type=float, default=seconds, help="for each line")
    parser.add_argument("--this", action="store_true", help="only the kernel that this interpreter imports")
    arguments = parser.parse_args()
    if arguments.this:
        measure(arguments.seconds)
        return 0
    here = str(Path(file).resolve().parent)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", file, "--this", "--seconds", str(arguments.seconds)]
    paths = (os.pathsep.join((str(CHECKOUT), here)), here)
    codes = [subprocess.run(command, env={**environ, "PYTHONPATH": path}, check=False).returncode for path in paths]
    return max(codes)
