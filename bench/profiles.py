"""Where a process's time goes: py-spy's samples with native frames, or perf's where there is no py-spy.

An optional help: where neither is there, or may not look, there is no profile, and nothing else changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.processes import tree

LINES = 12
RATE = 250


@dataclass(frozen=True)
class Line:
    """A function and its part of the time: that it ran itself, and with all it called."""

    function: str
    own: float
    whole: float

    def as_list(self) -> list[object]:
        return [self.function, round(self.own, 4), round(self.whole, 4)]


class Profile:
    """Of a process tree's busiest Python process, while something runs: `start`, then `stop`."""

    def __init__(self, root: int, seconds: float) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="pgmaskproxy-profile-")
        self._file = Path(self._directory.name, "stacks")
        self._process: subprocess.Popen[bytes] | None = None
        spy = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
        if spy is not None:
            command = [spy, "record", "--pid", str(_busiest(root)), "--native", "--nonblocking", "--rate", str(RATE)]
            command += ["--duration", str(max(1, round(seconds))), "--format", "raw", "--output", str(self._file)]
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self) -> list[Line]:
        """What it has seen; nothing where it could not look."""
        stacks = ""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._file.exists():
                stacks = self._file.read_text(errors="replace")
        self._directory.cleanup()
        return top(stacks.splitlines())


def _busiest(root: int) -> int:
    return max(tree(root), key=lambda each: each.ticks).pid


def top(stacks: Iterable[str], lines: int = LINES) -> list[Line]:
    """From collapsed stacks, `a;b;c 12`: the functions that ran most themselves, and their part with all they called.
    Waiting for sockets is no running."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for stack in stacks:
        frames_text, _, count = stack.rpartition(" ")
        if not count.isdigit() or not frames_text:
            continue
        frames = [function(frame) for frame in frames_text.split(";")]
        if frames[-1].partition(" (")[0] in IDLE:
            continue
        total += int(count)
        own[frames[-1]] += int(count)
        for each in set(frames):
            whole[each] += int(count)
    return [Line(name, count / total, whole[name] / total) for name, count in own.most_common(lines)]


IDLE = frozenset({"epoll_wait", "uv__io_poll", "select", "pthread_cond_timedwait", "do_futex_wait", "clock_nanosleep"})

MYPYC = re.compile(r"^CPyDef_(\w+)$")


def function(frame: str) -> str:
    """A short name: `receive (session/session.py)`; of what mypyc made, the name it had."""
    bare, _, where = frame.strip().partition(" (")
    compiled = MYPYC.match(bare)
    if compiled:
        return f"{compiled[1].replace('___', '.')} (compiled)"
    path = re.sub(r":\d+$", "", where.removesuffix(")"))
    return f"{bare} ({'/'.join(path.split('/')[-2:])})" if path else bare


class ServerProfile(threading.Thread):
    """Of PostgreSQL's own processes, by perf, while something runs: where backends spend their time."""

    def __init__(self, postmaster: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.lines: list[Line] = []
        self._postmaster = postmaster
        self._seconds = seconds

    def run(self) -> None:
        perf = shutil.which("perf")
        if perf is None:
            return
        time.sleep(self._seconds / 4)  # until there are backends to look at
        pids = ",".join(str(each.pid) for each in tree(self._postmaster) if each.pid != self._postmaster)
        with tempfile.TemporaryDirectory(prefix="pgmaskproxy-perf-") as directory:
            data = str(Path(directory, "data"))
            record = [perf, "record", "-q", "-e", "cpu-clock", "-F", str(RATE), "-p", pids, "-o", data]
            report = [perf, "report", "-i", data, "--stdio", "--no-children", "-F", "overhead,sym", "-q"]
            with suppress(OSError, subprocess.TimeoutExpired):
                for command in ([*record, "--", "sleep", str(self._seconds / 2)], report):
                    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout
                self.lines = symbols(said)

    def stop(self) -> list[Line]:
        """What it has seen."""
        self.join()
        return self.lines


def symbols(said: str, lines: int = LINES) -> list[Line]:
    """Of perf's report: `12.34%  [.] name`."""
    found = re.findall(r"^\s*([\d.]+)%\s+\[(.)\]\s+(\S+)", said, re.MULTILINE)
    return [
        Line(name + (" (kernel)" if kind == "k" else ""), float(part) / 100, float(part) / 100)
        for part, kind, name in found[:lines]
    ]
