"""What is said behind an outcome: it leaves when that is in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

from pgmaskproxy.audit.line import Entry
from pgmaskproxy.model import Refusal
from pgmaskproxy.proxy.journal import Journal
from pgmaskproxy.session import events as ev


@final
class Behind:
    """One connection's. `do` carries a command out."""

    def __init__(self, journal: Journal, do: Callable[[ev.Command], None]) -> None:
        self._journal = journal
        self._do = do
        self._unwritten = 0
        """Outcomes that are recorded at the end of this turn."""
        self._waiting: list[ev.Command] = []
        """What was said behind them, in order."""

    def record(self, entries: Sequence[Entry]) -> None:
        """An outcome: what is said from now on waits for it."""
        self._unwritten += 1
        self._journal.stage(entries, self._written)

    def waits(self, command: ev.Command) -> bool:
        """Whether the command has to wait; then it is carried out in its turn."""
        if not self._unwritten or not isinstance(command, ev.SendClient | ev.SendServer | ev.Close):
            return False
        self._waiting.append(command)
        return True

    def forget(self) -> None:
        """Nothing more may pass."""
        self._waiting = []

    def _written(self, _refusal: Refusal | None) -> None:
        """It is in the log, or cannot be: the statement has run, and whoever asked hears of it either way."""
        self._unwritten -= 1
        if not self._unwritten:
            waiting, self._waiting = self._waiting, []
            for command in waiting:
                self._do(command)
