"""`pgmaskproxy serve`: the proxy, its REST interface and its metrics, until a signal says stop."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from pgmaskproxy.cli.exits import Exit
from pgmaskproxy.cli.output import config_option, log_options, option
from pgmaskproxy.cli.settings import configured

if TYPE_CHECKING:
    from pgmaskproxy.workers.brief import Logging


@click.command("serve")
@config_option
@option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting over the file's; may be repeated.")
@log_options
@click.pass_context
def serve(context: click.Context, config_path: Path | None, settings: tuple[str, ...]) -> None:
    """Run the proxy.

    SIGTERM drains: new clients are refused, open transactions may end, then it stops. SIGHUP reads policies,
    principals and keys again; a bad file keeps the old ones and says so.
    """
    # Hardly anything of what is loaded now goes again: to look for it would only keep clients waiting.
    gc.disable()  # until `app.serve` has everything
    try:
        from pgmaskproxy import app  # noqa: PLC0415 - loads everything

        context.exit(Exit(app.run(configured(config_path, settings), _logging(context.params))))
    finally:
        gc.enable()


def _logging(flags: Mapping[str, Any]) -> Logging:
    """As `log_options` has configured it."""
    from pgmaskproxy.workers.brief import Logging  # noqa: PLC0415 - loads the settings

    level = "debug" if flags["verbose"] else "warning" if flags["quiet"] else flags["log_level"]
    return Logging(flags["log_format"], level)
