"""The same statement through each driver, by the proxy or directly, as what can be compared cell by cell."""

from __future__ import annotations

import csv
import io
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.harness.proxy import Proxy

NULL: Final = "(null)"
"""How psql is told to print NULL: text of the shop is never that."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a driver was given."""

    columns: tuple[object, ...]
    """As the driver knows them: name, types, and where it says so the table and column they come from."""
    rows: list[tuple[Any, ...]]
    tag: str = ""


def direct(proxy: Proxy) -> str:
    """The conninfo of the proxy's own login, past the proxy."""
    return proxy.database.upstream


def by_psycopg(
    conninfo: str, statements: Sequence[str], *, binary: bool = False, prepare: bool = False
) -> list[Result]:
    """Cells are the bytes on the wire. Everything runs in one transaction, which is rolled back."""
    results = []
    with psycopg.connect(conninfo) as connection:
        for statement in statements:
            with connection.cursor(binary=binary) as cursor:
                cursor.execute(statement.encode(), prepare=prepare)
                results.append(_of_libpq(cursor))
        connection.rollback()
    return results


def _of_libpq(cursor: psycopg.Cursor) -> Result:
    found = cursor.pgresult
    assert found is not None
    columns = tuple(
        (
            found.fname(i),
            found.ftype(i),
            found.ftable(i),
            found.ftablecol(i),
            found.fmod(i),
            found.fsize(i),
            found.fformat(i),
        )
        for i in range(found.nfields)
    )
    rows = [tuple(found.get_value(r, c) for c in range(found.nfields)) for r in range(found.ntuples)]
    return Result(columns, rows, cursor.statusmessage or "")


def asyncpg_arguments(conninfo: str) -> dict[str, Any]:
    """libpq's keywords in asyncpg's words."""
    known = conninfo_to_dict(conninfo)
    return {
        "host": known["host"],
        "port": int(cast("str", known["port"])),
        "user": known["user"],
        "password": known["password"],
        "database": known["dbname"],
        "ssl": False,
    }


async def by_asyncpg(conninfo: str, statements: Sequence[str], *, times: int = 2) -> list[Result]:
    """Cells are Python values of the binary format; the last of `times` executions of one prepared statement."""
    results = []
    connection = await asyncpg.connect(**asyncpg_arguments(conninfo))
    try:
        transaction = connection.transaction()
        await transaction.start()
        for statement in statements:
            rows: list[Any] = []
            for _ in range(times):
                rows = await connection.fetch(statement)
            prepared = await connection.prepare(statement)
            columns = tuple((each.name, each.type.oid) for each in prepared.get_attributes())
            results.append(Result(columns, [tuple(row) for row in rows]))
        await transaction.rollback()
    finally:
        await connection.close()
    return results


def psql_environment(conninfo: str) -> Mapping[str, str]:
    """libpq's keywords as its environment variables."""
    known = conninfo_to_dict(conninfo)
    return {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "PGHOST": str(known["host"]),
        "PGPORT": str(known["port"]),
        "PGUSER": str(known["user"]),
        "PGPASSWORD": str(known["password"]),
        "PGDATABASE": str(known["dbname"]),
        "PGGSSENCMODE": "disable",
    }


def by_psql(proxy: Proxy, conninfo: str, statements: Sequence[str]) -> list[Result]:
    """Cells are what psql prints; the columns are its headers."""
    marker = "=== next ==="
    script = "BEGIN;\n" + "".join(f"\\echo {marker}\n{statement};\n" for statement in statements)
    ended = subprocess.run(
        [str(proxy.database.server.bindir / "psql"), "-X", "-q", "--csv", "-P", f"null={NULL}", "-f", "-"],
        env=psql_environment(conninfo),
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    results = []
    for part in ended.stdout.split(f"{marker}\n")[1:]:
        header, *rows = list(csv.reader(io.StringIO(part))) or [[]]
        results.append(Result(tuple(header), [tuple(row) for row in rows]))
    return results
