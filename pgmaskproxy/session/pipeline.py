"""What the server still owes us: one ordered queue, and the only thing that relates rows to statements.

Every frame sent upstream that the server answers appends an `Exchange`; every answer completes
the first. After an ErrorResponse the server discards until Sync (manual, 53.2.3), so every
exchange before the next Sync fails with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.copy import CopyStream, OpenCopy
from pgmaskproxy.mask.lifting import ClearRows
from pgmaskproxy.mask.plan import SEALED, MaskPlan
from pgmaskproxy.model import Refusal, Ruling
from pgmaskproxy.wire.backend import Field

PARSE: Final = 1
BIND: Final = 2
DESCRIBE: Final = 3
EXECUTE: Final = 4
CLOSE: Final = 5
SYNC: Final = 6
FUNCTION: Final = 7

SKIPPED: Final = "SKIPPED"
"""The outcome of what was written down and never ran, since something before it failed."""


@final
class Promise:
    """What the answer to a frame must be, since what follows it was sent without waiting (DESIGN 3c).

    For PARSE `tree` is the statement's own, and its constants may be others; for BIND no tree may come; `fields` are
    for DESCRIBE.
    """

    __slots__ = ("exact", "fields", "tree")

    def __init__(self, tree: bytes | None, fields: tuple[Field, ...] | None, exact: list[bytes] | None = None) -> None:
        self.tree = tree
        self.fields = fields
        self.exact = exact
        """The tree or description that kept the last promise of this statement: the same bytes are not read again."""


@final
class Exchange:
    """One frame sent upstream and what becomes of its answer."""

    def __init__(self, kind: int, *, forward: bool) -> None:
        self.kind = kind
        self.forward = forward
        """Whether the client sees the answer; what we injected is skipped."""
        self.refusal: Refusal | None = None
        """Deny by substitution: the server's error is replaced by this one."""
        self.show_errors = True
        """Injected, but its failure is the client's statement failing, so the error is shown."""
        self.show_notices = forward
        """What the server remarks on meanwhile is for the client: also where the simple protocol's one answer is made
        of several here. Not what it says of what we ask for our own sake: it says that again of the statement."""
        self.scrub = True
        """Errors are rebuilt from their SQLSTATE and notices dropped."""
        self.offset = 0
        """Added to an error's position, in characters: where the statement stands in the Query's text."""
        self.plan: MaskPlan = SEALED
        self.copy: CopyStream | OpenCopy | None = None
        """The plan that COPY TO STDOUT goes through, and how far it has come."""
        self.clear: ClearRows | None = None
        """Rows that go through a plan with fewer masks, since a person agreed; `plan` is for all behind them."""
        self.capture: list[bytes] | None = None
        """Rows of a query of our own: kept here, never sent."""
        self.hold_back = False
        """Keep CommandComplete until the transaction's end is known (a simple Query's last statement)."""
        self.serial = 0
        self.ruling: Ruling | None = None
        self.undo: Callable[[], None] | None = None
        """Takes back what sending this changed in the table of names."""
        self.generation = 0
        """For SYNC: how many Syncs were sent before it."""
        # What the answer was.
        self.done = False
        self.failed = False
        self.sqlstate = ""
        self.fields: tuple[Field, ...] = ()
        self.returns_rows = False
        """RowDescription, not NoData, was the answer; it may still have no columns."""
        self.parameter_types: tuple[int, ...] = ()
        self.suspended = False
        self.copy_in = False
        self.tag = b""
        self.rows = 0
        self.cells = 0
        self.size = 0
        self.own: list[bytes] = []
        """The statement's own rewritten trees that came with the answer (DESIGN 3a): one, or none."""
        self.nested: list[bytes] = []
        """Those of functions that ran meanwhile."""
        self.promise: Promise | None = None
        self.expected: bytes | None = None
        """For EXECUTE: the tree that its rows were decided by, where the server may analyse once more."""

    @property
    def settled(self) -> bool:
        """Answered, one way or the other."""
        return self.done or self.failed


class Whole(Protocol):
    """Frames that were sent together, the last of them a Sync."""

    generation: int
    """How many Syncs were sent before that."""

    def spread(self) -> list[Exchange]:
        """Each of them by itself."""
        ...


@final
class Pipeline:
    """The queue of exchanges, oldest first."""

    def __init__(self) -> None:
        self._owed: deque[Exchange] = deque()
        self.whole: Whole | None = None
        """A batch that is owed as one, and all that is owed."""
        self.discarding = False
        """The server failed something and skips until a Sync that has not been sent yet."""

    def __len__(self) -> int:
        return len(self._owed) + (self.whole is not None)

    def spread(self) -> Exchange | None:
        """Owe the frames of `whole` one by one from now on; its Sync, None where there is no such batch."""
        whole, self.whole = self.whole, None
        if whole is None:
            return None
        exchanges = whole.spread()
        self._owed.extend(exchanges)
        return exchanges[-1]

    @property
    def executing(self) -> bool:
        """Whether the server owes the answer to something of the client's that it runs."""
        if self.whole is not None:
            return True
        return any(exchange.kind == EXECUTE and exchange.forward for exchange in self._owed)

    @property
    def syncing(self) -> bool:
        """Whether the server owes the ReadyForQuery of a Sync."""
        return self.whole is not None or any(exchange.kind == SYNC for exchange in self._owed)

    @property
    def head(self) -> Exchange | None:
        """The exchange the server is answering now."""
        if self.whole is not None:
            self.spread()
        return self._owed[0] if self._owed else None

    def append(self, exchange: Exchange) -> None:
        """A frame goes upstream."""
        if self.whole is not None:
            self.spread()
        self._owed.append(exchange)

    def expect(self, kind: int) -> Exchange:
        """The head, which must be of this kind; PeerError when the server answers what was not asked."""
        head = self.head
        if head is None or head.kind != kind:
            raise PeerError("the server answered out of turn")
        return head

    def complete(self, kind: int) -> Exchange:
        """The head was answered in full."""
        head = self.expect(kind)
        self._owed.popleft()
        head.done = True
        head.undo = None  # it holds what the name stood for before, and that what it stood for before that
        return head

    def fail(self) -> list[Exchange]:
        """An ErrorResponse: everything before the next Sync is lost; the first is the one that failed."""
        lost: list[Exchange] = []
        if self.whole is not None:
            self.spread()
        while self._owed and self._owed[0].kind != SYNC:
            exchange = self._owed.popleft()
            exchange.failed = True
            lost.append(exchange)
        if not self._owed:
            self.discarding = True
        for exchange in reversed(lost):
            undo, exchange.undo = exchange.undo, None
            if undo is not None:
                undo()
        return lost
