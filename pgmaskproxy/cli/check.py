"""`pgmaskproxy check`: everything that would stop or weaken `serve`, at once, before it is started."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pgmaskproxy.cli.output import config_option, emit, format_option, option


@click.command("check")
@config_option
@option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting over the file's; may be repeated.")
@option("--offline", is_flag=True, help="Do not ask the server, nor a command for keys.")
@option("--pin", is_flag=True, help="Pin what `trust:` names as it is now, after somebody has looked at what changed.")
@format_option
@click.pass_context
def check(
    context: click.Context,
    *,
    config_path: Path | None,
    settings: tuple[str, ...],
    offline: bool,
    pin: bool,
    style: str,
) -> None:
    """Check configuration, policies, principals, keys, upstream, state and audit log; all problems at once.

    A role that may do too much is an error, unless `upstream.accept_role` names what it may: `pgmaskproxy harden`
    prints the SQL that makes it right.

    \b
    pgmaskproxy check -c pgmaskproxy.yaml
    pgmaskproxy check --offline
    pgmaskproxy check --pin
    pgmaskproxy check --set upstream.accept_role=createrole,pg_monitor

    Exit code 78: something must be mended; 69: the server, the state or the log cannot be used; 1: the audit log is
    broken; 0: at most warnings.
    """
    from pgmaskproxy.cli import checks  # noqa: PLC0415 - loads the analysis

    findings = checks.everything(config_path, settings, offline=offline, pin=pin)
    code = checks.exit_code(findings)
    data = {"ok": code == 0, "exit_code": int(code), "findings": [each.as_dict() for each in findings]}
    emit(style, data, checks.findings_text(findings))
    context.exit(code)
