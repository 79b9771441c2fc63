"""`audit verify` and `audit tail` over a real log, whole and damaged."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pgmaskproxy.audit import events
from pgmaskproxy.audit.log import AuditLog
from tests.cli.conftest import Invoke


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "audit"
    directory.mkdir()
    with AuditLog(directory, "one") as audit:
        for number in range(5):
            audit.write(events.server_stopped(f"reason \x1b[2K {number}"), durable=False)
        audit.write(events.token_revoked("bob", "tok_1"), durable=True)
    return directory


def test_verify(invoke: Invoke, log: Path) -> None:
    answer = invoke("audit", "verify", str(log))
    assert answer.exit_code == 0, answer.output
    assert "verified: 7 good records in one chain" in answer.stdout
    data = json.loads(invoke("audit", "verify", str(log), "--format", "json").stdout)
    assert (data["ok"], data["records"], data["chains"][0]["writer"]) == (True, 7, "one")


def test_the_head_that_verify_prints_shows_a_cut(invoke: Invoke, log: Path) -> None:
    found = re.search(r"head (\S+)", invoke("audit", "verify", str(log)).stdout)
    assert found is not None
    assert invoke("audit", "verify", str(log), "--head", found[1]).exit_code == 0
    file = log / "one.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert invoke("audit", "verify", str(log)).exit_code == 0, "a chain alone cannot show it"
    answer = invoke("audit", "verify", str(log), "--head", found[1])
    assert answer.exit_code == 1
    assert "ends at record 5" in answer.stdout


def test_verify_names_the_first_bad_record(invoke: Invoke, log: Path) -> None:
    file = log / "one.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace("reason", "raisin")
    file.write_text("".join(lines))
    answer = invoke("audit", "verify", str(file))
    assert answer.exit_code == 1
    assert f"{file}:4: record 3" in answer.stdout
    assert "broken: 3 good records" in answer.stdout
    data = json.loads(invoke("audit", "verify", str(file), "--format", "json").stdout)
    assert [(each["line"], each["seq"]) for each in data["problems"]] == [(4, 3)]


def test_nothing_to_verify(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert invoke("audit", "verify", str(tmp_path / "empty")).exit_code == 1
    answer = invoke("audit", "verify", str(tmp_path / "none.jsonl"))
    assert answer.exit_code == 69
    assert "none.jsonl" in answer.stderr
    assert invoke("audit", "verify", str(tmp_path), "--head", "nonsense").exit_code == 2


def test_without_paths_the_configuration_says_where(invoke: Invoke, log: Path, tmp_path: Path) -> None:
    assert invoke("audit", "verify").exit_code == 78
    (tmp_path / "pgmaskproxy.yaml").write_text(
        "apiVersion: pgmaskproxy/v1\nkind: Config\nupstream: {user: u, databases: [d]}\n"
        f"audit: {{directory: {log}}}\npolicies: [x]\n"
    )
    assert "7 good records" in invoke("audit", "verify").stdout


def test_tail(invoke: Invoke, log: Path) -> None:
    answer = invoke("audit", "tail", str(log), "-n", "2")
    assert answer.exit_code == 0
    assert [line.split()[2] for line in answer.stdout.splitlines()] == ["server.stopped", "token.revoked"]
    assert "\x1b" not in answer.stdout, "what a client wrote does not drive the terminal"
    assert "token=tok_1" in answer.stdout
    only = invoke("audit", "tail", str(log), "-n", "100", "--kind", "token", "--format", "json")
    assert [json.loads(line)["kind"] for line in only.stdout.splitlines()] == ["token.revoked"]
    assert invoke("audit", "tail", str(log), "-n", "100", "--kind", "server.stopped").stdout.count("\n") == 5


def test_tail_of_what_is_no_log(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text("{}\n")
    answer = invoke("audit", "tail", str(file))
    assert answer.exit_code == 1
    assert "audit verify" in answer.stderr
    assert invoke("audit", "tail", str(tmp_path / "none.jsonl")).exit_code == 69


def test_tail_follows(invoke: Invoke, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    naps = iter((None,))

    def nap(_seconds: float) -> None:
        if next(naps, "end") == "end":
            raise KeyboardInterrupt
        with AuditLog(log, "two") as audit:
            audit.write(events.token_revoked("bob", "tok_2"), durable=False)

    monkeypatch.setattr("time.sleep", nap)
    answer = invoke("audit", "tail", str(log), "-n", "0", "-f", "--kind", "token")
    assert answer.exit_code == 130
    assert "tok_2" in answer.stdout
    assert "tok_1" not in answer.stdout
