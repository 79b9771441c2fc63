"""The bench works: against a server, with next to nothing measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pgmaskproxy

ROOT = Path(__file__).parents[2]


def test_every_lane_answers_and_a_masked_row_comes_through(tmp_path: Path) -> None:
    said, shown = tmp_path / "numbers.json", tmp_path / "numbers.html"
    command = [
        sys.executable,
        "-m",
        "bench",
        "--quick",
        "--rows=500",
        "--no-install",
        f"--json={said}",
        f"--html={shown}",
    ]
    # Of the two builds the one that this process has.
    command += ["--installed", str(Path(pgmaskproxy.__file__).parents[1])]
    done = subprocess.run(
        [*command, "--only=select, prepared", "--only=rows, libpq"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), *sys.path))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(said.read_text())
    assert [each["name"] for each in found["workloads"]] == ["select, prepared, 8", "rows, libpq text"]
    for workload in found["workloads"]:
        lanes = workload["lanes"]
        assert {"direct", "masking"} <= set(lanes)
        assert lanes["direct"]["direct_rate"]["median"] == 1
        assert all(lane["rate"]["median"] > 0 for lane in lanes.values())
        assert "pgbouncer" in lanes or "PgBouncer. It is not installed" in done.stdout
    statements, rows = (each["lanes"]["masking"] for each in found["workloads"])
    assert {"p50", "p99", "p999", "added_p50", "proxy_cpu_per_million", "peak_mb"} <= set(statements)
    assert {"proxy_cpu_per_gb", "megabytes"} <= set(rows)
    assert "<svg" in shown.read_text()
