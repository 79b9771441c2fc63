from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.config_keys import KeySource
from tests.keyring.made import shown, text
from tests.test_config import UPSTREAM, load, problems

ONE = 'D/pgmaskproxy.yaml:4: "keys.masking": must be a mapping with one of file, env and command'


def source(found: KeySource | None) -> KeySource:
    assert found is not None
    return found


def test_nothing_need_be_said(tmp_path: Path) -> None:
    found = load(tmp_path, environ={"STATE_DIRECTORY": "/state"}).keys
    assert (found.directory, found.masking) == (Path("/state/keys"), None)


def test_the_directory_has_its_default_whatever_else_is_said(tmp_path: Path) -> None:
    found = load(tmp_path, UPSTREAM + "keys: {masking: {file: k}}\n", {"STATE_DIRECTORY": "/state"}).keys
    assert (found.directory, source(found.masking).file) == (Path("/state/keys"), tmp_path / "k")


def test_a_command(tmp_path: Path) -> None:
    said = UPSTREAM + "keys: {masking: {command: [vault, kv, 'get it'], seconds: 3s}}\n"
    found = source(load(tmp_path, said).keys.masking)
    assert (found.command, found.seconds, found.cwd) == (("vault", "kv", "get it"), 3.0, tmp_path)
    variable = {"PGMASKPROXY_KEYS__MASKING__COMMAND": "vault kv 'get it' $HOME"}
    found = source(load(tmp_path, UPSTREAM, variable).keys.masking)
    assert found.command == ("vault", "kv", "get it", "$HOME")


def test_a_variable(tmp_path: Path) -> None:
    variable = {"PGMASKPROXY_KEYS__MASKING__ENV": "KEYS"}
    assert source(load(tmp_path, UPSTREAM, variable).keys.masking).env == "KEYS"


@pytest.mark.parametrize("said", ["{}", "{file: a, env: B}", "{env: B, command: [c]}", "[a]", "k.keys"])
def test_exactly_one_place(tmp_path: Path, said: str) -> None:
    (found,) = problems(tmp_path, UPSTREAM + f"keys: {{masking: {said}}}\n")
    assert found.startswith(ONE)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("{file: a, seconds: 3}", "seconds is about a command, and there is none"),
        ("{env: a, cwd: b}", "cwd is about a command, and there is none"),
        ("{env: 'A-B'}", "should match pattern"),
        ("{command: [a], seconds: 61}", "must be at most 60s"),
        ("{command: []}", "at least 1 item"),
        ("{command: ['']}", "at least 1 character"),
        ('{command: "vault \'x"}', "has a quote that does not end"),
        ("{flie: a}", 'unknown setting "keys.masking.flie"'),
    ],
)
def test_what_makes_no_sense_is_said(tmp_path: Path, said: str, wrong: str) -> None:
    assert any(wrong in each for each in problems(tmp_path, UPSTREAM + f"keys: {{masking: {said}}}\n"))


def test_a_keyring_that_was_put_in_the_place_of_its_place_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "k").write_text(text())
    (tmp_path / "k").chmod(0o600)
    for environ in ({"PGMASKPROXY_KEYS__MASKING": text()}, {"PGMASKPROXY_KEYS__MASKING_FILE": str(tmp_path / "k")}):
        (found,) = problems(tmp_path, UPSTREAM, environ)
        assert "must be a mapping with one of file, env and command" in found
        assert not shown(found)
