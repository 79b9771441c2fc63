"""click's runner in a clean environment, and a served REST interface."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from pgmaskproxy.cli import main
from pgmaskproxy.logs import configure
from tests.cli.running import Running, running

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    for name in list(os.environ):
        if name.startswith(("PGMASKPROXY_", "PG", "XDG_", "NO_COLOR", "STATE_DIRECTORY")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def call(*arguments: str, stdin: str | None = None, **environment: str) -> Result:
        return runner.invoke(main, arguments, input=stdin, env=environment, catch_exceptions=False)

    return call


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Running]:
    """Served in this process, whose log must not end up in a command's output."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure("json", "info", io.StringIO())
    try:
        yield from _serve(tmp_path)
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
        structlog.reset_defaults()


def _serve(tmp_path: Path) -> Iterator[Running]:
    place = tmp_path / "served"
    place.mkdir()
    with running(place) as found:
        yield found
