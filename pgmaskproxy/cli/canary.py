"""`pgmaskproxy canary`: values that are looked for in what is sent, and how they get into the database."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import rich_click as click

from pgmaskproxy.cli.canary_values import KINDS, kind_for
from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option, table
from pgmaskproxy.cli.planting import Place, planted
from pgmaskproxy.cli.settings import configured, configured_policy
from pgmaskproxy.cli.upstream import waited
from pgmaskproxy.config import Config
from pgmaskproxy.ids import new_id
from pgmaskproxy.mask.canary import unfit
from pgmaskproxy.model import ColumnRef
from pgmaskproxy.policy.fields import did_you_mean, parse_pattern
from pgmaskproxy.policy.rules import Policy, declared_labels
from pgmaskproxy.store.protocol import Canary
from pgmaskproxy.store.sqlite import SqliteStore

T = TypeVar("T")

TRIES: Final = 20
"""Short values may be there already: so many are drawn before giving up."""


@click.group("canary")
def canary() -> None:
    """Plant values whose appearance in a client's bytes ends the session and raises the alarm.

    Run it as the user that runs `serve`: the values are in the state database, which is that user's. A running proxy
    notices within two seconds.
    """


@canary.command("plant")
@option("--label", required=True, help="The label that the column has in the policy.")
@option("--column", required=True, metavar="SCHEMA.TABLE.COLUMN", help="Where it is planted.")
@option(
    "--kind", type=click.Choice([*KINDS]), help="What it looks like; else as the names of label and column suggest."
)
@option("--value", help="This value instead of a made-up one: letters, digits, space and @ . _ - +")
@option("--database", help="Where the column is; needed where the configuration has several.")
@option(
    "--with", "others", multiple=True, metavar="COLUMN=VALUE", help="Another column of the new row; may be repeated."
)
@option("--where", help="Put it into the one row that this SQL condition finds, instead of a new row.")
@option("--execute", metavar="DSN", help="Run the statement there, as a role of your own that may write.")
@config_option
@format_option
def plant(
    *,
    label: str,
    column: str,
    kind: str | None,
    value: str | None,
    database: str | None,
    others: tuple[str, ...],
    where: str | None,
    execute: str | None,
    config_path: Path | None,
    style: str,
) -> None:
    """Make up a value, look for it from now on, and print (or run) the statement that puts it there.

    \b
    pgmaskproxy canary plant --label pii.ssn --column shop.customers.ssn --where 'id = 17'
    pgmaskproxy canary plant --label pii.email --column shop.customers.email --with name=Mara --execute "$ADMIN_DSN"
    """
    config = configured(config_path)
    ref = _labelled(configured_policy(config), label, column)
    where_to = _database(config, database)
    pairs = [_pair(each) for each in others]
    if where is not None and pairs:
        raise click.UsageError("--with is for a new row, and --where for one that is there")
    if value is not None and (reason := unfit(value)):
        raise Failure(Exit.USAGE, f"the value cannot be a canary: {reason}")
    make = KINDS[kind or kind_for(label, column)]
    place = Place(ref, pairs, where)

    def drawn() -> Iterator[Canary]:
        for _ in range(TRIES if value is None else 1):
            made = new_id("can", time.time, secrets.token_bytes)
            text = make(secrets.randbelow) if value is None else value
            yield Canary(made, text, label, where_to, str(ref), time.time())

    async def work(store: SqliteStore) -> Canary | None:
        if execute is not None:
            return await planted(execute, place, store, drawn())
        for each in drawn():
            if await store.add_canary(each):
                return each
        return None

    new = _with_store(config, work)
    if new is None:
        raise Failure(
            Exit.NEGATIVE,
            "that value is in the column, or was a canary, before: to meet it would mean nothing",
            next_step="leave out --value, or see `pgmaskproxy canary list --all`",
        )
    statement = place.statement(new.value)
    emit(style, {**_shown(new), "statement": statement, "executed": execute is not None}, statement)
    done = f"ran in {where_to}" if execute else f"run it in {where_to} with privileges of your own"
    note(f"{new.id} is looked for in what is sent; {done}")


@canary.command("list")
@option("--all", "everything", is_flag=True, help="Retired ones too.")
@config_option
@format_option
def list_(*, everything: bool, config_path: Path | None, style: str) -> None:
    """The canaries that are looked for. Their values are never shown whole."""
    config = configured(config_path)
    found = _with_store(config, lambda store: store.canaries())
    rows = [_shown(each) for each in found if everything or each.retired is None]
    heads = ("id", "label", "column", "database", "value", "planted", "state")
    text = table([head.upper() for head in heads], [[str(row[head]) for head in heads] for row in rows])
    emit(style, rows, text if rows else "no canaries")


@canary.command("retire")
@click.argument("canary_id", metavar="ID")
@config_option
@format_option
def retire(*, canary_id: str, config_path: Path | None, style: str) -> None:
    """Look for it no more: its row was deleted, or it was met where nothing was wrong.

    \b
    pgmaskproxy canary retire can_0199a1b2c3d4700089abcdef01234567
    """
    config = configured(config_path)
    if not _with_store(config, lambda store: store.retire_canary(canary_id, time.time())):
        raise Failure(
            Exit.NEGATIVE, f"there is no canary {canary_id} that is looked for", next_step="see `canary list`"
        )
    emit(style, {"id": canary_id, "state": "retired"}, f"{canary_id} is not looked for any more")


def _with_store(config: Config, work: Callable[[SqliteStore], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        store = await SqliteStore.open(config.state)
        try:
            return await work(store)
        finally:
            await store.close()

    return waited(run())


def _labelled(policy: Policy, label: str, column: str) -> ColumnRef:
    """The column. Failure when it has not that label: everybody who reads it would be cut off."""
    pattern = parse_pattern(column)
    if pattern is None or not pattern.exact or len(pattern.parts) != 3:
        raise Failure(Exit.USAGE, f"{column!r} is no column", next_step="write schema.table.column")
    if label not in policy.labels:
        raise Failure(Exit.USAGE, f"the policy has no label {label!r}", next_step=did_you_mean(label, policy.labels))
    ref = ColumnRef(*pattern.parts)
    if label not in declared_labels(policy, [ref]).get(ref, ()):
        raise Failure(
            Exit.USAGE,
            f"{ref} is under no pattern of label {label!r}: whoever reads it would be cut off",
            where=f"{policy.labels[label].ref.file}:{policy.labels[label].ref.line}",
            next_step="plant it in a labelled column, or label this one first",
        )
    return ref


def _database(config: Config, asked: str | None) -> str:
    known = config.upstream.databases
    if asked is None and len(set(known.values())) == 1:
        return next(iter(known.values()))
    if asked not in known:
        raise Failure(Exit.USAGE, f"--database must be one of {', '.join(sorted(known))}")
    return known[asked]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.UsageError(f"--with wants COLUMN=VALUE, not {text!r}")
    return name, value


def _shown(each: Canary) -> dict[str, str]:
    return {
        "id": each.id,
        "label": each.label,
        "column": each.column,
        "database": each.database,
        "value": f"{each.value[:2]}...{each.value[-2:]}",
        "planted": datetime.fromtimestamp(each.planted, UTC).isoformat(timespec="seconds"),
        "state": "watched" if each.retired is None else "retired",
    }
