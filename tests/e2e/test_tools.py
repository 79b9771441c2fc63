"""Tools that ask the catalogs about everything work as they do directly: psql's commands, SQLAlchemy's reflection."""

from __future__ import annotations

import subprocess
from typing import Any, cast

import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from tests.e2e.drivers import direct, psql_environment
from tests.harness.proxy import Proxy

PSQL = (
    r"\d",
    r"\d customers",
    r"\d+ customers",
    r"\d+ payments",
    r"\d+ customer_contacts",
    r"\d customers_id_seq",
    r"\dt+",
    r"\df+",
    r"\l",
    r"\du",
    r"\dn+",
    r"\di",
    r"\dv",
    r"\dm",
    r"\dT",
    r"\dp",
    r"\dx",
    r"\dP",
    r"\dC",
    r"\sf order_total",
    r"\sv customer_contacts",
    r"SELECT id, name FROM products \gdesc",
    r"\encoding",
    r"SELECT nothing; \errverbose",
)


def _psql(proxy: Proxy, conninfo: str) -> tuple[str, str]:
    script = "".join(f"\\echo === {number}\n\\warn === {number}\n{command}\n" for number, command in enumerate(PSQL))
    ended = subprocess.run(
        [str(proxy.database.server.bindir / "psql"), "-X", "-f", "-"],
        env=psql_environment(conninfo),
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return ended.stdout, ended.stderr


def test_psqls_own_commands(shared_proxy: Proxy) -> None:
    seen, truth = (_psql(shared_proxy, conninfo) for conninfo in (shared_proxy.conninfo(), direct(shared_proxy)))
    for found, expected in zip(seen, truth, strict=True):
        parts = zip(found.split("=== ")[1:], expected.split("=== ")[1:], strict=True)
        assert not [(one, other) for one, other in parts if one != other]


def _column(column: sqlalchemy.Column[Any]) -> tuple[object, ...]:
    default = column.server_default
    return column.name, repr(column.type), column.nullable, column.primary_key, str(getattr(default, "arg", default))


def _reflected(conninfo: str) -> dict[str, Any]:
    known = conninfo_to_dict(conninfo)
    url = sqlalchemy.URL.create(
        "postgresql+psycopg",
        str(known["user"]),
        str(known["password"]),
        str(known["host"]),
        int(cast("str", known["port"])),
        str(known["dbname"]),
    )
    engine = sqlalchemy.create_engine(url)
    try:
        metadata = sqlalchemy.MetaData()
        metadata.reflect(engine, schema="shop", views=True)
        inspector = sqlalchemy.inspect(engine)
        tables = sorted(metadata.tables)
        return {
            "tables": {name: [_column(each) for each in metadata.tables[name].columns] for name in tables},
            "indexes": inspector.get_multi_indexes(schema="shop"),
            "keys": inspector.get_multi_foreign_keys(schema="shop"),
            "checks": inspector.get_multi_check_constraints(schema="shop"),
            "sequences": inspector.get_sequence_names(schema="shop"),
            "view": inspector.get_view_definition("customer_contacts", schema="shop"),
        }
    finally:
        engine.dispose()


def test_sqlalchemy_reflects_what_is_there(shared_proxy: Proxy) -> None:
    assert _reflected(shared_proxy.conninfo()) == _reflected(direct(shared_proxy))
