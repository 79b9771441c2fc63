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
from itertools import groupby
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
            command = [spy, "record", "--pid", str(_busiest(root)), "--native", "--rate", str(RATE)]
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
    What the interpreter or a library does is its caller's time, but for calls to the system; waiting is nobody's."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    total = 0
    for stack in stacks:
        text, _, count = stack.strip().rpartition(" ")
        names = [name for name, _ in groupby(filter(None, map(function, text.split(";"))))]
        if not count.isdigit() or not names or names[-1] == POLLED or any(lock in text for lock in LOCKS):
            continue
        if names[-1].endswith(CALL) and len(names) > 1:
            names[-1] = f"{names[-1].removesuffix(CALL)}, for {names[-2]}"
        total += int(count)
        own[names[-1]] += int(count)
        for each in set(names):
            whole[each] += int(count)
    return [Line(name, count / total, whole[name] / total) for name, count in own.most_common(lines)]


LOCKS = ("PyThread_acquire_lock_timed", "pthread_cond_timedwait")
POLLED, CALL = "poll", " (system call)"
SYSTEM = frozenset(
    f"{prefix}{name}"
    for name in (
        "write",
        "writev",
        "send",
        "sendto",
        "sendmsg",
        "recv",
        "recvfrom",
        "recvmsg",
        "read",
        "fsync",
        "fdatasync",
    )
    for prefix in ("", "__", "__libc_", "__GI___libc_")
)
POLL = frozenset({"epoll_wait", "epoll_pwait", "select", "uv__io_poll"})
UNDER_POLL = frozenset({"uv__stream_io", "uv__read", "uv__write", "uv__async_io", "uv__server_io", "uv__poll_io"})
MYPYC = re.compile(r"^(?:CPyDef_|CPyPy_)?(\w+___\w+)$")


def function(frame: str) -> str:
    """A short name: `receive (session/session.py)`, of what mypyc made the one it had; '' for what is somebody's else
    doing: the interpreter, a library, the event loop's inside."""
    bare, _, where = frame.strip().partition(" (")
    path = re.sub(r":\d+$", "", where.removesuffix(")"))
    compiled = MYPYC.match(bare)
    if compiled and (bare.startswith("CPy") or path.startswith("__native")):
        return f"{compiled[1].replace('___', '.')} (compiled)"
    if path.endswith((".py", "<string>")):
        return f"{bare} ({'/'.join(path.split('/')[-2:])})"
    if bare in SYSTEM:
        return bare.rpartition("_")[2] + CALL
    if bare in POLL:
        return POLLED
    return "event loop" if bare in UNDER_POLL else ""


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
