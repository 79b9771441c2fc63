"""`pgmaskproxy check`: everything that would stop or weaken `serve`, at once, before it is started."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from pgmaskproxy.cli.output import config_option, emit, format_option, option


@click.command("check")
@config_option
@option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting over the file's; may be repeated.")
@option("--accept-role-rights", is_flag=True, help="Only warn of an upstream role that may do too much.")
@option("--offline", is_flag=True, help="Do not ask the server.")
@format_option
@click.pass_context
def check(
    context: click.Context,
    *,
    config_path: Path | None,
    settings: tuple[str, ...],
    accept_role_rights: bool,
    offline: bool,
    style: str,
) -> None:
    """Check configuration, policies, principals, upstream, state and audit log; all problems at once.

    Exit code 78: something must be mended; 69: the server, the state or the log cannot be used; 1: the audit log is
    broken; 0: at most warnings.
    """
    from pgmaskproxy.cli import checks  # noqa: PLC0415 - loads the analysis

    findings = checks.everything(config_path, settings, accept_rights=accept_role_rights, offline=offline)
    code = checks.exit_code(findings)
    data = {"ok": code == 0, "exit_code": int(code), "findings": [each.as_dict() for each in findings]}
    emit(style, data, checks.findings_text(findings))
    context.exit(code)
