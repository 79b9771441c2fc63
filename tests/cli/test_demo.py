"""`pgmaskproxy demo`'s arguments; the demo itself has its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Invoke


@pytest.mark.parametrize(
    "arguments",
    [
        ("--yes",),
        ("--pg-bindir", "nowhere"),
        ("--pg-bindir", ".", "--upstream", "x"),
        ("--port", "99999"),
        ("--port", "x"),
    ],
)
def test_senseless_arguments_exit_2(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    assert invoke("demo", *arguments).exit_code == 2


def test_a_directory_without_postgresql_exits_69(invoke: Invoke, tmp_path: Path) -> None:
    answer = invoke("demo", "--pg-bindir", str(tmp_path), "--port", "0", "--web-port", "0", "--metrics-port", "0", "-q")
    assert answer.exit_code == 69
    assert "initdb" in answer.stderr
