"""What a VAR can refer to: the range table of the query it stands in, or of one around it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

from pgmaskproxy.sql.attest.flows import NOTHING, OTHER, Flow, either, row_of
from pgmaskproxy.sql.attest.reader import Node
from pgmaskproxy.sql.attest.refusal import Unattestable


class Source(ABC):
    """What one entry of a range table gives, by column number from 1; 0 is the whole row, below 0 the system's."""

    @abstractmethod
    def column(self, number: int) -> Flow:
        """One column, or the whole row. Raises Unattestable where there is no such column."""


@final
class Table(Source):
    """A relation's rows. `width` counts its columns, dropped ones too; `dropped` are the numbers of those."""

    def __init__(self, oid: int, width: int, dropped: frozenset[int] = frozenset()) -> None:
        self.oid = oid
        self.width = width
        self.dropped = dropped

    def column(self, number: int) -> Flow:
        if number > self.width:
            raise Unattestable("a column of the server's tree does not exist")
        if number == 0:
            parts = tuple(
                NOTHING if part in self.dropped else Flow(frozenset({(self.oid, part)}))
                for part in range(1, self.width + 1)
            )
            return Flow(frozenset({(self.oid, 0)}), row=parts)
        return Flow(frozenset({(self.oid, number)}))


@final
class Rows(Source):
    """The rows of anything that is computed. `loose` ones have columns that nothing declares, all alike."""

    def __init__(self, flows: tuple[Flow, ...], loose: Flow | None = None) -> None:
        self._flows = flows
        self._loose = loose

    def column(self, number: int) -> Flow:
        if number == 0:
            return row_of(self._flows) if self._loose is None else self._loose
        if 1 <= number <= len(self._flows):
            return self._flows[number - 1]
        if self._loose is not None:
            return self._loose
        if number < 0:
            return OTHER
        raise Unattestable("a column of the server's tree does not exist")


@final
class Target(Source):
    """The relation that a statement writes, as RETURNING sees it: what was there, and what was written."""

    def __init__(self, table: Table, written: dict[int, Flow]) -> None:
        self._table = table
        self._written = written

    def column(self, number: int) -> Flow:
        before = self._table.column(number)
        if number < 0:
            return before
        if number == 0:
            parts = tuple(self.column(part) for part in range(1, self._table.width + 1))
            whole = row_of(parts)
            return Flow(whole.bare | before.bare, whole.derived, True, parts, counted=whole.counted)
        flow = self._written.get(number)
        if flow is None:
            return before
        after = either(before, flow)
        return Flow(after.bare, after.derived, True, counted=after.counted)


@final
class With:
    """One WITH query: its flows once known, what is known so far while it is being read."""

    __slots__ = ("asked", "flows", "node", "reading")

    def __init__(self, node: Node) -> None:
        self.node = node
        self.flows: tuple[Flow, ...] | None = None
        self.reading: tuple[Flow, ...] | None = None
        self.asked = False
        """Whether it has asked for itself."""


@final
class Scope:
    """One query's range table while it is walked."""

    __slots__ = ("entries", "excluded", "multiple", "parent", "query", "sources", "target", "withs", "written")

    def __init__(self, query: Node, entries: list[Node], parent: Scope | None) -> None:
        self.query = query
        self.entries = entries
        self.parent = parent
        self.sources: dict[int, Source | None] = {}
        """By position from 1; None while it is being read."""
        self.withs: dict[str, With] = {}
        self.multiple: dict[int, tuple[Flow, ...]] = {}
        """Subqueries of multiple assignments by their number."""
        self.target: Target | None = None
        """Set while RETURNING is walked."""
        self.written = 0
        """The position of the relation that is written."""
        self.excluded = 0
        """The position of what ON CONFLICT calls excluded."""

    def up(self, levels: int) -> Scope:
        """The scope of the query so many levels around."""
        scope: Scope | None = self
        for _ in range(levels):
            scope = scope.parent if scope is not None else None
        if scope is None or levels < 0:
            raise Unattestable("a column of the server's tree is out of sight")
        return scope
