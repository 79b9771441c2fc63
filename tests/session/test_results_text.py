"""The server's own text where it could quote a value: what of it comes through (see also test_messages)."""

from __future__ import annotations

from tests.session.transcript import play


def test_an_error_at_parse_is_rebuilt_when_it_has_a_context() -> None:
    """A domain's constraint runs on a constant at Parse, and calls what it likes."""
    play(
        """
        >> Parse "" "SELECT 'x'::d FROM customers" / Sync
        ?? Judge "SELECT 'x'::d FROM customers"
        !! read masks=- scrub
        => Parse "" "SELECT 'x'::d FROM customers" / Sync
        <= ErrorResponse P0001 "123-45-6789" W="PL/pgSQL function f(text) line 1 at RAISE"
        << ErrorResponse P0001 "raise exception" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_reviewed_words_pass_and_no_others() -> None:
    play(
        """
        >> Query "COMMIT"
        ?? Judge several "COMMIT"
        !! commit scrub
        => Parse "" "COMMIT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COMMIT" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= NoticeResponse WARNING 25P01 "there is no transaction in progress" F="xact.c" D="123-45-6789"
        << NoticeResponse WARNING 25P01 "there is no transaction in progress" F="xact.c"
        <= NoticeResponse WARNING 25P01 "123-45-6789" F="xact.c"
        <= NoticeResponse WARNING 25P01 "there is no transaction in progress" F="pl_exec.c"
        <= ErrorResponse 40P01 "deadlock detected" F="deadlock.c" D="Process 1: UPDATE c SET ssn = '123-45-6789'"
        -- RecordOutcome #1 "" 40P01 rows=0 cells=0 size=0
        << ErrorResponse 40P01 "deadlock detected" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_statement_finds_its_own_names_again() -> None:
    play(
        """
        >> Query "DROP TABLE nope"
        ?? Judge several "DROP TABLE nope"
        !! ddl scrub
        => Parse "" "DROP TABLE nope" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "DROP TABLE nope" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= ErrorResponse 3F000 "schema \\u0022nope\\u0022 does not exist" F="namespace.c"
        -- RecordOutcome #1 "" 3F000 rows=0 cells=0 size=0
        << ErrorResponse 3F000 "schema \\\"nope\\\" does not exist" F="namespace.c"
        <= ReadyForQuery I
        -- DefinitionsChanged
        << ReadyForQuery I
        """
    )
