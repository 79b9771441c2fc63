"""A statement's text: what may be read, what cannot be carried, what goes upstream."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, CopyShape, Decision, Effect, Outcome, Refusal, Ruling, Setting
from pgmaskproxy.session.link import Limits
from pgmaskproxy.session.texts import sql_of, supported, upstream_text

DENIED = Refusal("42501", "policy says no")


def ruling(kind: str, *settings: Setting, copy: CopyShape | None = None, outcome: Outcome = Outcome.ALLOW) -> Ruling:
    analysis = Analysis(kind, frozenset({Effect.SESSION}), settings=settings, copy=copy)
    return Ruling("X", 0, analysis, Decision(outcome, refusal=DENIED if outcome is Outcome.DENY else None), 1)


def sqlstate(judged: Ruling) -> str:
    refusal = supported(judged).decision.refusal
    return refusal.sqlstate if refusal is not None else ""


def test_utf8_only_and_only_so_much() -> None:
    assert sql_of("SELECT 'é'".encode(), Limits()) == "SELECT 'é'"
    bad, long = sql_of(b"SELECT '\xe9'", Limits()), sql_of(b"x" * 9, Limits(statement_bytes=8))
    assert isinstance(bad, Refusal)
    assert isinstance(long, Refusal)
    assert (bad.sqlstate, long.sqlstate) == ("22021", "54000")
    assert sql_of(b"x" * 8, Limits(statement_bytes=8)) == "x" * 8


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ((Setting("client_min_messages", "ERROR"),), b"SET pgmaskproxy.client_min_messages = 'error'"),
        ((Setting("Client_Min_Messages", None),), b"SET pgmaskproxy.client_min_messages = 'notice'"),
        ((Setting("search_path", "x"),), b"the client's own"),
        ((), b"the client's own"),
    ],
)
def test_the_clients_own_text_goes_upstream_but_for_one_setting(settings: tuple[Setting, ...], sent: bytes) -> None:
    assert upstream_text(ruling("VariableSetStmt", *settings), b"the client's own") == sent


@pytest.mark.parametrize(
    ("judged", "state"),
    [
        (ruling("ListenStmt"), "0A000"),
        (ruling("CopyStmt"), "0A000"),
        (ruling("CopyStmt", copy=CopyShape(True, "SELECT 1", 1)), ""),
        (ruling("VariableSetStmt", Setting("client_min_messages", "error")), ""),
        (ruling("VariableSetStmt", Setting("client_min_messages", None)), ""),
        (ruling("VariableSetStmt", Setting("client_min_messages", "'; DROP")), "22023"),
        (ruling("VariableSetStmt", Setting("client_min_messages", None, constant=False)), "42501"),
        (ruling("SelectStmt", Setting("client_min_messages", "error")), "42501"),
        (ruling("SelectStmt"), ""),
    ],
)
def test_what_the_session_cannot_carry_no_policy_may_allow(judged: Ruling, state: str) -> None:
    assert sqlstate(judged) == state


def test_a_policy_that_denies_speaks_first() -> None:
    assert supported(ruling("ListenStmt", outcome=Outcome.DENY)).decision.refusal is DENIED


def test_a_hold_of_what_cannot_be_carried_asks_nobody() -> None:
    assert supported(ruling("ListenStmt", outcome=Outcome.HOLD)).decision.outcome is Outcome.DENY
