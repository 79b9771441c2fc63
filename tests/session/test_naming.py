"""Statements that work through names: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, CLOSE, DISCARD."""

from __future__ import annotations

import pytest

from tests.session.test_extended import BLOCK, PREPARED
from tests.session.transcript import LOGIN, READY, play

CURSOR = (
    BLOCK
    + """
    >> Query "DECLARE cur CURSOR FOR SELECT ssn FROM customers"
    !! declare=cur masks=ssn
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
"""
)
SQL_PREPARED = (
    LOGIN
    + READY
    + """
    >> Query "PREPARE s AS SELECT ssn FROM customers"
    !! prepare=s masks=ssn
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
"""
)
TWO_COLUMNS = (
    LOGIN
    + READY
    + """
    >> Query "PREPARE s AS SELECT name, $1 FROM customers"
    !! prepare=s masks=-,-
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
"""
)


def test_execute_is_masked_as_what_it_names() -> None:
    play(
        """
        >> Query "EXECUTE s"
        ?? Judge several "EXECUTE s"
        !! execute=s masks=?
        => Parse "" "EXECUTE s" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=0
        ?? RecordExecution #2 "EXECUTE s" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=0
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=SQL_PREPARED,
    )


@pytest.mark.parametrize("arguments", ["opaque", "writes"])
def test_execute_with_arguments_that_cannot_be_read_shows_only_nulls(arguments: str) -> None:
    """What goes in may come out: a parameter is a constant to the statement that was prepared."""
    play(
        f"""
        >> Query "EXECUTE s(f())"
        ?? Judge several "EXECUTE s(f())"
        !! execute=s masks=? {arguments}
        => Parse "" "EXECUTE s(f())" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.2 argument=0
        ?? RecordExecution #2 "EXECUTE s(f())" shows :null,:null
        !! recorded
        => Execute ""
        << RowDescription name=1.2 argument=0
        => Close P "" / Close S "" / Sync
        <= DataRow "Ann" "123-45-6789" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << DataRow NULL NULL
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=2 size=15
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=TWO_COLUMNS,
    )


def test_execute_with_arguments_that_cannot_be_read_shows_only_nulls_in_the_extended_protocol_too() -> None:
    play(
        """
        >> Parse "" "EXECUTE s(f())" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge "EXECUTE s(f())"
        !! execute=s masks=? opaque
        => Parse "" "EXECUTE s(f())" / Flush
        <= ParseComplete
        << ParseComplete
        => Bind "" "" / Describe P "" / Describe P "" / Flush
        <= BindComplete / RowDescription name=1.2 argument=0 / RowDescription name=1.2 argument=0
        << BindComplete / RowDescription name=1.2 argument=0
        ?? RecordExecution #2 "EXECUTE s(f())" shows :null,:null
        !! recorded
        => Execute "" / Sync
        <= DataRow "Ann" "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow NULL NULL
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=2 size=15
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=TWO_COLUMNS,
    )


def test_a_statement_prepared_by_sql_is_bound_by_the_protocol_as_what_it_is() -> None:
    """THREATS M07: one table for both."""
    play(
        """
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=0
        << BindComplete
        ?? RecordExecution #2 "PREPARE s AS SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=SQL_PREPARED,
    )


def test_a_statement_of_the_protocol_is_executed_by_sql_as_what_it_is() -> None:
    play(
        """
        >> Query "execute s"
        ?? Judge several "execute s"
        !! execute=s masks=?
        => Parse "" "execute s" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=0
        ?? RecordExecution #1 "execute s" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=0
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_deallocated_and_prepared_anew_by_sql_it_is_the_new_one_for_the_protocol() -> None:
    """THREATS M07b."""
    play(
        """
        >> Parse "x" "SELECT name" / Sync
        ?? Judge "SELECT name"
        !! read masks=-
        => Parse "x" "SELECT name" / Sync
        <= ParseComplete / ReadyForQuery I
        << ParseComplete / ReadyForQuery I
        >> Query "DEALLOCATE x; PREPARE x AS SELECT ssn"
        ?? Judge several "DEALLOCATE x; PREPARE x AS SELECT ssn"
        !! deallocate=x ; prepare=x masks=ssn
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "DEALLOCATE x" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "DEALLOCATE x" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "DEALLOCATE"
        -- RecordOutcome #1 "DEALLOCATE" rows=0 cells=0 size=0
        << CommandComplete "DEALLOCATE"
        => Parse "" "PREPARE x AS SELECT ssn" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "PREPARE x AS SELECT ssn" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "PREPARE"
        -- RecordOutcome #2 "PREPARE" rows=0 cells=0 size=0
        => Parse "~block" "COMMIT" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / CommandComplete "COMMIT" / CloseComplete / CloseComplete
        <= CloseComplete / CloseComplete / ReadyForQuery I
        << CommandComplete "PREPARE" / ReadyForQuery I
        >> Bind "" "x" / Execute "" / Sync
        => Bind "" "x" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=0
        << BindComplete
        ?? RecordExecution #3 "PREPARE x AS SELECT ssn" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        """
    )


def test_execute_of_an_unknown_name_is_refused() -> None:
    play(
        r"""
        >> Query "EXECUTE nope"
        ?? Judge several "EXECUTE nope"
        !! execute=nope masks=?
        -- RecordRefusal #1 26000 "EXECUTE nope"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"nope\" does not exist" / ReadyForQuery I
        """
    )


def test_deallocate_makes_a_name_unknown() -> None:
    play(
        r"""
        >> Query "DEALLOCATE s"
        ?? Judge several "DEALLOCATE s"
        !! deallocate=s
        => Parse "" "DEALLOCATE s" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "DEALLOCATE s" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DEALLOCATE" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #2 "DEALLOCATE" rows=0 cells=0 size=0
        << CommandComplete "DEALLOCATE" / ReadyForQuery I
        >> Bind "" "s" / Sync
        -- RecordRefusal #3 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"s\" does not exist" / ReadyForQuery I
        """,
        before=SQL_PREPARED,
    )


def test_a_deallocate_that_fails_leaves_the_name() -> None:
    play(
        """
        >> Query "DEALLOCATE s"
        ?? Judge several "DEALLOCATE s"
        !! deallocate=s
        => Parse "" "DEALLOCATE s" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "DEALLOCATE s" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= ErrorResponse 26000 "no" / ReadyForQuery I
        -- RecordOutcome #2 "" 26000 rows=0 cells=0 size=0
        << ErrorResponse 26000 "no" / ReadyForQuery I
        >> Bind "" "s" / Sync
        => Bind "" "s" / Sync
        """,
        before=SQL_PREPARED,
    )


def test_discard_all_empties_the_table_and_the_search_path_is_asked_again() -> None:
    play(
        r"""
        >> Query "DISCARD ALL"
        ?? Judge several "DISCARD ALL"
        !! discard
        => Parse "" "DISCARD ALL" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "DISCARD ALL" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DISCARD ALL" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #2 "DISCARD ALL" rows=0 cells=0 size=0
        << CommandComplete "DISCARD ALL" / ReadyForQuery I
        >> Bind "" "s" / Sync
        -- RecordRefusal #3 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 26000 "prepared statement \"s\" does not exist" / ReadyForQuery I
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "public" / ReadyForQuery I
        ?? Judge several "SELECT 1"
        """,
        before=SQL_PREPARED,
    )


def test_what_is_held_when_prepared_is_held_when_executed() -> None:
    play(
        r"""
        >> Query "PREPARE d AS DELETE FROM customers"
        ?? Judge several "PREPARE d AS DELETE FROM customers"
        !! prepare=d masks= hold
        => Parse "" "PREPARE d AS DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "PREPARE d AS DELETE FROM customers" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "PREPARE" rows=0 cells=0 size=0
        << CommandComplete "PREPARE" / ReadyForQuery I
        >> Query "EXECUTE d"
        ?? Judge several "EXECUTE d"
        !! execute=d masks=
        ?? Hold #2 "EXECUTE d\nPREPARE d AS DELETE FROM customers" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Parse "" "EXECUTE d" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #2 apr_1 "EXECUTE d\nPREPARE d AS DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #2 "EXECUTE d" shows nothing request=apr_1
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DELETE 9" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #2 "DELETE 9" rows=0 cells=0 size=0
        << CommandComplete "DELETE 9" / ReadyForQuery I
        # and by the protocol
        >> Bind "" "d" / Execute "" / Sync
        => Describe S "d" / Flush
        <= ParameterDescription / NoData
        => Sync
        <= ReadyForQuery I
        ?? Hold #3 "PREPARE d AS DELETE FROM customers" reason=INC-1
        """
    )


def test_what_is_denied_is_not_prepared() -> None:
    play(
        """
        >> Query "PREPARE d AS SELECT upper(ssn) FROM customers"
        ?? Judge several "PREPARE d AS SELECT upper(ssn) FROM customers"
        !! prepare=d deny
        -- RecordRefusal #1 42501 "PREPARE d AS SELECT upper(ssn) FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """
    )


def test_execute_of_what_the_catalog_does_not_know_goes_by_the_servers_word_alone() -> None:
    play(
        """
        >> Query "EXECUTE t"
        ?? Judge several "EXECUTE t"
        !! execute=t masks=?
        => Parse "" "EXECUTE t" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription a=2.1 b=0 c=3.1
        ?? Judge "EXECUTE t" refresh
        !! execute=t masks=? known=1,2
        ?? RecordExecution #1 "EXECUTE t" shows -,:null,:null
        !! recorded
        => Execute ""
        << RowDescription a=2.1 b=0 c=3.1
        => Close P "" / Close S "" / Sync
        """,
        before=LOGIN
        + READY
        + """
        >> Parse "t" "SELECT a, b, c" / Sync
        !! read masks=-,-,-
        <= ParseComplete / ReadyForQuery I
        """,
    )


HELD_BY_NAME = (
    LOGIN
    + READY
    + """
    >> Parse "d" "DELETE 1" / Parse "s" "EXECUTE d" / Sync
    !! delete hold
    !! execute=d masks=
    <= ParseComplete / ParseComplete / ReadyForQuery I
"""
)


def test_execute_by_name_is_held_at_execute_and_bound_again() -> None:
    """Only then it is known what it runs; Bind plans nothing of a utility statement."""
    play(
        r"""
        >> Bind "p" "s" / Execute "p" / Sync
        => Bind "p" "s" / Flush
        <= BindComplete
        << BindComplete
        => Describe S "s" / Flush
        <= ParameterDescription / NoData
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "EXECUTE d\nDELETE 1" reason=INC-1
        !! approved
        => Bind "p" "s" / Describe P "p" / Flush
        <= BindComplete / NoData
        ?? Release #1 - "EXECUTE d\nDELETE 1" shows nothing
        !! released
        ?? RecordExecution #1 "EXECUTE d" shows nothing
        !! recorded
        => Execute "p" / Sync
        <= CommandComplete "DELETE 1" / ReadyForQuery I
        -- RecordOutcome #1 "DELETE 1" rows=0 cells=0 size=0
        << CommandComplete "DELETE 1" / ReadyForQuery I
        """,
        before=HELD_BY_NAME,
    )


def test_an_execute_closed_or_made_anew_since_its_portal_was_bound_is_not_asked_about() -> None:
    """It is bound again by name: what was approved would not be what ran."""
    play(
        """
        >> Bind "p" "s" / Close S "s" / Parse "s" "DELETE 2" / Execute "p" / Sync
        => Bind "p" "s" / Close S "s"
        ?? Judge "DELETE 2"
        !! delete hold
        => Parse "s" "DELETE 2"
        -- RecordRefusal #1 0A000 "EXECUTE d"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= BindComplete / CloseComplete / ParseComplete / ErrorResponse 42601 "syntax error"
        << BindComplete / CloseComplete / ParseComplete
        << ErrorResponse 0A000 "the prepared statement was closed or made anew after this portal was bound" ...
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=HELD_BY_NAME,
    )
