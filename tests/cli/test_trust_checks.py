"""What is said of trust, and pinning anew."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg

from pgmaskproxy.cli.trust_checks import trust_findings
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.sql.catalog import Catalog, Function
from pgmaskproxy.sql.trust import Trust
from tests.cli.conftest import Invoke
from tests.cli.files import write
from tests.harness.servers import Database

EQ = Function(20_001, "public", "citext_eq", "citext, citext", extension="citext", digest="a1", volatility="i")
TOTAL = Function(20_002, "shop", "total", "integer, text", digest="b1", volatility="s")
CATALOG = Catalog(functions=(EQ, TOTAL))


def pin_file(directory: Path, *extensions: str, functions: tuple[str, ...] = ()) -> PinFile:
    return PinFile(Trust(frozenset(extensions), frozenset(functions)), directory / "trust.lock")


def test_nothing_is_said_where_nothing_is_named(tmp_path: Path) -> None:
    assert list(trust_findings(pin_file(tmp_path), "shop", CATALOG, pin=True)) == []
    assert not (tmp_path / "trust.lock").exists()


def test_what_is_trusted_missing_or_reads(tmp_path: Path) -> None:
    pins = pin_file(tmp_path, "citext", "hstore", functions=("shop.total(integer,text)",))
    found = list(trust_findings(pins, "shop", CATALOG, pin=False))
    assert [level for level, _, _ in found] == ["ok", "warning", "warning"]
    assert found[0][1] == "2 functions and 0 views are trusted; 2 of them are pinned when `serve` first sees them"
    assert found[1][1] == "there is no extension hstore"
    assert "shop.total(integer, text) is not immutable" in found[2][1]
    assert not (tmp_path / "trust.lock").exists()


def test_a_function_that_is_replaced(invoke: Invoke, tmp_path: Path, shop_database: Database) -> None:
    config = write(tmp_path, database=shop_database)
    config.write_text(config.read_text() + "trust: {extensions: [citext], functions: ['public.f(integer)'], lock: l}\n")

    def run(sql: str) -> None:
        with psycopg.connect(shop_database.admin, autocommit=True) as connection:
            connection.execute("SET search_path TO public")
            connection.execute(sql.encode())

    def said(*arguments: str) -> tuple[int, str]:
        answer = invoke("check", "--format", "json", *arguments)
        findings = json.loads(answer.stdout)["findings"]
        return answer.exit_code, "\n".join(f"{each['level']} {each['message']}" for each in findings)

    run("CREATE EXTENSION citext")
    run("CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'")
    assert "are pinned when" in said()[1]
    code, text = said("--pin")
    assert code == 0, text
    assert "and pinned in" in text
    assert "public.f(integer)" in (tmp_path / "l").read_text()
    run("CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 2'")
    code, text = said()
    assert code == 78
    assert "error " in text
    assert "public.f(integer) is not what it was when public.f(integer) was pinned" in text
    assert said("--pin")[0] == 0
    assert said()[0] == 0
    (tmp_path / "l").write_text("[]")
    code, text = said()
    assert code == 78
    assert "no file of pins" in text
