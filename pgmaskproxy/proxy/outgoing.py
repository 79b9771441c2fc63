"""What one connection says in a turn of the event loop: sent at its end, when the log has what it tells of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from pgmaskproxy.audit.line import Entry
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy.journal import Journal
from pgmaskproxy.proxy.stream import Stream, write_all


@final
class Outgoing:
    """One connection's, to both peers. `failed` is told of a fault of our own, `ended` when the last was said."""

    def __init__(
        self,
        journal: Journal,
        metrics: Metrics,
        failed: Callable[[BaseException | None], None],
        ended: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._failed = failed
        self._ended = ended
        self._client_bytes = metrics.bytes.labels("to_client")
        self._upstream_bytes = metrics.bytes.labels("to_upstream")
        self._to_client: list[bytes] = []
        self._to_upstream: list[bytes] = []
        self._ending = False
        self._due = False
        self.client: Stream | None = None
        self.upstream: Stream | None = None

    def record(self, entries: Sequence[Entry]) -> None:
        """An outcome, which is in the log before the client hears of it."""
        self._journal.stage(entries, self._recorded)

    def to_client(self, data: bytes) -> None:
        """Say it to the client at the end of this turn."""
        self._to_client.append(data)
        self._is_due()

    def to_upstream(self, data: bytes) -> None:
        """Say it to the server at the end of this turn."""
        self._to_upstream.append(data)
        self._is_due()

    def end(self) -> None:
        """Nothing comes behind this."""
        self._ending = True
        self._is_due()

    def hurry(self) -> None:
        """What was to be said to the server is said now: a cancel is to find it there."""
        parts, self._to_upstream = self._to_upstream, []
        if parts and self.upstream is not None:
            self._upstream_bytes.inc(write_all(self.upstream, parts))

    def send(self) -> None:
        """Say all of it now."""
        self._due = False
        try:
            self.hurry()
            parts, self._to_client = self._to_client, []
            if parts and self.client is not None:
                self._client_bytes.inc(write_all(self.client, parts))
            if self._ending:
                self._ending = False
                self._ended()
        except Exception as error:  # noqa: BLE001 - our own fault, whatever it is: this connection ends, and no other
            self._failed(error)

    def forget(self) -> None:
        """Nothing more may pass."""
        self._to_client, self._to_upstream, self._ending = [], [], False

    def part(self) -> None:
        """It is over: hold on to nobody."""
        self._failed, self._ended = _nobody, _nothing

    def _is_due(self) -> None:
        if not self._due:
            self._due = True
            self._journal.afterwards(self.send)

    def _recorded(self, _refusal: Refusal | None) -> None:
        """Where it could not be: the statement has run, and whoever asked hears of it all the same."""


def _nobody(_error: BaseException | None) -> None:
    """Hears of it."""


def _nothing() -> None:
    """Follows."""
