"""The extended query protocol."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
from tests.session.transcript import LOGIN, READY, play

BLOCK = (
    LOGIN
    + READY
    + """
    >> Query "BEGIN"
    !! begin
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "BEGIN" / CloseComplete / CloseComplete / ReadyForQuery T
"""
)
PREPARED = (
    LOGIN
    + READY
    + """
    >> Parse "s" "SELECT ssn FROM customers" / Sync
    !! read masks=ssn
    <= ParseComplete / ReadyForQuery I
"""
)


def test_the_unnamed_statement() -> None:
    play(
        """
        >> Parse "" "SELECT ssn FROM customers WHERE id = $1" 23
        ?? Judge "SELECT ssn FROM customers WHERE id = $1"
        !! read masks=ssn parameters=1
        => Parse "" "SELECT ssn FROM customers WHERE id = $1" 23
        >> Bind "" "" "7" / Describe P "" / Execute "" / Sync
        => Bind "" "" "7" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        << ParseComplete / BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #1 "SELECT ssn FROM customers WHERE id = $1" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_an_execute_without_describe_gets_one_of_the_portal_that_the_client_does_not_see() -> None:
    play(
        """
        >> Bind "" "s" out=1 / Execute "" / Sync
        => Bind "" "s" out=1 / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3/1
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_the_clients_own_describe_of_the_portal_is_used() -> None:
    play(
        """
        >> Bind "" "s" / Describe P "" / Sync
        => Bind "" "s" / Describe P "" / Sync
        <= BindComplete / RowDescription ssn=1.3 / ReadyForQuery I
        << BindComplete / RowDescription ssn=1.3 / ReadyForQuery I
        >> Bind "" "s" / Describe P "" / Flush
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        >> Execute "" / Sync
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "1" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_describe_of_the_statement_never_is() -> None:
    """THREATS M02: what the names mean, and the formats (M05), are the portal's."""
    play(
        """
        >> Describe S "s" / Bind "" "s" / Execute "" / Sync
        => Describe S "s" / Bind "" "s" / Describe P "" / Flush
        <= ParameterDescription / RowDescription name=1.2 / BindComplete
        << ParameterDescription / RowDescription name=1.2 / BindComplete
        <= RowDescription ssn=1.3
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_portal_that_shows_another_column_than_its_text_is_masked() -> None:
    play(
        """
        >> Parse "" "SELECT name FROM customers" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.3
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "SELECT name FROM customers" shows :null conflicts=1
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow NULL
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=11
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_a_relation_that_the_catalog_does_not_have_is_asked_for_again_once() -> None:
    play(
        """
        >> Parse "" "SELECT a, b FROM new, newer" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT a, b FROM new, newer"
        !! read masks=-,-
        => Parse "" "SELECT a, b FROM new, newer" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription a=2.1 b=3.1
        << ParseComplete / BindComplete
        ?? Judge "SELECT a, b FROM new, newer" refresh
        !! read masks=-,- known=1,2
        ?? RecordExecution #1 "SELECT a, b FROM new, newer" shows -,:null
        !! recorded
        => Execute "" / Sync
        <= DataRow "clear" "unknown" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "clear" NULL
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=20
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_no_data_has_nothing_to_show() -> None:
    play(
        """
        >> Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge "INSERT 1"
        !! write
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "INSERT 0 1" / ReadyForQuery I
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1" / ReadyForQuery I
        """
    )


def test_a_suspended_portal_keeps_its_plan_and_every_execute_is_recorded() -> None:
    play(
        """
        >> Bind "p" "s" / Execute "p" 1 / Execute "p" 1 / Execute "p" / Sync
        => Bind "p" "s" / Describe P "p" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "p" 1
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "p" 1
        ?? RecordExecution #3 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "p" / Sync
        <= DataRow "111" / PortalSuspended / DataRow "222" / PortalSuspended
        << DataRow "***"
        -- RecordOutcome #1 "SUSPENDED" rows=1 cells=1 size=14
        << PortalSuspended / DataRow "***"
        -- RecordOutcome #2 "SUSPENDED" rows=1 cells=1 size=14
        << PortalSuspended
        <= DataRow "333" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #3 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_row_limit_in_a_block_goes_on_after_sync_and_policy_can_move_under_it() -> None:
    play(
        """
        >> Parse "" "SELECT name FROM customers" / Bind "p" "" / Execute "p" 1 / Sync
        ?? Judge "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Bind "p" "" / Describe P "p" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.2
        << ParseComplete / BindComplete
        ?? RecordExecution #2 "SELECT name FROM customers" shows -
        !! recorded
        => Execute "p" 1 / Sync
        <= DataRow "Ann" / PortalSuspended / ReadyForQuery T
        << DataRow "Ann"
        -- RecordOutcome #2 "SUSPENDED" rows=1 cells=0 size=14
        << PortalSuspended / ReadyForQuery T
        !! epoch 2
        >> Execute "p" 1 / Sync
        ?? Judge "SELECT name FROM customers"
        !! read masks=- deny epoch=2
        -- RecordRefusal #3 42501 "SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery E
        """,
        before=BLOCK,
    )


def test_an_epoch_that_moved_means_that_a_statement_is_judged_again_before_it_runs() -> None:
    play(
        """
        !! epoch 2
        >> Bind "" "s" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read masks=null epoch=2
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows :null
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow NULL
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=11
        << CommandComplete "SELECT 1" / ReadyForQuery I
        # once: the prepared statement keeps the new ruling
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows :null
        """,
        before=PREPARED,
    )


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


def test_after_an_error_everything_to_sync_is_skipped_and_its_names_are_taken_back() -> None:
    play(
        r"""
        >> Parse "a" "SELECT nope" / Bind "p" "a" / Close S "s" / Parse "b" "SELECT 1"
        ?? Judge "SELECT nope"
        !! read
        => Parse "a" "SELECT nope" / Bind "p" "a" / Close S "s"
        ?? Judge "SELECT 1"
        !! read
        => Parse "b" "SELECT 1"
        <= ErrorResponse 42703 "column does not exist"
        << ErrorResponse 42703 "column does not exist"
        >> Bind "" "s" / Execute "" / Flush / Sync
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Bind "" "a" / Sync
        -- RecordRefusal #1 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"a\" does not exist" / ReadyForQuery I
        >> Bind "" "b" / Sync
        -- RecordRefusal #2 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"b\" does not exist" / ReadyForQuery I
        >> Bind "" "s" / Sync
        => Bind "" "s" / Sync
        """,
        before=PREPARED,
    )


def test_a_denied_statement_is_refused_at_parse_in_the_middle_of_a_pipeline() -> None:
    play(
        """
        >> Parse "" "INSERT 1" / Bind "" "" / Execute ""
        ?? Judge "INSERT 1"
        !! write
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute ""
        >> Parse "" "SELECT upper(ssn)" / Bind "" "" / Describe P "" / Execute ""
        ?? Judge "SELECT upper(ssn)"
        !! read deny
        -- RecordRefusal #2 42501 "SELECT upper(ssn)"
        => Parse "~refused" "refused by pgmaskproxy" / Bind "" "" / Describe P "" / Flush
        >> Parse "" "INSERT 2" / Bind "" "" / Execute "" / Sync
        <= CommandComplete "INSERT 0 1" / ErrorResponse 42601 "syntax error at or near refused"
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_statement_that_policy_came_to_deny_is_refused_at_execute() -> None:
    play(
        """
        !! epoch 2
        >> Bind "" "s" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read deny epoch=2
        => Bind "" "s"
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= BindComplete / ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << BindComplete / ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_pipeline_of_many_runs_in_order_each_after_its_own_verdict() -> None:
    play(
        """
        >> Bind "" "s" / Execute "" / Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Bind "" "s" / Describe P "" / Flush
        <= DataRow "111" / CommandComplete "SELECT 1" / BindComplete / RowDescription ssn=1.3
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / BindComplete
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "222" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_what_was_sent_behind_a_failure_is_written_down_as_skipped() -> None:
    play(
        """
        >> Bind "p" "s" / Bind "q" "s" / Describe P "p" / Describe P "q" / Flush
        => Bind "p" "s" / Bind "q" "s" / Describe P "p" / Describe P "q" / Flush
        <= BindComplete / BindComplete / RowDescription ssn=1.3 / RowDescription ssn=1.3
        << BindComplete / BindComplete / RowDescription ssn=1.3 / RowDescription ssn=1.3
        >> Execute "p" / Execute "q" / Sync
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "p"
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "q" / Sync
        <= DataRow "111" / ErrorResponse 22012 "division by zero" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "" 22012 rows=1 cells=1 size=14
        -- RecordOutcome #2 "SKIPPED" 22012 rows=0 cells=0 size=0
        << ErrorResponse 22012 "division by zero" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_what_fails_while_a_record_is_written_keeps_the_next_from_being_sent() -> None:
    play(
        """
        >> Bind "p" "s" / Bind "q" "s" / Describe P "p" / Describe P "q" / Flush
        => Bind "p" "s" / Bind "q" "s" / Describe P "p" / Describe P "q" / Flush
        <= BindComplete / BindComplete / RowDescription ssn=1.3 / RowDescription ssn=1.3
        << BindComplete / BindComplete / RowDescription ssn=1.3 / RowDescription ssn=1.3
        >> Execute "p" / Execute "q" / Sync
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "p"
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        <= ErrorResponse 22012 "division by zero"
        -- RecordOutcome #1 "" 22012 rows=0 cells=0 size=0
        << ErrorResponse 22012 "division by zero"
        !! recorded
        -- RecordOutcome #2 "SKIPPED" rows=0 cells=0 size=0
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_flush_is_passed_on() -> None:
    play(
        """
        >> Flush
        => Flush
        """
    )


def test_a_record_that_cannot_be_written_means_that_nothing_runs() -> None:
    play(
        """
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! unrecorded 53100 "the audit log cannot be written"
        -- RecordRefusal #1 53100 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53100 "the audit log cannot be written" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_parse_of_several_statements_is_refused_as_the_judge_says() -> None:
    play(
        """
        >> Parse "" "SELECT 1; SELECT 2" / Sync
        ?? Judge "SELECT 1; SELECT 2"
        !! unreadable 42601 "cannot insert multiple commands into a prepared statement"
        -- RecordRefusal #1 42601 "SELECT 1; SELECT 2"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42601 "cannot insert multiple commands into a prepared statement" / ReadyForQuery I
        """
    )


def test_an_empty_statement_runs_and_is_empty() -> None:
    play(
        """
        >> Parse "" "" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge ""
        !! empty
        => Parse "" "" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "" shows nothing
        !! recorded
        => Execute "" / Sync
        <= EmptyQueryResponse / ReadyForQuery I
        -- RecordOutcome #1 "" rows=0 cells=0 size=0
        << EmptyQueryResponse / ReadyForQuery I
        """
    )


def test_copy_from_stdin() -> None:
    play(
        r"""
        >> Parse "" "COPY t FROM STDIN" / Bind "" "" / Execute "" / Sync
        ?? Judge "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> CopyData "1\n" / CopyDone / Sync
        => CopyData "1\n" / CopyDone / Flush / Sync
        <= CommandComplete "COPY 1" / ReadyForQuery I
        -- RecordOutcome #1 "COPY 1" rows=0 cells=0 size=0
        << CommandComplete "COPY 1" / ReadyForQuery I
        """
    )


def test_copy_to_stdout_is_masked_by_the_plan_of_a_probe() -> None:
    play(
        r"""
        >> Parse "" "COPY customers TO STDOUT" / Bind "" "" / Execute "" / Sync
        ?? Judge "COPY customers TO STDOUT"
        !! copyout masks=-,ssn
        => Parse "" "COPY customers TO STDOUT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        => Parse "~copy" "SELECT 2 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ParseComplete / ParameterDescription / RowDescription name=1.2 ssn=1.3 / CloseComplete
        ?? RecordExecution #1 "COPY customers TO STDOUT" shows -,ssn:redact
        !! recorded
        => Execute "" / Sync
        <= CopyOutResponse 2 / CopyData "Ann\t123-45-6789\n" / CopyDone / CommandComplete "COPY 1" / ReadyForQuery I
        << CopyOutResponse 2 / CopyData "Ann\t***\n" / CopyDone
        -- RecordOutcome #1 "COPY 1" rows=1 cells=1 size=13
        << CommandComplete "COPY 1" / ReadyForQuery I
        """
    )
