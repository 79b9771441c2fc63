"""INSERT, UPDATE, DELETE, MERGE in golden trees: what is written and what is RETURNed."""

from __future__ import annotations

import pytest

from tests.sql.attest.checks import check, parameters
from tests.sql.attest.golden import Case


@pytest.mark.parametrize(("case", "major", "tree"), parameters("writes"))
def test_golden_tree(case: Case, major: int, tree: str) -> None:
    check(case, major, tree)
