"""Switching guards off, one at a time, in private copies of the tree, and running the tests that must notice."""

from __future__ import annotations

import enum
import os
import queue
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.guards.listing import ROOT, Guard

SECONDS: Final = 300.0
"""That the tests of one guard may take; they take a few where nothing else runs."""

_COPIED: Final = ("pgmaskproxy", "tests", "policies", "bench", "docs", "pyproject.toml", "setup.py", "README.md")
_LEFT_OUT: Final = shutil.ignore_patterns("__pycache__", "*.so", "*.c", ".hypothesis")
_OPTIONS: Final = ("-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin")
_FAILED: Final = 1
"""pytest's exit code where tests ran and some failed; 2 and more are its own troubles."""


class Verdict(enum.Enum):
    """What became of a guard that was switched off."""

    KILLED = "killed"
    """A test failed, as it must."""
    SURVIVED = "SURVIVED"
    """No test noticed."""
    STALE = "STALE"
    """Its text is not in the file any more."""
    BROKEN = "BROKEN"
    """The tests could not be run, or did not end."""


@dataclass(frozen=True, slots=True)
class Result:
    """One guard's."""

    guard: Guard
    verdict: Verdict
    said: str = ""
    """What pytest said, or what is wrong."""


class Workshop:
    """A copy of the tree, in a directory of its own, in which one guard at a time is off."""

    def __init__(self, directory: Path, root: Path = ROOT) -> None:
        self._directory = directory
        self._touched = 0
        for name in _COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, directory / name, ignore=_LEFT_OUT)
            elif source.is_file():
                shutil.copy2(source, directory / name)

    def without(self, guard: Guard, seconds: float = SECONDS) -> Result:
        """Switch one off, run its tests, and put it back."""
        try:
            off = guard.off(self._directory)
        except (ValueError, FileNotFoundError) as error:
            return Result(guard, Verdict.STALE, str(error))
        on = {path: (self._directory / path).read_text(encoding="utf-8") for path in off}
        self._write(off)
        try:
            code, said = self.run(guard.tests, seconds)
        finally:
            self._write(on)
        if code == _FAILED:
            return Result(guard, Verdict.KILLED, said)
        return Result(guard, Verdict.SURVIVED if code == 0 else Verdict.BROKEN, said)

    def run(self, tests: Sequence[str], seconds: float = SECONDS) -> tuple[int, str]:
        """pytest's exit code and what it said; -1 where it did not end in time. Nothing compiled is used."""
        kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONSAFEPATH", "PYTHONPATH"}}
        kept |= {"PYTHONPATH": str(self._directory), "PGMASKPROXY_EXPECT": "interpreted"}
        # Two thirds of the time would be spent importing plugins that these tests do without.
        kept |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", *_OPTIONS, *tests]
        try:
            done = subprocess.run(
                command,
                cwd=self._directory,
                env=kept,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, f"not done after {seconds:g} seconds"
        return done.returncode, done.stdout + done.stderr

    def _write(self, texts: dict[str, str]) -> None:
        """Another time of change for every text: what Python has compiled of another one must not be taken."""
        self._touched += 2
        for name, text in texts.items():
            path = self._directory / name
            path.write_text(text, encoding="utf-8")
            os.utime(path, (self._touched, self._touched))


def switch_off(guards: Iterable[Guard], jobs: int, done: Callable[[Result], None], root: Path = ROOT) -> list[Result]:
    """All of them, `jobs` at a time; `done` is called with each result as it comes."""
    with tempfile.TemporaryDirectory(prefix="guards-") as directory:
        free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
        for number in range(jobs):
            free.put(Workshop(Path(directory) / str(number), root))

        def work(guard: Guard) -> Result:
            workshop = free.get()
            try:
                result = workshop.without(guard)
            finally:
                free.put(workshop)
            done(result)
            return result

        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(work, guards))


def untouched(guards: Iterable[Guard], root: Path = ROOT) -> tuple[int, str]:
    """The tests of these guards with all guards on: they must pass, or that they fail without one says nothing."""
    tests = tuple(dict.fromkeys(test for guard in guards for test in guard.tests))
    with tempfile.TemporaryDirectory(prefix="guards-") as directory:
        return Workshop(Path(directory), root).run(tests, max(SECONDS, 3.0 * len(tests)))
