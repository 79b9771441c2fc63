"""What is asked before a statement may run: the search_path, the judge, the log."""

from __future__ import annotations

import pytest

from tests.session.test_extended import BLOCK, PREPARED
from tests.session.transcript import LOGIN, play


def test_the_search_path_is_asked_before_the_first_statement_and_then_no_more() -> None:
    play(
        """
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "s9" / ReadyForQuery I
        ?? Judge several "SELECT 1" path=pg_catalog,s9
        !! read
        => Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        <= CommandComplete "SELECT 0" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0" / ReadyForQuery I
        >> Query "SELECT 2"
        ?? Judge several "SELECT 2" path=pg_catalog,s9
        """,
        before=LOGIN,
    )


@pytest.mark.parametrize(
    "statement", ["set=search_path:s9", "set=search_path", "set=application_name:?", "set=all", "discard"]
)
def test_it_is_asked_again_after_what_may_have_moved_it(statement: str) -> None:
    play(
        f"""
        >> Query "X"
        ?? Judge several "X"
        !! {statement}
        => Parse "" "X" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "X" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "X" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "X" rows=0 cells=0 size=0
        << CommandComplete "X" / ReadyForQuery I
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """
    )


@pytest.mark.parametrize("statement", ["read", "write", "set=application_name:x", "settransaction", "begin", "commit"])
def test_it_is_not_asked_after_what_cannot(statement: str) -> None:
    play(
        f"""
        >> Query "X"
        ?? Judge several "X"
        !! {statement}
        => Parse "" "X" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "X" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "X" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "X" rows=0 cells=0 size=0
        << CommandComplete "X" / ReadyForQuery I
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """
    )


def test_moved_in_a_block_it_is_asked_in_the_block_and_again_after_a_rollback() -> None:
    play(
        """
        >> Query "SET LOCAL search_path = s9"
        ?? Judge several "SET LOCAL search_path = s9"
        !! set=search_path:s9
        => Parse "" "SET LOCAL search_path = s9" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "SET LOCAL search_path = s9" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #2 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery T
        >> Query "ROLLBACK"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "s9"
        ?? Judge several "ROLLBACK" path=pg_catalog,s9
        !! rollback
        => Parse "" "ROLLBACK" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "ROLLBACK" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #3 "ROLLBACK" rows=0 cells=0 size=0
        << CommandComplete "ROLLBACK" / ReadyForQuery I
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """,
        before=BLOCK,
    )


def test_a_rollback_to_a_savepoint_may_move_it_as_well() -> None:
    play(
        """
        >> Query "SET search_path = s9"
        ?? Judge several "SET search_path = s9"
        !! set=search_path:s9
        => Parse "" "SET search_path = s9" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "SET search_path = s9" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #2 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery T
        >> Query "ROLLBACK TO a"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "s9"
        ?? Judge several "ROLLBACK TO a" path=pg_catalog,s9
        !! savepoint
        => Parse "" "ROLLBACK TO a" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "ROLLBACK TO a" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #3 "ROLLBACK" rows=0 cells=0 size=0
        << CommandComplete "ROLLBACK" / ReadyForQuery T
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        """,
        before=BLOCK,
    )


def test_in_a_failed_block_it_cannot_be_asked_and_is_unknown() -> None:
    play(
        """
        >> Query "CREATE x"
        ?? Judge several "CREATE x"
        !! ddl
        => Parse "" "CREATE x" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "CREATE x" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= ErrorResponse 42P07 "exists" / ReadyForQuery E
        -- RecordOutcome #2 "" 42P07 rows=0 cells=0 size=0
        << ErrorResponse 42P07 "exists" / ReadyForQuery E
        >> Query "ROLLBACK"
        ?? Judge several "ROLLBACK" path=unknown
        !! rollback
        => Parse "" "ROLLBACK" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "ROLLBACK" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #3 "ROLLBACK" rows=0 cells=0 size=0
        -- DefinitionsChanged
        << CommandComplete "ROLLBACK" / ReadyForQuery I
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """,
        before=BLOCK,
    )


def test_a_probe_that_is_cancelled_is_not_the_clients_error_and_is_made_again() -> None:
    play(
        """
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= ErrorResponse 57014 "canceling statement due to user request" / ReadyForQuery I
        ?? Judge several "SELECT 1" path=unknown
        !! read
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "public" / ReadyForQuery I
        ?? Judge "SELECT 1"
        !! read
        => Parse "" "SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #1 "SELECT 1" shows -
        """,
        before=LOGIN,
    )


def test_under_a_search_path_that_moved_a_prepared_statement_is_judged_again() -> None:
    play(
        """
        >> Query "SET search_path = s9"
        ?? Judge several "SET search_path = s9"
        !! set=search_path:s9
        => Parse "" "SET search_path = s9" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET search_path = s9" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Bind "" "s" / Execute "" / Sync
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "s9" / ReadyForQuery I
        ?? Judge "SELECT ssn FROM customers" path=pg_catalog,s9
        !! read masks=ssn
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription a=1.3
        << BindComplete
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        """,
        before=PREPARED,
    )


def test_a_portal_that_was_opened_before_keeps_its_names() -> None:
    play(
        """
        >> Parse "" "SELECT name" / Bind "p" "" / Execute "p" 1 / Sync
        ?? Judge "SELECT name"
        !! read masks=-
        => Parse "" "SELECT name" / Bind "p" "" / Describe P "p" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.2
        << ParseComplete / BindComplete
        ?? RecordExecution #2 "SELECT name" shows -
        !! recorded
        => Execute "p" 1 / Sync
        <= PortalSuspended / ReadyForQuery T
        -- RecordOutcome #2 "SUSPENDED" rows=0 cells=0 size=0
        << PortalSuspended / ReadyForQuery T
        >> Query "SET search_path = s9"
        ?? Judge several "SET search_path = s9"
        !! set=search_path:s9
        => Parse "" "SET search_path = s9" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "SET search_path = s9" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #3 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery T
        >> Execute "p" 1
        ?? RecordExecution #4 "SELECT name" shows -
        """,
        before=BLOCK,
    )


DDL_IN_BLOCK = (
    BLOCK
    + """
    >> Query "CREATE TABLE t ()"
    ?? Judge several "CREATE TABLE t ()"
    !! ddl
    => Parse "" "CREATE TABLE t ()" / Bind "" "" / Describe P "" / Flush
    <= ParseComplete / BindComplete / NoData
    ?? RecordExecution #2 "CREATE TABLE t ()" shows nothing
    !! recorded
    => Execute ""
    -- DefinitionsChanged
    => Close P "" / Close S "" / Sync
    <= CommandComplete "CREATE TABLE" / CloseComplete / CloseComplete / ReadyForQuery T
    -- RecordOutcome #2 "CREATE TABLE" rows=0 cells=0 size=0
    << CommandComplete "CREATE TABLE" / ReadyForQuery T
    """
)


def test_ddl_is_told_when_it_runs_and_when_others_can_see_it() -> None:
    play(
        """
        >> Query "COMMIT"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "public"
        ?? Judge several "COMMIT"
        !! commit
        => Parse "" "COMMIT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "COMMIT" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "COMMIT" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #3 "COMMIT" rows=0 cells=0 size=0
        -- DefinitionsChanged
        << CommandComplete "COMMIT" / ReadyForQuery I
        """,
        before=DDL_IN_BLOCK,
    )


def test_what_this_transaction_redefined_is_shown_by_the_servers_word_alone() -> None:
    # The catalog is read on another connection and cannot see it: an expression's columns may be others by now.
    play(
        """
        >> Query "SELECT upper(name), name FROM customers"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "public"
        ?? Judge several "SELECT upper(name), name FROM customers"
        !! read masks=-,-
        => Parse "" "SELECT upper(name), name FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription upper=0 name=1.2
        ?? RecordExecution #3 "SELECT upper(name), name FROM customers" shows :null,-
        """,
        before=DDL_IN_BLOCK,
    )


def test_the_reason_a_client_gives_is_told_to_whoever_is_asked() -> None:
    play(
        """
        >> Query "SET pgmaskproxy.reason = 'INC-2'"
        ?? Judge several "SET pgmaskproxy.reason = 'INC-2'"
        !! set=pgmaskproxy.reason:INC-2
        => Parse "" "SET pgmaskproxy.reason = 'INC-2'" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET pgmaskproxy.reason = 'INC-2'" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Query "DELETE 1"
        ?? Judge several "DELETE 1"
        !! delete hold
        => Parse "~held" "DELETE 1" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / NoData / CloseComplete
        => Sync
        <= ReadyForQuery I
        ?? Hold #2 "DELETE 1" reason=INC-2
        """
    )


def test_a_portal_that_was_bound_under_another_search_path_is_not_run() -> None:
    """A query means what it meant at Bind, a utility statement what it means at Execute: both must be the same."""
    play(
        """
        >> Parse "s" "SELECT upper(x) FROM t" / Parse "set" "SET search_path = s1" / Sync
        ?? Judge "SELECT upper(x) FROM t"
        !! read masks=-
        => Parse "s" "SELECT upper(x) FROM t"
        ?? Judge "SET search_path = s1"
        !! set=search_path:s1
        => Parse "set" "SET search_path = s1" / Sync
        <= ParseComplete / ParseComplete / ReadyForQuery T
        << ParseComplete / ParseComplete / ReadyForQuery T
        >> Bind "p" "s" / Bind "" "set" / Execute "" / Execute "p" / Sync
        => Bind "p" "s" / Bind "" "set" / Describe P "" / Flush
        <= BindComplete / BindComplete / NoData
        << BindComplete / BindComplete
        ?? RecordExecution #2 "SET search_path = s1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "SET"
        -- RecordOutcome #2 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "pg_catalog" "s1"
        -- RecordRefusal #3 0A000 "SELECT upper(x) FROM t"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 0A000 "the search_path changed after this portal was bound" ...
        << ReadyForQuery E
        """,
        before=BLOCK,
    )


def test_a_statement_is_judged_under_the_search_path_it_is_bound_under() -> None:
    """Moved away for the Bind and back for the Execute, it would run as it was never judged."""
    play(
        """
        >> Query "SET search_path = s1"
        ?? Judge several "SET search_path = s1"
        !! set=search_path:s1
        => Parse "" "SET search_path = s1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "SET search_path = s1" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET" / ReadyForQuery I
        >> Bind "p" "s" / Sync
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "s1" / ReadyForQuery I
        ?? Judge "SELECT ssn FROM customers" path=pg_catalog,s1
        !! read deny
        -- RecordRefusal #2 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_after_ddl_of_its_own_a_prepared_statement_is_judged_again() -> None:
    play(
        """
        >> Query "ALTER TABLE t RENAME a TO b"
        ?? Judge several "ALTER TABLE t RENAME a TO b"
        !! ddl
        => Parse "" "ALTER TABLE t RENAME a TO b" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "ALTER TABLE t RENAME a TO b" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= CommandComplete "ALTER TABLE" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "ALTER TABLE" rows=0 cells=0 size=0
        -- DefinitionsChanged
        << CommandComplete "ALTER TABLE" / ReadyForQuery I
        >> Bind "" "s" / Execute "" / Sync
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        <= Path "pg_catalog" "public" / ReadyForQuery I
        ?? Judge "SELECT ssn FROM customers"
        """,
        before=PREPARED,
    )
