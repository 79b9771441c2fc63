"""What an error may say about a statement over labelled columns."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.scrub import is_tree, passes, rebuilt, shifted

EVERYTHING = {bytes([code]): b"123-45-6789" for code in b"SMDHPpqWFLR"} | {
    b"V": b"ERROR",
    b"C": b"23505",
    b"s": b"shop",
    b"t": b"customers",
    b"c": b"ssn",
    b"d": b"ssn_type",
    b"n": b"customers_ssn_key",
}


def test_what_is_rebuilt_says_no_value_and_keeps_state_and_objects() -> None:
    kept = rebuilt(EVERYTHING)
    assert b"123-45-6789" not in b" ".join(kept.values())
    assert {code: kept[code] for code in (b"V", b"C", b"M", b"s", b"t", b"c", b"d", b"n")} == {
        b"V": b"ERROR",
        b"C": b"23505",
        b"M": b"unique violation",
        b"s": b"shop",
        b"t": b"customers",
        b"c": b"ssn",
        b"d": b"ssn_type",
        b"n": b"customers_ssn_key",
    }


@pytest.mark.parametrize("state", [b"P1049", b"\xff\xff", b""])
def test_a_state_that_raise_made_up_is_no_trouble(state: bytes) -> None:
    assert rebuilt({**EVERYTHING, b"C": state})[b"C"] == state


def test_an_error_without_fields_is_an_internal_one() -> None:
    assert rebuilt({})[b"C"] == b"XX000"


def test_a_position_is_shifted_by_characters_and_nothing_else_is_touched() -> None:
    fields = {b"M": b"x", b"P": b"8"}
    assert shifted(fields, 10) == {b"M": b"x", b"P": b"18"}
    assert shifted(fields, 0) == fields
    assert shifted({b"M": b"x"}, 10) == {b"M": b"x"}
    assert shifted({b"P": b"x"}, 10) == {b"P": b"x"}


@pytest.mark.parametrize(
    ("severity", "wanted", "shown"),
    [
        (b"NOTICE", "notice", True),
        (b"NOTICE", "warning", False),
        (b"WARNING", "warning", True),
        (b"WARNING", "error", False),
        (b"INFO", "error", True),
        (b"DEBUG", "debug1", True),
        (b"DEBUG", "notice", False),
        (b"whatever", "notice", True),
    ],
)
def test_notices_by_client_min_messages(severity: bytes, wanted: str, shown: bool) -> None:
    assert passes({b"V": severity}, wanted) is shown


@pytest.mark.parametrize(
    ("file", "routine", "tree"),
    [
        (b"print.c", b"elog_node_display", True),
        (b"pl_exec.c", b"exec_stmt_raise", False),
        (b"print.c", b"exec_stmt_raise", False),
        (b"pl_exec.c", b"elog_node_display", False),
    ],
)
def test_a_tree_is_known_by_who_printed_it(file: bytes, routine: bytes, tree: bool) -> None:
    assert is_tree({b"M": b"rewritten parse tree:", b"F": file, b"R": routine}) is tree
