from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pgmaskproxy.errors import ConfigError, Unavailable
from pgmaskproxy.keyring.document import MAX_CHARACTERS, read_document, with_line
from pgmaskproxy.keyring.file import change_file, read_file
from tests.keyring.made import OTHER, entry, shown, text


def kept(place: Path, mode: int = 0o600, said: str = "") -> Path:
    path = place / "masking.keys"
    path.write_text(said or text())
    path.chmod(mode)
    return path


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def problem(path: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        read_file(path)
    (found,) = raised.value.problems
    assert not shown(str(found))
    return str(found).replace(str(path.parent), "D")


def test_what_is_mine_alone_is_read(tmp_path: Path) -> None:
    for mode in (0o600, 0o400):
        assert read_file(kept(tmp_path, mode)) == text()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_of_roots_a_group_may_read_and_nobody_else(tmp_path: Path) -> None:
    for mode in (0o440, 0o640):
        path = kept(tmp_path, mode)
        os.chown(path, 0, 10001)
        assert read_file(path) == text()
    for mode in (0o660, 0o644, 0o604, 0o610):
        assert "a secret and others than root and its group" in problem(kept(tmp_path, mode))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o610])
def test_of_mine_nobody_else_may_do_anything(mode: int) -> None:
    with tempfile.TemporaryDirectory() as name, somebody(Path(name)):
        path = kept(Path(name), mode)
        assert problem(path) == "D/masking.keys: is a secret and others may read or write it (chmod 0600)"
        path.chmod(0o600)
        assert read_file(path) == text()


@contextmanager
def somebody(place: Path) -> Iterator[None]:
    """Not root, and at home in `place`."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(place, 10001, 10001)
    os.seteuid(10001)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "masking.keys"
    assert problem(path) == "D/masking.keys: cannot be read: No such file or directory"
    path.symlink_to(kept(tmp_path).rename(tmp_path / "real"))
    assert "is a symbolic link (name the file itself" in problem(path)
    path.unlink()
    path.mkdir(mode=0o700)
    assert problem(path) == "D/masking.keys: is no plain file"
    path.rmdir()
    os.mkfifo(path, 0o600)
    assert problem(path) == "D/masking.keys: is no plain file"
    assert "is no plain file" in problem(Path("/dev/null"))


def test_a_directory_in_which_everybody_may_write_is_no_place(tmp_path: Path) -> None:
    path = kept(tmp_path)
    tmp_path.chmod(0o777)
    assert "is in a directory where everybody may replace it" in problem(path)
    tmp_path.chmod(0o1777)
    assert read_file(path) == text()


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = kept(tmp_path, said=text() + "#" * MAX_CHARACTERS)
    assert problem(path) == f"D/masking.keys: is longer than {MAX_CHARACTERS} bytes, so no keyring"
    os.truncate(path, 1 << 40)
    assert "is longer than" in problem(path)


def test_bytes_of_anything_are_no_keyring_and_no_traceback(tmp_path: Path) -> None:
    path = kept(tmp_path)
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(ConfigError, match="is no keyring"):
        read_document("K", read_file(path))


def test_a_file_is_made_with_its_directory_for_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "a" / "keys" / "masking.keys"
    change_file(path, lambda before: before + text())
    assert path.read_text() == text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert names(path.parent) == ["masking.keys"]


def test_what_is_there_is_given_and_its_mode_stays(tmp_path: Path) -> None:
    path = kept(tmp_path, 0o400)
    change_file(path, lambda before: with_line(before, entry(version=2, secret=OTHER)))
    assert path.read_text() == text(entry(), entry(version=2, secret=OTHER))
    assert path.stat().st_mode & 0o777 == 0o400


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away takes root")
def test_a_rotation_by_root_leaves_the_services_file_to_the_service(tmp_path: Path) -> None:
    os.chown(tmp_path, 10001, 10002)
    path = tmp_path / "masking.keys"
    change_file(path, lambda _before: text())
    assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10002), "whose the directory is"
    change_file(path, lambda before: with_line(before, entry(version=3)))
    assert (path.stat().st_uid, path.stat().st_mode & 0o777) == (10001, 0o600)
    path.chmod(0o640)
    os.chown(path, 0, 10003)
    change_file(path, lambda before: with_line(before, entry(version=2)))
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (0, 10003, 0o640)


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    real = kept(tmp_path).rename(tmp_path / "real")
    path = tmp_path / "masking.keys"
    path.symlink_to(real)
    with pytest.raises(ConfigError, match="symbolic link"):
        change_file(path, lambda _before: "x")
    assert real.read_text() == text()


def test_what_the_change_refuses_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = kept(tmp_path)

    def refuse(_before: str) -> str:
        raise ConfigError([])

    with pytest.raises(ConfigError):
        change_file(path, refuse)
    assert names(tmp_path) == ["masking.keys"]
    assert path.read_text() == text()


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = kept(tmp_path)

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(Unavailable) as raised:
        change_file(path, lambda before: with_line(before, entry(version=2)))
    assert raised.value.message == "the keys cannot be written: No space left on device"
    assert not shown(raised.value.message + raised.value.detail + raised.value.hint)
    assert path.read_text() == text()
    assert names(tmp_path) == ["masking.keys"], "no half of a secret stays"


def test_a_write_that_the_kernel_cuts_short_loses_nothing(tmp_path: Path) -> None:
    path = kept(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(text()) + 10, hard))
    try:
        with pytest.raises(Unavailable, match="the keys cannot be written: File too large"):
            change_file(path, lambda before: with_line(before, entry(version=2)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == text()
    assert names(tmp_path) == ["masking.keys"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="the keys cannot be written"):
        change_file(tmp_path / "file" / "masking.keys", lambda _before: text())
    with pytest.raises(Unavailable, match="the keys cannot be written"):
        change_file(Path("/proc/masking.keys"), lambda _before: text())


KILLED = """
import os, sys
from pathlib import Path
from pgmaskproxy.keyring import file

real = os.fsync if sys.argv[2] == "fsync" else os.rename
def wait(*arguments):
    print("now", flush=True)
    sys.stdin.read()
if sys.argv[2] == "fsync":
    os.fsync = wait
else:
    Path.replace = wait
file.change_file(Path(sys.argv[1]), lambda before: before + "# and more\\n")
"""


@pytest.mark.parametrize("moment", ["fsync", "rename"])
def test_killed_while_writing_the_old_keys_are_there_and_the_next_write_works(tmp_path: Path, moment: str) -> None:
    path = kept(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path), moment],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert path.read_text() == text()
    assert len(names(tmp_path)) == 2, "what it was writing was left behind"
    change_file(path, lambda before: with_line(before, entry(version=2)))
    assert names(tmp_path) == ["masking.keys"]
    assert [each.version for each in read_document("K", read_file(path)).entries] == [1, 2]


def test_two_at_once_are_one_after_the_other(tmp_path: Path) -> None:
    path = kept(tmp_path)
    threads = [
        threading.Thread(
            target=lambda number=number: change_file(path, lambda before: with_line(before, entry(version=number)))
        )
        for number in range(2, 12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [each.version for each in read_document("K", read_file(path)).entries] == list(range(1, 12))
