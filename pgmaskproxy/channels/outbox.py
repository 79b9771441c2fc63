"""Delivering what the store's outbox holds: at least once, with back-off, across restarts.

A notification is put there in the same transaction as the step it tells of, so none is lost and none
tells of what did not happen. A receiver tells repeats by the notification's id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

from pgmaskproxy.channels.channel import Channel, Receipt, Sent
from pgmaskproxy.errors import AuditFailed, ProxyError
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.store.protocol import OutboxItem, Store

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
LEASE: Final = 60.0
"""Seconds after which an attempt that was never settled (its process died) is made again."""
_AT_ONCE: Final = 16


class Recorder(Protocol):
    """The audit log, as far as the outbox knows it."""

    def write_all(self, events: Sequence[AuditEvent], durable: bool) -> None:
        """Append all or none; AuditFailed."""


class Outbox:
    """Delivers to `channels`. `jitter` gives numbers in [0, 1) (`random.random`); `observe` is told of
    every attempt: it feeds metric and log.

    One object belongs to one event loop; several processes may deliver from one store.
    """

    def __init__(
        self,
        store: Store,
        channels: Sequence[Channel],
        audit: Recorder,
        clock: Callable[[], float],
        *,
        jitter: Callable[[], float],
        observe: Callable[[str, Receipt], None] = lambda _channel, _receipt: None,
        poll: float = 1.0,
    ) -> None:
        self._store = store
        self._channels: Mapping[str, Channel] = {channel.name: channel for channel in channels}
        self._audit = audit
        self._clock = clock
        self._jitter = jitter
        self._observe = observe
        self._poll = poll
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: there is something to deliver. From any thread's point of view only a hint."""
        self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled. When state or audit log fail it waits and tries again: nothing is released by it."""
        while True:
            self._woken.clear()
            try:
                sent = await self.deliver_due()
            except ProxyError:
                sent = 0
            if not sent:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), self._poll)

    async def deliver_due(self) -> int:
        """Try everything that is due, once each, at the same time; returns how many.

        Raises Unavailable, or AuditFailed (what was not recorded was not sent, and comes again).
        """
        items = await self._store.claim(self._clock(), LEASE, _AT_ONCE)
        results = await asyncio.gather(*(self._deliver(item) for item in items), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return len(items)

    async def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            await channel.close()

    async def _deliver(self, item: OutboxItem) -> None:
        channel = self._channels.get(item.channel)
        if channel is None:
            await self._settle(item, Receipt(Sent.REFUSED, "there is no such channel any more"))
        elif self._clock() >= item.notification.useless_after:
            await self._settle(item, Receipt(Sent.EXPIRED, f"undelivered after {item.attempts - 1} attempts"))
        else:
            await self._record(item, "notification.attempted", {"attempt": item.attempts})
            await self._settle(item, await channel.send(item.notification))

    async def _settle(self, item: OutboxItem, receipt: Receipt) -> None:
        self._observe(item.channel, receipt)
        again = self._clock() + self._pause(item.attempts, receipt.retry_after)
        done = receipt.sent is not Sent.RETRY
        detail = receipt.detail or receipt.sent.value
        try:
            await self._store.settle(
                item.id,
                done=done,
                next_at=again,
                detail=detail,
                outcome=receipt.sent.value,
                address=channel.address if (channel := self._channels.get(item.channel)) is not None else "",
            )
        finally:
            # The attempt is on record already; how it went must not make it happen twice.
            with suppress(AuditFailed):
                await self._record(item, "notification.settled", {"outcome": receipt.sent.value, "detail": detail})

    def _pause(self, attempts: int, asked: float | None) -> float:
        """Doubling from FIRST_PAUSE to LONGEST_PAUSE, up to a half more by chance, and never less than asked."""
        base = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempts - 1, 16))
        return max(base * (1.0 + self._jitter() / 2.0), asked or 0.0)

    async def _record(self, item: OutboxItem, kind: str, extra: Mapping[str, str | int]) -> None:
        request = item.notification.data.get("id")
        event = AuditEvent(
            kind,
            request=request if isinstance(request, str) else "",
            data={
                "channel": item.channel,
                "notification": item.notification.id,
                "type": item.notification.type,
                **extra,
            },
        )
        await asyncio.to_thread(self._audit.write_all, [event], durable=False)
