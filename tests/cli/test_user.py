"""Entries of principals.yaml: printed or written, with passwords that are nowhere else, the rest left as it was."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
import yaml
from argon2 import PasswordHasher

from pgmaskproxy.policy.principals import load_principals
from pgmaskproxy.wire.scram import ScramVerifier, make_verifier
from tests.cli.conftest import Invoke

ALICE = """\
# people first
apiVersion: pgmaskproxy/v1
kind: Principals
people:
  - id: alice        # she owns the agent
    groups: [dba]
"""


def verifies(verifier: str, password: str) -> bool:
    parsed = ScramVerifier.parse(verifier)
    return str(make_verifier(password, parsed.salt, parsed.iterations)) == verifier


def test_add_prints_a_login_to_paste(invoke: Invoke) -> None:
    answer = invoke(
        "user", "add", "sales-agent", "--owner", "alice", "--group", "agents", "--password-stdin", stdin="pw\n"
    )
    assert answer.exit_code == 0, answer.output
    entry = yaml.safe_load(answer.stdout)["users"][0]
    assert (entry["name"], entry["kind"], entry["owner"], entry["groups"]) == (
        "sales-agent",
        "agent",
        "alice",
        ["agents"],
    )
    assert verifies(entry["verifier"], "pw")
    directory = load_principals("p.yaml", ALICE + answer.stdout)
    assert directory.verifier("sales-agent") == entry["verifier"]


def test_add_prints_a_person_to_paste(invoke: Invoke) -> None:
    answer = invoke(
        *("user", "add", "--person", "bob", "--group", "dba", "--group", "privacy", "--email", "bob@example.com"),
        *("--database", "bob", "--password-stdin"),
        stdin="pw\n",
    )
    entry = yaml.safe_load(answer.stdout)["people"][0]
    assert (entry["id"], entry["groups"]) == ("bob", ["dba", "privacy"])
    assert entry["identities"] == {"email": "bob@example.com", "database": "bob"}
    assert PasswordHasher().verify(entry["password"], "pw")
    assert entry["password"].startswith("$argon2id$")


def test_a_generated_password_is_shown_once_and_not_among_the_yaml(invoke: Invoke) -> None:
    answer = invoke("user", "add", "a", "--owner", "alice", "--generate")
    password = answer.stderr.rsplit(": ", 1)[1].strip()
    assert len(password) == 24
    assert password not in answer.stdout
    assert verifies(yaml.safe_load(answer.stdout)["users"][0]["verifier"], password)
    again = json.loads(invoke("user", "add", "a", "--owner", "alice", "--generate", "--format", "json").stdout)
    assert again["password"] != password
    assert verifies(again["entry"]["verifier"], again["password"])


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("x",),
        ("x", "--person", "y"),
        ("--person", "y", "--owner", "alice"),
        ("x", "--owner", "alice", "--email", "x@y"),
        ("x", "--owner", "alice", "--generate", "--password-stdin"),
        ("x", "--owner", "alice", "--kind", "robot"),
        ("x" * 64, "--owner", "alice", "--generate"),
        ("x\ny", "--owner", "alice", "--generate"),
        ("x", "--owner", "alice"),
    ],
)
def test_senseless_arguments_exit_2(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    answer = invoke("user", "add", *arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""


def test_write_adds_and_leaves_the_rest(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    file.write_text(ALICE)
    file.chmod(0o640)
    answer = invoke(
        *("user", "add", "sales-agent", "--owner", "alice", "--generate", "--write", "--principals", str(file))
    )
    assert answer.exit_code == 0, answer.output
    assert file.read_text().startswith(ALICE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir()] == ["principals.yaml"], "no temporary file is left"
    assert load_principals("p", file.read_text()).users["sales-agent"].owner == "alice"


def test_write_makes_a_file(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    arguments = ("--generate", "--write", "--principals", str(file))
    assert invoke("user", "add", "--person", "alice", *arguments).exit_code == 0
    assert invoke("user", "add", "bot", "--owner", "alice", *arguments).exit_code == 0
    assert set(load_principals("p", file.read_text()).users) == {"bot"}


def test_write_refuses_what_would_not_load(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "principals.yaml"
    file.write_text(ALICE)
    write = ("--generate", "--write", "--principals", str(file))
    for arguments in (("bot", "--owner", "nobody"), ("--person", "alice"), ("jo", "--kind", "human")):
        answer = invoke("user", "add", *arguments, *write)
        assert answer.exit_code == 78
        assert f"{file}:" in answer.stderr
    assert file.read_text() == ALICE


def test_scram_verifier(invoke: Invoke) -> None:
    answer = invoke("user", "scram-verifier", "--password-stdin", "--iterations", "5000", stdin="pässword\n")
    assert answer.stdout.startswith("SCRAM-SHA-256$5000:")
    assert verifies(answer.stdout.strip(), "pässword")
    made = json.loads(invoke("user", "scram-verifier", "--generate", "--format", "json").stdout)
    assert verifies(made["verifier"], made["password"])
    assert invoke("user", "scram-verifier", "--password-stdin", "--iterations", "1", stdin="x\n").exit_code == 2
