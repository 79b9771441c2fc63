"""A statement's ruling once the server's own tree has been judged: what decides, wherever there is a tree (DESIGN 3).

The text's ruling comes first and can refuse; what it could not prove, or only guessed by a name, is left to the tree.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, final

from pgmaskproxy.model import Effect, NameVerb, Outcome, Refusal, Ruling, Statement
from pgmaskproxy.session.events import Attest, Attested
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.link import OFF, REQUIRED, Link
from pgmaskproxy.session.pipeline import CLOSE, PARSE, Exchange
from pgmaskproxy.session.statements import Prepared, bearing
from pgmaskproxy.session.trees import NO_TREE, Trees, latest, same_but_for_positions
from pgmaskproxy.wire.frontend import Close, Parse

OWN_TREE: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
"""Kinds that the server rewrites at Parse. Of a utility statement its inner query is parsed instead."""

INNER_TREE: Final = frozenset({"ExplainStmt", "DeclareCursorStmt", "CreateTableAsStmt", "PrepareStmt"})
"""Kinds that hold a query: where its own text was not found, there is nothing to parse."""

SELECT_INTO: Final = Refusal(
    "0A000",
    "SELECT INTO cannot be proven",
    detail="The server gives no tree of the query inside it, so it runs only when a person agrees to it.",
    hint="Write CREATE TABLE AS instead.",
)


@final
class Attesting:
    """Asks the shell what a tree means, and the server for the tree of a query inside a statement."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def _asks(self, ruling: Ruling) -> bool:
        """Whether trees count for it: not where they are off, nor where there is nothing for them to prove."""
        return self._link.attestation != OFF and not ruling.decision.transparent

    def at_parse(self, ruling: Ruling) -> bool:
        """Whether the statement's own Parse brings the tree that counts."""
        return self._asks(ruling) and ruling.analysis.kind in OWN_TREE

    def inner(self, ruling: Ruling) -> bool:
        """Whether what counts is the tree of a query inside it, which `probe` asks for."""
        return self._asks(ruling) and _inner(ruling) is not None and not prepares(ruling)

    def text(self, prepared: Prepared) -> str | None:
        """What to parse in order to learn what EXECUTE of it would run; None where no tree counts."""
        ruling = prepared.ruling
        if not self._asks(ruling) or not _has_tree(ruling):
            return None
        return ruling.analysis.inner if prepared.by_sql else ruling.sql

    def may_prove(self, ruling: Ruling) -> bool:
        """Whether a tree can still clear what the text alone must refuse."""
        return self._asks(ruling) and _has_tree(ruling) and not _is_final(ruling)

    def decided(self, prepared: Prepared) -> Flow[Ruling | Refusal]:
        """The ruling that counts: the text's, with the tree's word on top as soon as there is one."""
        ruling = prepared.ruling
        if not self._asks(ruling) or _is_final(ruling):
            return ruling
        if not _has_tree(ruling):
            hidden = ruling.analysis.kind in INNER_TREE and self._link.attestation == REQUIRED
            return NO_TREE if hidden else ruling
        if _selects_into(ruling):
            return SELECT_INTO if ruling.decision.outcome is Outcome.ALLOW else ruling
        if prepares(ruling):
            return ruling  # its tree comes when it is executed
        yield from self._settled(prepared.sources)
        if self._link.pipeline.discarding:
            return ruling  # the server has refused it, or something before it, and runs nothing
        prepared.sources = bearing(prepared.sources) or prepared.sources[:1]
        attested = prepared.attested
        same = attested is not None and (attested.epoch, attested.unmask) == (ruling.epoch, ruling.unmask)
        if attested is not None and same and prepared.sources == prepared.judged:
            return attested
        trees = latest(prepared.sources)
        if isinstance(trees, Refusal):
            return trees
        if trees.own is None:
            # Without a tree the text's word has to do: strict, and only where the operator says so.
            return NO_TREE if self._link.attestation == REQUIRED else ruling
        return (yield from self._ask(prepared, trees))

    def probe(self, ruling: Ruling, types: tuple[int, ...] = ()) -> Flow[Exchange]:
        """Have the server analyse the query inside a utility statement, in the same transaction and without running
        it: the locks that Parse takes keep definitions as they are until it runs."""
        link, inner = self._link, _inner(ruling)
        assert inner is not None, "only asked for where there is one"
        name = link.reserved + b"_inner"
        parse, closed = Exchange(PARSE, forward=False), Exchange(CLOSE, forward=False)
        parse.scrub = ruling.decision.scrub
        link.send(Parse(name, inner.encode(), types).encode(), parse)
        link.send(Close(b"S", name).encode(), closed)
        link.flush()
        yield Wait(exchange=closed)
        return parse

    def _settled(self, sources: list[Exchange]) -> Flow[None]:
        """Wait for what still has to bring its trees."""
        waiting = [exchange for exchange in sources if not exchange.settled]
        if waiting:
            self._link.flush()
            yield Wait(exchange=waiting[-1])

    def _ask(self, prepared: Prepared, trees: Trees) -> Flow[Ruling | Refusal]:
        link, ruling = self._link, prepared.ruling
        assert trees.own is not None, "a tree is asked about"
        ticket = link.ticket()
        anew = _is_another(prepared)
        where = link.database, link.role, ruling.search_path
        statement = Statement(ruling.sql, *where, extended=True, unmask=ruling.unmask)
        link.commands.append(Attest(ticket, statement, ruling, trees.own, trees.nested, anew, link.redefined))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, Attested)
        if answer.ruling is None:
            assert answer.refusal is not None, "an answer is a ruling or a refusal"
            return answer.refusal
        if answer.visibility is not None:
            link.see(answer.visibility)
        same = answer.ruling.offset == ruling.offset
        prepared.attested = answer.ruling if same else replace(answer.ruling, offset=ruling.offset)
        prepared.judged, prepared.independent = list(prepared.sources), answer.independent and not trees.nested
        return prepared.attested


def prepares(ruling: Ruling) -> bool:
    """PREPARE, whose tree comes when it is executed: that analyses, and runs nothing."""
    names = ruling.analysis.names
    return names is not None and names.verb is NameVerb.PREPARE


def _inner(ruling: Ruling) -> str | None:
    """The text of the query inside; of a table's COPY, a SELECT of the same columns."""
    copy = ruling.analysis.copy
    if copy is not None:
        return copy.probe or None
    return ruling.analysis.inner or None


def _is_another(prepared: Prepared) -> bool:
    """Whether the server has understood the statement otherwise than when it was last judged."""
    if not prepared.judged or not prepared.judged[0].own or not prepared.sources[0].own:
        return False
    return not same_but_for_positions(prepared.judged[0].own[0], prepared.sources[0].own[0])


def _has_tree(ruling: Ruling) -> bool:
    return ruling.analysis.kind in OWN_TREE or _inner(ruling) is not None


def _is_final(ruling: Ruling) -> bool:
    """Refused for what the text says for certain: no tree takes that back."""
    refusal = ruling.decision.refusal
    return ruling.decision.outcome is Outcome.DENY and refusal is not None and not refusal.unproven


def _selects_into(ruling: Ruling) -> bool:
    analysis = ruling.analysis
    return analysis.kind == "SelectStmt" and Effect.DDL in analysis.effects - analysis.called_effects
