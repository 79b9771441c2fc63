"""What a command prints: the result on stdout, everything else on stderr; text for people, JSON for programs."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import rich_click as click

from pgmaskproxy.cli.exits import Failure
from pgmaskproxy.logs import configure

P = ParamSpec("P")
R = TypeVar("R")

_FORMAT: Final = "pgmaskproxy.format"

CONTEXT: Final = {"auto_envvar_prefix": "PGMASKPROXY", "help_option_names": ["-h", "--help"], "show_default": True}


def _remember_format(context: click.Context, _parameter: click.Parameter, value: str) -> str:
    context.meta[_FORMAT] = value
    return value


def _no_color(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value or os.environ.get("NO_COLOR"):
        context.color = False


option: Final = functools.partial(click.option, show_envvar=True)
"""An option whose environment variable the help names."""


def format_option(function: Callable[P, R]) -> Callable[P, R]:
    """`--format text|json` (passed on as `style`) and `--no-color`."""
    colored = option(
        "--no-color",
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_no_color,
        help="No colour; as NO_COLOR.",
    )(function)
    return option(
        "--format",
        "style",
        envvar="PGMASKPROXY_FORMAT",
        type=click.Choice(["text", "json"]),
        default="text",
        is_eager=True,
        callback=_remember_format,
        help="Text for people, or one JSON document.",
    )(colored)


def config_option(function: Callable[P, R]) -> Callable[P, R]:
    """`-c/--config FILE`, passed on as `config_path` (None: look where CONVENTIONS says)."""
    return option(
        "-c",
        "--config",
        "config_path",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="PGMASKPROXY_CONFIG",
        help="The configuration file; else ./pgmaskproxy.yaml, the user's or /etc/pgmaskproxy/config.yaml.",
    )(function)


def log_options(function: Callable[P, R]) -> Callable[..., R]:
    """`--log-level`, `--log-format`, `-v` and `-q`; configures the log before the command runs."""

    @option(
        "--log-level",
        type=click.Choice(["debug", "info", "warning", "error"]),
        default="info",
        envvar="PGMASKPROXY_LOG_LEVEL",
        help="The least level that is logged.",
    )
    @option(
        "--log-format",
        type=click.Choice(["auto", "json", "console", "logfmt"]),
        default="auto",
        envvar="PGMASKPROXY_LOG_FORMAT",
        help="How log lines look on stderr; auto is console on a terminal, else JSON.",
    )
    @option("-v", "--verbose", is_flag=True, help="Log at debug.")
    @option("-q", "--quiet", is_flag=True, help="Log warnings only.")
    @functools.wraps(function)
    def wrapped(*args: Any, log_level: str, log_format: Any, verbose: bool, quiet: bool, **kwargs: Any) -> R:
        configure(log_format, "debug" if verbose else "warning" if quiet else log_level)
        return function(*args, **kwargs)

    return wrapped


def emit(style: str, data: object, text: str) -> None:
    """Prints the result: `data` as JSON or `text` ('' is nothing), on stdout."""
    if style == "json":
        click.echo(json.dumps(data, ensure_ascii=False, indent=2))
    elif text:
        click.echo(text)


def note(text: str) -> None:
    """Tells the person something that is no result, on stderr."""
    click.echo(text, err=True)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns under bold heads, two spaces apart; the cells must be one line each."""
    widths = [max(len(head), *(len(row[index]) for row in rows), 0) for index, head in enumerate(heads)]
    lines = [
        click.style("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip(), bold=True)
    ]
    lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def pairs(facts: Mapping[str, str]) -> str:
    """`name  value` lines, names aligned; a value of several lines is indented below its first."""
    width = max((len(name) for name in facts), default=0)
    lines = []
    for name, value in facts.items():
        first, *more = value.split("\n")
        lines.append(f"{click.style(name.ljust(width), bold=True)}  {first}".rstrip())
        lines += [f"{' ' * width}  {line}" for line in more]
    return "\n".join(lines)


def show_failure(context: click.Context, failure: Failure) -> None:
    """Prints an error on stderr: what, where and what next, or one JSON object."""
    if context.meta.get(_FORMAT) == "json":
        click.echo(json.dumps({"error": failure.as_dict()}, ensure_ascii=False), err=True)
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {failure.what}", err=True)
    for problem in failure.problems:
        place = f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: " if problem.file else ""
        click.echo(f"  {click.style(place, bold=True)}{problem.message}", err=True)
        if problem.hint:
            click.echo(f"    {problem.hint}", err=True)
    if failure.where:
        click.echo(f"  where: {failure.where}", err=True)
    if failure.next_step:
        click.echo(f"  next:  {failure.next_step}", err=True)
