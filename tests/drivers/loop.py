"""An event loop in a thread, so that an asynchronous driver can be used, and cancelled, from any thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar, final

T = TypeVar("T")
SECONDS = 60.0


@final
class LoopThread:
    """Runs coroutines until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._task: asyncio.Task[Any] | None = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for its result."""

        async def as_task() -> T:
            self._task = asyncio.current_task()
            return await work

        return asyncio.run_coroutine_threadsafe(as_task(), self._loop).result(SECONDS)

    def aside(self, work: Coroutine[Any, Any, T]) -> T:
        """The same while another thread is in `run`, which `cancel_task` goes on meaning."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def cancel_task(self) -> None:
        """Cancel what `run` waits for, as asyncio does with a task whose time is up."""
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)

    def close(self) -> None:
        """Stop, and wait for that."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(SECONDS)
            self._loop.close()
