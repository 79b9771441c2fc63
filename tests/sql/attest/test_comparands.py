"""Whose doing a comparison in a definition is, on real trees of every version."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import ColumnRef, Use
from pgmaskproxy.sql.attest.attestation import ROW_SECURITY, ROWS, TreeUse
from pgmaskproxy.sql.attest.comparands import Comparands
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from tests.sql.attest.checks import check, parameters
from tests.sql.attest.golden import Case, goldens, relations

STAFF, BANDS, SYSTEM, VIEW, INNER = 100, 200, 300, 400, 500
CATALOG = Catalog(
    relations=(
        Relation(
            STAFF, "hr", "staff", "r", tuple(Column(n, name, 25) for n, name in enumerate(("id", "pay", "tax"), 1))
        ),
        Relation(BANDS, "hr", "bands", "r", (Column(1, "lo", 25), Column(2, "pay", 25))),
        Relation(SYSTEM, "pg_catalog", "pg_roles", "v", (Column(1, "rolname", 19),)),
    )
)
LABELLED = frozenset(
    {ColumnRef("hr", "staff", "pay"), ColumnRef("hr", "staff", "tax"), ColumnRef("hr", "bands", "pay")}
)
COMPARANDS = Comparands(CATALOG, LABELLED)
PAY = (STAFF, 2)
USE = TreeUse(PAY, Use.PREDICATE, "WHERE", view=VIEW, through=(INNER,))

WRITABLE = {
    "SELECT band FROM staff_bands",
    "SELECT * FROM staff_bands_again",
    "SELECT * FROM staff_blocked",
    "SELECT * FROM staff_among",
    "SELECT * FROM staff_counted",
    "SELECT * FROM staff_merged",
    "SELECT * FROM staff_summed",
    "SELECT id FROM staff_near",
    "SELECT id FROM staff_quotient",
    "SELECT id FROM staff_round",
    "SELECT * FROM staff_listed",
    "SELECT id FROM advanced",
    "UPDATE advanced SET advance = 1",
}
"""Statements over a definition that holds pay or tax numbers against what anybody may have written."""


@pytest.mark.parametrize(("case", "major", "tree"), parameters("definitions"))
def test_golden_tree(case: Case, major: int, tree: str) -> None:
    check(case, major, tree)


def _catalog(major: int) -> Catalog:
    """The catalog of the golden trees, as far as they name it."""
    return Catalog(
        relations=tuple(
            Relation(oid, "public", name, "r", tuple(Column(at, each, 25) for at, each in enumerate(columns, 1)))
            for oid, (name, columns) in relations(major).items()
        )
    )


def test_only_what_is_held_against_data_without_a_label_counts() -> None:
    found: dict[str, set[bool]] = {}
    for case, major, tree in goldens("definitions"):
        catalog = _catalog(major)
        refs = catalog.column_refs().values()
        labelled = {ref for ref in refs if ref.column in {"salary", "ssn"} and ref.table in {"staff", "advanced"}}
        comparands = Comparands(catalog, labelled)
        uses = attest(tree, major).uses
        found.setdefault(case.sql, set()).add(any(comparands.counts(use) for use in uses if use.view))
    assert len(found) > len(WRITABLE)
    assert {sql for sql, counted in found.items() if counted == {True}} == WRITABLE
    assert all(len(counted) == 1 for counted in found.values()), "the versions say the same"


def test_where_both_sides_carry_a_label_nothing_counts() -> None:
    for case, major, tree in goldens("definitions"):
        if "bands" in case.sql or "blocked" in case.sql or "among" in case.sql:
            catalog = _catalog(major)
            names = {"staff.salary", "staff.ssn", "bands.lo", "bands.hi", "blocked.value"}
            labelled = {ref for ref in catalog.column_refs().values() if f"{ref.table}.{ref.column}" in names}
            comparands = Comparands(catalog, labelled)
            assert not [use for use in attest(tree, major).uses if comparands.counts(use)], case.sql


@pytest.mark.parametrize(
    ("beside", "counts"),
    [
        ((PAY,), False),
        ((PAY, (STAFF, 3)), False),
        ((PAY, (BANDS, 2)), False),
        ((PAY, (BANDS, 1)), True),
        ((PAY, (STAFF, 1)), True),
        ((PAY, (STAFF, -1)), True),
        ((PAY, (STAFF, 0)), True),
        ((PAY, (BANDS, 9)), True),
        ((PAY, (999, 1)), True),
        ((PAY, (999, 0)), True),
        ((PAY, (SYSTEM, 1)), False),
        ((PAY, ROWS), True),
        ((), False),
    ],
)
def test_what_stands_beside_it_decides(beside: tuple[tuple[int, int], ...], counts: bool) -> None:
    assert COMPARANDS.counts(replace(USE, beside=beside)) is counts


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        ({"use": Use.ORDERING}, True),
        ({"use": Use.JOIN}, True),
        ({"use": Use.EXPRESSION}, True),
        ({"use": Use.EXPRESSION, "beside": (PAY, ROWS)}, False),
        ({"use": Use.NULL_TEST}, False),
        ({"use": Use.COUNT}, False),
        ({"column": (STAFF, 1)}, False),
        ({"column": (STAFF, 0)}, True),
        ({"column": (STAFF, 9)}, True),
        ({"column": (999, 0)}, True),
        ({"column": (SYSTEM, 1)}, False),
        ({"view": ROW_SECURITY, "through": ()}, True),
    ],
)
def test_of_whom_and_for_what(changed: dict[str, object], counts: bool) -> None:
    use = replace(USE, beside=(PAY, (BANDS, 1)))
    assert COMPARANDS.counts(replace(use, **changed)) is counts  # type: ignore[arg-type]


def test_the_operator_answers_for_a_view_at_any_depth_and_for_no_policy() -> None:
    use = replace(USE, beside=(PAY, (BANDS, 1)))
    assert not COMPARANDS.counts(use, {VIEW})
    assert not COMPARANDS.counts(use, {INNER})
    assert COMPARANDS.counts(use, {VIEW + 1})
    assert COMPARANDS.counts(replace(use, view=ROW_SECURITY, through=()), {VIEW, INNER})


def test_which_relations_have_a_labelled_column() -> None:
    assert [COMPARANDS.secret(oid) for oid in (STAFF, BANDS, SYSTEM, 999)] == [True, True, False, False]
