"""The package in two builds: interpreted from the checkout, and as it is installed. One interpreter imports one."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

ASKED = """
import json
from pgmaskproxy import __version__
from pgmaskproxy.build_info import compiled
from pgmaskproxy.config import Config
print(json.dumps([compiled(), __version__, "workers" in Config.model_fields]))
"""


@dataclass(frozen=True)
class Build:
    """A way to run the package: `path` goes first where modules are looked for, None leaves that to the environment."""

    path: Path | None

    def command(self, program: str, *arguments: str) -> list[str]:
        """A Python program that imports this build. -P: not the checkout that one happens to stand in."""
        return [sys.executable, "-P", "-c", program, *arguments]

    def environment(self) -> dict[str, str]:
        found = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}
        return found if self.path is None else {**found, "PYTHONPATH": str(self.path)}

    def look(self) -> Known | None:
        """What it is; None where there is none."""
        done = subprocess.run(
            self.command(ASKED), env=self.environment(), capture_output=True, text=True, check=False, cwd="/"
        )
        return Known(*json.loads(done.stdout)) if done.returncode == 0 else None


@dataclass(frozen=True)
class Known:
    """What a build says of itself."""

    compiled: bool
    version: str
    workers: bool
    """Whether its configuration knows `workers`."""


def checkout() -> Build:
    """The sources, interpreted."""
    return Build(CHECKOUT)


def installed(where: Path | None = None) -> Build:
    """What pip installed: in the environment, or in the directory `where`."""
    return Build(where)


def in_both(module: str, about: str | None, measure: Callable[[float], None], seconds: float) -> int:
    """Run `measure(seconds)` of the program `module` in both; the worst exit code. `seconds` is for each line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--seconds", type=float, default=seconds, help="for each line")
    parser.add_argument("--installed", type=Path, help="the package compiled there, instead of the environment's")
    parser.add_argument("--this", action="store_true", help="only the kernel that this interpreter imports")
    arguments = parser.parse_args()
    if arguments.this:
        measure(arguments.seconds)
        return 0
    codes = [_one(build, module, arguments.seconds) for build in (checkout(), installed(arguments.installed))]
    return max(codes)


def _one(build: Build, module: str, seconds: float) -> int:
    # These programs are the checkout's, which comes last: the package itself is found before it.
    program = (
        f"import runpy, sys; sys.path.append({str(CHECKOUT)!r}); runpy.run_module({module!r}, run_name='__main__')"
    )
    given: Sequence[str] = ("--this", "--seconds", str(seconds))
    return subprocess.run(build.command(program, *given), env=build.environment(), check=False).returncode
