"""Simple queries that are refused or fail."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
from tests.session.transcript import play


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
