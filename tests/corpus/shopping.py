"""What ordinary work runs on: the demo's shop and a warehouse in one database, and the policy to start from."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer

HERE: Final = Path(__file__).parent / "benign"
SHOPPING: Final = "shopping"
POLICY: Final = resources.files("pgmaskproxy").joinpath("policies", "default.yaml").read_text(encoding="utf-8")
_NAMED: Final = re.compile(r"\{(relation|type|function|schema|database|constraint):([^{}]+)\}")
_OIDS: Final = {
    "relation": "SELECT oid, oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relname !~ '^pg_toast'"
    " UNION ALL SELECT reltoastrelid, 'toast of ' || oid::regclass FROM pg_class"
    " WHERE oid >= 16384 AND reltoastrelid <> 0"
    " UNION ALL SELECT i.indexrelid, 'toast index of ' || c.oid::regclass FROM pg_class c JOIN pg_index i"
    " ON i.indrelid = c.reltoastrelid WHERE c.oid >= 16384",
    "type": "SELECT oid, oid::regtype::text FROM pg_type WHERE oid >= 16384",
    "function": "SELECT oid, oid::regprocedure::text FROM pg_proc WHERE oid >= 16384",
    "schema": "SELECT oid, nspname FROM pg_namespace WHERE oid >= 16384",
    "database": "SELECT oid, datname FROM pg_database WHERE datname = current_database()",
    "constraint": "SELECT oid, conrelid::regclass || '.' || conname FROM pg_constraint WHERE oid >= 16384",
}


def create(server: EmbeddedServer) -> None:
    """The database; its roles too. Once per server."""
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SHOPPING)))
    with psycopg.connect(server.conninfo(SHOPPING), autocommit=True) as inside:
        shop.load(inside)
        # One statement at a time: VACUUM runs in no transaction.
        for statement in (HERE / "warehouse.sql").read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                inside.execute(statement.encode())
        inside.execute(f"ALTER DATABASE {SHOPPING} SET search_path = wh, shop, public")


def oids(server: EmbeddedServer) -> dict[str, str]:
    """`{relation:shop.customers}` -> its OID on this server: what recorded statements have in place of numbers."""
    with psycopg.connect(server.conninfo(SHOPPING), autocommit=True) as inside:
        inside.execute("SET search_path = pg_catalog")
        return {
            f"{{{kind}:{name}}}": str(oid)
            for kind, query in _OIDS.items()
            for oid, name in inside.execute(query.encode()).fetchall()
        }


def filled(text: str, known: dict[str, str]) -> str:
    """`text` with its placeholders replaced."""
    return _NAMED.sub(lambda match: known[match.group()], text)
