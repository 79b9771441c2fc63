"""`pgmaskproxy harden`: the SQL that leaves the upstream role no more than the policy needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import psycopg
import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.hardening import Ground, script, uncovered_labels
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option
from pgmaskproxy.cli.settings import configured, configured_policy
from pgmaskproxy.cli.upstream import conninfo, waited
from pgmaskproxy.config import Config
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.catalog import load_catalog, quiet_connection
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.knowledge import label
from pgmaskproxy.sql.catalog import Catalog

_EXISTS: Final = (
    "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) %s::pg_catalog.name)"
)
_MEMBERSHIPS: Final = """
SELECT DISTINCT o.rolname::pg_catalog.text
  FROM pg_catalog.pg_auth_members m
  JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member
  JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) m.roleid
 WHERE r.rolname OPERATOR(pg_catalog.=) %s::pg_catalog.name ORDER BY 1
"""
_DEFINERS: Final = """
SELECT p.oid::pg_catalog.regprocedure::pg_catalog.text
  FROM pg_catalog.pg_proc p
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 WHERE p.prosecdef AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
   AND NOT (n.nspname OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog', 'information_schema']::pg_catalog.name[]))
 ORDER BY 1
"""


@click.command("harden")
@option("--dsn", help="Read the catalog there; else as the configured upstream role, which may not exist yet.")
@option("--database", help="Which of the configuration's; needed where there are several.")
@option("--role", help="Another role than the configuration's upstream.user.")
@option("--columns", is_flag=True, help="Grant only columns without labels: then nothing can be masked, or cleared.")
@option("--public", is_flag=True, help="Take from PUBLIC as well what it need not have; others will feel it.")
@config_option
@format_option
def harden(
    *,
    dsn: str | None,
    database: str | None,
    role: str | None,
    columns: bool,
    public: bool,
    config_path: Path | None,
    style: str,
) -> None:
    """Print the SQL that leaves the upstream role no more than the policy needs. Nothing is run.

    \b
    pgmaskproxy harden --dsn "$ADMIN_DSN" > harden.sql
    psql "$ADMIN_DSN" -v ON_ERROR_STOP=1 -f harden.sql
    pgmaskproxy check

    With --columns a statement that names a labelled column fails with `permission denied`, `SELECT *` too, instead of
    being masked: for agents who need no masked column. It is the server that refuses then, whatever the proxy does.
    """
    config = configured(config_path)
    policy = configured_policy(config)
    name = _database(config, database)
    ground = waited(_ground(dsn or conninfo(config, name), name, role or config.upstream.user, policy))
    text = script(policy, ground, columns=columns, public=public, quiet=config.upstream.attestation != "off")
    emit(style, {"database": name, "role": ground.role, "sql": text}, text)
    if columns and (cleared := uncovered_labels(policy)):
        note(f"with --columns nobody sees {', '.join(cleared)}, and the policy clears somebody for that")


def _database(config: Config, asked: str | None) -> str:
    known = config.upstream.databases
    if asked is None and len(set(known.values())) == 1:
        return next(iter(known.values()))
    if asked is None or asked not in known:
        raise Failure(Exit.USAGE, f"--database must be one of {', '.join(sorted(known))}")
    return known[asked]


async def _ground(dsn: str, database: str, role: str, policy: Policy) -> Ground:
    try:
        async with await quiet_connection(dsn) as connection:
            found = connection.info.dbname
            exists = (await _column(connection, _EXISTS, role))[0]
            memberships = await _column(connection, _MEMBERSHIPS, role)
            definers = await _column(connection, _DEFINERS)
    except psycopg.Error as error:
        raise Failure(
            Exit.UNAVAILABLE,
            f"cannot read the catalog: {str(error).strip()}",
            next_step="--dsn names a login that exists",
        ) from error
    if found != database:
        raise Failure(Exit.USAGE, f"--dsn is of database {found}, and the SQL is for {database}")
    catalog = await load_catalog(dsn)
    labelled = _labelled(policy, catalog)
    return Ground(database, role, catalog, labelled, bool(exists), tuple(memberships), tuple(definers))


async def _column(connection: psycopg.AsyncConnection[tuple[Any, ...]], query: str, *arguments: str) -> list[Any]:
    cursor = await connection.execute(query.encode(), arguments or None)
    return [row[0] for row in await cursor.fetchall()]


def _labelled(policy: Policy, catalog: Catalog) -> frozenset[ColumnRef]:
    deep = DeepThread("harden")
    try:
        return frozenset(deep.call(lambda: label(policy, catalog)).labelling)
    finally:
        deep.close()
