"""What a tree of processes has used: CPU time and resident memory, as /proc has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Stat:
    """One line of /proc/PID/stat, as far as it is of use."""

    pid: int
    parent: int
    ticks: int
    """Of its own and of the children it has waited for: so nothing is lost when one ends, and nothing counts twice."""


def stat(line: str) -> Stat:
    """The name of a process may hold blanks and parentheses: what counts begins after the last one."""
    fields = line[line.rindex(")") + 2 :].split()
    return Stat(int(line.split(" ", 1)[0]), int(fields[1]), sum(int(each) for each in fields[11:15]))


def tree(root: int) -> list[Stat]:
    """`root` and all that descend from it; empty when it has ended."""
    every = {each.pid: each for each in _every()}
    found = [every[root]] if root in every else []
    for each in found:
        found.extend(other for other in every.values() if other.parent == each.pid)
    return found


def _every() -> Iterator[Stat]:
    for directory in PROC.iterdir():
        if directory.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                yield stat((directory / "stat").read_text())


def cpu_seconds(root: int) -> float:
    """Of the tree, since it began."""
    return sum(each.ticks for each in tree(root)) / TICKS


def resident(root: int) -> int:
    """Bytes of the tree at this moment; what processes share counts in each."""
    total = 0
    for each in tree(root):
        with suppress(OSError):
            total += int((PROC / str(each.pid) / "statm").read_text().split()[1]) * PAGE
    return total


def unshared(root: int) -> int:
    """Bytes of the tree at this moment, where what processes share is divided among them."""
    total = 0
    for each in tree(root):
        with suppress(OSError):
            lines = (PROC / str(each.pid) / "smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def forget_peak(root: int) -> None:
    """From here on `peak` is of what comes."""
    for each in tree(root):
        with suppress(OSError):  # not ours to write to: then it is the peak since the start
            (PROC / str(each.pid) / "clear_refs").write_text("5")


def peak(root: int) -> int:
    """Resident bytes of each process of the tree at their highest, added up."""
    total = 0
    for each in tree(root):
        with suppress(OSError):
            lines = (PROC / str(each.pid) / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    return total
