"""The simple query protocol, spoken upstream as the extended one."""

from __future__ import annotations

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
