"""What runs behind types, and what functions are known by, as real servers tell it."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql import support as support_json
from pgmaskproxy.sql.catalog import Catalog, Function
from pgmaskproxy.sql.safety import shipped, unsafe_of_order, unsafe_of_type
from tests.harness.servers import Database

OBJECTS = """
CREATE EXTENSION citext;
CREATE FUNCTION spies(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE DOMAIN harmless AS text CHECK (VALUE ~ '^a' AND ROW (VALUE, 1) < ROW ('b', 2) AND VALUE::int > 0);
CREATE DOMAIN spied AS text CHECK (spies(VALUE));
CREATE DOMAIN sets AS text CHECK (set_config('search_path', VALUE, false) IS NOT NULL);
CREATE DOMAIN over AS spied;
CREATE TYPE mood AS ENUM ('happy', 'sad');
CREATE TYPE calm AS (a int, b mood, c harmless[]);
CREATE TYPE nervous AS (a int, b spied[]);
CREATE TYPE words AS RANGE (subtype = citext);
CREATE TYPE numbers AS RANGE (subtype = int4);
CREATE TABLE quiet (id int, word mood);
CREATE TABLE loud (id int, word citext);
CREATE AGGREGATE glued (text) (SFUNC = textcat, STYPE = text);
CREATE FUNCTION total(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq);
"""


def loaded(database: Database) -> Catalog:
    return asyncio.run(load_catalog(database.admin))


@pytest.fixture
def catalog(shop_database: Database) -> Catalog:
    with psycopg.connect(shop_database.admin, autocommit=True) as connection:
        connection.execute("SET search_path TO public")
        connection.execute(OBJECTS)
    return loaded(shop_database)


def functions(catalog: Catalog, oids: frozenset[int] | None) -> set[str]:
    assert oids is not None
    found = {oid: function.name for oid, function in catalog.functions_by_oid.items()}
    return {found.get(oid) or (shipped(catalog, oid) or ("?",))[0] for oid in oids}


def named(catalog: Catalog, name: str) -> Function:
    return next(function for function in catalog.functions if function.name == name)


def test_what_is_behind_types(catalog: Catalog) -> None:
    types = {found.name: found.oid for found in catalog.types if found.schema == "public"}
    unsafe = {name: functions(catalog, unsafe_of_type(catalog, oid)) for name, oid in types.items()}
    plain = {name for name, found in unsafe.items() if not found}
    assert {"harmless", "mood", "calm", "numbers", "quiet"} <= plain
    assert unsafe["spied"] == unsafe["over"] == unsafe["nervous"] == {"spies"}
    assert unsafe["sets"] == {"pg_catalog.set_config(text, text, boolean)"}
    assert {"citextin", "citext_cmp"} <= unsafe["words"]
    assert "citextin" in unsafe["loud"]
    orders = {name: functions(catalog, unsafe_of_order(catalog, oid)) for name, oid in types.items()}
    assert orders["citext"] == orders["loud"] == {"citext_cmp"}
    assert orders["spied"] == orders["mood"] == set()


def test_casts_that_nobody_writes_down(catalog: Catalog) -> None:
    casts = [(source, *functions(catalog, frozenset({function}))) for source, function in catalog.support.casts]
    assert sorted(casts) == [(16, "citext"), (869, "citext"), (1042, "citext")]
    assert support_json.from_json(support_json.to_json(catalog.support)) == catalog.support


def test_classes_families_and_what_initdb_made(catalog: Catalog) -> None:
    compare = named(catalog, "citext_cmp").oid
    for found in (catalog.support.classes, catalog.support.families):
        assert {each.name for each in found} == {"public.citext_ops", "public.citext_pattern_ops"}
        assert compare in {oid for each in found for oid in each.functions}
    assert {"information_schema._pg_truetypid(pg_attribute, pg_type)", "pg_catalog.plpgsql_validator(oid)"} <= set(
        catalog.support.signatures.values()
    )


def test_functions_and_operators_are_told_apart(catalog: Catalog, shop_database: Database) -> None:
    assert named(catalog, "citext_eq").extension == "citext"
    assert named(catalog, "total").extension == ""
    assert named(catalog, "glued").supports == (1258,)
    assert {operator.function for operator in catalog.operators_by_name["==="]} == {67}
    assert all(operator.oid >= 16_384 for operator in catalog.operators)
    assert Catalog.from_json(catalog.to_json()) == catalog
    assert loaded(shop_database) == catalog


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE FUNCTION total(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER FUNCTION total SECURITY DEFINER",
        "ALTER FUNCTION total SET search_path TO public",
        "ALTER FUNCTION total OWNER TO trusting",
        "ALTER FUNCTION total IMMUTABLE",
        "CREATE OR REPLACE FUNCTION total(int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT $1; END",
        "CREATE OR REPLACE FUNCTION total(int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT $1'",
        "CREATE OR REPLACE AGGREGATE glued (text) (SFUNC = text_larger, STYPE = text)",
        "CREATE OR REPLACE AGGREGATE glued (text) (SFUNC = textcat, STYPE = text, INITCOND = 'x')",
    ],
)
def test_whatever_decides_what_a_function_does_is_in_its_hash(
    catalog: Catalog, shop_database: Database, change: str
) -> None:
    with psycopg.connect(shop_database.admin, autocommit=True) as connection:
        connection.execute("SET search_path TO public")
        connection.execute(change.encode())
    now = loaded(shop_database)
    name = "glued" if "glued" in change else "total"
    before, after = named(catalog, name), named(now, name)
    assert (before.digest, before.supports) != (after.digest, after.supports)
    assert named(now, "spies") == named(catalog, "spies")
