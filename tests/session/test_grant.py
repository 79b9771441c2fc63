"""What a person said yes to is kept with the portal: for its first Execute, and withdrawn when that cannot come."""

from __future__ import annotations

import pytest

from tests.session.test_extended import BLOCK
from tests.session.test_holding_extended import ASKED, GRANTED
from tests.session.transcript import Play, play

IN_BLOCK = (
    BLOCK
    + """
    >> Parse "" "SELECT ssn FROM customers" / Bind "p" "" / Sync
    !! read hold masks=ssn
    <= ParseComplete
    <= ParameterDescription / RowDescription ssn=1.3
    <= ReadyForQuery T
    !! opened apr_1
    !! approved
    <= BindComplete / ReadyForQuery T
"""
)


def test_an_approval_covers_one_execution() -> None:
    play(
        """
        >> Execute "p" 1 / Sync
        => Describe P "p" / Flush
        <= RowDescription ssn=1.3
        ?? Release #2 apr_1 "SELECT ssn FROM customers" shows ssn:redact
        !! released
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact request=apr_1
        !! recorded
        => Execute "p" 1 / Sync
        <= DataRow "123-45-6789" / PortalSuspended / ReadyForQuery T
        << DataRow "***"
        -- RecordOutcome #2 "SUSPENDED" rows=1 cells=1 size=14
        << PortalSuspended / ReadyForQuery T
        >> Execute "p" 1 / Sync
        -- RecordRefusal #3 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery E
        << ErrorResponse 42501 "permission denied by policy" D="An approval covers one execution, and this portal was executed before." ...
        << ReadyForQuery E
        """,  # noqa: E501
        before=IN_BLOCK,
    )


def test_each_bind_is_asked_about() -> None:
    play(
        """
        >> Bind "q" "" / Sync
        => Describe S "" / Flush
        <= ParameterDescription / RowDescription ssn=1.3
        => Sync
        <= ReadyForQuery T
        ?? Hold #3 "SELECT ssn FROM customers" columns=ssn in-transaction reason=INC-1
        """,
        before=IN_BLOCK,
    )


def test_an_execute_that_is_refused_withdraws_what_its_portal_kept() -> None:
    play(
        """
        !! epoch 2
        >> Execute "p" / Sync
        ?? Judge "DELETE FROM customers"
        !! delete deny epoch=2
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        -- WithdrawHold apr_1
        => Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery I
        """,
        before=GRANTED,
    )


def test_an_execute_whose_describe_fails_withdraws_what_its_portal_kept() -> None:
    play(
        """
        >> Execute "p" / Sync
        => Describe P "p" / Flush
        <= ErrorResponse 57014 "canceling statement due to user request"
        << ErrorResponse 57014 "canceling statement due to user request"
        -- WithdrawHold apr_1
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=GRANTED,
    )


def test_a_bind_that_the_server_refuses_withdraws_it() -> None:
    play(
        """
        !! approved
        => Bind "p" ""
        >> Execute "p" / Sync
        => Describe P "p" / Flush
        <= ErrorResponse 22P02 "invalid input syntax"
        << ErrorResponse 22P02 "invalid input syntax"
        -- WithdrawHold apr_1
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=ASKED,
    )


def test_a_portal_that_is_closed_withdraws_it() -> None:
    play(
        """
        >> Close P "p" / Sync
        => Close P "p" / Sync
        -- WithdrawHold apr_1
        <= CloseComplete / ReadyForQuery I
        << CloseComplete / ReadyForQuery I
        """,
        before=GRANTED,
    )


def test_a_portal_that_ends_with_its_transaction_withdraws_it() -> None:
    play(
        """
        >> Sync
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        -- WithdrawHold apr_1
        """,
        before=GRANTED,
    )


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (">>", "the client left"),
        ("<=", "the server closed the connection"),
        (">> Bytes 7a 00000004", "invalid message type 122"),
    ],
)
def test_the_end_of_the_session_withdraws_it(end: str, why: str) -> None:
    told = Play()
    told.play(GRANTED)
    lines = [line for _, out in told.play(end) for line in out if not line.startswith("<<")]
    assert lines == ["-- WithdrawHold apr_1", "=> Terminate", f'-- Close "{why}"']


def test_in_a_block_the_portal_keeps_it_over_a_sync() -> None:
    play(
        """
        >> Parse "" "DELETE FROM customers" / Bind "p" "" / Sync
        ?? Judge "DELETE FROM customers"
        !! delete hold
        => Parse "" "DELETE FROM customers" / Flush
        <= ParseComplete
        << ParseComplete
        => Describe S "" / Flush
        <= ParameterDescription / NoData
        => Sync
        <= ReadyForQuery T
        ?? Hold #2 "DELETE FROM customers" in-transaction reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Bind "p" "" / Sync
        <= BindComplete / ReadyForQuery T
        << BindComplete / ReadyForQuery T
        >> Execute "p" / Sync
        => Describe P "p" / Flush
        <= NoData
        ?? Release #2 apr_1 "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #2 "DELETE FROM customers" shows nothing request=apr_1
        !! recorded
        => Execute "p" / Sync
        <= CommandComplete "DELETE 9" / ReadyForQuery T
        -- RecordOutcome #2 "DELETE 9" rows=0 cells=0 size=0
        << CommandComplete "DELETE 9" / ReadyForQuery T
        """,
        before=BLOCK,
    )
