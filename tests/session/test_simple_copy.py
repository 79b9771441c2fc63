"""COPY by a simple query."""

from __future__ import annotations

from tests.session.transcript import play


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
