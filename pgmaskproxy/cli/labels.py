"""`pgmaskproxy labels`: what has moved under the labels since somebody last looked, and that somebody has looked."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from pgmaskproxy.cli.exits import Exit, Failure
from pgmaskproxy.cli.output import config_option, emit, format_option, note, option, table
from pgmaskproxy.cli.settings import configured
from pgmaskproxy.cli.upstream import waited
from pgmaskproxy.config import Config
from pgmaskproxy.store.protocol import ACCEPTED, LabelRecord
from pgmaskproxy.store.sqlite import SqliteStore

T = TypeVar("T")

_SHOWN_AS = {
    "renamed": "keeps its labels",
    "detached": "keeps its labels",
    "added": "NULL, and may not be used",
}


@click.group("labels")
def labels() -> None:
    """Labels stick to columns whatever they are called. What no longer goes by its pattern awaits a review.

    Run it as the user that runs `serve`: what is remembered is in the state database, which is that user's. A running
    proxy notices within two seconds.
    """


@labels.command("list")
@option("--all", "everything", is_flag=True, help="Every labelled column that is remembered, too.")
@config_option
@format_option
def list_(*, everything: bool, config_path: Path | None, style: str) -> None:
    """The columns that await a review: what they were called, what they are called, how they are shown until then."""
    config = configured(config_path)
    found = _with_store(config, lambda store: _records(store, config))
    rows = [
        _row(database, record)
        for database, record in found
        if _waits(record) or (everything and (record.labels or record.drift))
    ]
    heads = ("database", "column", "before", "labels", "drift", "shown")
    text = table([head.upper() for head in heads], [[str(row[head]) for head in heads] for row in rows])
    emit(style, rows, text if rows else "nothing awaits a review")


@labels.command("accept")
@click.argument("columns", metavar="SCHEMA.TABLE.COLUMN...", nargs=-1)
@option("--all", "everything", is_flag=True, help="Whatever awaits a review.")
@option("--database", help="Only there.")
@config_option
@format_option
def accept(
    *, columns: tuple[str, ...], everything: bool, database: str | None, config_path: Path | None, style: str
) -> None:
    """Say that the policy's patterns are right for the names that columns have now: from here on only they count.

    Label first what needs a label: an accepted column that no pattern names is shown as it is.

    \b
    pgmaskproxy labels accept shop.customers.phone
    """
    if bool(columns) == everything:
        raise click.UsageError("name the columns, or say --all")
    config = configured(config_path)

    async def work(store: SqliteStore) -> list[tuple[str, LabelRecord]]:
        waiting = [
            (where, record)
            for where, record in await _records(store, config)
            if _waits(record) and database in {None, where} and (everything or str(record.seen) in columns)
        ]
        unknown = sorted(set(columns) - {str(record.seen) for _, record in waiting})
        if unknown:
            raise Failure(Exit.NEGATIVE, f"{unknown[0]} awaits no review", next_step="see `labels list`")
        for where in sorted({where for where, _ in waiting}):
            await store.accept_labels(where, [record.key for each, record in waiting if each == where])
        return waiting

    done = _with_store(config, work)
    rows = [_row(where, record) for where, record in done]
    emit(style, rows, "\n".join(f"{row['column']} is accepted" for row in rows) or "nothing awaits a review")
    if rows:
        note("a running proxy goes by the policy's patterns for them within two seconds")


async def _records(store: SqliteStore, config: Config) -> list[tuple[str, LabelRecord]]:
    found: list[tuple[str, LabelRecord]] = []
    for database in sorted(set(config.upstream.databases.values())):
        remembered = await store.labels(database)
        records: Sequence[LabelRecord] = remembered.records if remembered is not None else ()
        found += [(database, record) for record in records]
    return found


def _waits(record: LabelRecord) -> bool:
    return record.drift not in {"", ACCEPTED}


def _row(database: str, record: LabelRecord) -> dict[str, str]:
    return {
        "database": database,
        "column": str(record.seen),
        "before": str(record.accepted) if record.accepted != record.seen else "",
        "labels": ", ".join(sorted(record.labels)),
        "drift": record.drift,
        "shown": _SHOWN_AS.get(record.drift, "as labelled"),
    }


def _with_store(config: Config, work: Callable[[SqliteStore], Coroutine[Any, Any, T]]) -> T:
    async def run() -> T:
        store = await SqliteStore.open(config.state)
        try:
            return await work(store)
        finally:
            await store.close()

    return waited(run())
