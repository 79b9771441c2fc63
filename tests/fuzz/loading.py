"""Makes the two databases of one side: the schemas as the repository has them, with the rows of `rows`."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from tests.fuzz import rows
from tests.fuzz.rows import Rows, Side

HERE: Final = Path(__file__).parent
TRIES: Final = 30
ATTEST: Final = HERE.parent / "sql" / "attest"
SETTINGS: Final = {
    # What runs at a time of its own would move rows, statistics and transaction ids on one side and not on the other.
    "autovacuum": "off",
    "max_parallel_workers_per_gather": "0",
    "synchronize_seqscans": "off",
    "jit": "off",
}


def create(server: EmbeddedServer, side: Side) -> None:
    """The databases `corpus` and `shop`, in one order and by one script on either side: their OIDs agree."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        for database in ("corpus", "shop"):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    with psycopg.connect(server.conninfo("corpus"), autocommit=True) as connection:
        for script in (ATTEST / "corpus.sql", ATTEST / "more.sql", HERE / "more.sql"):
            text = re.sub(r"^--.*$", "", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
            connection.execute(text.encode())
        _fill(connection, rows.corpus(side), "mv_customers")
    with psycopg.connect(server.conninfo("shop"), autocommit=True) as connection:
        shop.load(connection)
        connection.execute("SET search_path = shop, public")
        _fill(connection, rows.shop(side), "customer_totals")


def _fill(connection: psycopg.Connection, content: Rows, view: str) -> None:
    tables = sql.SQL(", ").join(sql.Identifier(name) for name in content)
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
    for name, (columns, values) in content.items():
        new = sql.Identifier(f"new_{name}")
        names = sql.SQL(", ").join(sql.Identifier(column) for column in columns.split(", "))
        connection.execute(
            sql.SQL("CREATE TEMP TABLE {} (LIKE {} INCLUDING GENERATED)").format(new, sql.Identifier(name))
        )
        with connection.transaction(), connection.cursor() as cursor:  # one transaction id, however many statements
            holes = sql.SQL(", ").join([sql.Placeholder()] * len(values[0]))
            cursor.executemany(sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(new, names, holes), values)
            if name in rows.PADDED:
                _pad(connection, f"new_{name}", *rows.PADDED[name])
        connection.execute(
            sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY 1").format(sql.Identifier(name), names, names, new)
        )
        connection.execute(sql.SQL("DROP TABLE {}").format(new))
    connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(view)))
    # The server may group by a labelled column where that is a key, and leave the rows in its order.
    connection.execute(sql.SQL("CREATE INDEX clustering ON {} (id)").format(sql.Identifier(view)))
    connection.execute(sql.SQL("CLUSTER {} USING clustering").format(sql.Identifier(view)))
    connection.execute("DROP INDEX clustering")
    connection.execute("ANALYZE")


def _pad(connection: psycopg.Connection, name: str, column: str, size: int) -> None:
    """Make every row `size` bytes long by its labelled text column."""
    table, padded = sql.Identifier(name), sql.Identifier(column)
    grow = sql.SQL("UPDATE {0} SET {1} = {1} || 'x' WHERE pg_column_size({0}.*) < {2}").format(
        table, padded, sql.Literal(size)
    )
    while connection.execute(grow).rowcount:
        pass
    wrong = connection.execute(
        sql.SQL("SELECT id, pg_column_size({0}.*) FROM {0} WHERE pg_column_size({0}.*) <> {1}").format(
            table, sql.Literal(size)
        )
    ).fetchall()
    assert not wrong, f"{name}: {wrong}"


def vacuum(conninfos: Sequence[str]) -> None:
    """Free what was rolled back in the databases of both sides, until their maps of what all can see agree.

    Frozen, for xmax tells which rows a labelled foreign key references, by the transaction that inserted those that do.
    A snapshot that is open by chance keeps VACUUM from marking pages on one side; the map is part of a plan's cost.
    """
    for _ in range(TRIES):
        seen = []
        for conninfo in conninfos:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute("VACUUM (FREEZE)")
                query = (
                    "SELECT oid::int8, relpages, relallvisible, reltuples FROM pg_class WHERE oid > 16383 ORDER BY 1"
                )
                seen.append([row for row in connection.execute(query) if row[3] >= 0])
        if all(one == seen[0] for one in seen):
            return
        time.sleep(0.1)
    raise AssertionError(f"VACUUM leaves the two sides different: {seen}")


def layout(server: EmbeddedServer, database: str) -> list[tuple[object, ...]]:
    """Where every row lies and how big every table is: equal on both sides."""
    with psycopg.connect(server.conninfo(database), autocommit=True) as connection:
        connection.execute("SET enable_indexonlyscan = off")
        found: list[tuple[object, ...]] = []
        relations = connection.execute(
            "SELECT oid::regclass::text, oid::int8, relpages, reltuples, relkind::text FROM pg_class"
            " WHERE oid >= 16384 AND relkind IN ('r', 'm', 'i', 'v', 'p') ORDER BY 1"
        ).fetchall()
        for name, oid, pages, tuples, kind in relations:
            found.append((name, oid, pages if kind != "i" else 0, tuples))
            if kind in "rm":
                places = sql.SQL("SELECT ctid::text, xmin::text, cmin::text, t.* FROM ONLY {} t").format(sql.SQL(name))
                # The first column is the key, and never labelled.
                found += [(name, *row[:4]) for row in connection.execute(places)]
        return found
