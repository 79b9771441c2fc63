"""Expressions that cannot fail; on real trees in test_comparands."""

from __future__ import annotations

import re

import pytest

from pgmaskproxy.sql.attest.quiet import AGGREGATES, CALLED, COMPARISONS, is_quiet
from pgmaskproxy.sql.attest.reader import read
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.routines import OPERATORS

VAR = "{VAR :varno 1}"


def operator(oid: int) -> str:
    return f"{{OPEXPR :opno {oid} :args ({VAR} {VAR})}}"


def test_comparisons_compare() -> None:
    assert len(COMPARISONS) > 50
    assert all(re.match(r"(=|<>|<|<=|>|>=)\(", OPERATORS[oid][0]) for oid in COMPARISONS)


@pytest.mark.parametrize(
    ("tree", "quiet"),
    [
        (VAR, True),
        (operator(98), True),  # text = text
        (operator(1756), True),  # numeric > numeric
        (operator(1758), False),  # numeric + numeric
        (operator(1761), False),  # numeric / numeric
        (operator(1209), False),  # text ~~ text: a pattern may be damaged
        (f"{{CASEEXPR :args ({{CASEWHEN :expr {operator(98)} :result {VAR}}})}}", True),
        (f"{{CASEEXPR :args ({{CASEWHEN :expr {operator(98)} :result {operator(1761)}}})}}", False),
        (f"{{FUNCEXPR :funcid 870 :funcvariadic false :args ({VAR})}}", True),  # lower(text)
        (f"{{FUNCEXPR :funcid 877 :funcvariadic false :args ({VAR})}}", False),  # substr(text, integer, integer)
        (f"{{FUNCEXPR :funcid 3787 :funcvariadic true :args ({VAR})}}", False),
        (f"{{FUNCEXPR :funcid 20000 :funcvariadic false :args ({VAR})}}", False),
        (f"{{AGGREF :aggfnoid 2335 :aggvariadic false :args ({VAR})}}", True),
        (f"{{AGGREF :aggfnoid 2335 :aggvariadic true :args ({VAR})}}", False),
        (f"{{AGGREF :aggfnoid 2114 :aggvariadic false :args ({VAR})}}", False),  # sum(numeric)
        (f"{{COERCEVIAIO :arg {VAR}}}", False),
        ("{SUBLINK :subLinkType 4}", False),
    ],
)
def test_what_can_fail(tree: str, quiet: bool) -> None:
    assert is_quiet(read(tree)) is quiet


def test_a_node_without_its_number_is_no_tree() -> None:
    with pytest.raises(Unattestable):
        is_quiet(read("{OPEXPR :args <>}"))


def test_the_lists_are_numbers() -> None:
    assert 877 not in CALLED
    assert 936 not in CALLED
    assert 2114 not in AGGREGATES
