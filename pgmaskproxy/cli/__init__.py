"""The `pgmaskproxy` command. A command imports what is heavy when it runs, so that `--help` is quick.

Results go to stdout, all else to stderr; `exits` has the exit codes and how errors are worded.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Final

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure, failure_of
from pgmaskproxy.cli.output import CONTEXT, show_failure
from pgmaskproxy.errors import ProxyError

COMMANDS: Final = (
    "serve", "demo", "check", "harden", "policy", "approvals", "audit", "labels", "canary", "key", "notify",
    "user", "version",
)  # fmt: skip
"""Each is `pgmaskproxy.cli.<name>:<name>`."""


class Program(click.RichGroup):
    """The commands, loaded when needed; turns every failure into its words and exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a newcomer's need."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"pgmaskproxy.cli.{cmd_name}"), cmd_name)

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """As click's; the program's name is the same however it was started."""
        return super().main(args, prog_name or "pgmaskproxy", **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command. Failures and the project's errors end with their own exit code."""
        try:
            return super().invoke(ctx)
        except (Failure, ProxyError) as error:
            failure = error if isinstance(error, Failure) else failure_of(error)
            show_failure(ctx, failure)
            ctx.exit(failure.code)
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from pgmaskproxy.cli.version import line  # noqa: PLC0415 - `--help` need not load the data plane

        click.echo(line())
        context.exit()


@click.group("pgmaskproxy", cls=Program, context_settings=CONTEXT)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Say which and exit."
)
def main() -> None:
    """AI agents on a production PostgreSQL: masked columns, statements held for a person, a log that proves it.

    Try it with `pgmaskproxy demo --tour`.
    """
