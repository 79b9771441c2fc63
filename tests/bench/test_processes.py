"""What /proc says of processes."""

from __future__ import annotations

import os
import subprocess
import sys

from bench.processes import cpu_seconds, forget_peak, peak, resident, stat, tree, unshared


def test_a_name_may_hold_anything() -> None:
    line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 1 20 0 1 0 5 6 7"
    found = stat(line)
    assert (found.pid, found.parent, found.ticks) == (42, 7, 124)


def test_a_tree_is_a_process_and_what_it_started() -> None:
    command = "import subprocess, sys; subprocess.run(['cat'])"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        while len(tree(process.pid)) < 2:
            assert process.poll() is None
        assert {each.pid for each in tree(process.pid)} > {process.pid}
        assert resident(process.pid) > resident(tree(process.pid)[1].pid) > 0
        process.stdin.close()
    assert tree(process.pid) == []
    assert cpu_seconds(process.pid) == 0


def test_what_this_process_has_used() -> None:
    assert cpu_seconds(os.getpid()) > 0
    assert unshared(os.getpid()) > 1_000_000
    forget_peak(os.getpid())
    assert peak(os.getpid()) > 1_000_000
