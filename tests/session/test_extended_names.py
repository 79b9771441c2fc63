"""Names of statements and portals: closed, made anew, taken back, limited."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
from tests.session.test_extended import BLOCK, PREPARED
from tests.session.transcript import play


def test_close_forgets_a_name() -> None:
    play(
        r"""
        >> Close S "s" / Bind "" "s" / Sync
        => Close S "s"
        -- RecordRefusal #1 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= CloseComplete / ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << CloseComplete / ErrorResponse 26000 "prepared statement \"s\" does not exist" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_closing_what_does_not_exist_is_no_error() -> None:
    play(
        """
        >> Close S "nope" / Close P "nope" / Sync
        => Close S "nope" / Close P "nope" / Sync
        <= CloseComplete / CloseComplete / ReadyForQuery I
        << CloseComplete / CloseComplete / ReadyForQuery I
        """
    )


def test_a_name_that_is_parsed_again_after_close_is_another_statement() -> None:
    play(
        """
        >> Close S "s" / Parse "s" "SELECT name FROM customers" / Bind "" "s" / Execute "" / Sync
        => Close S "s"
        ?? Judge "SELECT name FROM customers"
        !! read masks=-
        => Parse "s" "SELECT name FROM customers" / Bind "" "s" / Describe P "" / Flush
        <= CloseComplete / ParseComplete / BindComplete / RowDescription name=1.2
        << CloseComplete / ParseComplete / BindComplete
        ?? RecordExecution #1 "SELECT name FROM customers" shows -
        !! recorded
        => Execute "" / Sync
        <= DataRow "Ann" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "Ann"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=0 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_duplicate_name_is_the_servers_to_refuse_and_the_old_statement_stays() -> None:
    play(
        """
        >> Parse "s" "SELECT name FROM customers" / Sync
        ?? Judge "SELECT name FROM customers"
        !! read masks=-
        => Parse "s" "SELECT name FROM customers" / Sync
        <= ErrorResponse 42P05 "prepared statement already exists" / ReadyForQuery I
        << ErrorResponse 42P05 "prepared statement already exists" / ReadyForQuery I
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=0
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        """,
        before=PREPARED,
    )


def test_what_follows_a_sync_waits_until_it_is_certain_what_its_names_mean() -> None:
    """A refused Parse makes the server skip what remakes `s`; behind the Sync `s` is still what it was."""
    play(
        """
        >> Parse "" "SELEC" / Close S "s" / Parse "s" "SELECT name" / Sync / Bind "" "s" / Execute "" / Sync
        ?? Judge "SELEC"
        !! unreadable 42601 "syntax error"
        -- RecordRefusal #1 42601 "SELEC"
        => Parse "~refused" "refused by pgmaskproxy" / Close S "s"
        ?? Judge "SELECT name"
        !! read masks=-
        => Parse "s" "SELECT name" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42601 "syntax error" / ReadyForQuery I
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=0
        << BindComplete
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_commit_on_the_way_drops_portals_so_a_name_bound_again_is_the_new_one() -> None:
    play(
        """
        >> Parse "a" "SELECT name" / Parse "b" "SELECT ssn" / Parse "c" "COMMIT" / Sync
        ?? Judge "SELECT name"
        !! read masks=-
        => Parse "a" "SELECT name"
        ?? Judge "SELECT ssn"
        !! read masks=ssn
        => Parse "b" "SELECT ssn"
        ?? Judge "COMMIT"
        !! commit
        => Parse "c" "COMMIT" / Sync
        <= ParseComplete / ParseComplete / ParseComplete / ReadyForQuery T
        << ParseComplete / ParseComplete / ParseComplete / ReadyForQuery T
        >> Bind "p" "a" / Execute "p" / Bind "" "c" / Execute "" / Bind "p" "b" / Execute "p" / Sync
        => Bind "p" "a" / Describe P "p" / Flush
        <= BindComplete / RowDescription name=0
        << BindComplete
        ?? RecordExecution #2 "SELECT name" shows -
        !! recorded
        => Execute "p" / Bind "" "c" / Describe P "" / Flush
        <= CommandComplete "SELECT 0" / BindComplete / NoData
        -- RecordOutcome #2 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0" / BindComplete
        ?? RecordExecution #3 "COMMIT" shows nothing
        !! recorded
        => Execute "" / Bind "p" "b" / Describe P "p" / Flush
        <= CommandComplete "COMMIT" / BindComplete / RowDescription ssn=0
        -- RecordOutcome #3 "COMMIT" rows=0 cells=0 size=0
        << CommandComplete "COMMIT" / BindComplete
        ?? RecordExecution #4 "SELECT ssn" shows ssn:redact
        !! recorded
        => Execute "p" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #4 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=BLOCK,
    )


def test_a_portal_ends_with_its_transaction() -> None:
    play(
        r"""
        >> Bind "p" "s" / Sync
        => Bind "p" "s" / Sync
        <= BindComplete / ReadyForQuery I
        << BindComplete / ReadyForQuery I
        >> Execute "p" / Sync
        -- RecordRefusal #1 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 34000 "portal \"p\" does not exist" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_duplicate_portal_is_the_servers_to_refuse() -> None:
    play(
        """
        >> Bind "p" "s" / Bind "p" "s" / Sync
        => Bind "p" "s" / Bind "p" "s" / Sync
        <= BindComplete / ErrorResponse 42P03 "cursor already exists" / ReadyForQuery I
        << BindComplete / ErrorResponse 42P03 "cursor already exists" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_unknown_names_are_refused_by_substitution() -> None:
    play(
        r"""
        >> Describe S "no" / Sync
        -- RecordRefusal #1 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"no\" does not exist" / ReadyForQuery I
        >> Describe P "no" / Sync
        -- RecordRefusal #2 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 34000 "portal \"no\" does not exist" / ReadyForQuery I
        >> Bind "" "no" / Sync
        -- RecordRefusal #3 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"no\" does not exist" / ReadyForQuery I
        >> Execute "no" / Sync
        -- RecordRefusal #4 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 34000 "portal \"no\" does not exist" / ReadyForQuery I
        """
    )


def test_the_proxys_own_names_are_not_the_clients() -> None:
    play(
        r"""
        >> Parse "~path" "SELECT 1" / Sync
        -- RecordRefusal #1 42939 "SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42939 "the name \"~path\" is reserved" / ReadyForQuery I
        >> Bind "~path" "s" / Sync
        -- RecordRefusal #2 42939 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42939 "the name \"~path\" is reserved" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_names_are_limited() -> None:
    play(
        """
        >> Parse "a" "SELECT 1" / Parse "b" "SELECT 2" / Sync
        ?? Judge "SELECT 1"
        !! read
        => Parse "a" "SELECT 1"
        -- RecordRefusal #1 53400 "SELECT 2"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ParseComplete / ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ParseComplete
        << ErrorResponse 53400 "too many prepared statements and portals in this session" ...
        << ReadyForQuery I
        >> Bind "p" "a" / Sync
        -- RecordRefusal #2 53400 "SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53400 "too many prepared statements and portals in this session" ...
        << ReadyForQuery I
        # the limit is for new names only
        >> Parse "a" "SELECT 1"
        ?? Judge "SELECT 1"
        """,
        limits=Limits(names=1),
    )


def test_sql_level_prepare_counts_too() -> None:
    play(
        """
        >> Parse "" "PREPARE x AS SELECT 1" / Bind "" "" / Execute "" / Sync
        ?? Judge "PREPARE x AS SELECT 1"
        !! prepare=x
        => Parse "" "PREPARE x AS SELECT 1" / Bind "" ""
        -- RecordRefusal #1 53400 "PREPARE x AS SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ParseComplete / BindComplete
        << ParseComplete / BindComplete
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53400 "too many prepared statements and portals in this session" ...
        << ReadyForQuery I
        """,
        limits=Limits(names=2),
    )
