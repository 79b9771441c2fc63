"""The simple query protocol, spoken upstream as the extended one."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
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


def test_what_cannot_be_read_is_one_error_and_one_ready_for_query() -> None:
    play(
        """
        >> Query "SELEC 1"
        ?? Judge several "SELEC 1"
        !! unreadable 42601 "syntax error" P=1
        -- RecordRefusal #1 42601 "SELEC 1"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error at or near refused" P="1" / ReadyForQuery I
        << ErrorResponse 42601 "syntax error" P="1" / ReadyForQuery I
        """
    )


def test_a_denied_statement_is_refused_by_substitution_and_a_block_fails_with_it() -> None:
    play(
        """
        >> Query "BEGIN"
        ?? Judge several "BEGIN"
        !! begin
        => Parse "" "BEGIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "BEGIN" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "BEGIN" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #1 "BEGIN" rows=0 cells=0 size=0
        << CommandComplete "BEGIN" / ReadyForQuery T
        >> Query "SELECT upper(ssn) FROM customers"
        ?? Judge several "SELECT upper(ssn) FROM customers"
        !! read deny
        -- RecordRefusal #2 42501 "SELECT upper(ssn) FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error at or near refused" P="1" / ReadyForQuery E
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery E
        """
    )


def test_a_denied_statement_after_another_undoes_that_one() -> None:
    play(
        """
        >> Query "INSERT 1; DROP x"
        ?? Judge several "INSERT 1; DROP x"
        !! write ; ddl deny
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
        -- RecordRefusal #2 42501 "DROP x"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        <= ReadyForQuery E
        => Parse "~block" "ROLLBACK" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Sync
        <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_unreadable_text_is_refused_before_anyone_is_asked() -> None:
    play(
        """
        >> Bytes 51 00000009 53e95f31 00
        -- RecordRefusal #1 22021 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """
    )


def test_a_text_that_is_too_long_is_refused_before_anyone_is_asked() -> None:
    play(
        """
        >> Query "SELECT 1234567"
        -- RecordRefusal #1 54000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        limits=Limits(statement_bytes=12),
    )


def test_a_record_that_cannot_be_written_means_that_nothing_runs() -> None:
    play(
        """
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        !! read
        => Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! unrecorded 53100 "the audit log cannot be written, so nothing may run"
        -- RecordRefusal #1 53100 "SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53100 "the audit log cannot be written, so nothing may run" / ReadyForQuery I
        """
    )


def test_the_servers_own_error_at_parse_is_the_answer() -> None:
    play(
        r"""
        >> Query "SELECT nope"
        ?? Judge several "SELECT nope"
        !! read
        => Parse "" "SELECT nope" / Bind "" "" / Describe P "" / Flush
        <= ErrorResponse 42703 "column \"nope\" does not exist" P="8" F="parse_relation.c"
        << ErrorResponse 42703 "column \"nope\" does not exist" P="8" F="parse_relation.c"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_queries_do_not_overtake_one_another() -> None:
    play(
        """
        >> Query "SELECT 1" / Query "SELECT 2"
        ?? Judge several "SELECT 1"
        !! read
        => Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        <= DataRow "1" / CommandComplete "SELECT 1" / CloseComplete
        << DataRow "1"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=0 size=12
        <= CloseComplete / ReadyForQuery I
        << CommandComplete "SELECT 1" / ReadyForQuery I
        ?? Judge several "SELECT 2"
        !! read
        => Parse "" "SELECT 2" / Bind "" "" / Describe P "" / Flush
        """
    )


def test_a_query_behind_a_failed_parse_is_ignored_as_the_server_does_until_sync() -> None:
    play(
        """
        >> Parse "" "SELECT nope" / Query "INSERT 1" / Sync
        ?? Judge "SELECT nope"
        !! read
        => Parse "" "SELECT nope" / Flush
        <= ErrorResponse 42703 "column does not exist"
        << ErrorResponse 42703 "column does not exist"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_the_unnamed_statement_is_gone_after_a_query() -> None:
    play(
        """
        >> Parse "" "SELECT 1" / Sync
        ?? Judge "SELECT 1"
        !! read
        => Parse "" "SELECT 1" / Sync
        <= ParseComplete / ReadyForQuery I
        << ParseComplete / ReadyForQuery I
        >> Query "SELECT 2"
        ?? Judge several "SELECT 2"
        !! read
        => Parse "" "SELECT 2" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 2" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        <= CommandComplete "SELECT 0" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0" / ReadyForQuery I
        >> Bind "" "" / Execute "" / Sync
        -- RecordRefusal #2 26000 ""
        => Parse "~refused" "refused by pgmaskproxy"
        -- RecordRefusal #3 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "unnamed prepared statement does not exist" / ReadyForQuery I
        """
    )


def test_copy_to_stdout_goes_through_the_plan_of_a_probe() -> None:
    play(
        r"""
        >> Query "COPY customers TO STDOUT"
        ?? Judge several "COPY customers TO STDOUT"
        !! copyout masks=-,-,ssn
        => Parse "" "COPY customers TO STDOUT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        => Parse "~copy" "SELECT 3 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 name=1.2 ssn=1.3 / CloseComplete
        ?? RecordExecution #1 "COPY customers TO STDOUT" shows -,-,ssn:redact
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CopyOutResponse 3 / CopyData "1\tAnn\t123-45-6789\n" / CopyData "2\t\\N\t\\N\n" / CopyDone
        << CopyOutResponse 3 / CopyData "1\tAnn\t***\n" / CopyData "2\t\\N\t\\N\n" / CopyDone
        <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "COPY 2" rows=2 cells=1 size=28
        << CommandComplete "COPY 2" / ReadyForQuery I
        """
    )


def test_a_copy_whose_probe_fails_does_not_run() -> None:
    play(
        """
        >> Query "COPY customers TO STDOUT"
        ?? Judge several "COPY customers TO STDOUT"
        !! copyout masks=- scrub
        => Parse "" "COPY customers TO STDOUT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        => Parse "~copy" "SELECT 1 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ErrorResponse 42501 "permission denied for table customers"
        << ErrorResponse 42501 "permission denied for table customers"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_copy_from_stdin_relays_until_it_is_done() -> None:
    play(
        r"""
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> CopyData "1\n" / Flush / Sync / CopyData "2\n"
        => CopyData "1\n" / CopyData "2\n"
        >> CopyDone
        => CopyDone / Flush / Close P "" / Close S "" / Sync
        <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "COPY 2" rows=0 cells=0 size=0
        << CommandComplete "COPY 2" / ReadyForQuery I
        """
    )


def test_a_copy_from_stdin_that_fails_midway_lets_the_client_finish_into_the_void() -> None:
    play(
        r"""
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> CopyData "x\n"
        => CopyData "x\n"
        <= ErrorResponse 22P02 "invalid input syntax"
        -- RecordOutcome #1 "" 22P02 rows=0 cells=0 size=0
        << ErrorResponse 22P02 "invalid input syntax"
        => Sync
        >> CopyData "2\n" / CopyDone
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """
    )


def test_copy_fail_is_the_clients_way_out() -> None:
    play(
        """
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> CopyFail "changed my mind"
        => CopyFail "changed my mind" / Flush / Close P "" / Close S "" / Sync
        <= ErrorResponse 57014 "COPY from stdin failed: changed my mind" / ReadyForQuery I
        -- RecordOutcome #1 "" 57014 rows=0 cells=0 size=0
        << ErrorResponse 57014 "COPY from stdin failed: changed my mind" / ReadyForQuery I
        """
    )


def test_a_statement_in_the_middle_of_copy_data_breaks_the_protocol() -> None:
    play(
        """
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> Query "SELECT 1"
        << ErrorResponse FATAL 08P01 "an unexpected message during COPY from stdin"
        => Terminate
        -- Close "an unexpected message during COPY from stdin"
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
