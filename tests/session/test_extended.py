"""The extended query protocol."""

from __future__ import annotations

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
