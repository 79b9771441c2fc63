"""The table of names."""

from __future__ import annotations

from pgmaskproxy.model import Analysis, Decision, Outcome, Ruling
from pgmaskproxy.session.statements import Names, Portal, Prepared

RULING = Ruling("SELECT 1", 0, Analysis("SelectStmt", frozenset()), Decision(Outcome.ALLOW), 1)


def prepared(name: bytes = b"s") -> Prepared:
    return Prepared(name, RULING, by_sql=False)


def portal(name: bytes = b"p", generation: int = 0, *, holdable: bool = False) -> Portal:
    return Portal(name, prepared(), None, generation, holdable=holdable)


def test_every_change_can_be_taken_back() -> None:
    names = Names(10)
    first, second = prepared(), prepared()
    undo_first = names.prepare(first)
    undo_second = names.prepare(second)
    assert names.statements[b"s"] is second
    undo_second()
    assert names.statements[b"s"] is first
    undo_first()
    assert not names.statements


def test_a_change_that_was_overtaken_is_not_taken_back() -> None:
    names = Names(10)
    undo = names.prepare(prepared())
    later = prepared()
    names.prepare(later)
    undo()
    assert names.statements[b"s"] is later


def test_a_removal_that_was_overtaken_is_not_taken_back() -> None:
    names = Names(10)
    names.prepare(prepared())
    undo = names.deallocate(b"s")
    later = prepared()
    names.prepare(later)
    undo()
    assert names.statements[b"s"] is later


def test_all_means_all_named_ones() -> None:
    names = Names(10)
    names.prepare(prepared(b""))
    names.prepare(prepared(b"s"))
    undo = names.discard(statements=True, portals=True)
    assert list(names.statements) == [b""]
    undo()
    assert sorted(names.statements) == [b"", b"s"]


def test_a_transaction_ends_the_portals_made_in_it_but_for_holdable_ones() -> None:
    names = Names(10)
    for each in (portal(b"old"), portal(b"new", 1), portal(b"held", holdable=True)):
        names.bind(each)
    names.end_transaction(0)
    assert sorted(names.portals) == [b"held", b"new"]


def test_statements_and_portals_count_together() -> None:
    names = Names(2)
    names.prepare(prepared())
    assert not names.full
    names.bind(portal())
    assert names.full


def test_a_portal_keeps_what_its_statement_meant_when_it_was_bound() -> None:
    statement = prepared()
    bound = Portal(b"p", statement, None, 0, holdable=False)
    statement.ruling = Ruling("SELECT 2", 0, RULING.analysis, RULING.decision, 2)
    assert bound.prepared.ruling is RULING
    assert bound.statement is statement
