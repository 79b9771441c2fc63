"""A simple Query's answers in the server's own order, and in a block that has failed."""

from __future__ import annotations

from tests.session.test_extended import BLOCK
from tests.session.transcript import play

FAILED = (
    BLOCK
    + """
    >> Query "SELECT 1/0"
    !! read
    <= ParseComplete / ErrorResponse 22012 "division by zero"
    <= ReadyForQuery E
"""
)


def test_what_is_said_at_the_end_comes_behind_the_completion() -> None:
    """The completion waits for the commit; a setting's new value and a notification are said behind it."""
    play(
        """
        >> Query "SET TimeZone = 'UTC'"
        ?? Judge several "SET TimeZone = 'UTC'"
        !! set=TimeZone:UTC
        => Parse "" "SET TimeZone = 'UTC'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET TimeZone = 'UTC'" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        <= ParameterStatus "TimeZone" "UTC"
        <= ReadyForQuery I
        << CommandComplete "SET" / ParameterStatus "TimeZone" "UTC" / ReadyForQuery I
        """
    )


def test_what_was_said_behind_a_completion_is_not_lost_with_it() -> None:
    play(
        """
        >> Query "SET TimeZone = 'UTC'"
        ?? Judge several "SET TimeZone = 'UTC'"
        !! set=TimeZone:UTC
        => Parse "" "SET TimeZone = 'UTC'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET TimeZone = 'UTC'" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ParameterStatus "TimeZone" "UTC"
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        <= ErrorResponse FATAL 57P01 "terminating connection due to administrator command"
        << ParameterStatus "TimeZone" "UTC"
        << ErrorResponse FATAL 57P01 ...
        """
    )


def test_an_empty_query_in_a_failed_block_is_answered_as_the_server_answers_a_query() -> None:
    """It would refuse a Bind of it there (25P02); drivers ask so whether the connection is alive."""
    play(
        """
        >> Query "-- ping"
        ?? Judge several "-- ping"
        !! none
        << EmptyQueryResponse
        => Close P "" / Close S "" / Sync
        <= CloseComplete / CloseComplete / ReadyForQuery E
        << ReadyForQuery E
        """,
        before=FAILED,
    )


def test_an_unknown_name_in_a_failed_block_is_25p02_as_anything_else() -> None:
    play(
        """
        >> Query "EXECUTE nope"
        ?? Judge several "EXECUTE nope"
        !! execute=nope masks=?
        -- RecordRefusal #2 25P02 "EXECUTE nope"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 25P02 "current transaction is aborted, commands ignored until end of transaction block"
        << ReadyForQuery E
        """,
        before=FAILED,
    )
