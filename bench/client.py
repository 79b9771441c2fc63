"""A client in a process of its own: does one thing and prints what it took, as JSON.

libpq through psycopg's thin layer over it, where no value becomes a Python object, and asyncpg as it is used, where
each does. The environment says where to, as it does for every program of libpq's.

    python -m bench.client libpq text "SELECT ..."
    python -m bench.client asyncpg binary "SELECT ..."
    python -m bench.client value text "SELECT ..."          one row, all at once
    python -m bench.client put binary "INSERT ... $1"       one parameter of 100 MB
    python -m bench.client idle 500                         opens so many, says so, and holds them until stdin ends
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import asyncpg
import psycopg
from psycopg import pq

from bench.database import VALUE_BYTES

CHUNK = 1000
TYPES = ("text", "int4", "timestamp")


def main() -> None:
    """What the command line says."""
    kind, *words = sys.argv[1:]
    if kind == "idle":
        idle(int(words[0]))
        return
    binary, statement = words[0] == "binary", words[1]
    run = {"libpq": libpq, "asyncpg": by_asyncpg, "value": value, "put": put}[kind]
    print(json.dumps(run(statement, binary=binary)))


def libpq(statement: str, *, binary: bool) -> dict[str, float]:
    """Rows by thousands, as a client has them that does not want to hold them all."""
    with psycopg.connect("", autocommit=True) as connection:
        raw = connection.pgconn
        begun = time.perf_counter()
        raw.send_query_params(statement.encode(), None, result_format=pq.Format.BINARY if binary else pq.Format.TEXT)
        raw.set_chunked_rows_mode(CHUNK)
        rows = 0
        while (result := raw.get_result()) is not None:
            if result.status not in (pq.ExecStatus.TUPLES_CHUNK, pq.ExecStatus.TUPLES_OK):
                raise RuntimeError(result.error_message.decode())
            rows += result.ntuples
            result.clear()
        return {"count": rows, "seconds": time.perf_counter() - begun}


def by_asyncpg(statement: str, *, binary: bool) -> dict[str, float]:
    """All rows at once. asyncpg asks for binary; for text where one gives it codecs of text."""

    async def run() -> dict[str, float]:
        connection: Any = await asyncpg.connect(ssl=False)
        if not binary:
            for name in TYPES:
                await connection.set_type_codec(name, schema="pg_catalog", encoder=str, decoder=str, format="text")
        query = await connection.prepare(statement)
        begun = time.perf_counter()
        rows = await query.fetch()
        found = {"count": len(rows), "seconds": time.perf_counter() - begun}
        await connection.close()
        return found

    return asyncio.run(run())


def value(statement: str, *, binary: bool) -> dict[str, float]:
    """One row with one value."""
    with psycopg.connect("", autocommit=True) as connection:
        begun = time.perf_counter()
        form = pq.Format.BINARY if binary else pq.Format.TEXT
        result = connection.pgconn.exec_params(statement.encode(), None, result_format=form)
        seconds = time.perf_counter() - begun
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise RuntimeError(result.error_message.decode())
        return {"count": 1, "seconds": seconds, "bytes": len(result.get_value(0, 0) or b"")}


def put(statement: str, *, binary: bool) -> dict[str, float]:
    """One parameter, in a transaction that is rolled back."""
    given = b"0123456789" * (VALUE_BYTES // 10)
    with psycopg.connect("") as connection:
        connection.execute("SELECT 1")
        begun = time.perf_counter()
        result = connection.pgconn.exec_params(
            statement.encode(), [given], param_formats=[pq.Format.BINARY if binary else pq.Format.TEXT]
        )
        seconds = time.perf_counter() - begun
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise RuntimeError(result.error_message.decode())
        connection.rollback()
        return {"count": 1, "seconds": seconds, "bytes": len(given)}


def idle(number: int) -> None:
    """Open them, each after a statement; say so; hold them."""
    begun = time.perf_counter()
    held = []
    for _ in range(number):
        held.append(psycopg.connect("", autocommit=True))
        held[-1].execute("SELECT 1")
    print(json.dumps({"count": number, "seconds": time.perf_counter() - begun}), flush=True)
    sys.stdin.read()
    # A thousand goodbyes are not measured: the sockets close with the process.
    os._exit(0)


if __name__ == "__main__":
    main()
