"""What a generated column is computed from, and what of that can fail."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.catalog import Column, Relation
from pgmaskproxy.sql.generated import can_fail, computed_from
from tests.sql.conftest import deep

TEXT, VARCHAR, INTEGER = 25, 1043, 23


def relation(expression: str, of: int = TEXT, made: int = TEXT) -> tuple[Relation, Column]:
    column = Column(3, "made", made, "s", expression)
    return Relation(20_001, "s", "people", "r", (Column(1, "a", of), Column(2, "b", of), column)), column


@pytest.mark.parametrize(
    ("expression", "sources"),
    [
        ("a", "a"),
        ("((a || ' '::text) || b)", "a b"),
        ("'a'::text", ""),
        ("", "a b"),
        ("a, b", "a b"),
        ("not SQL (", "a b"),
    ],
)
def test_what_it_is_computed_from(expression: str, sources: str) -> None:
    assert " ".join(column.name for column in deep(lambda: computed_from(*relation(expression)))) == sources


@pytest.mark.parametrize(
    ("expression", "fails"),
    [
        ("a", False),
        ("upper(a)", False),
        ("COALESCE((a)::text, ''::text)", False),
        ("(a || '-'::pg_catalog.text)", False),
        ("(a)::integer", True),
        ("(a || (ARRAY[b])::text)", True),
        ("s.upper(a)", True),
        ("(a)::text[]", True),
        ("", True),
        ("a; DROP TABLE t", True),
    ],
)
def test_what_can_fail(expression: str, *, fails: bool) -> None:
    assert deep(lambda: can_fail(*relation(expression))) is fails
    assert deep(lambda: can_fail(*relation(expression, of=INTEGER)))
    assert deep(lambda: can_fail(*relation(expression, made=VARCHAR)))
