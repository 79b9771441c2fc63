"""The session's one table of names: prepared statements and portals, whoever made them.

PostgreSQL keeps protocol-level and SQL-level names in one space (manual, PREPARE and DECLARE),
so this table does too, and it is the authority: a name not in it does not exist (DESIGN 3c).
Entries change when a frame is *sent*; if the server then fails it, the change is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, final

from pgmaskproxy.model import ColumnRef, InputRule, Ruling
from pgmaskproxy.session.early import Allowed
from pgmaskproxy.session.grant import Grant
from pgmaskproxy.session.pipeline import Exchange
from pgmaskproxy.wire.frontend import Bind

Undo = Callable[[], None]
T = TypeVar("T")


def bearing(sources: Sequence[Exchange]) -> list[Exchange]:
    """Those that count: unanswered ones, and answered ones that brought trees, none before the latest analysis."""
    kept = [each for each in sources if not each.settled or each.own or each.nested]
    latest = max((at for at, each in enumerate(kept) if each.own), default=0)
    return kept[latest:]


@final
class Prepared:
    """A prepared statement: of the protocol (`Parse`) or of SQL (`PREPARE`)."""

    def __init__(self, name: bytes, ruling: Ruling, *, by_sql: bool) -> None:
        self.name = name
        self.ruling = ruling
        self.by_sql = by_sql
        """Made by PREPARE or DECLARE: the ruling was read from that statement, and stands for the one inside."""
        self.sources: list[Exchange] = []
        """The exchanges whose answers may bring its tree, in order: the latest that did counts."""
        self.attested: Ruling | None = None
        """`ruling` as the latest tree proves it."""
        self.judged: list[Exchange] = []
        """The sources that `attested` rests on."""
        self.independent = False
        """Other constants in the tree would not change `attested`."""
        self.types: tuple[int, ...] = ()
        """The parameter types that its Parse gave."""
        self.agreed = False
        """A person said yes to the rows when the cursor was declared."""

    def analysed_by(self, exchange: Exchange) -> None:
        """Another exchange that may bring a tree."""
        self.sources = [*bearing(self.sources), exchange]

    def copy(self) -> Prepared:
        """The same as it is now: what happens to either later does not reach the other."""
        made = Prepared(self.name, self.ruling, by_sql=self.by_sql)
        made.sources, made.attested, made.judged = list(self.sources), self.attested, list(self.judged)
        made.agreed, made.types, made.independent = self.agreed, self.types, self.independent
        return made


@final
class Portal:
    """A portal: of the protocol (`Bind`) or of SQL (`DECLARE`)."""

    def __init__(self, name: bytes, prepared: Prepared, bind: Bind | None, generation: int, *, holdable: bool) -> None:
        self.name = name
        self.statement = prepared
        """What was bound: an entry of the table, or one that is no longer in it."""
        self.prepared = prepared.copy()
        """What it meant when it was bound; later changes of the search_path do not reach it."""
        self.bind = bind
        """None for a cursor that SQL declared."""
        self.generation = generation
        self.holdable = holdable
        self.binary = False
        """Declared BINARY."""
        self.description: Exchange | None = None
        """The Describe of this very portal that was sent last; settled or not."""
        self.bound: Exchange | None = None
        """Its Bind, where the query inside was attested before: another analysis on the way would be of another."""
        self.allowed: Allowed | None = None
        """It was bound on the strength of what this session was allowed before."""
        self.started = False
        """It was executed before: a suspended portal goes on, and its names keep the meaning they had."""
        self.grant: Grant | None = None
        """What a person said yes to when it was bound; good for its first Execute."""
        self.target: Portal | Prepared | None = None
        """What EXECUTE or FETCH named when this portal was bound."""
        self.inputs: tuple[InputRule, ...] = ()
        """The rules by which its parameters were read."""
        self.by_token: frozenset[ColumnRef] = frozenset()
        """Columns that it looks up by tokens alone."""


@final
class Names:
    """The table. Every change returns the function that takes it back."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.statements: dict[bytes, Prepared] = {}
        self.portals: dict[bytes, Portal] = {}

    @property
    def full(self) -> bool:
        """Whether another name would be one too many (53400)."""
        return len(self.statements) + len(self.portals) >= self._limit

    @property
    def tree_bytes(self) -> int:
        """How much is kept of the server's trees."""
        kept = (*self.statements.values(), *(portal.prepared for portal in self.portals.values()))
        exchanges = {id(each): each for prepared in kept for each in prepared.sources}
        return sum(len(tree) for each in exchanges.values() for tree in (*each.own, *each.nested))

    def prepare(self, prepared: Prepared) -> Undo:
        """A Parse or PREPARE was sent. If the name exists, the server refuses (42P05) and the old entry comes back."""
        return _put(self.statements, prepared.name, prepared)

    def bind(self, portal: Portal) -> Undo:
        """A Bind or DECLARE was sent. It replaces: whether the server still had one of that name is the server's to
        say (a COMMIT on the way drops portals), and where it refuses (42P03) the old entry comes back."""
        return _put(self.portals, portal.name, portal)

    def deallocate(self, name: bytes | None) -> Undo:
        """Forget a statement; None forgets all named ones, as DEALLOCATE ALL does."""
        return _drop(self.statements, name)

    def close(self, name: bytes | None) -> Undo:
        """Forget a portal; None forgets all named ones, as CLOSE ALL does."""
        return _drop(self.portals, name)

    def discard(self, *, statements: bool, portals: bool) -> Undo:
        """DISCARD ALL forgets both; DISCARD PLANS and the like neither."""
        undo = []
        if statements:
            undo.append(self.deallocate(None))
        if portals:
            undo.append(self.close(None))

        def take_back() -> None:
            for step in undo:
                step()

        return take_back

    def end_transaction(self, generation: int) -> None:
        """No transaction is open after Sync number `generation`: portals made before it are gone."""
        for name in [n for n, p in self.portals.items() if not p.holdable and p.generation <= generation]:
            del self.portals[name]


def _put(table: dict[bytes, T], name: bytes, entry: T) -> Undo:
    before = table.get(name)
    table[name] = entry

    def undo() -> None:
        if table.get(name) is entry:
            if before is None:
                del table[name]
            else:
                table[name] = before

    return undo


def _drop(table: dict[bytes, T], name: bytes | None) -> Undo:
    gone = {key: entry for key, entry in table.items() if key == name or (name is None and key)}
    for key in gone:
        del table[key]

    def undo() -> None:
        for key, entry in gone.items():
            table.setdefault(key, entry)

    return undo
