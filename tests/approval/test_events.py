"""What the audit log is told: known kinds, and never a value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.approval import events
from pgmaskproxy.approval.request import State
from pgmaskproxy.audit.chain import START, encode
from pgmaskproxy.audit.events import KINDS
from pgmaskproxy.model import AuditEvent
from tests.approval.making import CANARY, NOW, make_request


def _all() -> Iterator[AuditEvent]:
    request = make_request()
    yield events.requested(request)
    yield events.voted(request, "bob", ("dba",), approve=True, reason="fine")
    yield events.vote_refused(request, "alice", approve=True, why="owner")
    yield events.release_refused(request, "it is pending")
    yield events.not_stored(request.id, ["approval.voted"])
    for state in State:
        if state is not State.PENDING:
            yield events.moved(request, state)


@pytest.mark.parametrize("event", list(_all()), ids=lambda event: event.kind)
def test_known_recordable_and_without_values(event: AuditEvent) -> None:
    assert event.kind in KINDS
    line, _ = encode(event, START, NOW)
    assert CANARY.encode() not in line
    assert event.request == make_request().id
