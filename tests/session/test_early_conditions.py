"""What must all be so for a statement to go out at once: each condition by itself (DESIGN 3c)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.mask.plan import MaskPlan
from pgmaskproxy.model import (
    Analysis,
    Charge,
    CopyShape,
    Decision,
    Effect,
    NameUse,
    NameVerb,
    Outcome,
    Refusal,
    RuleRef,
    Ruling,
    Setting,
    Use,
)
from pgmaskproxy.session.early import Allowed, Early, may_go_early
from pgmaskproxy.session.trees import without_constants
from tests.session.rulings import PATH, SSN_COLUMN, TERMS
from tests.session.test_attesting import BEFORE
from tests.session.test_early import ONCE, PREPARED, SQL
from tests.session.transcript import Play, play

READ = Analysis("SelectStmt", frozenset({Effect.READ}))
ALLOWED = Decision(Outcome.ALLOW)
RULING = Ruling(SQL, 0, READ, ALLOWED, 1, PATH, attested="T1")
CHARGE = Charge("ssn", Use.EQUALITY, 5, 3600.0, SSN_COLUMN, RuleRef("ssn"))
KEY = (SQL, (), ())


def test_a_plain_read_that_a_tree_allowed_may_go_early() -> None:
    assert may_go_early(RULING)


@pytest.mark.parametrize(
    "ruling",
    [
        replace(RULING, attested=""),
        replace(RULING, decision=replace(ALLOWED, outcome=Outcome.HOLD)),
        replace(RULING, decision=replace(ALLOWED, outcome=Outcome.DENY, refusal=Refusal("42501", "no"))),
        replace(RULING, decision=replace(ALLOWED, charges=(CHARGE,))),
        replace(RULING, decision=replace(ALLOWED, terms=(TERMS,))),
        replace(RULING, analysis=replace(READ, effects=frozenset({Effect.READ, Effect.WRITE}))),
        replace(RULING, analysis=replace(READ, effects=frozenset({Effect.SESSION}))),
        replace(RULING, analysis=replace(READ, opaque="f()")),
        replace(RULING, analysis=replace(READ, settings=(Setting("DateStyle", "ISO"),))),
        replace(RULING, analysis=replace(READ, moves_names=True)),
        replace(RULING, analysis=replace(READ, names=NameUse(NameVerb.FETCH, "c"))),
        replace(RULING, analysis=replace(READ, copy=CopyShape(True, "SELECT 1", 1))),
        replace(RULING, analysis=replace(READ, inner="SELECT 1")),
    ],
)
def test_anything_else_may_not(ruling: Ruling) -> None:
    assert not may_go_early(ruling)


def test_what_was_allowed_counts_under_its_own_epoch_and_search_path() -> None:
    early = Early()
    allowed = Allowed(RULING, b"T1", (), MaskPlan((None,)), (None,))
    early.keep(KEY, allowed)
    assert early.find(KEY, RULING, 1) is allowed
    assert early.find(KEY, RULING, 2) is None
    assert early.find(KEY, replace(RULING, epoch=2), 1) is None
    assert early.find(KEY, replace(RULING, epoch=2), 2) is None
    assert early.find(KEY, replace(RULING, search_path=("pg_catalog", "s9")), 1) is None
    assert early.find((SQL, (23,), ()), RULING, 1) is None
    early.forget()
    assert early.find(KEY, RULING, 1) is None


@pytest.mark.parametrize(
    "between",
    [
        # The path is what it was, and still a name may mean something else: a schema on it was not there before.
        """
        >> Query "SET search_path = a"
        !! set=search_path:a
        <= ParseComplete / BindComplete / NoData
        !! recorded
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        """,
        # The catalog is what it was: nobody else sees a temporary table.
        """
        >> Query "CREATE TEMP TABLE customers ()"
        !! ddl
        <= ParseComplete / BindComplete / NoData
        !! recorded
        <= CommandComplete "CREATE TABLE" / CloseComplete / CloseComplete / ReadyForQuery I
        """,
        # Somebody else may have changed something, and it was nothing that the catalog's reading shows.
        "!! doubt",
    ],
)
def test_what_moves_names_ends_it_though_nothing_seems_to_have_moved(between: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE + between)
    lines: list[str] = []
    for step in (f'>> Query "{SQL}"', '<= Path "pg_catalog" "public" / ReadyForQuery I', "!! read masks=ssn"):
        if not step.startswith("<=") or any("~path" in line for line in lines):
            lines += [line for _, out in told.play(step) for line in out]
    assert f'=> Parse "" "{SQL}"' in lines
    assert '=> Bind "" ""' not in lines


def test_a_portal_runs_at_once_only_while_what_it_was_bound_on_still_counts() -> None:
    play(
        f"""
        >> Bind "" "s" / Describe P ""
        => Bind "" "s" / Describe P ""
        !! epoch 2
        >> Execute "" / Sync
        ?? Judge "{SQL}"
        """,
        before=BEFORE + PREPARED,
    )


def test_a_portal_that_is_described_otherwise_is_decided_anew() -> None:
    play(
        """
        >> Bind "" "s" / Describe P ""
        => Bind "" "s" / Describe P ""
        >> Flush
        => Flush
        <= BindComplete / RowDescription name=1.2
        << BindComplete / RowDescription name=1.2
        >> Execute "" / Sync
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows :null conflicts=1
        """,
        before=BEFORE + PREPARED,
    )


def test_a_statement_of_another_tree_than_was_allowed_last_waits() -> None:
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        """,
        before=BEFORE
        + PREPARED
        + f"""
        >> Parse "t" "{SQL}" / Sync
        !! read masks=ssn
        <= Tree "T2" / ParseComplete / ReadyForQuery I
        >> Bind "" "t" / Describe P "" / Execute "" / Sync
        !! attested independent read masks=ssn
        <= BindComplete / RowDescription ssn=1.3
        !! recorded
        <= CommandComplete "SELECT 0" / ReadyForQuery I
        """,
    )


def test_what_looks_like_a_constant_inside_a_name_stays() -> None:
    name = b"{VAR :name a\\ :constvalue\\ 4\\ [\\ 1\\ ]\\ :location 7 }"
    other = name.replace(b":location 7", b":location 8")
    assert without_constants(name) != without_constants(other)
    assert without_constants(b"{VAR :location 7 }") == without_constants(b"{VAR :location 8 }")


def test_only_what_stands_for_many_texts_is_met() -> None:
    early, general = Early(), replace(RULING, general=True)
    early.meet(RULING)
    assert not early.is_familiar(general, 1)
    early.meet(general)
    assert early.is_familiar(general, 1)
    assert not early.is_familiar(RULING, 1)
    assert not early.is_familiar(general, 2)
    assert not early.is_familiar(replace(general, analysis=replace(RULING.analysis)), 1)
    early.forget()
    assert not early.is_familiar(general, 1)
