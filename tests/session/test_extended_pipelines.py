"""Many messages at once: errors in the middle, and what becomes of the rest."""

from __future__ import annotations

from tests.session.test_extended import PREPARED
from tests.session.transcript import play


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


def test_a_statement_that_policy_came_to_deny_is_refused_at_bind() -> None:
    """Before the server plans it, which runs functions."""
    play(
        """
        !! epoch 2
        >> Bind "" "s"
        ?? Judge "SELECT ssn FROM customers"
        !! read deny epoch=2
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        >> Describe P "" / Execute "" / Sync
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_statement_that_policy_came_to_deny_after_bind_is_refused_at_execute() -> None:
    play(
        """
        >> Bind "" "s" / Flush
        => Bind "" "s" / Flush
        <= BindComplete
        << BindComplete
        !! epoch 2
        >> Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read deny epoch=2
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
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
