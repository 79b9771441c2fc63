"""The file of keys: read only where nobody else may read it, and replaced whole or not at all.

The rule is libpq's for a private key: nobody but its owner may do anything with it; or it is root's, and a group may
read it (systemd's credentials, a secret in a volume). What is no plain file is no file of keys, and nor is a symbolic
link: it could lead to another one tomorrow.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pgmaskproxy.errors import ConfigError, Problem, Unavailable
from pgmaskproxy.keyring.document import MAX_CHARACTERS

_TEMPORARY: Final = ".new"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_BEYOND_READING: Final = stat.S_IWGRP | stat.S_IXGRP | stat.S_IRWXO


def read_file(path: Path) -> str:
    """The text of a file of keys. ConfigError where it is not there, or not as one has to be."""
    try:
        # Without waiting: a pipe would keep us until somebody writes into it.
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _wrong(
                path, "is a symbolic link", "name the file itself (in Kubernetes the one below ..data)"
            ) from None
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    try:
        _require_private(path, os.fstat(number))
        with os.fdopen(number, "rb", closefd=False) as file:
            raw = file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}") from None
    finally:
        os.close(number)
    if len(raw) > MAX_CHARACTERS:
        raise _wrong(path, f"is longer than {MAX_CHARACTERS} bytes, so no keyring")
    # Whatever is not ASCII is wrong, and said to be so with its line.
    return raw.decode("ascii", errors="replace")


def _require_private(path: Path, status: os.stat_result) -> None:
    mode, owner = status.st_mode, status.st_uid
    if not stat.S_ISREG(mode):
        raise _wrong(path, "is no plain file")
    if mode & (_OTHERS if owner else _BEYOND_READING):
        mine = "others may read or write it" if owner else "others than root and its group may read or write it"
        raise _wrong(path, f"is a secret and {mine}", "chmod 0600")
    try:
        around = path.parent.stat()
    except OSError as error:
        raise _wrong(path, f"its directory cannot be read: {error.strerror}") from None
    if around.st_mode & stat.S_IWOTH and not around.st_mode & stat.S_ISVTX:
        raise _wrong(path, "is in a directory where everybody may replace it", "chmod o-w on the directory")


def change_file(path: Path, change: Callable[[str], str]) -> None:
    """Replace what is in the file at `path`, '' where there is none, by what `change` makes of it.

    One at a time, in a file of its own that takes the other's place when it is on the disk: whatever happens, all of
    the old is there or all of the new. Its owner, group and mode stay; a new file belongs to who has the directory.
    Raises ConfigError where the file is not as it has to be, Unavailable where it cannot be written, and what `change`
    raises.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path.parent) as directory:
            there = _status(path)
            after = change(read_file(path) if there is not None else "")
            _replace(path, after, there if there is not None else os.fstat(directory), made=there is None)
            os.fsync(directory)
    except OSError as error:
        raise Unavailable(
            f"the keys cannot be written: {error.strerror}", detail=str(path), hint="what was there is as it was"
        ) from None


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[int]:
    """The directory, open, while nobody else changes keys in it."""
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield number
    finally:
        os.close(number)


def _replace(path: Path, text: str, like: os.stat_result, *, made: bool) -> None:
    # Of one that was killed: it holds a key that was never in force. Nobody else is writing, the lock says.
    for left in path.parent.glob(f".{path.name}.*{_TEMPORARY}"):
        left.unlink()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_TEMPORARY}")
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(number, "w", encoding="ascii") as file:
            if os.geteuid() == 0:
                os.fchown(number, like.st_uid, like.st_gid)
            if not made:
                os.fchmod(number, stat.S_IMODE(like.st_mode))
            file.write(text)
            file.flush()
            os.fsync(number)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _wrong(path: Path, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem(message, str(path), hint=hint)])
