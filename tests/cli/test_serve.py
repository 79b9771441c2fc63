"""`pgmaskproxy serve` as a process: its exit codes before anything is served."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Invoke
from tests.cli.files import POLICY, write


def serve(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PGMASKPROXY_", "PG"))}
    environment |= {"HOME": str(place), "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1"}
    command = [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", "serve", *arguments]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_no_configuration_exits_78(tmp_path: Path) -> None:
    ended = serve(tmp_path)
    assert ended.returncode == 78
    assert ended.stdout == ""
    assert "there is no configuration file" in ended.stderr


def test_a_bad_policy_exits_78_naming_every_place(tmp_path: Path) -> None:
    write(tmp_path, policy=POLICY + "  - {id: x}\n  - {id: y, efects: []}\n")
    ended = serve(tmp_path)
    assert ended.returncode == 78, ended.stderr
    lines = POLICY.count("\n")
    assert f"test.yaml:{lines + 1}" in ended.stderr
    assert f"test.yaml:{lines + 2}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_unreachable_server_exits_69(tmp_path: Path) -> None:
    write(tmp_path)
    ended = serve(tmp_path)
    assert ended.returncode == 69, ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_wrong_usage_exits_2(invoke: Invoke) -> None:
    assert invoke("serve", "--nonsense").exit_code == 2
    assert invoke("serve", "--set", "nonsense").exit_code == 2
