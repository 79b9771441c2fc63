"""What a channel is."""

from __future__ import annotations

import enum
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from pgmaskproxy.approval.notification import Notification


class Sent(enum.StrEnum):
    """How an attempt to send went; also the metric's `outcome`."""

    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    """The receiver took it and will see later whether it can be posted: nobody will tell us."""
    RETRY = "retry"
    """Not this time; worth another try."""
    REFUSED = "refused"
    """The receiver does not want it, ever."""
    GONE = "gone"
    """Nobody is there any more: the address must be changed before anything arrives again."""
    EXPIRED = "expired"
    """It came to nothing before it lost its meaning."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of one attempt."""

    sent: Sent
    detail: str = ""
    """In words fit for a log: a status, never a body."""
    retry_after: float | None = None
    """Seconds the receiver asked to be left alone."""


class Channel(Protocol):
    """A way to reach people. The outbox calls `send`, again and again until it is settled."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def groups(self) -> Collection[str]:
        """The groups it reaches; none means everybody."""

    @property
    def address(self) -> str:
        """A fingerprint of where it posts, that tells nothing of the address but whether it is still the same."""

    async def send(self, notification: Notification) -> Receipt:
        """Try once. What the network does wrong is a Receipt, not an exception."""

    async def greet(self, host: str) -> Receipt:
        """Try once to post something harmless that says it is a test, from `host`."""

    async def close(self) -> None:
        """Let go of connections."""
