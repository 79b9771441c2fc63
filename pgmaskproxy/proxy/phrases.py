"""What the records of a statement say, in canonical form: made once for each decision."""

from __future__ import annotations

from typing import Final, final

from pgmaskproxy.audit import events
from pgmaskproxy.audit.canonical import Unrecordable, canonical, encoded, quoted, whole
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.mask.kinds import strength
from pgmaskproxy.model import Analysis, Decision, Mask

DECIDED: Final = b'"statement.decided"'
EXECUTING: Final = b'"statement.executing"'
FINISHED: Final = b'"statement.finished"'
"""Kinds of `audit.events`, as they stand in a record."""

KEPT: Final = 4096
"""Decisions whose words are kept; a kilobyte each."""


@final
class _Decided:
    """A decision and its words. It holds on to what it was made of, so that their identities stay theirs."""

    __slots__ = ("analysis", "data", "database", "decision", "role")

    def __init__(self, database: str, role: str, analysis: Analysis, decision: Decision) -> None:
        self.database = database
        self.role = role
        self.analysis = analysis
        self.decision = decision
        self.data = decided_data(database, role, analysis, decision)

    def is_of(self, database: str, role: str, analysis: Analysis, decision: Decision) -> bool:
        """Whether it was made of exactly these."""
        return (
            self.analysis is analysis and self.decision is decision and self.database == database and self.role == role
        )


@final
class _Masked:
    """How outputs are shown, in words, and which of these masks is the strongest."""

    __slots__ = ("data", "shown", "strategy")

    def __init__(self, shown: tuple[Mask | None, ...]) -> None:
        self.shown = shown
        self.data = canonical({"conflicts": 0, "masks": [word(mask) for mask in shown]})
        kinds = {kind for mask in shown if mask is not None for kind in mask.kinds}
        self.strategy = min(kinds, key=strength) if kinds else ""


@final
class Phrases:
    """See the module. One per process."""

    def __init__(self) -> None:
        self._decided: dict[int, _Decided] = {}
        self._masked: dict[int, _Masked] = {}
        """By the identity of what they were made of."""

    def decided(self, database: str, role: str, analysis: Analysis, decision: Decision) -> bytes:
        """The data of `statement.decided`. Raises AuditFailed where it cannot be recorded."""
        found = self._decided.get(id(decision))
        if found is None or not found.is_of(database, role, analysis, decision):
            if len(self._decided) >= KEPT:
                self._decided.clear()
            found = self._decided[id(decision)] = _Decided(database, role, analysis, decision)
        return found.data

    def masked(self, shown: tuple[Mask | None, ...]) -> bytes:
        """The data of `statement.executing`, where the witnesses agreed and nobody had to be asked."""
        return self._of(shown).data

    def strategy(self, shown: tuple[Mask | None, ...]) -> str:
        """The strongest kind among these masks, '' where there is none."""
        return self._of(shown).strategy

    def _of(self, shown: tuple[Mask | None, ...]) -> _Masked:
        found = self._masked.get(id(shown))
        if found is None or found.shown is not shown:
            if len(self._masked) >= KEPT:
                self._masked.clear()
            found = self._masked[id(shown)] = _Masked(shown)
        return found


def decided_data(database: str, role: str, analysis: Analysis, decision: Decision) -> bytes:
    """The data of `statement.decided`, made anew. Raises AuditFailed."""
    event = events.statement_decided("", "", "", database=database, role=role, analysis=analysis, decision=decision)
    try:
        return canonical(event.data)
    except Unrecordable as error:
        raise AuditFailed(f"{event.kind} cannot be recorded: {error}") from error


def finished(*, tag: str, rows: int, cells: int, size: int, seconds: float, sqlstate: str, unmasked: int = -1) -> bytes:
    """The data of `statement.finished`: the command tag, rows and `size` bytes to the client, masked cells; or the
    error. In `unmasked` rows columns were shown as they are, since a person agreed; -1 where none was to be."""
    # Member by member, in the order that RFC 8785 has: no statement is without this record.
    first = f'{{"bytes":{whole(size)},"masked_cells":{whole(cells)},"microseconds":{whole(int(seconds * 1_000_000))}'
    then = f',"rows":{whole(rows)},"sqlstate":{quoted(sqlstate)},"tag":{quoted(tag)}'
    return encoded(first + then + (f',"unmasked_rows":{whole(unmasked)}}}' if unmasked >= 0 else "}"))


def word(mask: Mask | None) -> str | None:
    """A mask as records name it; None for none."""
    return None if mask is None else str(mask)
