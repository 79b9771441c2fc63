"""A statement that waits for a person."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
from tests.session.transcript import LOGIN, READY, play

HELD = (
    LOGIN
    + READY
    + """
    >> Query "DELETE FROM customers"
    !! delete hold
    <= ParseComplete / ParameterDescription / NoData / CloseComplete
    <= ReadyForQuery I
    !! opened apr_1
"""
)


def test_a_hold_is_attested_alone_with_upstream_idle_then_bound_again_released_recorded_executed() -> None:
    play(
        r"""
        >> Query "DELETE FROM customers"
        ?? Judge several "DELETE FROM customers"
        !! delete hold
        => Parse "~held" "DELETE FROM customers" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / NoData / CloseComplete
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "DELETE FROM customers" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! tick 15
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 15s elapsed)" ...
        !! approved
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM customers" shows nothing request=apr_1
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DELETE 9" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "DELETE 9" rows=0 cells=0 size=0
        << CommandComplete "DELETE 9" / ReadyForQuery I
        """
    )


def test_ticks_honour_client_min_messages_and_the_first_notice_does_not() -> None:
    play(
        r"""
        >> Query "SET client_min_messages = warning"
        ?? Judge several "SET client_min_messages = warning"
        !! set=client_min_messages:warning
        => Parse "" "SET pgmaskproxy.client_min_messages = 'warning'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET client_min_messages = warning" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Query "DELETE FROM customers"
        ?? Judge several "DELETE FROM customers"
        !! delete hold
        => Parse "~held" "DELETE FROM customers" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / NoData / CloseComplete
        => Sync
        <= ReadyForQuery I
        ?? Hold #2 "DELETE FROM customers" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! tick 15
        """
    )


def test_a_rejection_is_an_error_and_the_session_goes_on() -> None:
    play(
        """
        !! ended 42501 "request apr_1 was rejected"
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "request apr_1 was rejected" / ReadyForQuery I
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """,
        before=HELD,
    )


def test_a_hold_that_expires_is_57014() -> None:
    play(
        """
        !! ended 57014 "request apr_1 expired"
        -- RecordRefusal #1 57014 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 57014 "request apr_1 expired" / ReadyForQuery I
        """,
        before=HELD,
    )


def test_a_cancel_withdraws_it_with_postgresqls_own_words() -> None:
    play(
        r"""
        !! cancel
        -- WithdrawHold apr_1 cancelled
        -- RecordRefusal #1 57014 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 57014 "canceling statement due to user request" D="Request apr_1 was withdrawn."
        << ReadyForQuery I
        # an answer that comes too late is nobody's
        !! approved
        """,
        before=HELD,
    )


def test_a_hang_up_withdraws_it() -> None:
    play(
        """
        >>
        -- WithdrawHold apr_1
        => Terminate
        -- Close "the client left"
        """,
        before=HELD,
    )


def test_a_shutdown_withdraws_it() -> None:
    play(
        """
        !! shutdown 57P01 "terminating connection due to administrator command"
        -- WithdrawHold apr_1
        << ErrorResponse FATAL 57P01 "terminating connection due to administrator command"
        => Terminate
        -- Close "terminating connection due to administrator command"
        """,
        before=HELD,
    )


def test_the_server_going_away_withdraws_it_and_ends_the_session() -> None:
    play(
        """
        <=
        << ErrorResponse FATAL 08006 "the upstream server closed the connection unexpectedly"
        -- WithdrawHold apr_1
        => Terminate
        -- Close "the server closed the connection"
        """,
        before=HELD,
    )


def test_later_frames_wait() -> None:
    play(
        """
        >> Query "SELECT 1" / Terminate
        !! ended 42501 "request apr_1 was rejected"
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "request apr_1 was rejected" / ReadyForQuery I
        ?? Judge several "SELECT 1"
        !! read
        => Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #2 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync / Terminate
        -- Close "the client left"
        """,
        before=HELD,
    )


def test_only_so_much_waits() -> None:
    play(
        """
        >> Query "SELECT 123456789"
        -- WithdrawHold apr_1
        << ErrorResponse FATAL 53400 "too much was sent while a statement is held" ...
        => Terminate
        -- Close "too much was sent while held"
        """,
        before=HELD,
        limits=Limits(held_bytes=20),
    )


def test_another_shape_than_was_approved_does_not_run() -> None:
    play(
        """
        >> Query "SELECT * FROM customers"
        ?? Judge several "SELECT * FROM customers"
        !! read hold masks=-
        => Parse "~held" "SELECT * FROM customers" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / RowDescription name=1.2 / CloseComplete
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "SELECT * FROM customers" columns=name reason=INC-1
        !! approved
        => Parse "" "SELECT * FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.3
        -- RecordRefusal #1 42501 "SELECT * FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "what was approved is not what would run" ...
        << ReadyForQuery I
        """
    )


def test_a_policy_that_changed_meanwhile_refuses_what_was_approved() -> None:
    play(
        """
        !! epoch 2
        !! approved
        ?? Judge "DELETE FROM customers"
        !! delete hold epoch=2 version=v2
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        -- WithdrawHold apr_1
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "what was approved is not what would run" ...
        << ReadyForQuery I
        """,
        before=HELD,
    )


def test_a_catalog_that_changed_elsewhere_does_not_undo_an_approval() -> None:
    play(
        """
        !! epoch 2
        !! approved
        ?? Judge "DELETE FROM customers"
        !! delete hold epoch=2
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM customers" shows nothing request=apr_1
        """,
        before=HELD,
    )


def test_a_search_path_that_moved_before_it_ran_refuses_what_was_approved() -> None:
    play(
        """
        >> Query "SET search_path = s9; DELETE FROM customers"
        ?? Judge several "SET search_path = s9; DELETE FROM customers"
        !! set=search_path:s9 ; delete hold
        ?? Hold #1 "DELETE FROM customers" reason=INC-1
        !! approved
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "SET search_path = s9" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "SET search_path = s9" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "SET"
        -- RecordOutcome #2 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "s9"
        ?? Judge "DELETE FROM customers" path=pg_catalog,s9
        !! delete hold
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42501 "what was approved is not what would run" ...
        """
    )


def test_a_release_that_is_not_granted_does_not_run() -> None:
    play(
        """
        !! approved
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM customers" shows nothing
        !! unreleased 42501 "request apr_1 was released before"
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "request apr_1 was released before" / ReadyForQuery I
        """,
        before=HELD,
    )


def test_a_record_that_cannot_be_written_after_the_release_means_that_nothing_runs() -> None:
    play(
        """
        !! approved
        => Parse "" "DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM customers" shows nothing request=apr_1
        !! unrecorded 53100 "the audit log cannot be written"
        -- RecordRefusal #1 53100 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53100 "the audit log cannot be written" / ReadyForQuery I
        """,
        before=HELD,
    )


def test_what_the_server_itself_refuses_nobody_is_asked() -> None:
    play(
        r"""
        >> Query "DELETE FROM nope"
        ?? Judge several "DELETE FROM nope"
        !! delete hold
        => Parse "~held" "DELETE FROM nope" / Describe S "~held" / Close S "~held" / Flush
        <= ErrorResponse 42P01 "relation \"nope\" does not exist" P="13"
        << ErrorResponse 42P01 "relation \"nope\" does not exist" P="13"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )
