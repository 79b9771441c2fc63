"""Decides by the server's trees: the session's `Attest`, answered (DESIGN 3).

What a tree says is kept by its exact text, and once more without constants and positions where none of its functions
can choose data by them; what is decided of it, by the statement, the principal and the epoch as well. Where neither the
text's constants nor the tree's made a difference, the decision is found for others of the same shapes, too.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final, TypeVar, final

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Analysis, Principal, Refusal, Ruling, Visibility
from pgmaskproxy.policy.engine import decide
from pgmaskproxy.proxy.apart import Lost, apart
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.knowledge import Snapshot
from pgmaskproxy.proxy.placing import placed
from pgmaskproxy.proxy.templates import is_settled
from pgmaskproxy.session.events import Attest
from pgmaskproxy.sql.attest.attestation import MAX_STEPS, Attestation
from pgmaskproxy.sql.attest.calls import judge_calls
from pgmaskproxy.sql.attest.proven import Unread, proven
from pgmaskproxy.sql.attest.reader import stripped, unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest

CACHED: Final = 4096
CACHED_BYTES: Final = 64 * 1024
"""Of a tree: larger ones are judged each time, so that the caches stay below a few hundred megabytes, and by a process
of their own."""

SMALL_BYTES: Final = 16 * 1024
SMALL_STEPS: Final = 2_000
"""Of a tree that is read by the event loop itself, and of what may be walked in it: some milliseconds."""

K = TypeVar("K")
V = TypeVar("V")


@final
@dataclass(frozen=True, slots=True)
class Proof:
    """What a tree makes of a ruling, or why it proves nothing."""

    ruling: Ruling | None
    visibility: Visibility | None = None
    refusal: Refusal | None = None
    independent: bool = False
    """Other constants in the tree would not have changed it."""


@final
@dataclass(frozen=True, slots=True)
class _Read:
    """A tree that was read, and the key that it is found by without its constants, '' where they count."""

    attestation: Attestation
    key: str


@final
class Prover:
    """See the module. One per process."""

    def __init__(self, judge: Judge, deep: DeepThread, metrics: Metrics) -> None:
        self._judge = judge
        self._deep = deep
        self._metrics = metrics
        self._proofs: OrderedDict[tuple[object, ...], Proof] = OrderedDict()
        self._trees: OrderedDict[tuple[int, bytes], Attestation] = OrderedDict()
        self._shapes: OrderedDict[tuple[int, str], Attestation] = OrderedDict()
        self._alike: OrderedDict[tuple[object, ...], tuple[Analysis, Proof]] = OrderedDict()
        """Proofs that hold whatever the constants are, and the text's analysis that each of them rests on: it is part
        of the key by its identity, and as long as it is here nothing else has that."""

    def at_once(self, asked: Attest, principal: Principal) -> Proof | None:
        """The proof, if nothing has to be waited for: one that is kept, or by a tree so small that to read it here
        takes less than to have another thread do it."""
        found = self.cached(asked, principal)
        return found if found is not None or not self._judge.has_room else self._small(asked, principal)

    def cached(self, asked: Attest, principal: Principal) -> Proof | None:
        """The proof, if exactly this was proven before under what is in force now."""
        if asked.anew or self._judge.behind(asked.statement.database):
            return None
        epoch = self._judge.knowledge.now.epoch
        found = self._proofs.get(_key(asked, principal, epoch)) or self._found_alike(asked, principal, epoch)
        if found is not None:
            self._metrics.decision_cache_hits.inc()
        return found

    def _found_alike(self, asked: Attest, principal: Principal, epoch: int) -> Proof | None:
        """The proof of a text and a tree that differ from these in constants alone, made these'."""
        key = _key_alike(asked, principal, epoch)
        kept = self._alike.get(key) if key is not None else None
        if key is None or kept is None:
            return None
        self._alike.move_to_end(key)
        proof = kept[1]
        if proof.ruling is None:
            return None
        text, proven_one = asked.ruling, proof.ruling
        ruling = Ruling(
            text.sql,
            text.offset,
            proven_one.analysis,
            proven_one.decision,
            text.epoch,
            text.search_path,
            text.runs,
            hashlib.sha256(asked.own).hexdigest(),
            text.unmask,
            general=text.general,
        )
        return Proof(ruling, proof.visibility, None, proof.independent)

    def _small(self, asked: Attest, principal: Principal) -> Proof | None:
        """The proof by a small tree; None by any other, and where that tells nothing or something is to be read
        first."""
        database, snapshot = asked.statement.database, self._judge.knowledge.now
        if len(asked.own) > SMALL_BYTES or asked.nested or asked.redefined or asked.anew:
            return None
        if self._judge.behind(database) or not snapshot.is_warm(database, principal):
            return None
        known = snapshot.databases[database]
        if not known.has_witness:
            return None
        started = time.perf_counter()
        major = known.catalog.version // 10_000
        before = self._trees.get((major, asked.own))
        try:
            shapes = None if before is not None else self._shapes
            proof, found = _prove(snapshot, asked, principal, before, shapes, most=SMALL_STEPS)
        except (Unread, Unattestable):
            return None
        return self._keep(snapshot, asked, principal, proof, found, started)

    async def prove(self, asked: Attest, principal: Principal) -> Proof:
        """Read the tree and decide. A relation that the catalog does not have makes it be read again, once; so does a
        statement that the server has analysed anew, which is its own sign that definitions have changed."""
        database = asked.statement.database
        try:
            if asked.anew:
                self._judge.outdated(database)
            await self._judge.catch_up(database)
            proof = await self._prove(asked, principal)
            if proof is None:
                await self._judge.refresh(database)
                proof = await self._prove(asked, principal)
        except Unavailable as error:
            return Proof(None, None, Refusal(error.sqlstate, error.message, hint=error.hint))
        return proof if proof is not None else Proof(None, None, UNKNOWN_RELATION)

    async def _prove(self, asked: Attest, principal: Principal) -> Proof | None:
        snapshot = self._judge.knowledge.now
        known = snapshot.databases[asked.statement.database]
        major = known.catalog.version // 10_000
        started = time.perf_counter()
        before = self._trees.get((major, asked.own))
        shape = None if before is not None else self._shapes
        try:
            if len(asked.own) > CACHED_BYTES:
                return await self._deep.run(lambda: _prove_apart(snapshot, asked, principal), asked_by=principal.name)
            proof, found = await self._deep.run(
                lambda: _prove(snapshot, asked, principal, before, shape), asked_by=principal.name
            )
        except Unread:
            return None
        except Unattestable as error:
            self._metrics.analysis_rejections.labels(error.sqlstate).inc()
            return Proof(None, None, _unprovable(error))
        return self._keep(snapshot, asked, principal, proof, found, started)

    def _keep(  # noqa: PLR0917
        self, snapshot: Snapshot, asked: Attest, principal: Principal, proof: Proof, found: _Read, started: float
    ) -> Proof:
        self._metrics.statement_duration.labels("attest").observe(time.perf_counter() - started)
        self._metrics.decision_cache_misses.inc()
        major = snapshot.databases[asked.statement.database].catalog.version // 10_000
        if len(asked.own) <= CACHED_BYTES:
            _keep(self._trees, (major, asked.own), found.attestation)
            if found.key:
                _keep(self._shapes, (major, found.key), found.attestation)
            _keep(self._proofs, _key(asked, principal, snapshot.epoch), proof)
            # Without a key the tree's constants counted (`_prove`).
            alike = _key_alike(asked, principal, snapshot.epoch) if found.key and proof.independent else None
            if alike is not None and proof.ruling is not None and is_settled(proof.ruling.decision):
                _keep(self._alike, alike, (asked.ruling.analysis, proof))
        return proof


UNKNOWN_RELATION: Final = Refusal(
    "0A000",
    "cannot prove what this statement shows: it reads a relation that is not in the catalog",
    detail="A relation that was made in a transaction which is still open is known to nobody else.",
    hint="Commit first, then read it.",
    facts=(("why", "unproven"), ("construct", "a relation that is not in the catalog")),
)


def _unprovable(error: Unattestable) -> Refusal:
    hint = error.hint or "Write the statement in a simpler way, or ask the operator to look at what the server sends."
    facts = (("why", "unproven"), ("construct", error.message))
    message = f"cannot prove what this statement shows: {error.message}"
    return Refusal(error.sqlstate, message, error.detail, hint, facts=facts)


def _prove(
    snapshot: Snapshot,
    asked: Attest,
    principal: Principal,
    before: Attestation | None,
    shapes: OrderedDict[tuple[int, str], Attestation] | None,
    *,
    most: int = MAX_STEPS,
) -> tuple[Proof, _Read]:
    known = snapshot.databases[asked.statement.database]
    witness, major = known.witness, known.catalog.version // 10_000
    if asked.redefined:
        # What a function was pinned as is what others see: in this transaction it may be another by now.
        witness = replace(witness, catalog=replace(known.catalog, trusted=frozenset(), trusted_views=frozenset()))
    read = _read(asked.own, major, shapes, most) if before is None else _Read(before, "")
    nested = [attest(_text(tree), major) for tree in asked.nested]
    analysis = proven(asked.ruling.analysis, read.attestation, nested, witness)
    decision = decide(
        snapshot.policy,
        principal,
        asked.statement,
        analysis,
        known.labelling,
        quotable=known.quotable,
        by_relation=known.by_relation,
    )
    decision = placed(decision, known.catalog)
    attested = hashlib.sha256(asked.own).hexdigest()
    # The epoch stays the text's: when that is judged again, so is this.
    ruling = replace(asked.ruling, analysis=analysis, decision=decision, attested=attested)
    visibility = snapshot.visibility(asked.statement.database, principal)
    calls = [read.attestation.called, *(called for _, called in read.attestation.viewed)]
    independent = all(judge_calls(called, witness.catalog).constant_independent for called in calls)
    return Proof(ruling, visibility, None, independent), read if independent else _Read(read.attestation, "")


def _prove_apart(snapshot: Snapshot, asked: Attest, principal: Principal) -> Proof:
    """The same by a process of its own; what the session sees is the snapshot's, and known here."""

    def work() -> tuple[str, str, str, str] | tuple[Ruling | None, bool] | None:
        try:
            proof, _ = _prove(snapshot, asked, principal, None, None)
        except Unread:
            return None
        except Unattestable as error:
            return error.sqlstate, error.message, error.detail, error.hint
        return proof.ruling, proof.independent

    try:
        found = apart(work)
    except Lost as error:
        raise Unattestable("the server's tree of this statement is too complex", sqlstate="54001") from error
    if found is None:
        raise Unread("the statement reads a relation that is not in the catalog", sqlstate="42P01")
    if len(found) == 4:
        sqlstate, message, detail, hint = found
        raise Unattestable(message, sqlstate=sqlstate, detail=detail, hint=hint)
    ruling, independent = found
    return Proof(ruling, snapshot.visibility(asked.statement.database, principal), None, independent)


def _read(tree: bytes, major: int, shapes: OrderedDict[tuple[int, str], Attestation] | None, most: int) -> _Read:
    """Read a tree, unless one that differs only in constants was read before and they could not matter there."""
    text = _text(tree)
    key = stripped(unfold(text))
    known = shapes.get((major, key)) if shapes is not None else None
    return _Read(known if known is not None else attest(text, major, most=most), key)


def _text(tree: bytes) -> str:
    try:
        return tree.decode()
    except UnicodeDecodeError as error:
        raise Unattestable("the server's tree is no text") from error


def _key(asked: Attest, principal: Principal, epoch: int) -> tuple[object, ...]:
    return (asked.own, asked.nested, asked.redefined, asked.statement, principal, epoch, asked.ruling.epoch)


def _key_alike(asked: Attest, principal: Principal, epoch: int) -> tuple[object, ...] | None:
    """What such a proof is kept by; None where there can be none: the text's constants counted, functions' own
    trees came with this one, or what is in force is not what everybody sees."""
    ruling, statement = asked.ruling, asked.statement
    if not ruling.general or asked.nested or asked.redefined or statement.unmask or len(asked.own) > CACHED_BYTES:
        return None
    try:
        tree = stripped(unfold(_text(asked.own)))
    except Unattestable:
        return None
    place = (statement.database, statement.role, statement.search_path, statement.extended)
    return (tree, id(ruling.analysis), principal, epoch, ruling.epoch, place)


def _keep(cache: OrderedDict[K, V], key: K, value: V) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > CACHED:
        cache.popitem(last=False)
