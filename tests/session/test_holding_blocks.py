"""Holds inside transactions, and several of them."""

from __future__ import annotations

from tests.session.test_extended import BLOCK
from tests.session.test_holding import HELD
from tests.session.transcript import LOGIN, READY, play


def test_in_an_explicit_block_the_deadline_is_the_shorter_one() -> None:
    play(
        """
        >> Query "DELETE FROM customers"
        ?? Judge several "DELETE FROM customers"
        !! delete hold
        => Parse "~held" "DELETE FROM customers" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / NoData / CloseComplete
        => Sync
        <= ReadyForQuery T
        ?? Hold #2 "DELETE FROM customers" in-transaction reason=INC-1
        """,
        before=BLOCK,
    )


def test_behind_an_implicit_transaction_that_has_run_something_there_is_no_hidden_sync() -> None:
    """It would commit what the client has not committed."""
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
        >> Parse "" "DELETE FROM customers" / Bind "" "" / Execute "" / Sync
        ?? Judge "DELETE FROM customers"
        !! delete hold
        => Parse "" "DELETE FROM customers" / Flush
        <= CommandComplete "INSERT 0 1" / ParseComplete
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1" / ParseComplete
        => Describe S "" / Flush
        <= ParameterDescription / NoData
        ?? Hold #2 "DELETE FROM customers" in-transaction reason=INC-1
        !! approved
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / NoData
        << BindComplete
        ?? Release #2 - "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #2 "DELETE FROM customers" shows nothing
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "DELETE 9" / ReadyForQuery I
        -- RecordOutcome #2 "DELETE 9" rows=0 cells=0 size=0
        << CommandComplete "DELETE 9" / ReadyForQuery I
        """
    )


def test_every_hold_of_a_query_is_asked_before_the_first_statement_runs() -> None:
    play(
        r"""
        >> Query "INSERT 1; DELETE 2; DELETE 3"
        ?? Judge several "INSERT 1; DELETE 2; DELETE 3"
        !! write ; delete hold ; delete hold
        ?? Hold #1 "DELETE 2" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        ?? Hold #2 "DELETE 3" reason=INC-1
        !! opened apr_2
        << NoticeResponse 00000 "statement is held for approval (request apr_2, 0s elapsed)" ...
        !! ended 42501 "request apr_2 was rejected"
        -- RecordRefusal #2 42501 "DELETE 3"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        -- WithdrawHold apr_1
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "request apr_2 was rejected" / ReadyForQuery I
        """
    )


def test_several_that_are_all_approved_run_in_their_block() -> None:
    play(
        r"""
        >> Query "DELETE 1; DELETE 2"
        ?? Judge several "DELETE 1; DELETE 2"
        !! delete hold ; delete hold
        ?? Hold #1 "DELETE 1" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        ?? Hold #2 "DELETE 2" reason=INC-1
        !! opened apr_2
        << NoticeResponse 00000 "statement is held for approval (request apr_2, 0s elapsed)" ...
        !! approved
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "DELETE 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? Release #1 apr_1 "DELETE 1" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE 1" shows nothing request=apr_1
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "DELETE 1"
        -- RecordOutcome #1 "DELETE 1" rows=0 cells=0 size=0
        << CommandComplete "DELETE 1"
        => Parse "" "DELETE 2" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #2 apr_2 "DELETE 2" shows nothing
        !! released
        ?? RecordExecution #2 "DELETE 2" shows nothing request=apr_2
        !! recorded
        => Execute "" / Flush
        """
    )


def test_an_execute_in_a_query_of_several_is_asked_when_its_name_is_known() -> None:
    play(
        r"""
        >> Query "PREPARE d AS DELETE 1; EXECUTE d"
        ?? Judge several "PREPARE d AS DELETE 1; EXECUTE d"
        !! prepare=d masks= hold ; execute=d masks=
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "PREPARE d AS DELETE 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "PREPARE d AS DELETE 1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "PREPARE"
        -- RecordOutcome #1 "PREPARE" rows=0 cells=0 size=0
        << CommandComplete "PREPARE"
        ?? Hold #2 "EXECUTE d\nPREPARE d AS DELETE 1" in-transaction reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! ended 42501 "request apr_1 was rejected"
        -- RecordRefusal #2 42501 "EXECUTE d"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42501 "request apr_1 was rejected"
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_hidden_block_counts_as_a_transaction() -> None:
    play(
        r"""
        >> Query "EXECUTE d; SELECT 1"
        ?? Judge several "EXECUTE d; SELECT 1"
        !! execute=d masks= ; read
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        => Sync
        <= ReadyForQuery T
        ?? Hold #1 "EXECUTE d\nDELETE FROM customers" in-transaction reason=INC-1
        """,
        before=LOGIN
        + READY
        + """
        >> Parse "d" "DELETE FROM customers" / Sync
        !! delete hold
        <= ParseComplete / ReadyForQuery I
        """,
    )


def test_a_cursor_that_policy_came_to_hold_is_refused() -> None:
    play(
        """
        >> Query "DECLARE cur CURSOR FOR SELECT 1"
        ?? Judge several "DECLARE cur CURSOR FOR SELECT 1"
        !! declare=cur
        => Parse "" "DECLARE cur CURSOR FOR SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "DECLARE cur CURSOR FOR SELECT 1" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #2 "DECLARE CURSOR" rows=0 cells=0 size=0
        << CommandComplete "DECLARE CURSOR" / ReadyForQuery T
        !! epoch 2
        >> Execute "cur" / Sync
        ?? Judge "DECLARE cur CURSOR FOR SELECT 1"
        !! declare=cur hold epoch=2
        -- RecordRefusal #3 42501 "DECLARE cur CURSOR FOR SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 42501 "permission denied by policy" D="The policy changed after this cursor was declared."
        << ReadyForQuery E
        """,
        before=BLOCK,
    )


def test_notifications_and_parameters_that_come_meanwhile_are_handled_as_ever() -> None:
    play(
        """
        <= NotificationResponse "c" "123-45-6789" / ParameterStatus "TimeZone" "UTC"
        << ParameterStatus "TimeZone" "UTC"
        """,
        before=HELD,
    )
