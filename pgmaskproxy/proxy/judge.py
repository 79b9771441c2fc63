"""Reads and decides statements: the session's `Judge`, answered. Nothing is decided by default."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar, final

from pgmaskproxy.errors import Unavailable, Unparsable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import (
    Analysis,
    ColumnUse,
    Decision,
    Effect,
    Outcome,
    Principal,
    Refusal,
    Ruling,
    Statement,
    Visibility,
)
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.apart import Lost, apart
from pgmaskproxy.proxy.catalog import BUSY
from pgmaskproxy.proxy.deep import DeepThread, has_room
from pgmaskproxy.proxy.knowledge import Database, Knowledge, Snapshot, label
from pgmaskproxy.proxy.labels import LabelCatalog
from pgmaskproxy.proxy.placing import placed
from pgmaskproxy.proxy.templates import Templates, generalised, is_general
from pgmaskproxy.sql.attest.proven import certain
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import ReadStatement, read
from pgmaskproxy.sql.small import read_small

CACHED = 4096
"""Judgements kept. A statement of the longest size kept this often would be a gigabyte, so long ones are not."""
CACHED_LENGTH = 16 * 1024

LONG = 4 * 1024
"""Characters of a text that is judged by a process of its own: a shorter one takes a few milliseconds."""

WHY = {
    "54000": ("too_long", "Send values as parameters, or the work in several statements."),
    "54001": ("too_deep", "Do it in several smaller statements."),
}
"""Of a text that cannot be read: the word for its facts, and what to do where the parser has no hint."""

UNREAD = "unread"
"""The kind of a text that our grammar does not know."""

ReadCatalog = Callable[[str], Awaitable[Catalog]]
T = TypeVar("T")


@final
@dataclass(frozen=True, slots=True)
class Judgement:
    """The rulings on one text, or why it cannot be read."""

    rulings: tuple[Ruling, ...]
    visibility: Visibility | None
    refusal: Refusal | None = None


@final
class Judge:
    """See the module. One per process; `read_catalog` reads a database's catalog by the server's name."""

    def __init__(
        self,
        knowledge: Knowledge,
        deep: DeepThread,
        metrics: Metrics,
        read_catalog: ReadCatalog,
        *,
        label_catalog: LabelCatalog | None = None,
    ) -> None:
        self.knowledge = knowledge
        self._deep = deep
        self._metrics = metrics
        self._read_catalog = read_catalog
        self._label = label_catalog or self._by_names_alone
        self.has_room = has_room()
        """Whether the event loop's own thread has stack enough for small statements."""
        self._cache: OrderedDict[tuple[Statement, Principal, int], Judgement] = OrderedDict()
        self._templates = Templates()
        self._outdated: dict[str, int] = {}
        """By database: how often something may have changed its catalog."""
        self._read: dict[str, int] = {}
        """And how many of those the reading in force has seen."""
        self._refreshing: dict[str, asyncio.Task[bool]] = {}
        self.on_moved: Callable[[str], None] = lambda _database: None
        """Called when a catalog changed, with the database's name."""
        self.on_doubt: Callable[[str], None] = lambda _database: None
        """Called when it may have changed: who was told something before asks again."""

    def at_once(self, statement: Statement, principal: Principal) -> Judgement | None:
        """The judgement, if nothing has to be waited for: one that is kept, or of a statement so small that to judge
        it here takes less than to have another thread do it, which would hold the interpreter's lock meanwhile."""
        found = self.cached(statement, principal)
        return found if found is not None or not self.has_room else self._small(statement, principal)

    def cached(self, statement: Statement, principal: Principal) -> Judgement | None:
        """The judgement, if it is kept."""
        if self.behind(statement.database) and not self.knowledge.now.transparent(statement.database):
            return None
        key = (statement, principal, self.knowledge.now.epoch)
        found = self._cache.get(key)
        if found is not None:
            self._cache.move_to_end(key)
        else:
            like = self._templates.find(statement, principal, self.knowledge.now.epoch)
            if like is None:
                return None
            found = Judgement((like[0],), like[1])
        self._metrics.decision_cache_hits.inc()
        return found

    async def judge(self, statement: Statement, principal: Principal, *, refresh: bool = False) -> Judgement:
        """Read and decide. A catalog that may be out of date is read again first, and with `refresh` in any case.

        While it cannot be read since somebody holds a lock, what depends on no definition is judged all the same:
        it may be the COMMIT that lets go of the lock.
        """
        unread: Refusal | None = None
        try:
            if self.knowledge.now.transparent(statement.database):
                pass  # nothing depends on definitions; it may be that session itself who keeps the catalog locked
            else:
                if refresh:
                    await self._read_from_now(statement.database)
                await self.catch_up(statement.database)
        except Unavailable as error:
            unread = Refusal(error.sqlstate, error.message, hint=error.hint)
            if error.sqlstate != BUSY:
                return Judgement((), None, unread)
        self._metrics.decision_cache_misses.inc()
        snapshot = self.knowledge.now
        started = time.perf_counter()
        if len(statement.sql) > LONG:
            judgement = await self._deep.run(
                lambda: _judge_apart(snapshot, statement, principal), asked_by=principal.name
            )
        else:
            judgement = await self._deep.run(lambda: _judge(snapshot, statement, principal), asked_by=principal.name)
        self._keep(snapshot, statement, principal, judgement, started)
        if unread is not None and not all(_needs_no_catalog(ruling.analysis) for ruling in judgement.rulings):
            return Judgement((), None, unread)
        return judgement

    def _small(self, statement: Statement, principal: Principal) -> Judgement | None:
        """The judgement of a small statement; None of any other, and where something is to be made or read first."""
        snapshot = self.knowledge.now
        if self.behind(statement.database) or not snapshot.is_warm(statement.database, principal):
            return None
        known = snapshot.databases[statement.database]
        started = time.perf_counter()
        try:
            read = read_small(statement.sql, known.catalog, statement.search_path)
        except Unparsable:
            return None  # the error is told as any other
        if read is None:
            return None
        read = replace(read, analysis=known.with_definitions(read.analysis))
        ruling = _ruling(snapshot, statement, principal, read, known)
        judgement = Judgement((ruling,), snapshot.visibility(statement.database, principal))
        self._metrics.decision_cache_misses.inc()
        self._keep(snapshot, statement, principal, judgement, started)
        return judgement

    def _keep(
        self, snapshot: Snapshot, statement: Statement, principal: Principal, judgement: Judgement, started: float
    ) -> None:
        self._metrics.statement_duration.labels("decide").observe(time.perf_counter() - started)
        if judgement.refusal is not None:
            self._metrics.analysis_rejections.labels(judgement.refusal.sqlstate).inc()
        if len(statement.sql) <= CACHED_LENGTH:
            self._cache[statement, principal, snapshot.epoch] = judgement
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        if len(judgement.rulings) == 1:
            self._templates.keep(statement, principal, judgement.rulings[0], judgement.visibility)

    async def deeply(self, function: Callable[[], T]) -> T:
        """The function's result, from the thread that parsers need."""
        return await self._deep.run(function)

    def outdated(self, database: str) -> None:
        """Something may have changed this database's catalog: read it again before the next judgement."""
        self._outdated[database] = self._outdated.get(database, 0) + 1
        self.on_doubt(database)

    def behind(self, database: str) -> bool:
        """Whether something may have changed since the catalog was read."""
        return self._read.get(database, 0) < self._outdated.get(database, 0)

    async def catch_up(self, database: str) -> None:
        """Wait for a reading that began late enough: one that is under way may have begun before the change. Raises
        Unavailable."""
        wanted = self._outdated.get(database, 0)
        while self._read.get(database, 0) < wanted:
            await self.refresh(database)

    async def _read_from_now(self, database: str) -> None:
        """One reading that begins after this call. What it is asked for is one session's business: if it fails,
        nobody else has to wait for it."""
        under_way = self._under_way(database)
        if under_way is not None:
            await asyncio.wait({under_way})
        await self.refresh(database)

    async def refresh(self, database: str) -> bool:
        """Read a catalog again, once for all who ask meanwhile; True when it changed. Raises Unavailable."""
        task = self._under_way(database)
        if task is None:
            task = self._refreshing[database] = asyncio.ensure_future(self._refresh(database))
            task.add_done_callback(partial(self._refreshed, database))
        return await asyncio.shield(task)

    def _under_way(self, database: str) -> asyncio.Task[bool] | None:
        """The reading somebody has begun. One that has ended is none, though its callback may not have run yet: who
        joined it would get what was there before he asked, and who asks until it is late enough would never end."""
        task = self._refreshing.get(database)
        return None if task is None or task.done() else task

    def _refreshed(self, database: str, task: asyncio.Task[bool]) -> None:
        if self._refreshing.get(database) is task:
            del self._refreshing[database]
        if not task.cancelled():
            task.exception()  # whoever asked hears of it, and if nobody does any more, nobody has to

    async def _refresh(self, database: str) -> bool:
        """Whatever goes wrong here, nothing counts as read."""
        seen = self._outdated.get(database, 0)
        moved = await self._read_anew(database)
        self._read[database] = seen
        if moved:
            self.on_moved(database)
        return moved

    async def _by_names_alone(self, _database: str, policy: Policy, catalog: Catalog) -> Database:
        return await self._deep.run(lambda: label(policy, catalog))

    async def relabelled(self, database: str) -> bool:
        """Label a catalog anew, since somebody has reviewed what had moved; True when that changed anything."""
        known = self.knowledge.now.databases[database]
        policy = self.knowledge.now.policy
        labelled = await self._label(database, policy, known.catalog)
        if self.knowledge.now.databases.get(database) is not known or self.knowledge.now.policy is not policy:
            return await self.relabelled(database)
        moved = self.knowledge.learn(database, labelled)
        if moved:
            self.on_moved(database)
        return moved

    async def _read_anew(self, database: str) -> bool:
        catalog = await self._read_catalog(database)
        known = self.knowledge.now.databases.get(database)
        if known is not None and known.catalog == catalog:
            return False
        policy = self.knowledge.now.policy
        labelled = await self._label(database, policy, catalog)
        if self.knowledge.now.policy is not policy:
            return await self._read_anew(database)  # the policy was replaced meanwhile: label under the new one
        return self.knowledge.learn(database, labelled)

    async def relabel(self, policy: Policy) -> dict[str, Database]:
        """Every known catalog under another policy, before that is put in force."""
        while True:
            databases = self.knowledge.now.databases
            labelled = {name: await self._label(name, policy, known.catalog) for name, known in databases.items()}
            if self.knowledge.now.databases is databases:  # else one that was read meanwhile would be lost
                return labelled


def _unread(snapshot: Snapshot, statement: Statement, principal: Principal, known: Database) -> Judgement:
    """Under a transparent policy what we cannot read is the server's to judge: sent as one statement, by Parse, it can
    be no more than one there."""
    analysis = Analysis(kind=UNREAD, effects=frozenset({Effect.UNKNOWN}), moves_names=True)
    decision = _decided(snapshot.policy, principal, statement, analysis, known)
    ruling = Ruling(
        statement.sql, 0, analysis, decision, snapshot.epoch, statement.search_path, unmask=statement.unmask
    )
    return Judgement((ruling,), snapshot.visibility(statement.database, principal))


def _needs_no_catalog(analysis: Analysis) -> bool:
    """BEGIN, COMMIT, ROLLBACK, SET with constants: whatever the catalog says, they mean the same."""
    touched = analysis.reads or analysis.writes or analysis.functions or analysis.names
    return not touched and analysis.effects <= {Effect.TRANSACTION, Effect.SESSION}


def _decided(
    policy: Policy,
    principal: Principal,
    statement: Statement,
    analysis: Analysis,
    known: Database,
) -> Decision:
    """The text's decision. A refusal that rests only on what the text could not prove, or guessed by a function's name,
    says so: where the server's own tree is to come, that decides."""
    labelling, by_relation = known.labelling, known.by_relation
    decision = decide(
        policy, principal, statement, analysis, labelling, quotable=known.quotable, by_relation=by_relation
    )
    decision = placed(decision, known.catalog)
    refusal = decision.refusal
    if refusal is None or refusal.unproven:
        return decision
    surely = decide(policy, principal, statement, certain(analysis), labelling, by_relation=by_relation)
    if surely.outcome is Outcome.DENY:
        return decision
    return replace(decision, refusal=replace(refusal, unproven=True))


def _judge(snapshot: Snapshot, statement: Statement, principal: Principal) -> Judgement:
    known = snapshot.databases.get(statement.database)
    if known is None:
        return Judgement((), None, Refusal("08006", "the catalog of this database is not known"))
    try:
        found = tuple(
            replace(each, analysis=known.with_definitions(each.analysis))
            for each in read(statement.sql, known.catalog, statement.search_path)
        )
    except Unparsable as error:
        if snapshot.transparent(statement.database):
            return _unread(snapshot, statement, principal, known)
        why, hint = WHY.get(error.sqlstate, ("not_read", ""))
        # A syntax error is the server's own, word for word: there is nothing more to say.
        facts = (("why", why),) if error.sqlstate != "42601" else ()
        refusal = Refusal(error.sqlstate, error.message, error.detail, error.hint or hint, error.position, facts=facts)
        return Judgement((), None, refusal)
    if statement.extended and len(found) > 1:
        return Judgement((), None, Refusal("42601", "cannot insert multiple commands into a prepared statement"))
    if statement.extended and not found:
        # Nothing but white space and comments: a statement like any other to Parse.
        found = (ReadStatement(statement.sql, 0, Analysis(kind="", effects=frozenset())),)
    rulings = tuple(_ruling(snapshot, statement, principal, each, known) for each in found)
    return Judgement(rulings, snapshot.visibility(statement.database, principal))


def _judge_apart(snapshot: Snapshot, statement: Statement, principal: Principal) -> Judgement:
    """The same, without a word from the interpreter's lock. What the session sees is the snapshot's, and known here."""

    def work() -> tuple[list[bytes], bool, Refusal | None]:
        found = _judge(snapshot, statement, principal)
        return [pickle.dumps(_interned(each)) for each in found.rulings], found.visibility is not None, found.refusal

    try:
        rulings, seen, refusal = apart(work)
    except Lost:
        return Judgement((), None, Refusal("54001", "statement is too complex", hint=WHY["54001"][1]))
    # One by one, so that this too lets others have the lock.
    found: tuple[Ruling, ...] = tuple(pickle.loads(each) for each in rulings)  # noqa: S301 - made above
    return Judgement(found, snapshot.visibility(statement.database, principal) if seen else None, refusal)


def _interned(ruling: Ruling) -> Ruling:
    """The same, with equal uses one object: there are as many as there are terms, and mostly few that differ."""
    known: dict[ColumnUse, ColumnUse] = {}
    uses = tuple(known.setdefault(use, use) for use in ruling.analysis.uses)
    return replace(ruling, analysis=replace(ruling.analysis, uses=uses))


def _ruling(
    snapshot: Snapshot, statement: Statement, principal: Principal, read: ReadStatement, known: Database
) -> Ruling:
    decision = _decided(snapshot.policy, principal, replace(statement, sql=read.text), read.analysis, known)
    general = is_general(read, decision, statement)
    return Ruling(
        read.text,
        read.offset,
        generalised(read.analysis) if general else read.analysis,
        decision,
        snapshot.epoch,
        statement.search_path,
        unmask=statement.unmask,
        general=general,
    )
