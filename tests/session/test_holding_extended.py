"""A statement of the extended protocol that waits for a person: before Bind, since the server plans then.

Planning runs functions. Until somebody said yes, nothing of the statement goes upstream but Parse and Describe.
"""

from __future__ import annotations

import pytest

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.holding import MAX_PARAMETERS
from pgmaskproxy.wire.frontend import Bind, Flush
from tests.session.test_extended import PREPARED
from tests.session.transcript import LOGIN, READY, Play, play

ASKED = (
    LOGIN
    + READY
    + """
    >> Parse "" "DELETE FROM customers" / Bind "p" ""
    !! delete hold
    <= ParseComplete
    <= ParameterDescription / NoData
    <= ReadyForQuery I
    !! opened apr_1
"""
)
GRANTED = (
    ASKED
    + """
    !! approved
    >> Flush
    <= BindComplete
"""
)


@pytest.mark.parametrize(("more", "held"), [(0, True), (1, False)])
def test_nobody_is_asked_about_parameters_that_are_too_long(more: int, *, held: bool) -> None:
    """They are shown to people, kept and signed: a few megabytes of them would keep all others waiting."""
    told = Play(warm=True)
    told.play('>> Parse "" "DELETE FROM customers WHERE id = $1"\n!! delete hold parameters=1\n<= ParseComplete')
    bind = Bind(b"", b"", (), (b"7" * (MAX_PARAMETERS - 1), None, b"7" * (1 + more)))
    lines = told.lines([ev.ClientData(bind.encode() + Flush().encode())])
    assert any("54000" in line for line in lines) is not held


def test_it_is_held_at_bind_with_its_parameters() -> None:
    play(
        r"""
        >> Parse "" "DELETE FROM customers WHERE id = $1" / Bind "" "" "7" / Describe P "" / Execute "" / Sync
        ?? Judge "DELETE FROM customers WHERE id = $1"
        !! delete hold parameters=1
        => Parse "" "DELETE FROM customers WHERE id = $1" / Flush
        <= ParseComplete
        << ParseComplete
        => Describe S "" / Flush
        <= ParameterDescription 23 / NoData
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "DELETE FROM customers WHERE id = $1" $1="7" reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Bind "" "" "7" / Describe P "" / Flush
        <= BindComplete / NoData
        << BindComplete / NoData
        ?? Release #1 apr_1 "DELETE FROM customers WHERE id = $1" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM customers WHERE id = $1" shows nothing request=apr_1
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "DELETE 1" / ReadyForQuery I
        -- RecordOutcome #1 "DELETE 1" rows=0 cells=0 size=0
        << CommandComplete "DELETE 1" / ReadyForQuery I
        """
    )


@pytest.mark.parametrize(
    "end",
    [
        '!! ended 42501 "request apr_1 was rejected"',
        '!! ended 57014 "request apr_1 expired"',
        "!! cancel",
        '!! shutdown 57P01 "terminating connection"',
        ">>",
        "<=",
    ],
)
def test_without_a_yes_nothing_of_it_is_planned(end: str) -> None:
    """Not one Bind, whatever becomes of it and whatever the client sends behind it."""
    told = Play(warm=True)
    script = f"""
        >> Parse "" "DELETE FROM customers" / Bind "p" "" / Describe P "p" / Execute "p" / Sync
        !! delete hold
        <= ParseComplete
        <= ParameterDescription / NoData
        <= ReadyForQuery I
        !! opened apr_1
        !! tick 15
        {end}
    """
    upstream = [line for _, lines in told.play(script) for line in lines if line.startswith("=>")]
    assert upstream[:5] == [
        '=> Parse "" "DELETE FROM customers"',
        "=> Flush",
        '=> Describe S ""',
        "=> Flush",
        "=> Sync",
    ]
    assert not [line for line in upstream if line.startswith(("=> Bind", "=> Execute", "=> Describe P"))]


def test_a_rejection_is_one_error_and_the_rest_is_skipped_to_sync() -> None:
    play(
        """
        !! ended 42501 "request apr_1 was rejected"
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        <= ErrorResponse 42601 "syntax error"
        << ErrorResponse 42501 "request apr_1 was rejected"
        >> Describe P "p" / Execute "p" / Bind "" "" / Execute "" / Flush / Sync
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Execute "p" / Sync
        -- RecordRefusal #2 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 34000 ...
        << ReadyForQuery I
        """,
        before=ASKED,
    )


def test_a_cancel_withdraws_it() -> None:
    play(
        r"""
        !! cancel
        -- WithdrawHold apr_1 cancelled
        -- RecordRefusal #1 57014 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        >> Sync
        => Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 57014 "canceling statement due to user request" D="Request apr_1 was withdrawn."
        << ReadyForQuery I
        """,
        before=ASKED,
    )


def test_a_hang_up_withdraws_it() -> None:
    play(
        """
        >>
        -- WithdrawHold apr_1
        => Terminate
        -- Close "the client left"
        """,
        before=ASKED,
    )


def test_what_the_server_itself_refuses_to_parse_nobody_is_asked() -> None:
    play(
        r"""
        >> Parse "" "DELETE FROM nope" / Bind "" "" / Execute "" / Sync
        ?? Judge "DELETE FROM nope"
        !! delete hold
        => Parse "" "DELETE FROM nope" / Flush
        <= ErrorResponse 42P01 "relation \"nope\" does not exist" P="13"
        << ErrorResponse 42P01 "relation \"nope\" does not exist" P="13"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_a_statement_that_policy_came_to_hold_is_held_when_it_is_bound_again() -> None:
    play(
        """
        !! epoch 2
        >> Bind "" "s" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read hold masks=ssn epoch=2
        => Describe S "s" / Flush
        <= ParameterDescription / RowDescription ssn=1.3
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "SELECT ssn FROM customers" columns=ssn reason=INC-1
        """,
        before=PREPARED,
    )


def test_a_portal_that_policy_came_to_hold_is_refused_and_is_to_be_bound_again() -> None:
    """It has been planned: what a person could still stop is less than what they would be asked."""
    play(
        """
        >> Bind "" "s" / Flush
        => Bind "" "s" / Flush
        <= BindComplete
        << BindComplete
        !! epoch 2
        >> Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read hold masks=ssn epoch=2
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" D="The policy came to hold this statement after its portal was bound." H="Bind it again: then a person is asked."
        << ReadyForQuery I
        """,  # noqa: E501
        before=PREPARED,
    )


def test_a_prepare_is_not_held_as_it_runs_nothing() -> None:
    play(
        """
        >> Parse "" "PREPARE d AS DELETE FROM customers" / Bind "" "" / Execute "" / Sync
        ?? Judge "PREPARE d AS DELETE FROM customers"
        !! prepare=d masks= hold
        => Parse "" "PREPARE d AS DELETE FROM customers" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "PREPARE d AS DELETE FROM customers" shows nothing
        !! recorded
        => Execute "" / Sync
        <= CommandComplete "PREPARE" / ReadyForQuery I
        -- RecordOutcome #1 "PREPARE" rows=0 cells=0 size=0
        << CommandComplete "PREPARE" / ReadyForQuery I
        >> Bind "" "d" / Execute "" / Sync
        => Describe S "d" / Flush
        <= ParameterDescription / NoData
        => Sync
        <= ReadyForQuery I
        ?? Hold #2 "PREPARE d AS DELETE FROM customers" reason=INC-1
        """
    )


# --- what was approved is what runs ---


def test_the_format_is_not_the_shape() -> None:
    play(
        """
        >> Parse "" "SELECT ssn FROM customers" / Bind "" "" out=1 / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read hold masks=ssn
        => Parse "" "SELECT ssn FROM customers" / Flush
        <= ParseComplete
        << ParseComplete
        => Describe S "" / Flush
        <= ParameterDescription / RowDescription ssn=1.3
        => Sync
        <= ReadyForQuery I
        ?? Hold #1 "SELECT ssn FROM customers" columns=ssn reason=INC-1
        !! approved
        => Bind "" "" out=1 / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3/1
        << BindComplete
        ?? Release #1 - "SELECT ssn FROM customers" shows ssn:redact
        !! released
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        """
    )


def test_another_shape_than_was_approved_does_not_run() -> None:
    play(
        """
        >> Execute "p" / Sync
        => Describe P "p" / Flush
        <= RowDescription name=1.2
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        -- WithdrawHold apr_1
        => Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "what was approved is not what would run" ...
        << ReadyForQuery I
        """,
        before=GRANTED,
    )


@pytest.mark.parametrize(
    ("ruling", "answer"),
    [
        ("deny version=v2", '42501 "permission denied by policy"'),
        ("hold version=v2", '42501 "what was approved is not what would run"'),
        ("version=v2", '42501 "what was approved is not what would run"'),
    ],
)
def test_a_policy_that_moved_while_it_was_held_refuses_it_before_it_is_planned(ruling: str, answer: str) -> None:
    play(
        f"""
        !! epoch 2
        !! approved
        ?? Judge "DELETE FROM customers"
        !! delete {ruling} epoch=2
        -- RecordRefusal #1 42501 "DELETE FROM customers"
        => Parse "~refused" "refused by pgmaskproxy"
        -- WithdrawHold apr_1
        >> Execute "p" / Sync
        -- RecordRefusal #2 34000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse {answer} ...
        << ReadyForQuery I
        """,
        before=ASKED,
    )


def test_a_catalog_that_changed_elsewhere_does_not_undo_an_approval() -> None:
    play(
        """
        !! epoch 2
        !! approved
        ?? Judge "DELETE FROM customers"
        !! delete hold epoch=2
        => Bind "p" ""
        """,
        before=ASKED,
    )


def test_a_statement_made_anew_since_its_portal_was_bound_leaves_what_was_approved() -> None:
    """The portal is that of the old statement to the server too, and is not bound again."""
    play(
        """
        >> Parse "" "DELETE 2" / Execute "p" / Sync
        ?? Judge "DELETE 2"
        !! delete hold
        => Parse "" "DELETE 2" / Describe P "p" / Flush
        <= ParseComplete / NoData
        << ParseComplete
        ?? Release #1 apr_1 "DELETE FROM customers" shows nothing
        !! released
        ?? RecordExecution #1 "DELETE FROM customers" shows nothing request=apr_1
        """,
        before=GRANTED,
    )
