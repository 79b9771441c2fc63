from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pgmaskproxy.demo import supervise


def _start(directory: Path, log: Path, *program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", supervise.__file__, str(directory), "-", "-", str(log), *program],
        stdin=subprocess.PIPE,
    )


def test_the_end_of_input_stops_the_program_and_removes_its_directory(tmp_path: Path) -> None:
    directory, log = tmp_path / "cluster", tmp_path / "log"
    directory.mkdir()
    (directory / "data").write_text("rows", encoding="ascii")
    with _start(directory, log, "sh", "-c", "echo running; exec sleep 600") as running:
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(30) != 0
    assert not directory.exists()
    assert log.exists()


def test_a_program_that_ends_by_itself_leaves_its_log_to_be_read(tmp_path: Path) -> None:
    directory = tmp_path / "cluster"
    directory.mkdir()
    with _start(directory, directory / "log", "sh", "-c", "echo could not; exit 3") as running:
        assert running.wait(30) == 3
    assert (directory / "log").read_text(encoding="ascii") == "could not\n"
