"""The comparison sees a text that says less than the tree, and takes one that says more or gives up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, ColumnLabels, ColumnRef, Columns, ColumnUse, Constant, Effect, Opaque, Use
from pgmaskproxy.sql.attest.attestation import Attestation, Output, TreeUse
from pgmaskproxy.sql.attest.labelling import Labels
from tests.oracle.verdicts import Verdict, compare

SSN, NAME = ColumnRef("public", "c", "ssn"), ColumnRef("public", "c", "name")
LABELS = Labels({(1, 1): frozenset({"pii"})}, {(1, 1), (1, 2)}, frozenset({1}))
LABELLING = {SSN: ColumnLabels(frozenset({"pii"}))}
BARE = Output(bare=frozenset({(1, 1)}), pure=True)
MIXED = Output(bare=frozenset({(1, 1)}))
DERIVED = Output(derived=frozenset({(1, 1)}))
CLEAN = Output(bare=frozenset({(1, 2)}), pure=True)


def verdict(text: Analysis, tree: Attestation) -> Verdict:
    return compare(text, tree, LABELS, LABELLING)


def shown(*outputs: object, **more: object) -> Analysis:
    plain = Analysis("SelectStmt", frozenset({Effect.READ}), outputs=outputs)  # type: ignore[arg-type]
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("origin", "output"),
    [
        (Constant(), BARE),
        (Columns(frozenset({NAME})), BARE),
        (Constant(frozenset({NAME})), DERIVED),
        (Columns(frozenset({SSN})), DERIVED),
        (Columns(frozenset({SSN})), MIXED),
        (Columns(frozenset({SSN})), Output(bare=frozenset({(9, 1)}))),
    ],
)
def test_a_lie_is_a_contradiction(origin: object, output: Output) -> None:
    assert verdict(shown(origin), Attestation("SELECT", (output,))).contradictions != ()


@pytest.mark.parametrize(
    ("origin", "output"),
    [
        (Columns(frozenset({SSN})), BARE),
        (Columns(frozenset({SSN}), pure=False), MIXED),
        (Columns(frozenset({SSN}), pure=False), DERIVED),
        (Constant(frozenset({SSN})), DERIVED),
        (Columns(frozenset({SSN})), CLEAN),
        (Opaque("unknown"), BARE),
    ],
)
def test_more_than_the_tree_says_is_none(origin: object, output: Output) -> None:
    assert verdict(shown(origin), Attestation("SELECT", (output,))).contradictions == ()


def test_outputs_of_another_number() -> None:
    assert verdict(shown(Constant()), Attestation("SELECT", ())).contradictions != ()
    assert verdict(shown(opaque="unknown"), Attestation("SELECT", (CLEAN,))).contradictions == ()


@pytest.mark.parametrize(
    ("said", "seen", "contradicts", "differs"),
    [
        (None, Use.PREDICATE, True, False),
        (Use.PREDICATE, Use.PREDICATE, False, False),
        (Use.ORDERING, Use.PREDICATE, False, True),
        (Use.EQUALITY, Use.PREDICATE, True, False),
        (Use.NULL_TEST, Use.EXPRESSION, True, False),
        (Use.WRITTEN, Use.EXPRESSION, True, False),
        (Use.EXPRESSION, Use.WRITTEN, True, False),
    ],
)
def test_uses(said: Use | None, seen: Use, contradicts: bool, differs: bool) -> None:
    text = shown(uses=(ColumnUse(SSN, said, "here"),) if said is not None else ())
    found = verdict(text, Attestation("SELECT", uses=(TreeUse((1, 1), seen, "there"),)))
    assert (bool(found.contradictions), bool(found.differs)) == (contradicts, differs)
    assert found.touches


def test_a_use_that_a_view_makes_is_its_authors() -> None:
    tree = Attestation("SELECT", uses=(TreeUse((1, 1), Use.PREDICATE, "WHERE", view=5),))
    assert verdict(shown(), tree) == Verdict()


def test_giving_up_concedes_everything() -> None:
    tree = Attestation("SELECT", (BARE,), (TreeUse((1, 1), Use.PREDICATE, "WHERE"),))
    assert verdict(shown(Constant(), opaque="why"), tree) == Verdict(concedes="why", touches=True)
    unknown = shown(Constant(), effects=frozenset({Effect.UNKNOWN}))
    assert verdict(unknown, tree) == Verdict(concedes="unknown effects", touches=True)


def test_the_conditions_of_a_view_that_is_written_are_not_the_statements() -> None:
    tree = Attestation("UPDATE", uses=(TreeUse((1, 1), Use.PREDICATE, "WHERE"),))
    found = compare(shown(), tree, LABELS, LABELLING, through_view=True)
    assert (found.contradictions, bool(found.differs)) == ((), True)


def test_a_whole_row_is_one_value_to_both() -> None:
    row = Output(bare=frozenset({(1, 0), (1, 1)}), whole_row=True)
    assert verdict(shown(Columns(frozenset({SSN}))), Attestation("SELECT", (row,))).contradictions == ()
    assert verdict(shown(Constant()), Attestation("SELECT", (row,))).contradictions != ()
