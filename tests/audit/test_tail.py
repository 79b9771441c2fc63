"""Following the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.audit.chain import BadRecord
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.audit.tail import tail
from pgmaskproxy.model import AuditEvent


def test_the_last_records_of_all_writers_in_order(tmp_path: Path) -> None:
    times = iter(range(100))
    with (
        AuditLog(tmp_path, "a", clock=lambda: float(next(times))) as one,
        AuditLog(tmp_path, "b", clock=lambda: float(next(times))) as two,
    ):
        for number in range(6):
            (one if number % 2 else two).write(AuditEvent(f"e{number}"), durable=False)
    assert [record.kind for record in tail([tmp_path], last=3)] == ["e3", "e4", "e5"]
    assert list(tail([tmp_path], last=0)) == []


def test_it_follows_whole_lines_and_new_writers(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, "a")
    steps = iter(["write", "half", "rest", "other", "stop"])
    line = b""

    def wait() -> bool:
        nonlocal line
        step = next(steps)
        if step == "write":
            log.write(AuditEvent("written"), durable=False)
            log.close()
            before = log.path.read_bytes()
            with AuditLog(tmp_path, "a") as again:
                again.write(AuditEvent("in.two.parts"), durable=False)
            line = log.path.read_bytes().removeprefix(before)
            log.path.write_bytes(before)
        elif step == "half":
            with log.path.open("ab") as file:
                file.write(line[:40])
        elif step == "rest":
            with log.path.open("ab") as file:
                file.write(line[40:])
        elif step == "other":
            AuditLog(tmp_path, "b").close()
        return step != "stop"

    seen = [record.kind for record in tail([tmp_path], wait=wait)]
    assert seen == ["chain.started", "written", "in.two.parts", "chain.started"]


def test_a_line_that_is_no_record_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    with pytest.raises(BadRecord):
        list(tail([tmp_path]))
