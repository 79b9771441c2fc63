"""`check` and keys: exit codes, places, what to do, and no secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.files import POLICY, write
from tests.keyring.made import entry, shown, text

KEYED = POLICY.replace("mask: {kind: redact}", "mask: {kind: token}").replace(
    "mask: {kind: email}", "mask: {kind: hash, key: analytics}"
)


def said(invoke: Invoke, *arguments: str, code: int, **environ: str) -> list[str]:
    """What is found about keys, as `level place: message (hint)`."""
    answer = invoke("check", "--format", "json", *(arguments or ("--offline",)), **environ)
    assert answer.exit_code == code, answer.output
    assert not shown(answer.output)
    found = [each for each in json.loads(answer.stdout)["findings"] if each["area"] == "keys"]
    return [
        f"{each['level']} {Path(each.get('file', '')).name}:{each.get('line', 0)}: {each['message']}"
        f" ({each.get('hint', '')})"
        for each in found
    ]


def keep(place: Path, said: str = "", mode: int = 0o600) -> Path:
    (place / "keys").mkdir(mode=0o700)
    path = place / "keys" / "masking.keys"
    path.write_text(said or text(entry(), entry("analytics")))
    path.chmod(mode)
    return path


def test_nothing_is_needed_where_no_mask_is_keyed(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    assert said(invoke, code=0) == ["ok :0: none, and no mask needs one ()"]


def test_a_key_that_is_missing_is_said_where_it_is_needed(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, policy=KEYED)
    assert said(invoke, code=78) == [
        'error test.yaml:6: label "pii.email" is shown by mask hash, which needs the key "analytics", and there is none'
        " (run `pgmaskproxy key generate --name analytics`)",
        'error test.yaml:5: label "pii.ssn" is shown by mask token, which needs the key "masking", and there is none '
        "(run `pgmaskproxy key generate`)",
    ]
    assert invoke("key", "generate").exit_code == 0
    assert invoke("key", "generate", "--name", "analytics").exit_code == 0
    (found,) = said(invoke, code=0)
    assert found.startswith("ok :0: ")


def test_what_there_is_is_told_by_fingerprint(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, policy=KEYED)
    path = keep(tmp_path, text(entry(), entry("analytics"), entry("old", 4)))
    assert said(invoke, code=0) == [
        f"ok :0: {path}: {entry('analytics')}, {entry()}, {entry('old', 4)} ()",
        "ok :0: no mask names old ()",
    ]


def test_a_bad_file_is_an_error_with_its_line(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    keep(tmp_path, text() + "masking\n")
    (found,) = said(invoke, code=78)
    assert found.startswith("error masking.keys:5: has 1 fields")


def test_a_file_that_others_can_read_is_an_error(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    keep(tmp_path, mode=0o604)
    (found,) = said(invoke, code=78)
    assert found.startswith("error masking.keys:0: is a secret and others")


@pytest.mark.parametrize("command", ["false", "sh -c 'echo x; exit 3'"])
def test_a_command_that_fails_exits_69_and_is_not_run_offline(invoke: Invoke, tmp_path: Path, command: str) -> None:
    write(tmp_path)
    environ = {"PGMASKPROXY_KEYS__MASKING__COMMAND": command}
    program = command.partition(" ")[0]
    assert said(invoke, "--offline", code=0, **environ) == [
        f"ok :0: the command {program} is not run with --offline ()"
    ]
    answer = invoke("check", "--format", "json", **environ)
    (found,) = [each for each in json.loads(answer.stdout)["findings"] if each["area"] == "keys"]
    assert found["message"].startswith(f"the command for the keys, {program}, ended with exit code")
    assert answer.exit_code == 69


def test_serve_refuses_to_start_without_the_key(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, policy=KEYED)
    answer = invoke("serve")
    assert answer.exit_code == 78
    assert "test.yaml:5: label" in answer.stderr
    assert "run `pgmaskproxy key generate`" in answer.stderr


def test_serve_refuses_to_start_where_the_command_for_keys_fails(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path)
    answer = invoke("serve", PGMASKPROXY_KEYS__MASKING__COMMAND="false")
    assert answer.exit_code == 69
    assert "the command for the keys, false, ended with exit code 1" in answer.stderr


def test_a_policy_is_looked_at_without_keys(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, policy=KEYED)
    assert invoke("policy", "lint", "policies/test.yaml").exit_code == 0
