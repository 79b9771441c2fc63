"""Statements that work through names: EXECUTE and FETCH are what they name, resolved when they run.

PREPARE and DECLARE add to the one table of names, DEALLOCATE, CLOSE and DISCARD take from it, and
what a name stands for is judged as itself (DESIGN 3c; manual, PREPARE, EXECUTE, DECLARE, FETCH).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, final

from pgmaskproxy.model import NULL_MASK, Analysis, Decision, Effect, NameVerb, Outcome, Refusal, Ruling
from pgmaskproxy.session.answers import too_many_names, too_much_prepared
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.attesting import Attesting, prepares
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.inputs import argument_refusal
from pgmaskproxy.session.link import FAILED_BLOCK, OFF, Link
from pgmaskproxy.session.pipeline import CLOSE, DESCRIBE, PARSE, Exchange
from pgmaskproxy.session.statements import Portal, Prepared, Undo
from pgmaskproxy.session.trees import Trees, latest
from pgmaskproxy.wire.frontend import STATEMENT, Close, Describe, Parse

ABORTED: Final = Refusal("25P02", "current transaction is aborted, commands ignored until end of transaction block")
"""What the server says to anything in a failed block, before it looks for a name: so nobody tries to prepare again."""

_SEVERITY: Final = {Outcome.ALLOW: 0, Outcome.HOLD: 1, Outcome.DENY: 2}


@final
class Naming:
    """Resolves names, and keeps the table true to what was sent."""

    def __init__(self, link: Link, asking: Asking, attesting: Attesting) -> None:
        self._link = link
        self._asking = asking
        self.attesting = attesting

    def target(self, ruling: Ruling) -> Portal | Prepared | None:
        """What EXECUTE or FETCH names, as the table has it now."""
        names = ruling.analysis.names
        if names is None or names.name is None:
            return None
        name = names.name.encode()
        if names.verb is NameVerb.EXECUTE:
            return self._link.names.statements.get(name)
        if names.verb in (NameVerb.FETCH, NameVerb.MOVE):
            return self._link.names.portals.get(name)
        return None

    def goes_by_name(self, ruling: Ruling) -> bool:
        """Whether what runs is what a name stands for."""
        names = ruling.analysis.names
        return names is not None and names.verb in (NameVerb.EXECUTE, NameVerb.FETCH, NameVerb.MOVE)

    def effective(self, ruling: Ruling, bound: Portal | Prepared | None = None) -> Flow[Ruling | Refusal]:
        """The ruling that decides. `bound` is the target found at Bind: another one by now is refused."""
        names = ruling.analysis.names
        if names is None:
            return ruling
        if names.verb in (NameVerb.PREPARE, NameVerb.DECLARE):
            if self._link.names.full:
                return too_many_names()
            if self._link.names.tree_bytes > self._link.limits.tree_bytes:
                return too_much_prepared()
        if prepares(ruling) and self._waits_for_execute(ruling.decision):
            # The terms, or the refusal, stay in the decision: for EXECUTE.
            return replace(ruling, decision=replace(ruling.decision, outcome=Outcome.ALLOW))
        if not self.goes_by_name(ruling):
            return ruling
        target = self.target(ruling)
        if target is None and ruling.decision.transparent:
            return ruling  # a function may have made it: the server knows
        if target is None:
            if self._link.status == FAILED_BLOCK:
                return ABORTED
            name = names.name or ""
            if names.verb is NameVerb.EXECUTE:
                return Refusal("26000", f'prepared statement "{name}" does not exist')
            return Refusal("34000", f'cursor "{name}" does not exist')
        if bound is not None and bound is not target and not ruling.decision.transparent:
            return Refusal(
                "0A000", f'"{names.name}" was made anew after this portal was bound', hint="Bind the statement again."
            )
        if isinstance(target, Prepared):
            yield from self._analyse(target)
        prepared = target.prepared if isinstance(target, Portal) else target
        current = yield from self.current(prepared, open_portal=isinstance(target, Portal), named=True)
        if isinstance(current, Refusal):
            return current
        if names.verb is NameVerb.EXECUTE:
            refusal = argument_refusal(ruling.analysis, current, self._link.keys)
            if refusal is not None:
                return refusal
        return _joined(ruling, current)

    def _analyse(self, target: Prepared) -> Flow[None]:
        """Have the server say what a prepared statement means now, before EXECUTE runs it: definitions may have changed
        since, and the tree that comes when it runs would come too late for a write. Parsing its text again takes the
        locks that keep them as they are until then."""
        link, text = self._link, self.attesting.text(target)
        if text is None:
            return
        types, parse = Exchange(DESCRIBE, forward=False), Exchange(PARSE, forward=False)
        types.scrub = parse.scrub = target.ruling.decision.scrub
        link.send(Describe(STATEMENT, target.name).encode(), types)
        link.flush()
        yield Wait(exchange=types)
        name, closed = link.reserved + b"_named", Exchange(CLOSE, forward=False)
        link.send(Parse(name, text.encode(), types.parameter_types).encode(), parse)
        link.send(Close(STATEMENT, name).encode(), closed)
        link.flush()
        yield Wait(exchange=closed)
        target.analysed_by(parse)

    def _waits_for_execute(self, decision: Decision) -> bool:
        """PREPARE analyses and runs nothing: who must agree is asked, and what is not proven yet is, at EXECUTE."""
        if decision.outcome is Outcome.HOLD:
            return True
        unproven = decision.refusal is not None and decision.refusal.unproven
        return decision.outcome is Outcome.DENY and unproven and self._link.attestation != OFF

    def current(self, prepared: Prepared, *, open_portal: bool, named: bool = False) -> Flow[Ruling | Refusal]:
        """A prepared statement's ruling, judged again where something moved, by its tree where there is one."""
        ruling = yield from self._asking.fresh(prepared.ruling, open_portal=open_portal, named=named)
        if isinstance(ruling, Refusal):
            return ruling
        if ruling is not prepared.ruling:
            prepared.ruling = _inside(ruling) if prepared.by_sql else ruling
            prepared.attested, prepared.agreed = None, False
        decided = yield from self.attesting.decided(prepared)
        if isinstance(decided, Ruling) and prepared.agreed:
            decided = paid(decided)
            if decided.decision.outcome is Outcome.HOLD:
                return replace(decided, decision=replace(decided.decision, outcome=Outcome.ALLOW, terms=()))
        return decided

    def expected(self, prepared: Prepared) -> bytes | None:
        """The tree that executing this may bring once more: of what EXECUTE names, and of a COPY's query."""
        ruling = prepared.ruling
        source = self.target(ruling) if self.goes_by_name(ruling) else prepared
        attested = self.attesting.at_parse(ruling) or self.attesting.inner(ruling)
        if not isinstance(source, Prepared) or not (attested or source is not prepared):
            return None
        trees = latest(source.sources)
        return trees.own if isinstance(trees, Trees) else None

    def apply(self, ruling: Ruling, prepared: Prepared, exchange: Exchange) -> Undo | None:
        """What executing `prepared`, decided as `ruling`, does to the table; returns how to take it back."""
        names, table = ruling.analysis.names, self._link.names
        if names is None:
            return None
        name = names.name.encode() if names.name is not None else None
        if names.verb is NameVerb.PREPARE and name is not None:
            made = Prepared(name, _inside(_for_execute(ruling)), by_sql=True)
            made.sources = [exchange]
            return table.prepare(made)
        if names.verb is NameVerb.DECLARE and name is not None:
            # Whoever agreed to the DECLARE agreed to the rows: FETCH does not ask again.
            opened = Prepared(name, _inside(prepared.ruling), by_sql=True)
            opened.sources, opened.judged, opened.agreed = list(prepared.sources), list(prepared.judged), True
            opened.attested = _inside(prepared.attested) if prepared.attested is not None else None
            cursor = Portal(name, opened, None, self._link.generation, holdable=names.holdable)
            cursor.binary = names.binary
            return table.bind(cursor)
        if names.verb is NameVerb.DEALLOCATE:
            return table.deallocate(name)
        if names.verb is NameVerb.CLOSE:
            return table.close(name)
        if names.verb is NameVerb.DISCARD:
            return table.discard(statements=names.statements, portals=names.portals)
        return None


def paid(ruling: Ruling) -> Ruling:
    """The ruling of what goes on where it was charged for already: a cursor's rows, a portal's next ones."""
    decision = ruling.decision
    return replace(ruling, decision=replace(decision, charges=())) if decision.charges else ruling


def _for_execute(ruling: Ruling) -> Ruling:
    """The ruling of a PREPARE as it was before it was let through."""
    decision = ruling.decision
    if decision.refusal is not None:
        decision = replace(decision, outcome=Outcome.DENY)
    elif decision.terms:
        decision = replace(decision, outcome=Outcome.HOLD)
    return replace(ruling, decision=decision)


def _inside(ruling: Ruling) -> Ruling:
    """The ruling of the query inside PREPARE or DECLARE: it is run by name, and nothing of it is unmasked."""
    analysis = ruling.analysis
    return replace(ruling, analysis=replace(analysis, names=None), unmask="")


def _joined(outer: Ruling, target: Ruling) -> Ruling:
    """EXECUTE and FETCH do what they name, and what their own arguments do; the stricter decision counts."""
    analysis = _joined_analysis(outer.analysis, target.analysis)
    opaque = bool(outer.analysis.opaque) or bool(outer.analysis.effects - {Effect.READ, Effect.SESSION})
    decision = _joined_decision(outer.decision, target.decision, opaque_arguments=opaque)
    return replace(outer, analysis=analysis, decision=decision, runs=target.sql, attested=target.attested)


def _joined_analysis(outer: Analysis, target: Analysis) -> Analysis:
    return replace(
        target,
        kind=outer.kind,
        names=outer.names,
        effects=outer.effects | target.effects,
        functions=outer.functions | target.functions,
        uses=(*outer.uses, *target.uses),
        settings=(*outer.settings, *target.settings),
        moves_names=target.moves_names or bool(outer.settings) or bool(outer.effects - {Effect.READ}),
        opaque=outer.opaque or target.opaque,
        canonical=outer.canonical,
        redacted=f"{outer.redacted} => {target.redacted}",
        parameters=outer.parameters,
        copy=None,
        inner=None,
    )


def _joined_decision(outer: Decision, target: Decision, *, opaque_arguments: bool) -> Decision:
    masks = target.masks
    if opaque_arguments and masks is not None:
        # What goes in may come out: a parameter is a constant to the statement that was prepared.
        masks = (NULL_MASK,) * len(masks)
    worse = max((outer, target), key=lambda decision: _SEVERITY[decision.outcome])
    return replace(
        target,
        masks=masks,
        outcome=worse.outcome,
        refusal=worse.refusal,
        reason=worse.reason,
        rules=tuple(dict.fromkeys((*outer.rules, *target.rules))),
        terms=tuple(dict.fromkeys((*outer.terms, *target.terms))),
        labels=tuple(dict.fromkeys((*outer.labels, *target.labels))),
        scrub=outer.scrub or target.scrub,
    )
