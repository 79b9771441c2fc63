"""How late the event loop is: for so long everybody waits, whatever the reason."""

from __future__ import annotations

import asyncio
from typing import Final, final

from pgmaskproxy.metrics import Metrics

SAMPLE_SECONDS: Final = 0.1


@final
class Lag:
    """Sleeps again and again, and notes by how much it overslept."""

    def __init__(self, metrics: Metrics, seconds: float = SAMPLE_SECONDS) -> None:
        self._metrics = metrics
        self._seconds = seconds

    async def run(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._seconds
            await asyncio.sleep(self._seconds)
            self._metrics.event_loop_lag.observe(max(0.0, loop.time() - due))
