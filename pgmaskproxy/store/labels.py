"""Which columns had which labels when the proxy last looked: so that labels stick to OIDs, renames or not.

One row a column, by (database, relation's OID, column's number); one stamp a database, whose revision makes every
change a compare-and-set: the proxy and `pgmaskproxy labels accept` both write here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.store.protocol import ACCEPTED, Key, LabelRecord, Remembered
from pgmaskproxy.store.schema import LABEL_STAMPS, LABELS


def load(connection: Connection, database: str) -> Remembered | None:
    """What is remembered of a database, None before anything was."""
    stamp = connection.execute(select(LABEL_STAMPS).where(LABEL_STAMPS.c.database == database)).mappings().one_or_none()
    if stamp is None:
        return None
    query = select(LABELS).where(LABELS.c.database == database).order_by(LABELS.c.oid, LABELS.c.number)
    records = tuple(_record(row) for row in connection.execute(query).mappings())
    return Remembered(stamp["policy"], stamp["links"], records, stamp["revision"])


def revision(connection: Connection, database: str) -> int:
    """How often a database's labels were written, 0 for never."""
    return connection.scalar(select(LABEL_STAMPS.c.revision).where(LABEL_STAMPS.c.database == database)) or 0


def save(connection: Connection, database: str, what: Remembered) -> bool:
    """Replace what is remembered; False when somebody has written since `what.revision` was read."""
    if revision(connection, database) != what.revision:
        return False
    stamp = {"policy": what.policy, "links": what.links, "revision": what.revision + 1}
    if what.revision:
        connection.execute(update(LABEL_STAMPS).where(LABEL_STAMPS.c.database == database).values(stamp))
    else:
        connection.execute(insert(LABEL_STAMPS), [{"database": database, **stamp}])
    connection.execute(delete(LABELS).where(LABELS.c.database == database))
    if what.records:
        connection.execute(insert(LABELS), [_row(database, record) for record in what.records])
    return True


def accept(connection: Connection, database: str, keys: Collection[Key]) -> int:
    """Mark what awaits review as reviewed, under the names that the columns have now; how many there were."""
    known = load(connection, database)
    if known is None:
        return 0
    waiting = [record for record in known.records if record.key in keys and record.drift not in {"", ACCEPTED}]
    done = {
        record.key: replace(record, accepted=record.seen, labels=frozenset(), derived=False, drift=ACCEPTED)
        for record in waiting
    }
    records = tuple(done.get(record.key, record) for record in known.records)
    return len(waiting) if waiting and save(connection, database, replace(known, records=records)) else 0


def _row(database: str, record: LabelRecord) -> dict[str, Any]:
    return {
        "database": database,
        "oid": record.key[0],
        "number": record.key[1],
        "accepted": [record.accepted.schema, record.accepted.table, record.accepted.column],
        "seen": [record.seen.schema, record.seen.table, record.seen.column],
        "labels": sorted(record.labels),
        "derived": record.derived,
        "drift": record.drift,
    }


def _record(row: RowMapping) -> LabelRecord:
    return LabelRecord(
        (row["oid"], row["number"]),
        ColumnRef(*row["accepted"]),
        ColumnRef(*row["seen"]),
        frozenset(row["labels"]),
        row["derived"],
        row["drift"],
    )
