"""Errors of Parse that a function made, and of the commit that Sync does: both could quote a value (DESIGN 8)."""

from __future__ import annotations

from tests.session.transcript import play


def test_an_error_at_parse_with_a_context_is_not_the_statements_own_text() -> None:
    """A function that is not in SQL sends no tree, and still its error says where it happened."""
    play(
        """
        >> Parse "" "SELECT f() FROM customers" / Sync
        ?? Judge "SELECT f() FROM customers"
        !! read masks=- scrub
        => Parse "" "SELECT f() FROM customers" / Sync
        <= ErrorResponse 22P02 "invalid input syntax: 123-45-6789" W="PL/pgSQL function f() line 1"
        << ErrorResponse 22P02 "invalid text representation" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_error_of_the_commit_is_rebuilt_always() -> None:
    """A deferred constraint belongs to no statement any more, so that none says whether it may be quoted."""
    play(
        """
        >> Parse "" "INSERT INTO t VALUES (1)" / Bind "" "" / Execute "" / Sync
        ?? Judge "INSERT INTO t VALUES (1)"
        !! write
        => Parse "" "INSERT INTO t VALUES (1)" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "INSERT INTO t VALUES (1)" shows nothing
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        <= ErrorResponse 23503 "key (ssn)=(123-45-6789) is not present" / ReadyForQuery I
        << ErrorResponse 23503 "foreign key violation" ...
        << ReadyForQuery I
        """
    )


def test_a_limit_that_is_reached_between_two_messages_of_a_batch_skips_to_sync() -> None:
    """statement_timeout runs from the first message of a batch to its Sync, also while the server is asked nothing."""
    play(
        """
        >> Parse "" "SELECT ssn FROM customers" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read masks=ssn
        => Parse "" "SELECT ssn FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        <= ErrorResponse 57014 "canceling statement due to statement timeout"
        << ErrorResponse 57014 "query canceled" ...
        !! recorded
        -- RecordOutcome #1 "SKIPPED" rows=0 cells=0 size=0
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_an_error_outside_any_batch_belongs_to_nothing() -> None:
    play(
        """
        <= ErrorResponse 57014 "canceling statement due to statement timeout"
        << ErrorResponse FATAL 08P01 "the server reported an error that belongs to nothing"
        => Terminate
        -- Close "the server reported an error that belongs to nothing"
        """
    )
