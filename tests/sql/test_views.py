"""What views are made of, by the trees of real servers, and by what is left where a tree cannot be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest

from pgmaskproxy.model import ColumnRef
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.catalog import Catalog, Column, Relation
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.views import deciding, relations_read
from tests.harness.servers import Database
from tests.sql.conftest import deep

SETUP = """
CREATE SCHEMA c;
CREATE TABLE c.people (gone int, id int PRIMARY KEY, ssn text, name text, boss int REFERENCES c.people);
ALTER TABLE c.people DROP COLUMN gone;
CREATE TABLE c.other (id int, note text);
CREATE FUNCTION c.peek(int) RETURNS text LANGUAGE sql AS 'SELECT ssn FROM c.people WHERE id = $1';
"""
SSN = {("c", "people", "ssn"): "ssn"}


def closed(database: Database, *statements: str, change: Callable[[Catalog], Catalog] | None = None) -> dict[str, str]:
    """The labels of schema c when people.ssn has one."""
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(SETUP.encode())
        for statement in statements:
            connection.execute(statement.encode())
    catalog = asyncio.run(load_catalog(database.admin))
    if change is not None:
        catalog = change(catalog)
    found = deep(lambda: close_labels(catalog, {ColumnRef("c", "people", "ssn"): frozenset({"ssn"})}))
    return {
        f"{column.table}.{column.column}": "derived" if labels.derived else "bare"
        for column, labels in sorted(found.items())
        if column.schema == "c" and column.table not in {"people"}
    }


@pytest.mark.parametrize(
    ("query", "labelled"),
    [
        ("SELECT ssn AS a, id AS b FROM c.people", {"v.a": "bare"}),
        ("SELECT left(ssn, 4) AS a FROM c.people", {"v.a": "derived"}),
        ("SELECT ssn::varchar AS a FROM c.people", {"v.a": "bare"}),
        ("SELECT ssn AS a, name AS b FROM c.people AS p(id, name, ssn, boss)", {"v.b": "bare"}),
        ("SELECT p AS a, p.id AS b FROM c.people p", {"v.a": "derived"}),
        ("SELECT (p).ssn AS a FROM c.people p", {"v.a": "bare"}),
        ("SELECT a FROM (SELECT ssn FROM c.people UNION ALL SELECT note FROM c.other) s(a)", {"v.a": "bare"}),
        ("SELECT coalesce(ssn, name) AS a, name AS b FROM c.people", {"v.a": "derived"}),
        ("WITH RECURSIVE w(i, s) AS (SELECT id, ssn FROM c.people UNION ALL SELECT boss, s FROM c.people JOIN w ON"
         " id = i) SELECT i AS a, s AS b FROM w", {"v.b": "bare"}),
        ("SELECT id AS a FROM c.people WHERE ssn LIKE '1%'", {}),
        ("SELECT count(*) AS a FROM c.people", {}),
        ("SELECT (SELECT max(ssn) FROM c.people) AS a, note AS b FROM c.other", {"v.a": "derived"}),
        ("SELECT row_to_json(p) AS a FROM c.people p", {"v.a": "derived"}),
        ('SELECT U&"\\0073sn" AS a FROM c.people', {"v.a": "bare"}),
        ("SELECT x.a FROM c.other, LATERAL (SELECT ssn FROM c.people p WHERE p.id = other.id) x(a)", {"v.a": "bare"}),
    ],
)  # fmt: skip
def test_by_the_servers_tree(shop_database: Database, query: str, labelled: dict[str, str]) -> None:
    for kind in ("VIEW", "MATERIALIZED VIEW"):
        if kind == "MATERIALIZED VIEW" and " p AS a" in query:
            continue
        with psycopg.connect(shop_database.admin, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS c CASCADE")
        assert closed(shop_database, f"CREATE {kind} c.v AS {query}") == labelled


def test_views_over_views_however_deep(shop_database: Database) -> None:
    assert closed(
        shop_database,
        "CREATE VIEW c.one AS SELECT id, ssn AS s FROM c.people",
        "CREATE MATERIALIZED VIEW c.two AS SELECT s, id AS t FROM c.one",
        "CREATE VIEW c.three AS SELECT upper(s) AS u, t, t AS w FROM c.two",
    ) == {"one.s": "bare", "two.s": "bare", "three.u": "derived"}


def test_partitions_children_and_keys_by_number(shop_database: Database) -> None:
    assert closed(
        shop_database,
        "CREATE TABLE c.child (extra int) INHERITS (c.people)",
        "CREATE TABLE c.part (ssn text) PARTITION BY LIST (ssn)",
        "CREATE TABLE c.part_1 (dropped int, ssn text)",
        "ALTER TABLE c.part_1 DROP COLUMN dropped",
        "ALTER TABLE c.part ATTACH PARTITION c.part_1 FOR VALUES IN ('1')",
        "ALTER TABLE c.people ADD UNIQUE (ssn)",
        "ALTER TABLE c.part ADD FOREIGN KEY (ssn) REFERENCES c.people (ssn)",
        "CREATE TABLE c.gen (s text REFERENCES c.people (ssn), t text GENERATED ALWAYS AS (s || '!') STORED)",
    ) == {"child.ssn": "bare", "part.ssn": "bare", "part_1.ssn": "bare", "gen.s": "bare", "gen.t": "derived"}


def test_a_function_of_somebodys_own_hides_what_a_materialized_view_was_filled_from(shop_database: Database) -> None:
    assert closed(
        shop_database,
        "CREATE MATERIALIZED VIEW c.m AS SELECT id AS a, c.peek(id) AS b FROM c.people",
        "CREATE VIEW c.v AS SELECT id AS a, c.peek(id) AS b FROM c.people",
    ) == {"m.b": "derived"}


@pytest.mark.parametrize("damage", [("{QUERY", "{QUEER"), (":commandType 1", ":commandType 1 :more 1"), (")", "")])
def test_a_tree_that_cannot_be_read(shop_database: Database, damage: tuple[str, str]) -> None:
    """Every column is derived from everything that the tree names."""

    def damaged(catalog: Catalog) -> Catalog:
        def one(relation: Relation) -> Relation:
            return replace(relation, definition_tree=relation.definition_tree.replace(*damage))

        return replace(catalog, relations=tuple(map(one, catalog.relations)))

    views = ("CREATE VIEW c.v AS SELECT id AS a FROM c.people", "CREATE VIEW c.w AS SELECT id AS a FROM c.other")
    assert closed(shop_database, *views, change=damaged) == {"v.a": "derived"}


def test_a_tree_that_names_nothing_and_cannot_be_read_reads_everything(shop_database: Database) -> None:
    def emptied(catalog: Catalog) -> Catalog:
        def one(relation: Relation) -> Relation:
            return replace(relation, definition_tree="({" if relation.definition_tree else "")

        return replace(catalog, relations=tuple(map(one, catalog.relations)))

    assert closed(shop_database, "CREATE VIEW c.v AS SELECT 1 AS a", change=emptied) == {"v.a": "derived"}


def test_what_a_view_reads_is_read_off_its_tree(shop_database: Database) -> None:
    with psycopg.connect(shop_database.admin, autocommit=True) as connection:
        connection.execute(SETUP.encode())
        connection.execute("CREATE VIEW c.v AS SELECT 1 AS a FROM c.people WHERE EXISTS (SELECT FROM c.other)")
    catalog = asyncio.run(load_catalog(shop_database.admin))
    view = catalog.by_name["c", "v"]
    assert re.match(r"\(\{QUERY ", view.definition_tree)
    assert relations_read(catalog, view) == {catalog.by_name["c", name].oid for name in ("people", "other")}
    assert not catalog.by_name["pg_catalog", "pg_stats"].definition_tree


@pytest.mark.parametrize(
    ("query", "decides"),
    [
        ("SELECT name FROM c.people WHERE id > 1", {"people.id"}),
        ("SELECT id, name FROM c.people ORDER BY name", {"people.name"}),
        ("SELECT upper(name) FROM c.people", set()),
        ("SELECT id, name FROM c.people GROUP BY id, name", set()),
        ("SELECT count(*) FROM c.people WHERE name IS NULL", {"people.name"}),
    ],
)
def test_by_what_a_view_chooses_its_rows(shop_database: Database, query: str, decides: set[str]) -> None:
    with psycopg.connect(shop_database.admin, autocommit=True) as connection:
        connection.execute(SETUP.encode())
        connection.execute(f"CREATE VIEW c.v AS {query}".encode())
    catalog = asyncio.run(load_catalog(shop_database.admin))
    names = catalog.column_refs()

    def named(view: Relation) -> set[str]:
        return {f"{names[key].table}.{names[key].column}" for key in deep(lambda: deciding(catalog, view))}

    view = catalog.by_name["c", "v"]
    assert named(view) == decides
    assert named(replace(view, definition_tree="")) == decides, "by its text"
    unread = named(replace(view, definition_tree=view.definition_tree.replace("QUERY", "QUIRKS", 1)))
    assert unread >= {"people.id", "people.name"}, "all of it where it cannot be read"


def test_without_a_tree_a_text_that_cannot_be_read_reads_everything() -> None:
    table = Relation(20_001, "s", "t", "r", (Column(1, "a", 25),))
    view = Relation(20_002, "s", "v", "v", (Column(1, "a", 25),), definition="SELECT FROM WHERE")
    catalog = Catalog((table, view))
    assert deep(lambda: relations_read(catalog, view)) == {table.oid, view.oid}
    assert deep(lambda: deciding(catalog, view)) == {(table.oid, 1), (view.oid, 1)}
