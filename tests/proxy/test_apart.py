"""A process of its own: its answer, its errors, its end, and what it leaves behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from unittest.mock import patch

import pytest

from pgmaskproxy.proxy.apart import Failed, Lost, apart
from pgmaskproxy.proxy.deep import DeepThread

FDS = Path("/proc/self/fd")


def test_the_answer_is_of_another_process() -> None:
    assert apart(os.getpid) != os.getpid()
    large = "x" * 5_000_000
    assert apart(lambda: large) == large


def test_what_it_changes_nobody_sees() -> None:
    seen: list[int] = []
    apart(lambda: seen.append(1))
    assert seen == []


def test_an_error_is_told() -> None:
    with pytest.raises(Failed, match="ZeroDivisionError"):
        apart(lambda: 1 // 0)
    with pytest.raises(Failed, match="pickle"):
        apart(lambda: lambda: 1)


def test_its_end_is_not_ours() -> None:
    for end in (lambda: os._exit(3), lambda: os.kill(os.getpid(), signal.SIGSEGV), lambda: os.kill(os.getpid(), 9)):
        with pytest.raises(Lost):
            apart(end)


def test_it_keeps_no_connection_open() -> None:
    reading, writing = os.pipe()
    try:
        assert apart(lambda: [_is_open(number) for number in (reading, writing)]) == [False, False]
        assert _is_open(reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_nothing_is_left_of_it() -> None:
    before, forked, fork = set(FDS.iterdir()), list[int](), os.fork

    def noted() -> int:
        forked.append(fork())
        return forked[-1]

    with patch.object(os, "fork", noted):
        for _ in range(3):
            apart(lambda: 1)
    assert set(FDS.iterdir()) == before
    assert len(forked) == 3
    for pid in forked:
        with pytest.raises(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def test_where_none_can_be_made_it_is_done_here() -> None:
    with patch.object(os, "fork", side_effect=BlockingIOError):
        assert apart(os.getpid) == os.getpid()


def test_it_has_the_stack_of_the_thread_that_asks() -> None:
    deep = DeepThread()
    try:
        assert deep.call(lambda: apart(lambda: 6 * 7)) == 42
    finally:
        deep.close()


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
