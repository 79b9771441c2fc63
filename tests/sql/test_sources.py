"""What stands in FROM: relations that reveal, samples, functions' columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, Effect, Opaque, Use
from pgmaskproxy.sql.catalog import Catalog, Column, Operator, Relation, TypeName
from pgmaskproxy.sql.classify import Classifier
from pgmaskproxy.sql.reader import read
from pgmaskproxy.sql.scope import Scope
from pgmaskproxy.sql.sources import REVEALING
from tests.sql.conftest import SEARCH_PATH, deep
from tests.sql.notation import output


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


@pytest.mark.parametrize("name", sorted(REVEALING))
def test_what_shows_others_is_admin(name: str, catalog: Catalog) -> None:
    assert Effect.ADMIN in one(f"SELECT 1 FROM {name}", catalog).effects
    assert Effect.ADMIN in one(f"SELECT (SELECT 1 FROM pg_catalog.{name} LIMIT 1)", catalog).effects


@pytest.mark.parametrize(
    "name",
    [
        "pg_largeobject",
        "pg_replication_slots",
        "pg_stat_progress_copy",
        "pg_toast.pg_toast_1",
    ],
)
def test_so_is_a_family(name: str, catalog: Catalog) -> None:
    assert Effect.ADMIN in one(f"SELECT 1 FROM {name}", catalog).effects


@pytest.mark.parametrize(
    "name", ["pg_class", "pg_type", "pg_indexes", "pg_tables", "information_schema.columns", "pg_settings"]
)
def test_metadata_is_a_read(name: str, catalog: Catalog) -> None:
    assert one(f"SELECT * FROM {name}", catalog).effects == {Effect.READ}


def test_sampling_by_a_method_of_the_users_is_a_routine(catalog: Catalog) -> None:
    assert one("SELECT 1 FROM orders TABLESAMPLE system (1)", catalog).effects == {Effect.READ}
    assert Effect.ROUTINE in one("SELECT 1 FROM orders TABLESAMPLE evil (1)", catalog).effects
    assert Effect.ROUTINE in one("SELECT 1 FROM orders TABLESAMPLE public.system (1)", catalog).effects


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("generate_series(1, 2)", 1),
        ("generate_series(1, 2) WITH ORDINALITY", 2),
        ("json_each('{}')", 2),
        ("ROWS FROM (generate_series(1, 2), json_each('{}'))", 3),
        ("unnest(ARRAY[1, 2])", 1),
        ("unnest('{a}'::text[])", 1),
        ("json_to_record('{}') AS t(a int, b text)", 2),
        ("current_date", 1),
        ("json_populate_record(NULL::pair, '{}')", None),
        ("unnest(ARRAY[ROW(1, 2)])", None),
        ("unnest(ARRAY[1], ARRAY[2])", 2),
        ("unnest(ARRAY[1], ARRAY[ROW(1, 2)])", None),
        ("unnest(ARRAY[1], 'a b'::tsvector)", 4),
        ("unnest('a b'::tsvector)", 3),
        ("unnest('a b'::text)", None),
        ("unnest('{}'::pair[])", None),
        ("unnest(ARRAY[]::text[])", 1),
        ("unnest(ARRAY[])", None),
        ("orders, unnest(ARRAY[memo])", 5),
        ("xmltable('/a' PASSING '<a/>' COLUMNS b int, c int)", 2),
        ("(VALUES (1, 2) ORDER BY 1) t", 2),
        ("f_tab()", None),
    ],
)
def test_columns_of_functions(source: str, columns: int | None, catalog: Catalog) -> None:
    found = one(f"SELECT * FROM {source}", catalog).outputs
    assert (None if found is None else len(found)) == columns


def test_a_functions_column_is_made_of_its_arguments(catalog: Catalog) -> None:
    analysis = one("SELECT f FROM gen, regexp_split_to_table(ssn, '-') f", catalog)
    assert [output(origin) for origin in analysis.outputs or ()] == ["f(gen.ssn)"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT json_table.* FROM customers, json_table(notes, '$' COLUMNS (b int))",
        "SELECT DISTINCT c.* FROM (SELECT id FROM customers) c",
    ],
)
def test_a_star_over_what_has_no_alias(sql: str, catalog: Catalog) -> None:
    found = one(sql, catalog)
    assert found.opaque == ""
    assert len(found.outputs or ()) == 1


def test_a_column_of_a_row_type_is_unnested_into_nobody_knows_what(catalog: Catalog) -> None:
    columns = (Column(1, "pair", 16_478), Column(2, "t", 25), Column(3, "pairs", 16_477))
    rows = Relation(99, "public", "rows", "r", columns)
    known = replace(catalog, relations=(*catalog.relations, rows))
    assert one("SELECT u.* FROM rows, unnest(ARRAY[pair]) u", known).outputs is None
    assert one("SELECT u.* FROM rows, unnest(pairs) u", known).outputs is None
    assert len(one("SELECT u.* FROM rows, unnest(ARRAY[t]) u", known).outputs or ()) == 1


def test_a_source_that_nobody_knows_is_unknown(catalog: Catalog) -> None:
    reader = Classifier(catalog, SEARCH_PATH, b"")
    (found,) = reader.source({"BrandNewSource": {"alias": {"aliasname": "s"}}}, Scope())
    assert isinstance(found.more, Opaque)
    assert Effect.UNKNOWN in reader.facts.effects


def test_using_a_name_that_a_side_has_twice_is_unknown(catalog: Catalog) -> None:
    twice = "(SELECT c.ssn AS secret, g.ssn AS secret FROM customers c, gen g)"
    found = one(f"SELECT secret FROM {twice} a JOIN {twice} b USING (secret)", catalog)
    assert found.opaque
    assert Use.JOIN not in {use.use for use in found.uses}


def test_an_expression_in_from_may_bring_a_rows_columns(catalog: Catalog) -> None:
    assert one("SELECT * FROM CAST('(1,x)' AS pair)", catalog).outputs is None
    assert len(one("SELECT * FROM CAST('x' AS text)", catalog).outputs or ()) == 1
    own = replace(catalog, types=(*catalog.types, TypeName(99_999, "public", "text", "c", True)))
    assert one("SELECT * FROM CAST('(1,x)' AS text)", own).outputs is None


def test_using_runs_an_equality_that_may_be_somebodys_own(catalog: Catalog) -> None:
    sql = "SELECT 1 FROM customers JOIN gen USING (ssn)"
    own = replace(catalog, operators=(*catalog.operators, Operator("public", "=", 25, 25)))
    assert Effect.ROUTINE not in one(sql, catalog).effects
    assert Effect.ROUTINE in one(sql, own).effects
