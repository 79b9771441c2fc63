"""A thread with a deep stack, for parsers that recurse in C (DESIGN decision 2).

43 KB of `1+1+1...` overflows an ordinary thread's stack inside libpg_query, and that is the end of
the process. With 64 MiB the longest statement that is accepted parses, and its depth is then measured.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar, final
from weakref import WeakValueDictionary

if sys.platform != "win32":
    import resource

T = TypeVar("T")

STACK_BYTES: Final = 64 * 1024 * 1024

ROOM_BYTES: Final = 4 * 1024 * 1024
"""Of stack, for statements that are small (`sql.small`): four times what the worst of them was seen to take."""


def has_room() -> bool:
    """Whether the thread that asks has `ROOM_BYTES`: the main one has what the system's limit says, mostly 8 MB."""
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return False
    limit, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return limit == resource.RLIM_INFINITY or limit >= ROOM_BYTES


@final
class DeepThread:
    """A worker thread, or `threads` of them behind one queue, so that one long statement does not keep all others
    waiting. `run` from an event loop, `call` from anywhere else; `close` ends it.

    Few, and for good: libpg_query keeps a pthread key for every thread that ever ran it, and there are 1,024.
    """

    def __init__(self, name: str = "deep", threads: int = 1) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        before = threading.stack_size(STACK_BYTES)
        try:
            self._threads = [threading.Thread(target=self._serve, name=name, daemon=True) for _ in range(threads)]
            for thread in self._threads:
                thread.start()
        finally:
            threading.stack_size(before)

    async def run(self, function: Callable[[], T], *, asked_by: str = "") -> T:
        """The function's result, or what it raised, computed on the deep thread.

        Of what is `asked_by` the same name, only one is under way or in the queue: whoever sends many long statements
        waits for their own, and others for one of them at most.
        """
        if not asked_by:
            return await asyncio.wrap_future(self._submit(function))
        turn = self._turns.get(asked_by)
        if turn is None:
            turn = self._turns[asked_by] = asyncio.Lock()
        async with turn:
            return await asyncio.wrap_future(self._submit(function))

    def call(self, function: Callable[[], T]) -> T:
        """The same, blocking."""
        return self._submit(function).result()

    def close(self) -> None:
        """Finish what was submitted, and end."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def _submit(self, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - it is not swallowed: whoever waits for the result gets it
                future.set_exception(error)
            else:
                future.set_result(result)

        self._work.put(work)
        return future

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
