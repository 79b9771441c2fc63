"""What every topic of cases is tested by."""

from __future__ import annotations

import pytest
from _pytest.mark import ParameterSet

from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from tests.sql.attest.golden import Case, goldens, relations
from tests.sql.attest.notation import written


def parameters(topic: str) -> list[ParameterSet]:
    """Every case of a topic on every version that there is a tree of."""
    return [pytest.param(case, major, tree, id=f"{major}: {case.sql}") for case, major, tree in goldens(topic)]


def check(case: Case, major: int, tree: str) -> None:
    """What the tree says is what the case says, and nothing else."""
    if case.refused:
        with pytest.raises(Unattestable, match=case.refused):
            attest(tree, major)
    else:
        assert written(attest(tree, major), relations(major)) == case.expected(major)
