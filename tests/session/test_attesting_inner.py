"""Queries inside utility statements, and statements that wait for a person: their trees (DESIGN 3 and 6)."""

from __future__ import annotations

from tests.session.test_attesting import BEFORE
from tests.session.transcript import play

DECLARED = (
    BEFORE
    + """
    >> Query "BEGIN"
    !! begin
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "BEGIN" / CloseComplete / CloseComplete / ReadyForQuery T
    >> Query "DECLARE c CURSOR FOR SELECT ssn FROM customers"
    !! declare=c inner=SELECT_ssn_FROM_customers masks=ssn
    <= ParseComplete / Tree "T1" / ParseComplete / CloseComplete
    !! attested read masks=ssn
    <= BindComplete / NoData
    !! recorded
    <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
"""
)
PREPARED = (
    BEFORE
    + """
    >> Query "PREPARE p AS SELECT ssn FROM customers"
    !! prepare=p inner=SELECT_ssn_FROM_customers masks=ssn
    <= Tree "?" / ParseComplete / BindComplete / NoData
    !! recorded
    <= Tree "T1" / CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
"""
)


def test_the_query_of_a_cursor_is_parsed_alone_before_anything_is_bound() -> None:
    play(
        """
        >> Query "DECLARE c CURSOR FOR SELECT @ssn FROM customers"
        ?? Judge several "DECLARE c CURSOR FOR SELECT @ssn FROM customers"
        !! declare=c inner=SELECT_@ssn_FROM_customers masks=-
        => Parse "" "DECLARE c CURSOR FOR SELECT @ssn FROM customers"
        => Parse "~inner" "SELECT @ssn FROM customers" / Close S "~inner" / Flush
        <= Tree "?" / ParseComplete / Tree "T1" / ParseComplete / CloseComplete
        ?? Attest "DECLARE c CURSOR FOR SELECT @ssn FROM customers" "T1"
        !! attested read deny
        -- RecordRefusal #1 42501 "DECLARE c CURSOR FOR SELECT @ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_a_cursor_s_rows_are_shown_as_its_tree_said() -> None:
    play(
        """
        >> Query "FETCH c"
        ?? Judge several "FETCH c"
        !! fetch=c
        => Parse "" "FETCH c" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #3 "FETCH c" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=1.3
        => Close P "" / Close S "" / Sync
        """,
        before=DECLARED,
    )


def test_a_cursor_that_is_analysed_anew_while_it_is_bound_is_not_opened() -> None:
    """THREATS M02e: a domain's check may move the search_path while parameters are read."""
    play(
        """
        >> Query "EXPLAIN SELECT name FROM customers"
        ?? Judge several "EXPLAIN SELECT name FROM customers"
        !! explain inner=SELECT_name_FROM_customers masks=-
        => Parse "" "EXPLAIN SELECT name FROM customers"
        => Parse "~inner" "SELECT name FROM customers" / Close S "~inner" / Flush
        <= ParseComplete / Tree "T1" / ParseComplete / CloseComplete
        ?? Attest "EXPLAIN SELECT name FROM customers" "T1"
        !! attested explain masks=-
        => Bind "" "" / Describe P "" / Flush
        <= Tree "?" / BindComplete / RowDescription plan=0
        -- RecordRefusal #1 0A000 "EXPLAIN SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_a_query_that_was_not_found_in_the_text_does_not_run() -> None:
    play(
        """
        >> Query "EXPLAIN SELECT name FROM customers"
        ?? Judge several "EXPLAIN SELECT name FROM customers"
        !! explain masks=-
        => Parse "" "EXPLAIN SELECT name FROM customers"
        -- RecordRefusal #1 0A000 "EXPLAIN SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_copy_is_decided_by_the_tree_of_its_query_and_bound_to_it() -> None:
    play(
        """
        >> Query "COPY (SELECT name FROM customers) TO STDOUT"
        ?? Judge several "COPY (SELECT name FROM customers) TO STDOUT"
        !! copyout copyout masks=-
        => Parse "" "COPY (SELECT name FROM customers) TO STDOUT"
        => Parse "~inner" "SELECT 1 COLUMNS" / Close S "~inner" / Flush
        <= ParseComplete / Tree "T1 :location 7 }" / ParseComplete / CloseComplete
        ?? Attest "COPY (SELECT name FROM customers) TO STDOUT" "T1 :location 7 }"
        !! attested copyout copyout masks=ssn
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / NoData
        => Parse "~copy" "SELECT 1 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ParseComplete / ParameterDescription / RowDescription name=1.3 / CloseComplete
        ?? RecordExecution #1 "COPY (SELECT name FROM customers) TO STDOUT" shows ssn:redact
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= Tree "T1 :location 13 }" / CopyOutResponse 1 / CopyData "123-45-6789\\n"
        << CopyOutResponse 1 / CopyData "***\\n"
        <= Tree "T2" / CopyData "123-45-6789\\n"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "the server analysed a statement anew, and understood something else than was decided" alarm
        """,
        before=BEFORE,
    )


def test_prepare_runs_nothing_and_its_tree_decides_at_execute() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription / RowDescription ssn=1.3
        => Parse "~named" "SELECT ssn FROM customers" / Close S "~named" / Flush
        <= Tree "T1" / ParseComplete / CloseComplete
        ?? Attest "PREPARE p AS SELECT ssn FROM customers" "T1"
        !! attested read deny
        -- RecordRefusal #2 42501 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=PREPARED,
    )


def test_what_execute_would_run_is_analysed_before_it_does() -> None:
    """A statement that returns no rows has written before its tree could be compared."""
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription 23 / NoData
        => Parse "~named" "SELECT ssn FROM customers" 23 / Close S "~named" / Flush
        <= Tree "T2" / ParseComplete / CloseComplete
        ?? Attest "PREPARE p AS SELECT ssn FROM customers" "T2"
        !! attested read deny
        -- RecordRefusal #2 42501 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=PREPARED,
    )


def test_a_write_by_execute_that_is_analysed_anew_all_the_same_ends_the_session() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription / NoData
        => Parse "~named" "SELECT ssn FROM customers" / Close S "~named" / Flush
        <= Tree "T1" / ParseComplete / CloseComplete
        ?? Attest "PREPARE p AS SELECT ssn FROM customers" "T1"
        !! attested write
        => Parse "" "EXECUTE p" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "EXECUTE p" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= Tree "T2"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "the server analysed a statement anew, and understood something else than was decided" alarm
        """,
        before=PREPARED,
    )


def test_execute_may_bring_the_tree_once_more_and_no_other() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription / RowDescription ssn=1.3
        => Parse "~named" "SELECT ssn FROM customers" / Close S "~named" / Flush
        <= Tree "T1" / ParseComplete / CloseComplete
        ?? Attest "PREPARE p AS SELECT ssn FROM customers" "T1"
        !! attested read masks=ssn
        => Parse "" "EXECUTE p" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #2 "EXECUTE p" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=1.3
        => Close P "" / Close S "" / Sync
        <= Tree "T1" / DataRow "123-45-6789"
        << DataRow "***"
        <= Tree "T2" / DataRow "123-45-6789"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "the server analysed a statement anew, and understood something else than was decided" alarm
        """,
        before=PREPARED,
    )


def test_what_only_the_text_could_not_prove_is_still_prepared() -> None:
    play(
        """
        >> Query "PREPARE p AS SELECT odd FROM t"
        ?? Judge several "PREPARE p AS SELECT odd FROM t"
        !! prepare=p inner=SELECT_odd_FROM_t unproven
        => Parse "" "PREPARE p AS SELECT odd FROM t" / Bind "" "" / Describe P "" / Flush
        <= Tree "?" / ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "PREPARE p AS SELECT odd FROM t" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "PREPARE" rows=0 cells=0 size=0
        << CommandComplete "PREPARE" / ReadyForQuery I
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription / RowDescription odd=0
        => Parse "~named" "SELECT odd FROM t" / Close S "~named" / Flush
        <= ParseComplete / CloseComplete
        -- RecordRefusal #2 0A000 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


HELD = """
    >> Query "DELETE FROM t"
    ?? Judge several "DELETE FROM t"
    !! delete
    => Parse "" "DELETE FROM t" / Flush
    <= Tree "T1" / ParseComplete
    ?? Attest "DELETE FROM t" "T1"
    !! attested delete hold
    => Parse "~held" "DELETE FROM t" / Describe S "~held" / Close S "~held" / Flush
    <= Tree "T1" / ParseComplete / ParameterDescription / NoData / CloseComplete
    => Sync
    <= ReadyForQuery I
    ?? Hold #1 "DELETE FROM t" reason=INC-1
    !! opened apr_1
    << NoticeResponse 00000 ...
    !! approved
    => Parse "" "DELETE FROM t" / Flush
"""


def test_what_only_the_tree_tells_to_hold_is_held_with_the_upstream_idle() -> None:
    play(
        HELD
        + """
        <= Tree "T1" / ParseComplete
        ?? Attest "DELETE FROM t" "T1"
        !! attested delete hold
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM t" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM t" shows nothing request=apr_1
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_what_was_approved_is_the_tree_and_another_does_not_run() -> None:
    play(
        HELD
        + """
        <= Tree "T2" / ParseComplete
        ?? Attest "DELETE FROM t" "T2"
        !! attested delete hold
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / NoData
        -- RecordRefusal #1 42501 "DELETE FROM t"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        -- WithdrawHold apr_1
        """,
        before=BEFORE,
    )
