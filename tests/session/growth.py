"""How many objects a session keeps of what it has done, counted in a process of its own.

To count them is to hold on to each for a moment, also to a tuple that another thread is just making, which is an error
of that thread's then: so there must be no other.
"""

from __future__ import annotations

import gc
import json
import sys

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


def grown(script: str, times: int, before: str) -> int:
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


SCRIPTS = {
    "unnamed": UNNAMED,
    "named": NAMED,
    "attested": ATTESTED,
    "simple": SIMPLE,
    "failed": FAILED,
    "copies": COPIES,
    "suspended": EXTENDED.replace('"s"', '""').replace('"p"', '""'),
}


def main() -> None:
    """Print, for each script, how many objects more there are when it was played `TIMES` times more."""
    found = {}
    for name, script in SCRIPTS.items():
        before = BEFORE if "attested" in script else LOGIN + READY
        few = grown(script, 3, before)
        found[name] = grown(script, 3 + TIMES, before) - few
    sys.stdout.write(json.dumps(found))
