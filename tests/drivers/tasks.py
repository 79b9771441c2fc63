"""The one list of tasks: what every driver is asked to do, in the order of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.drivers import holding, reading, writing
from tests.drivers.bench import Bench

TASKS: Final[Mapping[str, Callable[[Bench], None]]] = {
    "text": reading.text,
    "binary": reading.binary,
    "nulls": reading.nulls,
    "parameters": reading.parameters,
    "prepared": reading.prepared,
    "stream": reading.stream,
    "errors": reading.errors,
    "refusal": reading.refusal,
    "transaction": writing.transaction,
    "savepoint": writing.savepoint,
    "batch": writing.batch,
    "copy_out": reading.copy_out,
    "copy_in": writing.copy_in,
    "timeout": reading.timeout,
    "cancel": holding.cancel,
    "cancel_held": holding.cancel_held,
    "approved": holding.approved,
    "rejected": holding.rejected,
    "held_in_block": holding.held_in_block,
}

MEANING: Final[Mapping[str, str]] = {
    "text": "queries over masked tables, views, joins and whole rows, results in text format",
    "binary": "the same, results in binary format",
    "nulls": "NULL stays NULL and the empty string empty, under masks too",
    "parameters": "parameters of many types, there and back, and choosing rows with masked cells",
    "prepared": "a statement prepared once and executed many times",
    "stream": "a server-side cursor or a suspended portal, a few rows at a time",
    "errors": "the server's own errors: SQLSTATE, text, detail, hint, position",
    "refusal": "42501 with a hint, and the session goes on",
    "transaction": "commit and rollback by the driver's own means",
    "savepoint": "a refusal inside a savepoint, and in a block without one",
    "batch": "hundreds of rows by executemany, a pipeline or a batch; one that fails",
    "copy_out": "COPY TO STDOUT",
    "copy_in": "COPY FROM STDIN, whole or not at all",
    "timeout": "statement_timeout",
    "cancel": "a running statement, by the driver's own cancel: 57014, and the session goes on",
    "cancel_held": "a held statement, by the same: withdrawn, 57014",
    "approved": "held, approved: it runs once",
    "rejected": "held, rejected: 42501 with the reason; nothing has run",
    "held_in_block": "both of these inside a transaction",
}
