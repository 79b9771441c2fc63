"""`make bench` works: its two measurements against a server, with next to nothing measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench"


def test_a_masked_row_reaches_the_client_by_every_way(tmp_path: Path) -> None:
    said = tmp_path / "numbers.json"
    done = subprocess.run(
        [sys.executable, str(BENCH / "rows_end_to_end.py"), "--quick", "--rows=500", "--no-install", f"--json={said}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(BENCH), *sys.path))},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    numbers = json.loads(said.read_text())["rows"]
    assert set(numbers) == {"simple", "extended"}
    for lanes in numbers.values():
        assert {"direct", "pgmaskproxy"} <= set(lanes)
        assert lanes["direct"]["ratio"] == 1
        assert all(lane["median"] > 0 for lane in lanes.values())
    assert "pgbouncer" in numbers["simple"] or "so it was not measured" in done.stdout
