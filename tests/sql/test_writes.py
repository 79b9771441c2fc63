"""Writes beyond the fixtures: rules, unknown sources, and who is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.model import Analysis, Effect, Use
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep
from tests.sql.notation import output


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


def flows(sql: str, catalog: Catalog) -> set[tuple[str, str]]:
    return {
        (use.column.column, use.target.column) for use in one(sql, catalog).uses if use.use is Use.WRITE and use.target
    }


def test_rewrite_rules_may_do_and_return_anything(catalog: Catalog) -> None:
    ruled = replace(
        catalog,
        relations=tuple(replace(r, has_rules=r.name == "scratch") for r in catalog.relations),
    )
    analysis = one("INSERT INTO scratch VALUES (1, 'x') RETURNING id", ruled)
    assert Effect.ROUTINE in analysis.effects
    assert analysis.outputs is None


def test_a_source_that_is_not_known_is_unknown(catalog: Catalog) -> None:
    for sql in (
        "INSERT INTO scratch SELECT * FROM nope",
        "INSERT INTO scratch SELECT a, b FROM nope",
        "UPDATE scratch SET t = (SELECT a FROM nope)",
        "UPDATE scratch SET (id, t) = (SELECT * FROM nope)",
        "UPDATE scratch SET t = f_sql(1)",
        "MERGE INTO scratch s USING nope n ON true WHEN MATCHED THEN UPDATE SET t = n.a",
    ):
        assert Effect.UNKNOWN in one(sql, catalog).effects, sql


def test_flows(catalog: Catalog) -> None:
    assert flows("INSERT INTO scratch (t, id) SELECT ssn, id FROM customers", catalog) == {("ssn", "t"), ("id", "id")}
    assert flows("INSERT INTO scratch WITH q AS (SELECT * FROM gen) SELECT id, ssn FROM q", catalog) == {
        ("id", "id"),
        ("ssn", "t"),
    }
    assert flows("INSERT INTO scratch VALUES (1, (SELECT ssn FROM gen))", catalog) == {("ssn", "t")}
    assert flows("INSERT INTO scratch SELECT 1, 'x' UNION ALL SELECT 1, ssn FROM gen", catalog) == {("ssn", "t")}
    assert flows("UPDATE scratch SET (t, id) = ROW(gen.ssn, 1) FROM gen", catalog) == {("ssn", "t")}


def test_only_what_is_named_of_the_target_is_read(catalog: Catalog) -> None:
    def reads(sql: str) -> set[str]:
        return {ref.name for ref in one(sql, catalog).reads}

    assert reads("UPDATE scratch SET t = 'x'") == set()
    assert reads("UPDATE scratch SET t = 'x' WHERE id = 1") == {"scratch"}
    assert reads("UPDATE scratch SET t = t") == {"scratch"}
    assert reads("UPDATE scratch SET t = row_to_json(scratch)::text") == {"scratch"}
    assert reads("DELETE FROM scratch") == set()
    assert reads("DELETE FROM scratch RETURNING *") == {"scratch"}
    assert reads("INSERT INTO scratch VALUES (1) RETURNING scratch") == {"scratch"}


def test_returning_what_was_written_is_not_pure(catalog: Catalog) -> None:
    def shown(sql: str) -> list[str]:
        return [output(origin) for origin in one(sql, catalog).outputs or ()]

    assert shown("INSERT INTO gen (id, ssn) VALUES (1, 'guess') RETURNING ssn, id, gen.ssn") == [
        "gen.ssn !",
        "gen.id !",
        "gen.ssn !",
    ]
    assert shown("UPDATE gen SET ssn = 'guess' RETURNING old.ssn, new.ssn") == ["gen.ssn", "gen.ssn !"]
    assert shown("UPDATE gen AS old SET ssn = 'guess' RETURNING old.ssn") == ["gen.ssn !"]


@pytest.mark.parametrize(
    ("condition", "all_rows"),
    [
        ("id = 1", False),
        ("id = $1", False),
        ("CURRENT OF c", False),
        ("id = 1 AND true", False),
        ("id = id AND t = 'x'", False),
        ("id <> id", False),
        ("id IN (SELECT id FROM gen)", False),
        ("scratch.id = gen.id", False),
        ("true", True),
        ("1 = 1", True),
        ("$1 = $1", True),
        ("id = id", True),
        ("scratch.id = id", True),
        ("id >= scratch.id", True),
        ("id OPERATOR(pg_catalog.<=) id", True),
        ("id = 1 OR true", True),
        ("id = 1 OR t = t", True),
        ("(id = id AND 1 = 1) OR id = 5", True),
        ("NOT false", True),
        ("EXISTS (SELECT 1)", True),
    ],
)
def test_a_condition_that_leaves_no_row_out_is_none(condition: str, *, all_rows: bool, catalog: Catalog) -> None:
    source = "USING gen" if "gen." in condition else ""
    assert one(f"DELETE FROM scratch {source} WHERE {condition}", catalog).without_where is all_rows
    if condition != "CURRENT OF c":
        source = source.replace("USING", "FROM")
        assert one(f"UPDATE scratch SET t = '' {source} WHERE {condition}", catalog).without_where is all_rows


@pytest.mark.parametrize(
    ("sql", "where"),
    [
        ("INSERT INTO customers (id) VALUES (1) ON CONFLICT (lower(ssn)) DO NOTHING", "ON CONFLICT"),
        ("INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) WHERE ssn > 'a' DO NOTHING", "ON CONFLICT"),
        (
            "INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x' WHERE customers.ssn > 'a'",
            "ON CONFLICT DO UPDATE WHERE",
        ),
        ("UPDATE customers SET name = 'x' WHERE ssn > 'a'", "WHERE"),
        ("MERGE INTO scratch s USING customers c ON c.ssn > s.t WHEN MATCHED THEN DELETE", "MERGE ON"),
        ("MERGE INTO scratch s USING customers c ON true WHEN MATCHED AND c.ssn > 'a' THEN DELETE", "MERGE WHEN"),
    ],
)
def test_every_condition_of_a_write_decides(sql: str, where: str, catalog: Catalog) -> None:
    found = {(use.column.column, use.use, use.where) for use in one(sql, catalog).uses}
    assert ("ssn", Use.PREDICATE, where) in found


def test_what_unknown_columns_are_made_of_is_used_where_they_are_written(catalog: Catalog) -> None:
    rows = "SELECT id, ssn FROM gen UNION ALL SELECT * FROM json_populate_record(NULL::pair, '{}')"
    found = {(use.column.column, use.use) for use in one(f"INSERT INTO scratch {rows}", catalog).uses}
    assert ("ssn", Use.EXPRESSION) in found


def test_what_either_arm_of_a_merge_wrote_may_return(catalog: Catalog) -> None:
    sql = (
        "MERGE INTO scratch s USING gen g ON s.id = g.id WHEN MATCHED THEN UPDATE SET t = g.ssn "
        "WHEN NOT MATCHED THEN INSERT (id, t) VALUES (1, 'x') RETURNING s.t"
    )
    (origin,) = one(sql, catalog).outputs or ()
    assert "gen.ssn" in output(origin)


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "INSERT INTO scratch (id, t) VALUES (1, 'x'), ($1, $2)",
            {("id", 0, ""), ("t", 0, "x"), ("id", 1, ""), ("t", 2, "")},
        ),
        ("INSERT INTO scratch (t) SELECT 'x' UNION ALL SELECT $1", {("t", 0, "x"), ("t", 1, "")}),
        ("INSERT INTO scratch VALUES (1) ON CONFLICT (id) DO UPDATE SET t = 'x'", {("id", 0, ""), ("t", 0, "x")}),
        ("UPDATE scratch SET t = 'x'::text", {("t", 0, "x")}),
        ("UPDATE scratch SET (id, t) = (1, $1)", {("id", 0, ""), ("t", 1, "")}),
        ("UPDATE scratch SET (id, t) = ROW (1, 'x')", {("id", 0, ""), ("t", 0, "x")}),
        ("UPDATE scratch SET t = 'x' || 'y'", {("t", 0, "x"), ("t", 0, "y")}),
        ("UPDATE scratch SET t = v.t FROM (VALUES (1, 'x')) v(id, t) WHERE v.id = scratch.id", {("t", 0, "x")}),
        ("UPDATE scratch SET t = v.t, id = 2 FROM gen v WHERE v.ssn = 'x'", {("id", 0, "")}),
        ("INSERT INTO scratch (t) SELECT v.t FROM (VALUES ('x'), ('y')) v(t)", {("t", 0, "x"), ("t", 0, "y")}),
        (
            "INSERT INTO scratch (id, t) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET t = excluded.t",
            {("id", 0, ""), ("t", 0, "x")},
        ),
        ("INSERT INTO scratch (id, t) VALUES (1, DEFAULT), (2, 'x')", {("id", 0, ""), ("t", 0, "x")}),
        (
            "MERGE INTO scratch s USING gen g ON s.id = g.id WHEN MATCHED THEN UPDATE SET t = 'x'"
            " WHEN NOT MATCHED THEN INSERT (id, t) VALUES (g.id, $1)",
            {("t", 0, "x"), ("t", 1, "")},
        ),
        ("COPY scratch (t, id) FROM STDIN", {("t", 1, ""), ("id", 2, "")}),
    ],
)
def test_what_is_given_to_be_written(sql: str, found: set[tuple[str, int, str]], catalog: Catalog) -> None:
    inputs = [each for each in one(sql, catalog).inputs if each.use is Use.WRITTEN]
    assert {(each.column.column, each.number, each.literal) for each in inputs} == found


def test_what_execute_is_given_meets_a_column_that_only_the_session_knows(catalog: Catalog) -> None:
    inputs = one("EXECUTE s ('***', 1, lower('x'))", catalog).inputs
    assert [(each.column.column, each.number, each.literal) for each in inputs] == [("", 1, "***"), ("", 2, "")]
