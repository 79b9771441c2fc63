"""The simple query protocol, spoken upstream as the extended one."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Statement
from pgmaskproxy.session.simple import ending
from tests.session.rulings import rulings
from tests.session.transcript import play


def test_a_query_is_described_and_recorded_before_it_runs() -> None:
    play(
        """
        >> Query "SELECT name, ssn FROM customers"
        ?? Judge several "SELECT name, ssn FROM customers"
        !! read masks=-,ssn
        => Parse "" "SELECT name, ssn FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.2 ssn=1.3
        ?? RecordExecution #1 "SELECT name, ssn FROM customers" shows -,ssn:redact
        !! recorded
        => Execute ""
        << RowDescription name=1.2 ssn=1.3
        => Close P "" / Close S "" / Sync
        <= DataRow "Ann" "123-45-6789" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << DataRow "Ann" "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=21
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_several_statements_run_in_a_hidden_block() -> None:
    play(
        """
        >> Query "INSERT 1; SELECT 2"
        ?? Judge several "INSERT 1; SELECT 2"
        !! write ; read
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        => Parse "" "SELECT 2" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #2 "SELECT 2" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= DataRow "2" / CommandComplete "SELECT 1"
        << DataRow "2"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=0 size=12
        => Parse "~block" "COMMIT" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / CommandComplete "COMMIT" / CloseComplete / CloseComplete
        <= CloseComplete / CloseComplete / ReadyForQuery I
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """
    )


def test_an_error_in_the_middle_rolls_the_hidden_block_back_and_nothing_after_it_runs() -> None:
    play(
        """
        >> Query "SELECT 1/0; INSERT 1"
        ?? Judge several "SELECT 1/0; INSERT 1"
        !! read ; write
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "SELECT 1/0" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1/0" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= ErrorResponse 22012 "division by zero"
        -- RecordOutcome #1 "" 22012 rows=0 cells=0 size=0
        << ErrorResponse 22012 "division by zero"
        => Sync
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_error_in_the_last_of_several_rolls_back_as_well() -> None:
    play(
        """
        >> Query "INSERT 1; SELECT 1/0"
        ?? Judge several "INSERT 1; SELECT 1/0"
        !! write ; read
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        => Parse "" "SELECT 1/0" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #2 "SELECT 1/0" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= ErrorResponse 22012 "division by zero"
        -- RecordOutcome #2 "" 22012 rows=0 cells=0 size=0
        << ErrorResponse 22012 "division by zero"
        => Sync
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_deferred_constraint_that_fails_at_the_hidden_commit_replaces_the_last_command_complete() -> None:
    play(
        """
        >> Query "SELECT 1; INSERT 1"
        ?? Judge several "SELECT 1; INSERT 1"
        !! read ; write
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= CommandComplete "SELECT 0"
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0"
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #2 "INSERT 0 1" rows=0 cells=0 size=0
        => Parse "~block" "COMMIT" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / ErrorResponse 23503 "violates" D="Key (ssn)=(123-45-6789)" n="fk"
        << ErrorResponse 23503 "foreign key violation" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_deferred_constraint_that_fails_at_sync_replaces_command_complete() -> None:
    play(
        """
        >> Query "INSERT 1"
        ?? Judge several "INSERT 1"
        !! write
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "INSERT 0 1" / CloseComplete / CloseComplete
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        <= ErrorResponse 23503 "violates" D="Key (ssn)=(123-45-6789)" n="fk" / ReadyForQuery I
        << ErrorResponse 23503 "foreign key violation" ...
        << ReadyForQuery I
        """
    )


def test_transaction_control_is_not_wrapped() -> None:
    play(
        """
        >> Query "BEGIN; INSERT 1"
        ?? Judge several "BEGIN; INSERT 1"
        !! begin ; write
        => Parse "" "BEGIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "BEGIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "BEGIN"
        -- RecordOutcome #1 "BEGIN" rows=0 cells=0 size=0
        << CommandComplete "BEGIN"
        => Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "INSERT 0 1" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #2 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1" / ReadyForQuery T
        # and in the block that is open now, several are not wrapped either
        >> Query "INSERT 2; SELECT 1/0"
        ?? Judge several "INSERT 2; SELECT 1/0"
        !! write ; read
        => Parse "" "INSERT 2" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "INSERT 2" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #3 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        => Parse "" "SELECT 1/0" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #4 "SELECT 1/0" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        <= ErrorResponse 22012 "division by zero" / ReadyForQuery E
        -- RecordOutcome #4 "" 22012 rows=0 cells=0 size=0
        << ErrorResponse 22012 "division by zero" / ReadyForQuery E
        """
    )


def test_an_errors_position_is_that_in_the_text_the_client_sent() -> None:
    play(
        """
        >> Query "SELECT 1; SELECT é, x"
        ?? Judge several "SELECT 1; SELECT é, x"
        !! read ; read
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= CommandComplete "SELECT 0"
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0"
        => Parse "" "SELECT é, x" / Bind "" "" / Describe P "" / Flush
        <= ErrorResponse 42703 "column x does not exist" P="11"
        << ErrorResponse 42703 "column x does not exist" P="21"
        => Sync
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_refusals_position_is_shifted_too() -> None:
    play(
        """
        >> Query "SELECT 1; SELECT $1"
        ?? Judge several "SELECT 1; SELECT $1"
        !! read ; read parameters=1
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Flush
        <= CommandComplete "SELECT 0"
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0"
        -- RecordRefusal #2 42P02 "SELECT $1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42P02 "there is no parameter $1"
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_empty_query_is_the_servers_empty_query() -> None:
    play(
        """
        >> Query " ; -- nothing"
        ?? Judge several " ; -- nothing"
        !! none
        => Parse "" "" / Bind "" "" / Execute "" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / EmptyQueryResponse / CloseComplete / CloseComplete / ReadyForQuery I
        << EmptyQueryResponse / ReadyForQuery I
        """
    )


def test_client_min_messages_is_virtual() -> None:
    play(
        """
        >> Query "SET client_min_messages = warning"
        ?? Judge several "SET client_min_messages = warning"
        !! set=client_min_messages:WARNING
        => Parse "" "SET pgmaskproxy.client_min_messages = 'warning'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET client_min_messages = warning" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        """
    )


def test_what_the_server_remarks_on_while_it_parses_and_plans_reaches_the_client_as_from_its_own_simple_query() -> None:
    play(
        """
        >> Query "SELECT f()"
        ?? Judge several "SELECT f()"
        !! read
        => Parse "" "SELECT f()" / Bind "" "" / Describe P "" / Flush
        <= NoticeResponse 22P06 "nonstandard use" P="8" / ParseComplete
        << NoticeResponse 22P06 "nonstandard use" P="8"
        <= NoticeResponse 00000 "planned" / BindComplete
        << NoticeResponse 00000 "planned"
        <= RowDescription n=0:23
        ?? RecordExecution #1 "SELECT f()" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        <= CommandComplete "SELECT 0" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0" / ReadyForQuery I
        """
    )


@pytest.mark.parametrize(
    ("written", "judged", "sent"),
    [
        ("SELECT 1;", "SELECT 1", "SELECT 1;"),
        ("SELECT 1 ; ", "SELECT 1", "SELECT 1 ;"),
        ("SELECT 1", "SELECT 1", "SELECT 1"),
        ("SELECT 1;;", "SELECT 1", "SELECT 1"),
        ("SELECT 1; -- that is all", "SELECT 1", "SELECT 1"),
    ],
)
def test_one_statement_goes_with_its_semicolon_since_the_server_shows_a_cursors_text(
    written: str, judged: str, sent: str
) -> None:
    (ruling,) = rulings(Statement(judged, "shop", "app", (), extended=True), ["read"])
    assert judged + ending(written, ruling).decode() == sent


def test_a_parameter_that_there_is_not_is_named_with_its_place() -> None:
    play(
        """
        >> Query "SELECT $2"
        ?? Judge several "SELECT $2"
        !! read parameters=2 at=8
        -- RecordRefusal #1 42P02 "SELECT $2"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42P02 "there is no parameter $2" P="8"
        << ReadyForQuery I
        """
    )
