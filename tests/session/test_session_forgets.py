"""What is over is forgotten: a session that does the same for days does not grow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.session.growth import SCRIPTS, TIMES

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from tests.session.growth import main; main()"


def test_it_does_not_grow() -> None:
    checkout = Path(__file__).parents[2]
    call = [sys.executable, "-c", PROGRAM, str(checkout)]
    done = subprocess.run(call, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(done.stdout)
    assert found.keys() == SCRIPTS.keys()
    assert {name: more for name, more in found.items() if more >= TIMES} == {}, "an object and more for each time"
