"""Trees that come when a statement is bound; and those of the queries inside, in the extended protocol too."""

from __future__ import annotations

import pytest

from tests.session.test_attesting import BEFORE
from tests.session.test_attesting_inner import DECLARED
from tests.session.transcript import play

ANALYSED_ANEW = """
        >> Query "SELECT name FROM customers"
        ?? Judge several "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "SELECT name FROM customers" "T1"
        !! attested read masks=-
        => Bind "" "" / Describe P "" / Flush
        <= Tree "T2" / BindComplete / RowDescription name=1.3
        ?? Attest "SELECT name FROM customers" "T2" anew
"""
REFUSED = """
        -- RecordRefusal #1 42501 "SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
"""


@pytest.mark.parametrize("words", ["read masks=- deny", "read masks=- hold"])
def test_what_is_refused_or_held_as_it_is_bound_does_not_run(words: str) -> None:
    play(f"{ANALYSED_ANEW}        !! attested {words}{REFUSED}", before=BEFORE)


def test_what_is_shown_is_what_its_latest_tree_says() -> None:
    play(
        f"""{ANALYSED_ANEW}
        !! attested read masks=null
        ?? RecordExecution #1 "SELECT name FROM customers" shows ...
        !! recorded
        => Execute ""
        << RowDescription name=1.3
        => Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


EXPLAINED = """
        >> Parse "" "EXPLAIN SELECT name FROM customers" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge "EXPLAIN SELECT name FROM customers"
        !! explain inner=SELECT_name_FROM_customers masks=-
        => Parse "" "EXPLAIN SELECT name FROM customers"
        => Parse "~inner" "SELECT name FROM customers" / Close S "~inner" / Flush
        <= ParseComplete / Tree "T1" / ParseComplete / CloseComplete
        << ParseComplete
        ?? Attest "EXPLAIN SELECT name FROM customers" "T1"
"""


def test_the_query_inside_is_parsed_before_its_statement_is_bound() -> None:
    play(
        f"""{EXPLAINED}
        !! attested explain deny
        -- RecordRefusal #1 42501 "EXPLAIN SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        -- RecordRefusal #2 34000 ""
        => Parse "~refused" "refused by pgmaskproxy"
        -- RecordRefusal #3 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BEFORE,
    )


def test_another_analysis_while_it_is_bound_is_of_another_query() -> None:
    """THREATS M02e: a domain's check may move the search_path while parameters are read."""
    play(
        f"""{EXPLAINED}
        !! attested explain masks=-
        => Bind "" "" / Describe P "" / Flush
        <= Tree "?" / BindComplete / RowDescription plan=0
        << BindComplete / RowDescription plan=0
        -- RecordRefusal #1 0A000 "EXPLAIN SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BEFORE,
    )


FETCHED = """
        >> Query "FETCH c"
        ?? Judge several "FETCH c"
        !! fetch=c
        => Parse "" "FETCH c" / Bind "" "" / Describe P "" / Flush
"""


def test_a_tree_where_none_is_expected_ends_the_session() -> None:
    play(
        f"""{FETCHED}
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #3 "FETCH c" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=1.3
        => Close P "" / Close S "" / Sync
        <= Tree "T9" / DataRow "123-45-6789"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "the server analysed a statement anew, and understood something else than was decided" alarm
        """,
        before=DECLARED,
    )


def test_a_cursor_of_a_relation_nobody_knew_shows_what_the_server_alone_clears() -> None:
    """What the name stands for was read under the old catalog."""
    play(
        f"""{FETCHED}
        <= ParseComplete / BindComplete / RowDescription a=7.1 b=0
        ?? Judge "FETCH c" refresh
        !! fetch=c masks=-,- known=1,7
        ?? RecordExecution #3 "FETCH c" shows -,:null
        """,
        before=DECLARED,
    )
