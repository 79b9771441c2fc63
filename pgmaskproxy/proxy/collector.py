"""When the garbage collector looks through everything: when nobody waits for it, if that can be.

By itself it does so in the middle of whatever has made it due, and with a few thousand judgements kept that is a tenth
of a second in which nobody is served. Most of what a statement makes goes with its last reference; what refers to
itself mostly dies young, and the young are looked through as ever, a little less often.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Final, final

THRESHOLDS: Final = (1_000, 10, 1_000_000)
"""Objects more than went until the youngest are looked through, how often until the next are, and never the rest."""

SECONDS: Final = 0.5
QUIET: Final = 0.1
"""Of one core, over that time: with less than that, hardly anybody is there to wait."""
DUE: Final = 200
"""In a process that is never quiet, after so many rounds of the younger ones: some two million objects."""


@final
class Collector:
    """Collects by and by; `run` is for the process's whole life."""

    def __init__(self, seconds: float = SECONDS, due: int = DUE) -> None:
        self._seconds = seconds
        self._due = due

    async def run(self) -> None:
        """For ever. What there was is in force again when it is cancelled."""
        before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        try:
            while True:
                spent = time.process_time()
                await asyncio.sleep(self._seconds)
                waiting = gc.get_count()[2]
                quiet = time.process_time() - spent < self._seconds * QUIET
                if waiting >= self._due or (waiting and quiet):
                    gc.collect()
        finally:
            gc.set_threshold(*before)
