"""The catalog as read from real servers, and as read past what a client put in its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psycopg
import pytest

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.catalog import Catalog, Index
from tests.harness.servers import Database


def load(conninfo: str) -> Catalog:
    return asyncio.run(load_catalog(conninfo))


def run(database: Database, *statements: str) -> None:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_the_shop(shop_database: Database) -> None:
    catalog = load(shop_database.upstream)
    customers = catalog.by_name["shop", "customers"]
    assert customers.kind == "r"
    assert [column.number for column in customers.columns] == sorted(column.number for column in customers.columns)
    assert catalog.by_name["shop", "customer_contacts"].definition.lstrip().startswith("SELECT")
    assert catalog.by_name["shop", "customer_totals"].kind == "m"
    payments = catalog.by_name["shop", "payments"]
    assert catalog.by_name["shop", "payments_2024"].parents == (payments.oid,)
    orders = catalog.by_name["shop", "orders"]
    assert customers.oid in {key.referenced for key in orders.foreign_keys}
    assert {function.name for function in catalog.functions} >= {"order_total", "customer_tax_id"}
    assert catalog.by_name["pg_catalog", "pg_class"].columns[0].name == "oid"
    assert ("information_schema", "columns") in catalog.by_name
    assert catalog.version // 10_000 in {15, 18}
    assert Catalog.from_json(catalog.to_json()) == catalog


def test_what_is_special(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE TABLE shop.odd (a int, dropped int, b int GENERATED ALWAYS AS (a + 1) STORED)",
        "ALTER TABLE shop.odd DROP COLUMN dropped",
        "CREATE RULE r AS ON INSERT TO shop.odd DO ALSO SELECT 1",
        "CREATE FUNCTION shop.eq(text, int) RETURNS bool LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR shop.= (leftarg = text, rightarg = int, function = shop.eq)",
        "CREATE DOMAIN shop.checked AS text CHECK (value <> '')",
        "CREATE DOMAIN shop.plain AS text",
        "CREATE TYPE shop.mood AS ENUM ('a')",
        "CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE FUNCTION shop.noted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE shop.watched (a int)",
        "CREATE TRIGGER noted BEFORE INSERT ON shop.watched FOR EACH ROW EXECUTE FUNCTION shop.noted()",
    )
    catalog = load(shop_database.admin)
    odd = catalog.by_name["shop", "odd"]
    assert [(column.name, column.number, column.generated) for column in odd.columns] == [("a", 1, ""), ("b", 3, "s")]
    assert odd.columns[1].expression == "(a + 1)"
    assert odd.has_rules
    assert not odd.has_triggers
    assert catalog.by_name["shop", "watched"].has_triggers
    assert [(one.schema, one.left, one.right) for one in catalog.operators_by_name["="]] == [("shop", 25, 23)]
    kinds = {one.name: (one.kind, one.checked) for one in catalog.types}
    assert kinds["checked"] == ("d", True)
    assert kinds["plain"] == ("d", False)
    assert kinds["mood"] == ("e", False)
    assert "_mood" not in kinds


def test_a_client_cannot_stand_in_the_way(shop_database: Database) -> None:
    """THREATS X4 and X5: tables, operators and functions of the catalog's own names, first on the path."""
    before = load(shop_database.admin)
    role = psycopg.conninfo.conninfo_to_dict(shop_database.admin)["user"]
    run(
        shop_database,
        "CREATE SCHEMA evil",
        "CREATE TABLE evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false",
        "CREATE TABLE evil.pg_attribute AS SELECT attrelid, attnum, attname FROM pg_catalog.pg_attribute WHERE false",
        "CREATE FUNCTION evil.never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.= (leftarg = oid, rightarg = oid, function = evil.never)",
        "CREATE FUNCTION evil.pg_get_viewdef(oid) RETURNS text LANGUAGE sql AS 'SELECT ''SELECT 1'''",
        f'ALTER ROLE "{role}" SET search_path = evil, pg_catalog',
    )
    try:
        after = load(shop_database.admin)
    finally:
        run(shop_database, f'ALTER ROLE "{role}" RESET search_path')
    mine = [relation for relation in after.relations if relation.schema == "shop"]
    assert mine == [relation for relation in before.relations if relation.schema == "shop"]


def test_what_is_not_in_it_makes_another_one_of_it_all_the_same(shop_database: Database) -> None:
    before = load(shop_database.admin)
    assert load(shop_database.admin) == before
    run(shop_database, "CREATE POLICY p ON shop.orders USING (true)")
    after = load(shop_database.admin)
    assert after != before
    assert replace(after, stamp=before.stamp) == before


def test_nobody_there() -> None:
    with pytest.raises(Unavailable) as caught:
        load("host=127.0.0.1 port=1 user=x dbname=x connect_timeout=2")
    assert caught.value.sqlstate == "08006"


def test_what_runs_when_a_row_is_written(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE SCHEMA w",
        "CREATE FUNCTION w.f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION w.t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE DOMAIN w.d AS int CHECK (w.f(VALUE) > 0)",
        "CREATE TABLE w.plain (a int PRIMARY KEY DEFAULT 1 CHECK (abs(a) > 0), b text)",
        "CREATE TABLE w.keyed (a int REFERENCES w.plain)",
        "CREATE TABLE w.cascading (a int REFERENCES w.plain ON DELETE CASCADE)",
        "CREATE TABLE w.nulling (a int REFERENCES w.plain ON UPDATE SET NULL)",
        "CREATE TABLE w.defaulted (a int DEFAULT w.f(1))",
        "CREATE TABLE w.checked (a int CHECK (w.f(a) > 0))",
        "CREATE TABLE w.indexed (a int)",
        "CREATE INDEX ON w.indexed (w.f(a))",
        "CREATE TABLE w.typed (a w.d)",
        "CREATE TABLE w.secured (a int)",
        "CREATE POLICY p ON w.secured USING (w.f(a) > 0)",
        "CREATE TABLE w.split (a int) PARTITION BY LIST (w.f(a))",
        "CREATE TABLE w.triggered (a int)",
        "CREATE TRIGGER t BEFORE INSERT ON w.triggered FOR EACH ROW EXECUTE FUNCTION w.t()",
    )
    catalog = load(shop_database.admin)
    mine = [relation for relation in catalog.relations if relation.schema == "w"]
    running = {relation.name for relation in mine if relation.runs_functions}
    assert running == {"defaulted", "checked", "indexed", "typed", "secured", "split"}
    assert {relation.name for relation in mine if relation.has_triggers} == {"triggered"}
    cascading = {relation.name for relation in mine if any(key.cascades for key in relation.foreign_keys)}
    assert cascading == {"cascading", "nulling"}
    assert [relation.name for relation in mine if relation.default_functions] == ["defaulted"]
    assert Catalog.from_json(catalog.to_json()) == catalog


def test_what_keeps_rows_out_and_in_which_order_rows_may_come(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE SCHEMA w",
        "CREATE TABLE w.t (a int CHECK (a > 0), b int, c text, d int, CHECK (a < b), CHECK (t IS NOT NULL))",
        "CREATE INDEX ON w.t (b, a) INCLUDE (d)",
        "CREATE UNIQUE INDEX ON w.t (d) WHERE c IS NOT NULL",
        "CREATE INDEX ON w.t (lower(c), a)",
        "CREATE INDEX ON w.t USING gin (to_tsvector('simple', c))",
        "CREATE INDEX ON w.t USING brin (a)",
        "ALTER TABLE w.t ADD EXCLUDE USING gist (int4range(a, b) WITH &&)",
    )
    catalog = load(shop_database.admin)
    found = catalog.by_name["w", "t"]
    assert found.indexes == (
        Index((2, 1), (1, 2), scanned=True),
        Index((4,), (3, 4), unique=True, scanned=True, expressions=("(c IS NOT NULL)",)),
        Index((1, 3), (1, 3), scanned=True, expressions=("lower(c)",)),
        Index((3,), (3,), expressions=("to_tsvector('simple'::regconfig, c)",)),
        Index((1,), (1,)),
        Index((1, 2), (1, 2), unique=True, scanned=True, expressions=("int4range(a, b)",)),
    )
    assert found.checks == ((1, 2), (1, 2, 3, 4))
    assert not catalog.by_name["pg_catalog", "pg_class"].indexes
    assert Catalog.from_json(catalog.to_json()) == catalog


def test_partition_keys_bind_columns_together_wherever_a_row_is_changed(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE SCHEMA k",
        "CREATE TABLE k.t (a int, b int, c int) PARTITION BY RANGE ((a + b))",
        "CREATE TABLE k.one (c int, b int, a int)",
        "ALTER TABLE k.t ATTACH PARTITION k.one FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE k.two PARTITION OF k.t FOR VALUES FROM (10) TO (20) PARTITION BY LIST (c)",
        "CREATE TABLE k.three PARTITION OF k.two DEFAULT",
        "CREATE TABLE k.plain (a int, b int) PARTITION BY RANGE (a, b)",
    )
    catalog = load(shop_database.admin)
    checks = {relation.name: relation.checks for relation in catalog.relations if relation.schema == "k"}
    assert checks == {"t": ((1, 2),), "one": ((2, 3),), "two": ((1, 2),), "three": ((1, 2),), "plain": ((1, 2),)}


def test_which_columns_a_row_has_a_value_for_without_being_given_one(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE DOMAIN public.seven AS int DEFAULT 7",
        "CREATE TABLE public.f (a int, b int DEFAULT 1, c int GENERATED ALWAYS AS (1) STORED, d seven,"
        " e int GENERATED ALWAYS AS IDENTITY, f serial)",
    )
    found = load(shop_database.admin).by_name["public", "f"]
    assert [column.name for column in found.columns if column.filled] == ["b", "d", "e", "f"]


def test_columns_that_hold_rows(shop_database: Database) -> None:
    run(
        shop_database,
        "CREATE SCHEMA r",
        "CREATE TABLE r.people (id int, ssn text)",
        "CREATE DOMAIN r.person AS r.people",
        "CREATE TYPE r.pair AS (one r.people, n int)",
        "CREATE TABLE r.log (id int, a r.people, b r.people[], c r.person, d r.pair, e r.pair[], f text[])",
        "CREATE VIEW r.v AS SELECT a FROM r.log",
    )
    catalog = load(shop_database.admin)
    people, pair = (catalog.by_name["r", name].oid for name in ("people", "pair"))
    held = {column.name: column.rows_of for column in catalog.by_name["r", "log"].columns}
    rows, pairs = (people,), (people, pair)
    assert held == {"id": (), "a": rows, "b": rows, "c": rows, "d": pairs, "e": pairs, "f": ()}
    assert [column.name for column in catalog.by_name["r", "pair"].columns] == ["one", "n"]
    assert catalog.by_name["r", "v"].columns[0].rows_of == (people,)
    assert Catalog.from_json(catalog.to_json()) == catalog
