"""What is over is forgotten: a session that does the same for days does not grow."""

from __future__ import annotations

import gc

import pytest

from pgmaskproxy.session import events as ev
from tests.session.test_attesting import BEFORE
from tests.session.test_session import COPIES, EXTENDED
from tests.session.transcript import LOGIN, READY, Play

TIMES = 30
UNNAMED = """
    >> Parse "" "SELECT name, ssn FROM customers" / Bind "" "" / Describe P "" / Execute "" / Sync
    !! read masks=-,ssn
    <= Tree / ParseComplete / BindComplete / RowDescription name=1.2 ssn=1.3
    !! recorded
    <= DataRow "Ann" "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
"""
NAMED = """
    >> Parse "s" "SELECT name, ssn FROM customers" / Bind "p" "s" / Describe P "p" / Execute "p" / Sync
    !! read masks=-,ssn
    <= Tree / ParseComplete / BindComplete / RowDescription name=1.2 ssn=1.3
    !! recorded
    <= DataRow "Ann" "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
    >> Close P "p" / Close S "s" / Sync
    <= CloseComplete / CloseComplete / ReadyForQuery I
"""
ATTESTED = """
    >> Parse "" "SELECT ssn FROM customers" / Bind "" "" / Describe P "" / Execute "" / Sync
    !! read masks=ssn
    <= Tree "T1" / ParseComplete
    !! attested independent read masks=ssn
    <= BindComplete / RowDescription ssn=1.3
    !! recorded
    <= CommandComplete "SELECT 0" / ReadyForQuery I
"""
SIMPLE = """
    >> Query "SELECT name FROM customers"
    !! read
    <= ParseComplete / BindComplete / RowDescription name=1.2
    !! recorded
    <= DataRow "Ann" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
"""
FAILED = """
    >> Parse "" "SELECT name FROM customers" / Bind "" "" / Execute "" / Sync
    !! read
    <= ErrorResponse 42P01 "no"
    <= ReadyForQuery I
"""


def _grown(script: str, times: int, before: str) -> int:
    """Objects that a session has when it has done this so often, and policy has moved on."""
    played = Play()
    played.play(before)
    gc.collect()
    already = len(gc.get_objects())
    for _ in range(times):
        played.play(script)
    assert played.session.idle
    played.lines([ev.EpochMoved(1 << 30)])
    gc.collect()
    return len(gc.get_objects()) - already


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(UNNAMED, id="unnamed"),
        pytest.param(NAMED, id="named"),
        pytest.param(ATTESTED, id="attested"),
        pytest.param(SIMPLE, id="simple"),
        pytest.param(FAILED, id="failed"),
        pytest.param(COPIES, id="copies"),
        pytest.param(EXTENDED.replace('"s"', '""').replace('"p"', '""'), id="suspended"),
    ],
)
def test_it_does_not_grow(script: str) -> None:
    before = BEFORE if "attested" in script else LOGIN + READY
    few = _grown(script, 3, before)
    assert _grown(script, 3 + TIMES, before) - few < TIMES, "an object and more for each time"
