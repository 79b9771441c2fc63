"""Builds the programs: once for what they are built from, into build/drivers of the checkout."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

SOURCES: Final = Path(__file__).parent
BUILDS: Final = Path(__file__).parents[3] / "build" / "drivers"
SECONDS: Final = 900


def built(folder: str, build: Callable[[Path], None], *, variant: str = "") -> Path:
    """Where what `build` made of a copy of `folder` is. It is made in its place's neighbour, and there whole or not.

    `variant` is what it depends on besides the folder.
    """
    place = BUILDS / "-".join(filter(None, (folder, _digest(SOURCES / folder), variant)))
    if not place.is_dir():
        BUILDS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BUILDS, prefix=f".{folder}-") as making:
            made = Path(making) / folder
            shutil.copytree(SOURCES / folder, made)
            build(made)
            if not place.exists():
                made.rename(place)
    return place


def _digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def tool(name: str, *needed: Path) -> str:
    """Its path; the test is skipped where it, or a file that is `needed` as well, is not there."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    for path in needed:
        if not path.exists():
            pytest.skip(f"{path} is not there")
    return found


def run(command: Sequence[str | Path], directory: Path, *, fetches: bool = False, **environment: str) -> None:
    """Run a step of a build. One that fetches packages and fails skips the test: there may be nowhere to get them."""
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not come to an end")
    if done.returncode and fetches:
        pytest.skip(f"{command[0]} could not fetch what it needs: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout + done.stderr
