"""Statements that turn out to be held when they run: by what a name stands for, or by what has moved (DESIGN 6)."""

from __future__ import annotations

from tests.session.test_naming_targets import prepared
from tests.session.transcript import LOGIN, READY, play

HELD = (
    LOGIN
    + READY
    + prepared("hold")
    + """
    >> Parse "s" "EXECUTE p"
    !! execute=p
    >> Bind "" "s" / Describe P "" / Execute "" / Sync
    <= ParseComplete
    <= BindComplete / RowDescription odd=0
    <= ParameterDescription / RowDescription odd=0
    <= ReadyForQuery I
    !! opened apr_1
"""
)


def test_what_policy_refuses_by_the_time_it_was_approved_does_not_run() -> None:
    play(
        """
        !! epoch 2
        !! approved
        => Bind "" "s"
        ?? Judge "EXECUTE p"
        !! execute=p epoch=2
        ?? Judge "PREPARE p AS SELECT odd FROM t"
        !! prepare=p deny epoch=2
        -- RecordRefusal #2 42501 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy"
        -- WithdrawHold apr_1
        => Sync
        """,
        before=HELD,
    )


def test_a_portal_whose_statement_was_closed_is_not_bound_again_by_name() -> None:
    """Another statement of that name would be described to people, and run."""
    play(
        """
        >> Bind "" "s" / Close S "s" / Execute "" / Sync
        => Bind "" "s" / Close S "s"
        -- RecordRefusal #2 0A000 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=LOGIN
        + READY
        + prepared("hold")
        + """
        >> Parse "s" "EXECUTE p" / Sync
        !! execute=p
        <= ParseComplete / ReadyForQuery I
        """,
    )


def test_what_comes_to_be_held_within_a_query_is_not_sent_before_a_person_agreed() -> None:
    play(
        """
        <= CommandComplete "SET"
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Flush
        <= Path "b"
        ?? Judge "DELETE FROM t" path=b
        !! delete hold
        ?? Hold #2 "DELETE FROM t" in-transaction reason=INC-1
        """,
        before=LOGIN
        + READY
        + """
        >> Query "SET search_path = b; DELETE FROM t"
        !! set=search_path:b ; delete
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        !! recorded
        """,
    )
