"""When to look again: beats whenever a request was opened or has changed, for everybody who watches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

WATCHERS: Final = 64
"""Open streams at once: they hold connections, of which decisions need some too."""


@final
class Pulse:
    """One per process; belongs to its event loop. `closed` for good when the server ends."""

    def __init__(self) -> None:
        self.beats = 0
        self.closed = False
        self._waiting: set[asyncio.Event] = set()
        self._watchers = 0

    def beat(self) -> None:
        """Something has changed."""
        self.beats += 1
        for each in self._waiting:
            each.set()

    def close(self) -> None:
        """Nothing will change any more: who watches goes home."""
        self.closed = True
        self.beat()

    @property
    def full(self) -> bool:
        """Whether nobody more may watch."""
        return self.closed or self._watchers >= WATCHERS

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes a watcher's place for as long as it lasts."""
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1

    async def after(self, beats: int, seconds: float) -> int:
        """The number of beats, as soon as it is not `beats`, at the latest after `seconds`."""
        if self.beats == beats and not self.closed:
            woken = asyncio.Event()
            self._waiting.add(woken)
            try:
                async with asyncio.timeout(seconds):
                    await woken.wait()
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(woken)
        return self.beats
