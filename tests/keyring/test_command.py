from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.keyring.command import run_command
from pgmaskproxy.keyring.document import MAX_CHARACTERS
from tests.keyring.made import shown, text


def script(place: Path, body: str) -> str:
    path = place / "get-keys"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o700)
    (place / "k").write_text(text())
    return str(path)


def run(place: Path, body: str, *arguments: str, seconds: float = 20) -> str:
    return run_command([script(place, body), *arguments], seconds, place, {"PATH": os.environ["PATH"]})


def failure(place: Path, body: str, seconds: float = 20) -> str:
    with pytest.raises(Unavailable) as raised:
        run(place, body, seconds=seconds)
    said = f"{raised.value.message} ({raised.value.hint}) {raised.value.detail}".rstrip()
    assert not shown(said + repr(raised.value) + repr(raised.value.__dict__))
    assert raised.value.__cause__ is None
    return said


def test_what_it_prints_are_the_keys(tmp_path: Path) -> None:
    assert run(tmp_path, "cat k") == text(), "run where it is said to be"
    assert run(tmp_path, 'printf "%s|" "$@"', "a b", "$HOME;exit 1", "*") == "a b|$HOME;exit 1|*|", "there is no shell"


def test_it_has_the_environment_but_for_what_is_ours(tmp_path: Path) -> None:
    ours = {"PGMASKPROXY_UPSTREAM__PASSWORD": "p", "PGPASSWORD": "p", "NOTIFY_SOCKET": "s", "WATCHDOG_USEC": "1"}
    environ = {"PATH": os.environ["PATH"], "VAULT_ADDR": "https://vault", **ours}
    said = run_command([script(tmp_path, "env")], 20, tmp_path, environ)
    assert "VAULT_ADDR=https://vault" in said
    assert not [name for name in ours if name in said]


def test_it_has_no_input_and_no_terminal(tmp_path: Path) -> None:
    assert run(tmp_path, "read line || echo none; tty || true") == "none\nnot a tty\n"


def test_a_warning_of_a_command_that_works_is_not_an_error(tmp_path: Path) -> None:
    assert run(tmp_path, "echo beware >&2; cat k") == text()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("cat k; exit 3", "the command for the keys, get-keys, ended with exit code 3 (run it by hand)"),
        ("cat k; kill -9 $$", "the command for the keys, get-keys, was ended by signal 9 (run it by hand)"),
    ],
)
def test_a_command_that_fails_gives_no_keys(tmp_path: Path, body: str, said: str) -> None:
    assert failure(tmp_path, body) == said


def test_what_it_complains_of_is_not_shown(tmp_path: Path) -> None:
    said = failure(tmp_path, "cat k >&2; exit 1")
    assert "ended with exit code 1" in said
    assert f"it said {len(text())} bytes on its standard error, not shown for what may be in them" in said


@pytest.mark.parametrize(
    "body",
    [
        "cat k; exec sleep 600",
        "cat k; exec >&- 2>&-; exec sleep 600",
        "cat k; sleep 600 & exit 0",
        "trap '' TERM INT; while :; do sleep 1; done",
    ],
)
def test_one_that_hangs_is_killed_with_all_it_started(tmp_path: Path, body: str) -> None:
    begin = time.monotonic()
    said = failure(tmp_path, f"echo $$ > pid; {body}", seconds=0.3)
    assert "took longer than 0.3 s" in said
    assert time.monotonic() - begin < 60
    group = int((tmp_path / "pid").read_text())
    while _lives(group):  # what was killed takes its time to go
        assert time.monotonic() - begin < 60


def _lives(group: int) -> bool:
    """Whether any process of it does; what nobody has waited for yet is dead all the same."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


@pytest.mark.parametrize("body", ["yes", "yes >&2", f"head -c {MAX_CHARACTERS + 1} /dev/zero"])
def test_one_that_prints_too_much_is_stopped(tmp_path: Path, body: str) -> None:
    with pytest.raises(ConfigError, match=f"prints more than {MAX_CHARACTERS} bytes, so no keyring"):
        run(tmp_path, f"exec {body}")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["/nonexistent/get-keys"], "get-keys cannot be run: No such file or directory"),
        (["get-keys-that-is-nowhere"], "get-keys-that-is-nowhere cannot be run: No such file or directory"),
        (["/etc/passwd"], "passwd cannot be run: Permission denied"),
        (["cat", "a\0b"], "cat cannot be run: an argument has a NUL in it"),
    ],
)
def test_one_that_is_not_there_is_a_mistake_in_the_configuration(tmp_path: Path, argv: list[str], reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        run_command(argv, 5, tmp_path, {"PATH": os.environ["PATH"]})
    assert [str(each) for each in raised.value.problems] == [f"keys.masking.command: {reason}"]


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be run: No such file or directory"):
        run_command(["cat"], 5, tmp_path / "gone", {"PATH": os.environ["PATH"]})


def test_other_bytes_are_no_traceback(tmp_path: Path) -> None:
    assert "\ufffd" in run(tmp_path, r"printf '\377\376'")
