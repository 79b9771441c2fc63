"""What an error may say about a statement over labelled columns."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.scrub import OBJECT_FILES, passes, rebuilt, reduced, shifted

EVERYTHING = {bytes([code]): b"123-45-6789" for code in b"SMDHPpqWLR"} | {
    b"F": b"execMain.c",
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


SECRETS = {bytes([code]): b"123-45-6789" for code in b"SVMDHPpqWLRstcdn"} | {b"C": b"P0001"}


@pytest.mark.parametrize("file", [None, b"pl_exec.c", b"plpy_elog.c", b"dblink.c", b"123-45-6789"])
def test_names_that_raise_made_up_are_withheld(file: bytes | None) -> None:
    """H33: RAISE ... USING TABLE = (SELECT ssn ...)."""
    given = {**SECRETS, **({b"F": file} if file is not None else {})}
    assert b"123-45-6789" not in b" ".join(rebuilt(given).values())
    assert reduced(given) is None


def test_a_reviewed_message_is_shown_and_nothing_that_came_with_it() -> None:
    fields = {b"S": b"ERROR", b"V": b"ERROR", b"C": b"23505", b"F": b"nbtinsert.c", b"L": b"666", b"R": b"_bt_check"}
    fields |= {b"M": b'duplicate key value violates unique constraint "k"', b"n": b"k", b"t": b"customers"}
    kept = rebuilt({**fields, b"D": b"Key (ssn)=(123-45-6789) already exists."})
    assert kept == {**fields, b"D": kept[b"D"]}
    assert kept[b"D"].startswith(b"The rest of the server's text is withheld")
    assert rebuilt(fields) == fields


def test_the_files_that_fill_names_are_the_servers_own() -> None:
    assert not {file for file in OBJECT_FILES if file.startswith((b"pl", b"dblink"))}


def test_a_reviewed_notice_is_shown() -> None:
    notice = {b"S": b"WARNING", b"V": b"WARNING", b"C": b"25P01", b"M": b"there is no transaction in progress"}
    assert reduced({**notice, b"F": b"xact.c", b"D": b"123-45-6789"}) == {**notice, b"F": b"xact.c"}
    assert reduced({**notice, b"F": b"pl_exec.c"}) is None


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
