"""Record what tools send: python -m tests.corpus.benign.record DIRECTORY [PYTHON]

Starts both servers with the shop and the warehouse, runs psql's backslash commands and `pg_dump -s` of each server's
own version, and, where PYTHON has sqlalchemy, django and psycopg2, their introspection; and writes what came over the
wire into DIRECTORY as files of the benign corpus. OIDs become placeholders. Not run by the tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pgmaskproxy.demo.server import HOST, EmbeddedServer
from pgmaskproxy.demo.tap import ByteTap
from tests.corpus import shopping
from tests.harness.servers import DEBIAN_15

PSQL: Final = r"""
\d; \d+; \d customers; \d+ customers; \d+ orders; \d payments; \d+ payments_2024; \d+ monthly;
\d+ customer_totals; \d orders_pkey; \d+ customers_id_seq; \dt; \dt+; \dt shop.*; \dtvm; \dv; \dv+; \dm+; \di;
\di+; \ds+; \df; \df+ order_total; \df shop.*; \da; \do; \do +; \dn; \dn+; \du; \du+; \dg; \l; \l+; \dp;
\dp customers; \dT; \dT+ wh.*; \dT+ mood; \dO; \dO+; \dx; \dx+; \dD; \dD+ percentage; \dC; \dC text; \dc; \db;
\db+; \dA; \dA+; \dAc; \dAf; \dAo; \dAp; \dd; \ddp; \dE; \des; \deu; \dew; \det; \dF; \dF+ english; \dFd; \dFp;
\dFt; \dL; \dL+; \dP; \dP+; \dRp; \dRs; \drds; \dX; \dy; \dconfig; \dconfig work_mem; \sf order_total;
\sf+ order_total; \sv sales_by_city; \sv+ monthly; \z; \z orders; \conninfo; \encoding
"""
SQLALCHEMY: Final = """
import sqlalchemy as sa
engine = sa.create_engine(URL)
inspector = sa.inspect(engine)
for schema in (None, "shop", "wh"):
    inspector.get_table_names(schema); inspector.get_view_names(schema); inspector.get_materialized_view_names(schema)
    inspector.get_sequence_names(schema); inspector.get_enums(schema)
    inspector.get_multi_columns(schema=schema); inspector.get_multi_indexes(schema=schema)
    inspector.get_multi_foreign_keys(schema=schema); inspector.get_multi_pk_constraint(schema=schema)
    inspector.get_multi_check_constraints(schema=schema); inspector.get_multi_unique_constraints(schema=schema)
    inspector.get_multi_table_comment(schema=schema); inspector.get_multi_table_options(schema=schema)
inspector.get_schema_names(); inspector.get_view_definition("monthly", "wh"); inspector.has_table("orders", "shop")
inspector.get_domains("wh"); inspector.has_sequence("customers_id_seq", "shop"); inspector.has_schema("wh")
metadata = sa.MetaData(); metadata.reflect(engine, schema="wh", views=True)
sale = metadata.tables["wh.sale"]; line = metadata.tables["wh.line"]
with engine.connect() as c:
    c.execute(sa.select(sale).where(sale.c.status == "O").order_by(sale.c.sale_id).limit(5)).all()
    c.execute(sa.select(sale.c.priority, sa.func.count()).join(line).group_by(sale.c.priority)).all()
"""
DJANGO: Final = """
import django
from urllib.parse import urlsplit
from django.conf import settings
parts = urlsplit(URL)
server = {"ENGINE": "django.db.backends.postgresql", "NAME": parts.path[1:], "USER": parts.username,
    "HOST": parts.hostname, "PORT": parts.port, "OPTIONS": {"sslmode": "disable"}}
settings.configure(DATABASES={"default": server}, INSTALLED_APPS=[], USE_TZ=True)
django.setup()
from io import StringIO
from django.core.management import call_command
from django.db import connection
call_command("inspectdb", stdout=StringIO())
with connection.cursor() as cursor:
    names = [t.name for t in connection.introspection.get_table_list(cursor)]
    for name in names[:3]:
        connection.introspection.get_constraints(cursor, name); connection.introspection.get_sequences(cursor, name)
"""


def heard(data: bytes) -> list[str]:
    """The texts of every Query and Parse in what one client sent, without TLS."""
    position = int.from_bytes(data[:4], "big")
    found = []
    while position < len(data):
        size = 1 + int.from_bytes(data[position + 1 : position + 5], "big")
        kind, body = data[position : position + 1], data[position + 5 : position + size]
        if kind == b"Q":
            found.append(body[:-1].decode())
        elif kind == b"P":
            found.append(body.split(b"\0")[1].decode())
        position += size
    return found


def with_names(text: str, names: Mapping[str, str]) -> str:
    """`text` with the OIDs of what is ours replaced by placeholders."""
    return re.sub(
        r"(?<![0-9.])[0-9]{5,6}(?![0-9.])", lambda match: names.get(match.group(), match.group()), unfolded(text)
    )


def run(tap: ByteTap, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """What `command` sends over the wire."""
    tap.clear()
    ended = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode:
        print(command[-1][:200], ended.stderr[-300:], file=sys.stderr)  # noqa: T201
    return heard(tap.to_server) if tap.to_server else []


def unfolded(text: str) -> str:
    """`text` on one line: white space outside of literals means nothing."""
    parts = re.split(r"('(?:[^']|'')*')", text)
    return "".join(part if part.startswith("'") else re.sub(r"\s+", " ", part) for part in parts).strip()


def some_of_each(texts: Sequence[str], most: int = 2) -> list[str]:
    """At most so many of those that differ in nothing but their literals."""
    kept: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        some = kept.setdefault(re.sub(r"'(?:[^']|'')*'|[0-9]+|\{[^{}]*\}", "?", text), [])
        if len(some) < most:
            some.append(text)
    return [text for some in kept.values() for text in some]


def write(path: Path, origin: str, statements: Sequence[Mapping[str, object]]) -> None:
    """One corpus file."""
    lines = [f"- {json.dumps(item, ensure_ascii=False)}\n" for item in statements]
    path.write_text(f"# {origin}\n{''.join(lines)}", encoding="utf-8")


def record(server: EmbeddedServer, directory: Path, python: str | None) -> None:
    """Everything, on one server."""
    shopping.create(server)
    names = {oid: name for name, oid in shopping.oids(server).items()}
    major = server.version.split(".")[0]
    with ByteTap(HOST, server.port) as tap:
        environment = {
            "PGHOST": HOST,
            "PGPORT": str(tap.port),
            "PGUSER": "pgmaskproxy",
            "PGDATABASE": shopping.SHOPPING,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
            "LC_ALL": "C.UTF-8",
            "PSQLRC": os.devnull,
        }
        seen: set[str] = set()
        found: list[Mapping[str, object]] = []
        for command in (each.strip() for each in PSQL.split(";")):
            for text in run(tap, [str(server.bindir / "psql"), "-X", "-c", command], environment):
                named = with_names(text, names)
                if named not in seen:
                    seen.add(named)
                    found.append({"from": command, "sql": named})
        write(directory / f"psql{major}.yaml", f"psql {major}: its backslash commands.", found)
        dumped = run(tap, [str(server.bindir / "pg_dump"), "-s", "-n", "wh"], environment)
        write(
            directory / f"pg_dump{major}.yaml",
            f"pg_dump -s of {major}, in order, in one session.",
            [{"sql": with_names(text, names)} for text in dict.fromkeys(dumped)],
        )
        if python is None:
            return
        url = f"postgresql+psycopg2://pgmaskproxy@{HOST}:{tap.port}/{shopping.SHOPPING}"
        for name, program in (("sqlalchemy", SQLALCHEMY), ("django", DJANGO)):
            texts = run(tap, [python, "-c", f"URL = {url!r}\n{program}"], environment)
            unique = some_of_each([with_names(text, names) for text in texts])
            write(
                directory / f"{name}{major}.yaml", f"{name}'s introspection, by psycopg2.", [{"sql": t} for t in unique]
            )


if __name__ == "__main__":
    for bindir in (None, DEBIAN_15):
        with EmbeddedServer(bindir, authentication="trust") as running:
            record(running, Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
