"""Cursors: DECLARE, FETCH and CLOSE, and the protocol's portals."""

from __future__ import annotations

from tests.session.test_extended import BLOCK
from tests.session.test_naming import CURSOR
from tests.session.transcript import play


def test_fetch_is_masked_as_its_cursor() -> None:
    play(
        """
        >> Query "FETCH 2 FROM cur"
        ?? Judge several "FETCH 2 FROM cur"
        !! fetch=cur masks=?
        => Parse "" "FETCH 2 FROM cur" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=0
        ?? RecordExecution #3 "FETCH 2 FROM cur" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=0
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "FETCH 1" / CloseComplete / CloseComplete / ReadyForQuery T
        << DataRow "***"
        -- RecordOutcome #3 "FETCH 1" rows=1 cells=1 size=14
        << CommandComplete "FETCH 1" / ReadyForQuery T
        """,
        before=CURSOR,
    )


def test_a_binary_cursors_rows_come_in_binary_and_masked_all_the_same() -> None:
    assert "declare=cur" in CURSOR
    play(
        """
        >> Query "FETCH 2 FROM cur"
        ?? Judge several "FETCH 2 FROM cur"
        !! fetch=cur masks=?
        => Parse "" "FETCH 2 FROM cur" / Bind "" "" out=1 / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=0/1
        ?? RecordExecution #3 "FETCH 2 FROM cur" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=0/1
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "FETCH 1" / CloseComplete / CloseComplete / ReadyForQuery T
        << DataRow "***"
        -- RecordOutcome #3 "FETCH 1" rows=1 cells=1 size=14
        << CommandComplete "FETCH 1" / ReadyForQuery T
        >> Query "MOVE 2 FROM cur"
        ?? Judge several "MOVE 2 FROM cur"
        !! move=cur masks=
        => Parse "" "MOVE 2 FROM cur" / Bind "" "" / Describe P "" / Flush
        """,
        before=CURSOR.replace("declare=cur", "declare=cur binary"),
    )


def test_a_cursor_is_a_portal_to_the_protocol() -> None:
    """THREATS M08a: no Bind, no Describe."""
    play(
        """
        >> Execute "cur" 1 / Sync
        => Describe P "cur" / Flush
        <= RowDescription ssn=1.3
        ?? RecordExecution #3 "DECLARE cur CURSOR FOR SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "cur" 1 / Sync
        <= DataRow "123-45-6789" / PortalSuspended / ReadyForQuery T
        << DataRow "***"
        -- RecordOutcome #3 "SUSPENDED" rows=1 cells=1 size=14
        << PortalSuspended / ReadyForQuery T
        """,
        before=CURSOR,
    )


def test_a_portal_is_a_cursor_to_fetch() -> None:
    """THREATS M08b."""
    play(
        """
        >> Parse "" "SELECT ssn" / Bind "p" "" / Sync
        ?? Judge "SELECT ssn"
        !! read masks=ssn
        => Parse "" "SELECT ssn" / Bind "p" "" / Sync
        <= ParseComplete / BindComplete / ReadyForQuery T
        << ParseComplete / BindComplete / ReadyForQuery T
        >> Query "FETCH ALL FROM p"
        ?? Judge several "FETCH ALL FROM p"
        !! fetch=p masks=?
        => Parse "" "FETCH ALL FROM p" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=0
        ?? RecordExecution #2 "FETCH ALL FROM p" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=0
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "FETCH 1" / CloseComplete / CloseComplete / ReadyForQuery T
        << DataRow "***"
        -- RecordOutcome #2 "FETCH 1" rows=1 cells=1 size=14
        << CommandComplete "FETCH 1" / ReadyForQuery T
        """,
        before=BLOCK,
    )


def test_fetch_from_an_unknown_cursor_is_refused() -> None:
    play(
        r"""
        >> Query "FETCH 1 FROM nope"
        ?? Judge several "FETCH 1 FROM nope"
        !! fetch=nope masks=?
        -- RecordRefusal #2 34000 "FETCH 1 FROM nope"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 34000 "cursor \"nope\" does not exist" / ReadyForQuery E
        """,
        before=BLOCK,
    )


def test_a_closed_cursor_is_unknown() -> None:
    play(
        """
        >> Query "CLOSE cur"
        ?? Judge several "CLOSE cur"
        !! close=cur
        => Parse "" "CLOSE cur" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "CLOSE cur" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "CLOSE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #3 "CLOSE CURSOR" rows=0 cells=0 size=0
        << CommandComplete "CLOSE CURSOR" / ReadyForQuery T
        >> Execute "cur" / Sync
        -- RecordRefusal #4 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=CURSOR,
    )


def test_a_cursor_ends_with_its_transaction_unless_it_is_holdable() -> None:
    play(
        r"""
        >> Query "DECLARE h CURSOR WITH HOLD FOR SELECT 1"
        ?? Judge several "DECLARE h CURSOR WITH HOLD FOR SELECT 1"
        !! declare=h holdable
        => Parse "" "DECLARE h CURSOR WITH HOLD FOR SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #3 "DECLARE h CURSOR WITH HOLD FOR SELECT 1" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #3 "DECLARE CURSOR" rows=0 cells=0 size=0
        << CommandComplete "DECLARE CURSOR" / ReadyForQuery T
        >> Query "COMMIT"
        ?? Judge several "COMMIT"
        !! commit
        => Parse "" "COMMIT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #4 "COMMIT" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "COMMIT" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #4 "COMMIT" rows=0 cells=0 size=0
        << CommandComplete "COMMIT" / ReadyForQuery I
        >> Execute "cur" / Sync
        -- RecordRefusal #5 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 34000 "portal \"cur\" does not exist" / ReadyForQuery I
        >> Execute "h" / Sync
        => Describe P "h" / Flush
        """,
        before=CURSOR,
    )


def test_whoever_agreed_to_a_declare_agreed_to_its_rows() -> None:
    play(
        r"""
        >> Query "DECLARE c CURSOR FOR SELECT 1"
        ?? Judge several "DECLARE c CURSOR FOR SELECT 1"
        !! declare=c hold
        => Parse "~held" "DECLARE c CURSOR FOR SELECT 1" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / NoData / CloseComplete
        => Sync
        <= ReadyForQuery T
        ?? Hold #2 "DECLARE c CURSOR FOR SELECT 1" in-transaction reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Parse "" "DECLARE c CURSOR FOR SELECT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? Release #2 apr_1 "DECLARE c CURSOR FOR SELECT 1" shows nothing
        !! released
        ?? RecordExecution #2 "DECLARE c CURSOR FOR SELECT 1" shows nothing request=apr_1
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
        -- RecordOutcome #2 "DECLARE CURSOR" rows=0 cells=0 size=0
        << CommandComplete "DECLARE CURSOR" / ReadyForQuery T
        >> Query "FETCH 1 FROM c"
        ?? Judge several "FETCH 1 FROM c"
        !! fetch=c masks=?
        => Parse "" "FETCH 1 FROM c" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription n=0:23
        ?? RecordExecution #3 "FETCH 1 FROM c" shows -
        !! recorded
        => Execute ""
        << RowDescription n=0:23
        => Close P "" / Close S "" / Sync
        """,
        before=BLOCK,
    )


def test_a_target_made_anew_between_bind_and_execute_is_refused() -> None:
    play(
        r"""
        >> Parse "f" "FETCH ALL FROM cur" / Bind "p" "f" / Describe P "p" / Sync
        ?? Judge "FETCH ALL FROM cur"
        !! fetch=cur masks=?
        => Parse "f" "FETCH ALL FROM cur" / Flush
        <= ParseComplete
        << ParseComplete
        => Bind "p" "f" / Describe P "p" / Sync
        <= BindComplete / RowDescription name=0 / ReadyForQuery T
        << BindComplete / RowDescription name=0 / ReadyForQuery T
        >> Close P "cur" / Parse "d" "DECLARE cur CURSOR FOR SELECT card" / Bind "" "d" / Execute "" / Sync
        => Close P "cur"
        ?? Judge "DECLARE cur CURSOR FOR SELECT card"
        !! declare=cur masks=-
        => Parse "d" "DECLARE cur CURSOR FOR SELECT card" / Bind "" "d" / Describe P "" / Flush
        <= CloseComplete / ParseComplete / BindComplete / NoData
        << CloseComplete / ParseComplete / BindComplete
        ?? RecordExecution #3 "DECLARE cur CURSOR FOR SELECT card" shows nothing
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "DECLARE CURSOR" / ReadyForQuery T
        -- RecordOutcome #3 "DECLARE CURSOR" rows=0 cells=0 size=0
        << CommandComplete "DECLARE CURSOR" / ReadyForQuery T
        >> Execute "p" / Sync
        -- RecordRefusal #4 0A000 "FETCH ALL FROM cur"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 0A000 "\"cur\" was made anew after this portal was bound" H="Bind the statement again."
        << ReadyForQuery E
        """,
        before=CURSOR,
    )


def test_a_fetch_is_described_anew_before_every_execute() -> None:
    play(
        """
        >> Parse "f" "FETCH 1 FROM cur" / Bind "p" "f" / Describe P "p" / Execute "p" / Sync
        ?? Judge "FETCH 1 FROM cur"
        !! fetch=cur masks=?
        => Parse "f" "FETCH 1 FROM cur" / Flush
        <= ParseComplete
        << ParseComplete
        => Bind "p" "f" / Describe P "p" / Describe P "p" / Flush
        <= BindComplete / RowDescription name=1.2 / RowDescription ssn=1.3
        << BindComplete / RowDescription name=1.2
        ?? RecordExecution #3 "FETCH 1 FROM cur" shows ssn:redact
        !! recorded
        => Execute "p" / Sync
        """,
        before=CURSOR,
    )
