"""Work in a process of its own, for what would keep the event loop waiting for the interpreter's lock.

A thread is not enough: reading 256 KiB of SQL is seconds of Python, each loop of which waits for the lock whenever it
comes back from the kernel, and single calls into C (json, re, the garbage collector) that hold it for a second
(docs/performance.md). The process is forked from the thread that asks, with its deep stack: it has everything that is
known as it is, shares nothing afterwards, and its end by a fault of the parser is not the proxy's.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final, TypeVar, final

T = TypeVar("T")

_CAN_FORK: Final = hasattr(os, "fork") and sys.platform != "darwin"  # where a library's own threads forbid it
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_PIPE: Final = 3
"""The only descriptor that is left open, but for the standard three: a client's connection ends when the proxy ends
it."""


@final
class Lost(Exception):
    """The process came to an end without an answer."""


@final
class Failed(Exception):
    """The work raised what it should not have: its traceback."""


def apart(function: Callable[[], T]) -> T:
    """The function's result, which must be picklable, computed by a process forked from this thread.

    Raises Lost and Failed. Where no process can be made it is computed here.
    """
    if not _CAN_FORK:
        return function()
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        return function()
    if pid == 0:
        _work(function, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise Lost(f"exit status {os.waitstatus_to_exitcode(status)}")
    done, result = pickle.loads(answer)  # noqa: S301 - it is our own process that wrote it
    if not done:
        raise Failed(result)
    value: T = result
    return value


def _work(function: Callable[[], Any], writing: int) -> None:
    """In the forked process: answer, and end without anything that the proxy does at its end."""
    status = 1
    try:
        gc.disable()
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        if writing != _PIPE:
            os.dup2(writing, _PIPE)
        os.closerange(_PIPE + 1, 1 << 20)
        with os.fdopen(_PIPE, "wb") as pipe:
            pipe.write(_answer(function))
        status = 0
    finally:
        os._exit(status)


def _answer(function: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((True, function()), pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001 - it is not swallowed: whoever waits for the result gets it
        return pickle.dumps((False, traceback.format_exc()))
