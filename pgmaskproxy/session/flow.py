"""How a message is handled that needs answers on the way: a generator that yields what it waits for.

One flow runs at a time and later client messages stay in the buffer, so statements cannot
overtake one another; events for the session itself (a hang-up, a cancel, the server's answers)
are handled meanwhile as always.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar, final

from pgmaskproxy.session.events import CancelRequested, TicketedAnswer
from pgmaskproxy.session.pipeline import Exchange
from pgmaskproxy.wire.backend import BackendMessage
from pgmaskproxy.wire.frontend import FrontendMessage
from pgmaskproxy.wire.startup import StartupPacket

T = TypeVar("T")


@final
class TooLong:
    """A Query (`simple`) or Parse of `size` bytes, of which nothing was kept."""

    def __init__(self, size: int, *, simple: bool) -> None:
        self.size = size
        self.simple = simple


Answer: TypeAlias = TicketedAnswer | CancelRequested | FrontendMessage | StartupPacket | BackendMessage | TooLong | None


@final
class Wait:
    """What a flow waits for: one of these."""

    def __init__(
        self,
        *,
        ticket: int = 0,
        exchange: Exchange | None = None,
        drained: bool = False,
        message: bool = False,
        unless: Exchange | None = None,
        server: bool = False,
        held: bool = False,
        cancelled: bool = False,
    ) -> None:
        self.ticket = ticket
        """The answer to a question."""
        self.exchange = exchange
        """This exchange settled, or the server asks for COPY data."""
        self.drained = drained
        """Nothing is owed any more."""
        self.message = message
        """The client's next message."""
        self.unless = unless
        """With `message`: or this exchange settled first, and the message stays where it is."""
        self.server = server
        """The server's next message, while logging in there."""
        self.held = held
        """A cancel request is an answer too: a person is being asked."""
        self.cancelled = cancelled
        """Every cancel that the server was sent has reached it."""


Flow: TypeAlias = Generator[Wait, Answer, T]
