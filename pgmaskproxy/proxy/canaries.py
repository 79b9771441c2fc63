"""The canaries that are looked for now, kept as the store has them: `pgmaskproxy canary` is another process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, final

from pgmaskproxy.audit import events
from pgmaskproxy.errors import AuditFailed, Unavailable
from pgmaskproxy.logs import get_logger
from pgmaskproxy.mask.canary import Watch, unfit
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.store.protocol import Canary

POLL_SECONDS: Final = 2.0


@final
class Canaries:
    """What is watched for. Empty until the first `refresh`."""

    def __init__(self) -> None:
        self.watch: Watch | None = None
        """None while there is nothing to look for: then it costs nothing."""
        self._known: dict[str, Canary] = {}
        self._log = get_logger("canaries")

    def __len__(self) -> int:
        return len(self._known)

    def place(self, canary_id: str) -> tuple[str, str]:
        """Its label and column; empty for one that was retired meanwhile."""
        found = self._known.get(canary_id)
        return (found.label, found.column) if found is not None else ("", "")

    def replace(self, canaries: tuple[Canary, ...]) -> AuditEvent | None:
        """Look for these, the retired ones apart; what is to be recorded of it, None when nothing changed."""
        active = {each.id: each for each in canaries if each.retired is None and not unfit(each.value)}
        before, self._known = self._known, active
        if active == before:
            return None
        for each in canaries:
            if each.retired is None and each.id not in active:
                self._log.error("canary_unfit", canary=each.id, reason="it would be met by accident: retire it")
        self.watch = Watch((each.id, each.value) for each in active.values()) if active else None
        added, retired = sorted(active.keys() - before.keys()), sorted(before.keys() - active.keys())
        self._log.info("canaries_watched", count=len(active))
        return events.canary_watched(len(active), added, retired)

    async def keep(
        self,
        read: Callable[[], Awaitable[tuple[Canary, ...]]],
        changed: Callable[[AuditEvent], None],
        seconds: float = POLL_SECONDS,
    ) -> None:
        """For ever: ask `read` every so often, and say when it has others. While it cannot say, what is known stays."""
        while True:
            await asyncio.sleep(seconds)
            try:
                event = self.replace(await read())
                if event is not None:
                    changed(event)
            except (Unavailable, AuditFailed) as error:
                self._log.error("canaries_unreadable", reason=str(error))
