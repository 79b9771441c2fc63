"""Questions and their answers belong together by ticket."""

from __future__ import annotations

import inspect
from typing import get_args

from pgmaskproxy.session import events


def test_every_answer_carries_a_ticket_and_so_does_every_question() -> None:
    questions = (
        events.LookUpLogin,
        events.ConnectUpstream,
        events.Judge,
        events.RecordExecution,
        events.Hold,
        events.Release,
    )
    for kind in (*get_args(events.TicketedAnswer), *questions):
        assert "ticket" in inspect.signature(kind).parameters, kind


def test_what_is_only_told_carries_none() -> None:
    for kind in (events.RecordRefusal, events.RecordOutcome, events.SendClient, events.SendServer, events.Close):
        assert "ticket" not in inspect.signature(kind).parameters, kind


def test_a_login_is_unknown_unless_said_otherwise() -> None:
    assert not events.LoginAnswer(1, None).known
