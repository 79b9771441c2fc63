"""`pgmaskproxy version`: what is installed, and whether its data plane is compiled."""

from __future__ import annotations

import platform

import rich_click as click

from pgmaskproxy import __version__
from pgmaskproxy.build_info import compiled
from pgmaskproxy.cli.output import emit, format_option


def facts() -> dict[str, object]:
    """Version, data plane and Python."""
    return {
        "version": __version__,
        "compiled": compiled(),
        "python": platform.python_version(),
        "platform": f"{platform.system().lower()} {platform.machine()}",
    }


def line() -> str:
    """The one line that `--version` prints."""
    found = facts()
    how = "compiled" if found["compiled"] else "interpreted"
    return f"pgmaskproxy {found['version']} ({how}, Python {found['python']}, {found['platform']})"


@click.command("version")
@format_option
def version(style: str) -> None:
    """Say which version this is and whether it is compiled."""
    emit(style, facts(), line())
