"""What commands have in common: help, colour, formats, and where things are printed."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import rich_click as click
import structlog
from click.testing import CliRunner

from pgmaskproxy.cli import COMMANDS, main
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import format_option, log_options, pairs, show_failure, table
from pgmaskproxy.errors import Problem
from pgmaskproxy.logs import get_logger
from tests.cli.conftest import Invoke


def test_columns_line_up() -> None:
    assert table(("A", "LONG"), [("xxx", "1"), ("y", "")]) == "\x1b[1mA    LONG\x1b[0m\nxxx  1\ny"
    assert click.unstyle(pairs({"a": "1", "long": "two\nlines"})) == "a     1\nlong  two\n      lines"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(invoke: Invoke, command: str) -> None:
    for flag in ("-h", "--help"):
        answer = invoke(command, flag)
        assert answer.exit_code == 0
        assert "pgmaskproxy" in answer.stdout
    assert command in invoke("--help").stdout


def test_an_unknown_command_or_flag_exits_2(invoke: Invoke) -> None:
    for arguments in (("nonsense",), ("check", "--nonsense"), ("approvals", "approve"), ("check", "--format", "xml")):
        answer = invoke(*arguments)
        assert answer.exit_code == 2
        assert answer.stdout == ""


def test_a_variable_stands_for_a_flag(invoke: Invoke) -> None:
    assert json.loads(invoke("version", PGMASKPROXY_FORMAT="json").stdout)["version"]
    assert "PGMASKPROXY_CONFIG" in invoke("check", "--help").stdout


@click.command()
@format_option
@click.pass_context
def failing(context: click.Context, style: str) -> None:
    """Fails."""
    assert style in {"text", "json"}
    show_failure(
        context, Failure(Exit.CONFIG, "what", where="here", next_step="do", problems=[Problem("p", "f", 2, "h")])
    )


def test_a_failure_says_what_where_and_what_next() -> None:
    answer = CliRunner().invoke(failing, [])
    assert answer.stdout == ""
    assert answer.stderr == "error: what\n  f:2: p\n    h\n  where: here\n  next:  do\n"


def test_no_colour_when_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)  # CI sets it
    runner = CliRunner()
    assert "\x1b[" in runner.invoke(failing, [], color=True).stderr
    assert "\x1b[" not in runner.invoke(failing, ["--no-color"], color=True).stderr
    assert "\x1b[" not in runner.invoke(failing, [], color=True, env={"NO_COLOR": "1"}).stderr


@click.command()
@log_options
def logging_command() -> None:
    """Logs."""
    log = get_logger("test")
    log.debug("quiet_event")
    log.info("usual_event")
    log.warning("loud_event")
    click.echo("result")


@pytest.fixture
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.mark.usefixtures("_restore")
@pytest.mark.parametrize(
    ("flags", "events"),
    [
        (("-q",), ["loud_event"]),
        ((), ["usual_event", "loud_event"]),
        (("--log-level", "warning"), ["loud_event"]),
        (("-v",), ["quiet_event", "usual_event", "loud_event"]),
    ],
)
def test_logs_go_to_stderr(flags: tuple[str, ...], events: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(sys.stderr, io.TextIOBase)
    monkeypatch.delenv("PGMASKPROXY_LOG_LEVEL", raising=False)
    answer = CliRunner().invoke(logging_command, [*flags, "--log-format", "json"])
    assert answer.stdout == "result\n"
    assert [json.loads(line)["event"] for line in answer.stderr.splitlines()] == events


def test_a_pipe_that_is_closed_is_no_traceback(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", "policy", "schema"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env=environment)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) in {0, 1}
    assert b"Traceback" not in errors


def test_every_command_and_exit_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        below = sorted(command.commands) if isinstance(command, click.Group) else [""]
        for each in below:
            assert f"`pgmaskproxy {name} {each}".rstrip() in page
    for code in Exit:
        assert f"| {int(code)}" in page
