"""`pgmaskproxy key`: made once, rotated, listed; and no secret anywhere but where it belongs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import Result

from pgmaskproxy.keyring.document import Document, read_document
from tests.cli.conftest import Invoke
from tests.cli.files import write
from tests.keyring.made import OTHER, entry, text


def document(path: Path) -> Document:
    return read_document("K", path.read_text())


def secrets(path: Path) -> list[str]:
    return [line.split()[4] for line in path.read_text().splitlines() if line and not line.startswith(("#", "pg"))]


def is_silent(answer: Result, path: Path) -> None:
    assert not [each for each in secrets(path) if each in answer.output]


def failed(answer: Result, code: int) -> str:
    assert answer.exit_code == code, answer.output
    assert answer.stdout == ""
    return answer.stderr


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where an operator's keys are."""
    write(tmp_path)
    return tmp_path / "keys" / "masking.keys"


def test_generate_rotate_list(invoke: Invoke, kept: Path) -> None:
    answer = invoke("key", "generate")
    assert answer.exit_code == 0, answer.output
    (first,) = document(kept).entries
    assert answer.stdout == f"key {first} is in {kept}\n"
    assert "at SIGHUP" in answer.stderr
    assert kept.stat().st_mode & 0o777 == 0o600
    is_silent(answer, kept)
    answer = invoke("key", "rotate")
    assert answer.exit_code == 0, answer.output
    assert "differ from those of before" in answer.stderr
    assert "Tokens of before are still read" in answer.stderr
    is_silent(answer, kept)
    assert [(each.name, each.version) for each in document(kept).entries] == [("masking", 1), ("masking", 2)]
    assert str(document(kept).entries[0]) == str(first)
    assert len(set(secrets(kept))) == 2
    invoke("key", "generate", "--name", "analytics")
    answer = invoke("key", "list")
    is_silent(answer, kept)
    rows = [line.split() for line in answer.stdout.splitlines()]
    assert rows[0] == ["name", "version", "created", "fingerprint"]
    assert [(row[0], row[1], " ".join(row[4:])) for row in rows[1:]] == [
        ("analytics", "1", "makes and reads"),
        ("masking", "1", "reads what it made"),
        ("masking", "2", "makes and reads"),
    ]


def test_for_programs(invoke: Invoke, kept: Path) -> None:
    made = json.loads(invoke("key", "generate", "--format", "json").stdout)
    (entry_,) = document(kept).entries
    facts = {"name": "masking", "version": 1, "created": entry_.created, "fingerprint": entry_.fingerprint}
    assert made == {**facts, "file": str(kept)}
    answer = invoke("key", "list", "--format", "json")
    assert json.loads(answer.stdout) == {"source": str(kept), "keys": [{**facts, "newest": True}]}
    is_silent(answer, kept)


def test_a_name_that_is_there_is_not_made_again(invoke: Invoke, kept: Path) -> None:
    invoke("key", "generate")
    before = kept.read_text()
    said = failed(invoke("key", "generate"), 1)
    assert 'there is a key "masking" already, at version 1' in said
    assert "`pgmaskproxy key rotate --name masking`" in said
    assert kept.read_text() == before


def test_what_is_not_there_is_not_rotated(invoke: Invoke, kept: Path) -> None:
    assert "No such file" in failed(invoke("key", "rotate"), 78)
    assert not kept.parent.exists()
    invoke("key", "generate")
    assert 'there is no key "other"' in failed(invoke("key", "rotate", "--name", "other"), 1)


def test_a_name_is_plain(invoke: Invoke, kept: Path) -> None:
    assert "1 to 32 of a-z" in failed(invoke("key", "generate", "--name", "a/b"), 2)
    assert not kept.exists()


def test_a_file_needs_no_configuration(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "k"
    assert invoke("key", "generate", "--file", str(path)).exit_code == 0
    assert invoke("key", "rotate", "--file", str(path)).exit_code == 0
    assert "2" in invoke("key", "list", "--file", str(path)).stdout
    assert [each.version for each in document(path).entries] == [1, 2]
    assert "there is no configuration file" in failed(invoke("key", "generate"), 78)


def test_stdout_prints_the_document_and_changes_nothing(invoke: Invoke, kept: Path) -> None:
    answer = invoke("key", "generate", "--stdout")
    assert answer.exit_code == 0, answer.output
    assert [each.version for each in read_document("K", answer.stdout).entries] == [1]
    assert not kept.exists()
    assert "nothing was changed" in answer.stderr
    invoke("key", "generate")
    before = kept.read_text()
    answer = invoke("key", "rotate", "--stdout")
    assert [each.version for each in read_document("K", answer.stdout).entries] == [1, 2]
    assert answer.stdout.startswith(before)
    assert kept.read_text() == before
    made = json.loads(invoke("key", "rotate", "--stdout", "--format", "json").stdout)
    assert [each.version for each in read_document("K", made["document"]).entries] == [1, 2]


def test_stdout_needs_no_configuration(invoke: Invoke) -> None:
    answer = invoke("key", "generate", "--stdout", "--name", "first")
    assert [each.name for each in read_document("K", answer.stdout).entries] == ["first"]


@pytest.mark.parametrize("source", ["env=MASKING_KEYS", "command=cat k"])
def test_elsewhere_keys_are_only_printed(invoke: Invoke, kept: Path, source: str) -> None:
    said = text(entry(), entry(version=2, secret=OTHER))
    (kept.parents[1] / "k").write_text(said)
    name, _, value = source.partition("=")
    environ = {f"PGMASKPROXY_KEYS__MASKING__{name.upper()}": value, "MASKING_KEYS": said}
    refused = failed(invoke("key", "rotate", **environ), 2)
    assert "the keys come from the" in refused
    assert "--stdout prints the document" in refused
    answer = invoke("key", "rotate", "--stdout", **environ)
    assert [each.version for each in read_document("K", answer.stdout).entries] == [1, 2, 3]
    answer = invoke("key", "list", **environ)
    assert len(answer.stdout.splitlines()) == 3
    assert not kept.exists()


def test_the_first_key_for_a_variable_that_is_not_set_yet(invoke: Invoke, kept: Path) -> None:
    answer = invoke("key", "generate", "--stdout", PGMASKPROXY_KEYS__MASKING__ENV="MASKING_KEYS")
    assert len(read_document("K", answer.stdout).entries) == 1
    assert not kept.exists()


def test_a_damaged_file_is_left_alone_and_not_quoted(invoke: Invoke, kept: Path) -> None:
    invoke("key", "generate")
    whole = kept.read_text()
    kept.write_text(whole.replace(" 1 ", " x ", 1))
    for call in (("rotate",), ("generate", "--name", "other"), ("list",)):
        answer = invoke("key", *call)
        assert "masking.keys:4: the version is not" in failed(answer, 78)
        is_silent(answer, kept)
    assert kept.read_text() == whole.replace(" 1 ", " x ", 1)


def test_a_file_that_others_can_read_is_refused(invoke: Invoke, kept: Path) -> None:
    invoke("key", "generate")
    kept.chmod(0o644)
    for call in ("rotate", "list"):
        assert "is a secret" in failed(invoke("key", call), 78)


def test_a_place_that_cannot_be_written_exits_69(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = failed(invoke("key", "generate", "--file", str(tmp_path / "file" / "k")), 69)
    assert "the keys cannot be written: File exists" in said


def test_a_command_that_fails_exits_69(invoke: Invoke, kept: Path) -> None:
    environ = {"PGMASKPROXY_KEYS__MASKING__COMMAND": "false", "PATH": os.environ["PATH"]}
    assert "ended with exit code 1" in failed(invoke("key", "list", **environ), 69)
    assert not kept.exists()


def test_none_at_all(invoke: Invoke, kept: Path) -> None:
    answer = invoke("key", "list")
    assert (answer.exit_code, answer.stdout) == (0, "")
    assert f"there are no keys ({kept})" in answer.stderr
    assert json.loads(invoke("key", "list", "--format", "json").stdout)["keys"] == []


@pytest.mark.parametrize("call", [("key",), ("key", "generate"), ("key", "rotate"), ("key", "list")])
def test_help_has_examples(invoke: Invoke, call: tuple[str, ...]) -> None:
    assert "pgmaskproxy key" in invoke(*call, "--help").stdout.partition("Usage")[2]
