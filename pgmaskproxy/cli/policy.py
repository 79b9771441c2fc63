"""`pgmaskproxy policy`: what is wrong with a policy, its schema, and what it says of a statement."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure, problem_dict
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option
from pgmaskproxy.cli.settings import configured, configured_policy
from pgmaskproxy.config import Config, read_text
from pgmaskproxy.errors import ConfigError
from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Outcome, Principal, PrincipalKind, Setting, Statement
from pgmaskproxy.policy.doubts import doubts, principals_of
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.policy.principals import Directory, load_principals
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.policy.settings import setting_allowed
from pgmaskproxy.policy.wish import UNMASK
from pgmaskproxy.sql.catalog import Catalog

FILE = click.Path(path_type=Path, dir_okay=False)
LONGEST_SQL = 1 << 20
"""Characters read from stdin."""


@click.group("policy")
def policy() -> None:
    """Check policies and explain decisions."""


@policy.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@config_option
@format_option
@click.pass_context
def lint(context: click.Context, files: tuple[Path, ...], config_path: Path | None, style: str) -> None:
    """Check policy FILES (or directories of them) together; without any, the configuration's.

    Exit code 78 with every problem, file and line. What is allowed and perhaps not meant is a warning.
    """
    try:
        found = _policy(files, config_path)
    except ConfigError as error:
        if style == "json":
            emit(style, {"ok": False, "problems": [problem_dict(each) for each in error.problems]}, "")
            context.exit(Exit.CONFIG)
        raise
    doubtful = doubts(found, principals_of(found))
    data = {
        "ok": True,
        "version": found.version,
        "rules": len(found.rules),
        "labels": len(found.labels),
        "problems": [],
        "warnings": [
            {"message": each.message, "file": each.ref.file, "line": each.ref.line, "hint": each.hint}
            for each in doubtful
        ],
    }
    for each in doubtful if style == "text" else ():
        note(f"warning: {each.ref.file}:{each.ref.line}: {each.message}\n  {each.hint}")
    emit(style, data, f"{len(found.rules)} rules, {len(found.labels)} labels, version {found.version}")


@policy.command("schema")
@click.argument("kind", type=click.Choice(["policy", "principals", "config"]), default="policy")
def schema(kind: str) -> None:
    """Print the JSON Schema (draft-07) of a policy, principals or configuration file, for editors."""
    from pgmaskproxy.policy.schema import draft7, policy_schema, principals_schema  # noqa: PLC0415 - only here

    if kind == "policy":
        found: Any = policy_schema(kinds())
    elif kind == "principals":
        found = principals_schema()
    else:
        found = draft7(Config.model_json_schema(), "Config")
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@policy.command("explain")
@click.argument("sql")
@option("--as", "login", help="Whose statement it is: a login of the principals file.")
@option("--kind", type=click.Choice([each.value for each in PrincipalKind]), help="Instead of a login: of this kind.")
@option("--group", "groups", multiple=True, help="Instead of a login: in this group; may be repeated.")
@option("--database", help="The server's name of the database; else the only or first one of the configuration.")
@option("--search-path", "search_path", help="Schemas, comma-separated; else the server's, or pg_catalog,public.")
@option("--unmask", default="", help="Columns that it asks to see as they are, as pgmaskproxy.unmask takes them.")
@option("--catalog", "snapshot", type=FILE, help="A catalog snapshot (`policy snapshot`) instead of the server.")
@option(
    "--policy",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Policy files instead of the configuration's.",
)
@option("--principals", type=FILE, help="Principals instead of the configuration's.")
@config_option
@format_option
@click.pass_context
def explain(
    context: click.Context,
    *,
    sql: str,
    login: str | None,
    kind: str | None,
    groups: tuple[str, ...],
    database: str | None,
    search_path: str | None,
    unmask: str,
    snapshot: Path | None,
    files: tuple[Path, ...],
    principals: Path | None,
    config_path: Path | None,
    style: str,
) -> None:
    """Say what would become of SQL (`-` reads it from stdin), and which lines of the policy decide it.

    Nothing is run. Exit code 1 if any statement is denied.
    """
    from pgmaskproxy.cli.explain import explain as explain_statement  # noqa: PLC0415 - loads the analysis
    from pgmaskproxy.cli.explain import explained_dict, explained_text  # noqa: PLC0415

    text = sys.stdin.read(LONGEST_SQL) if sql == "-" else sql
    rules = _policy(files, config_path)
    if kind is not None or groups:
        who = Principal(login or "somebody", PrincipalKind(kind or "agent"), frozenset(groups), authenticated_by="none")
    else:
        who = _principal(principals, config_path, login)
    path: tuple[str, ...] = ("pg_catalog", "public")
    if snapshot is not None:
        catalog = _snapshot(snapshot)
    else:
        catalog, path = _server(configured(config_path), database)
    if search_path is not None:
        named = tuple(each.strip() for each in search_path.split(",") if each.strip())
        path = named if "pg_catalog" in named else ("pg_catalog", *named)
    refusal = setting_allowed(Setting(UNMASK, unmask))
    if refusal is not None:
        raise click.BadParameter(refusal.hint, param_hint="--unmask")
    statement = Statement(text, database or catalog.database, "pgmaskproxy", path, unmask=unmask)
    found = explain_statement(rules, who, statement, catalog)
    if not found:
        note("there is no statement in it")
    emit(style, [explained_dict(each) for each in found], "\n\n".join(explained_text(each) for each in found))
    denied = any(each.decision.outcome is Outcome.DENY for each in found)
    context.exit(Exit.NEGATIVE if denied else Exit.OK)


@policy.command("snapshot")
@option("--database", help="The server's name of the database; else the only or first one of the configuration.")
@config_option
def snapshot(database: str | None, config_path: Path | None) -> None:
    """Print the catalog of a database as JSON lines, for `explain --catalog`. It holds names, never rows."""
    catalog, _path = _server(configured(config_path), database)
    click.echo(catalog.to_json(), nl=False)


def _policy(files: Sequence[Path], config_path: Path | None) -> Policy:
    if not files:
        return configured_policy(configured(config_path))
    named: list[Path] = []
    for file in files:
        inside = sorted(each for each in file.glob("*.yaml") if not each.name.endswith(".test.yaml"))
        if file.is_dir() and not inside:
            raise Failure(Exit.CONFIG, "there are no policy files (*.yaml)", where=str(file))
        named += inside if file.is_dir() else [file]
    return load_policies([(str(file), read_text(file)) for file in named], kinds())


def _principal(file: Path | None, config_path: Path | None, login: str | None) -> Principal:
    path = file if file is not None else configured(config_path).principals
    directory: Directory = load_principals(str(path), read_text(path))
    if login is None and len(directory.users) == 1:
        login = next(iter(directory.users))
    found = directory.principal(login) if login is not None else None
    if found is None:
        names = ", ".join(sorted(directory.users)) or "none"
        raise Failure(
            Exit.USAGE,
            f'there is no login "{login}"' if login is not None else "whose statement is it?",
            where=str(path),
            next_step=f"--as one of: {names}",
        )
    return found


def _snapshot(file: Path) -> Catalog:
    try:
        return Catalog.from_json(read_text(file))
    except ValueError as error:
        raise Failure(
            Exit.CONFIG,
            f"this is no catalog snapshot: {error}",
            where=str(file),
            next_step="`policy snapshot` makes one",
        ) from None


def _server(config: Config, database: str | None) -> tuple[Catalog, tuple[str, ...]]:
    from pgmaskproxy.cli.upstream import probe  # noqa: PLC0415 - only where a server is asked

    server = probe(config, database or next(iter(config.upstream.databases.values())))
    return server.catalog, server.search_path
