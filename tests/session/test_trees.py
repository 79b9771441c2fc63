"""Which of the server's trees counts."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.pipeline import BIND, PARSE, Exchange
from pgmaskproxy.session.trees import SEVERAL, Trees, is_tree, latest, same_but_for_positions

FIELDS = {b"V": b"LOG", b"M": b"rewritten parse tree:", b"F": b"print.c", b"R": b"elog_node_display", b"D": b"x"}


def brought(*own: bytes, nested: tuple[bytes, ...] = ()) -> Exchange:
    exchange = Exchange(PARSE if own else BIND, forward=False)
    exchange.own, exchange.nested, exchange.done = list(own), list(nested), True
    return exchange


@pytest.mark.parametrize("code", [b"V", b"M", b"F", b"R"])
def test_a_forged_tree_differs_in_where_it_was_written(code: bytes) -> None:
    assert is_tree(FIELDS)
    assert not is_tree({**FIELDS, code: b"forged"})
    assert not is_tree({key: value for key, value in FIELDS.items() if key != code})


def test_the_last_analysis_stands_until_there_is_another() -> None:
    assert latest([brought(b"1"), brought()]) == Trees(b"1")
    assert latest([brought(b"1"), brought(b"2"), brought()]) == Trees(b"2")
    assert latest([brought()]) == Trees(None)


def test_functions_that_ran_since_the_last_analysis_count() -> None:
    before, after = brought(b"1", nested=(b"a",)), brought(nested=(b"b",))
    assert latest([before, after]) == Trees(b"1", (b"a", b"b"))
    assert latest([before, brought(b"2", nested=(b"c",))]) == Trees(b"2", (b"c",))


def test_two_trees_of_one_statement_are_a_refusal() -> None:
    assert latest([brought(b"1", b"2")]) is SEVERAL


def test_positions_and_folding_are_no_difference() -> None:
    tree = b"({VAR :varno 1 :location 7} {CONST :location -1 :constvalue 4})\n"
    assert same_but_for_positions(tree, b"({VAR :varno 1 :location 21} {CONST\n:location -1 :constvalue 4})\n")
    assert not same_but_for_positions(tree, tree.replace(b"varno 1", b"varno 2"))
    assert not same_but_for_positions(tree, tree.replace(b"constvalue 4", b"constvalue 5"))


def test_what_looks_like_a_position_inside_a_name_is_a_difference() -> None:
    assert not same_but_for_positions(rb"{ALIAS :name a\ :location 7 }", rb"{ALIAS :name a\ :location 8 }")
