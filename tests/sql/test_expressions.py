"""Expressions beyond the fixtures: nodes nobody knows, and terms that look like an opt-in and are none."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import pytest

from pgmaskproxy.model import Analysis, Columns, Effect, Opaque, Use
from pgmaskproxy.sql.catalog import Catalog, Function, Operator, TypeName
from pgmaskproxy.sql.classify import Classifier
from pgmaskproxy.sql.expressions import TRANSPARENT
from pgmaskproxy.sql.reader import read
from pgmaskproxy.sql.scope import Item, Scope
from pgmaskproxy.sql.sources import relation_result
from tests.sql.conftest import SEARCH_PATH, deep

GRAMMAR: Any = importlib.import_module("postgast.pg_query_pb2")


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


def uses(sql: str, catalog: Catalog) -> set[Use]:
    return {use.use for use in one(sql, catalog).uses if use.column.column == "ssn"}


def test_a_node_that_nobody_knows_is_unknown_and_uses_what_is_below(catalog: Catalog) -> None:
    reader = Classifier(catalog, SEARCH_PATH, b"")
    relation = catalog.by_name["public", "customers"]
    scope = Scope((Item("customers", relation_result(relation).outputs, relation=relation),))
    reference = {"ColumnRef": {"fields": [{"String": {"sval": "ssn"}}]}}
    origin = reader.origin({"BrandNewExpr": {"args": [reference]}}, scope)
    assert isinstance(origin, Opaque)
    assert Effect.UNKNOWN in reader.facts.effects
    assert [(use.column.column, use.use) for use in reader.facts.uses] == [("ssn", Use.EXPRESSION)]


def test_transparent_nodes_are_nodes_of_the_grammar() -> None:
    assert {field.message_type.name for field in GRAMMAR.Node.DESCRIPTOR.fields} >= TRANSPARENT


@pytest.mark.parametrize(
    "condition",
    [
        "ssn = 'a' OR true",
        "NOT ssn = 'a'",
        "NOT ssn = ANY ($1)",
        "ssn = ANY ($1) OR id = 1",
        "ssn = ALL ($1)",
        "ssn <> ANY ($1)",
        "ssn = ANY ('{a,b}')",
        "ssn IN ('a', 'b')",
        "ssn IN ($1, 'b')",
        "ssn NOT IN ($1, $2)",
        "lower(ssn) = ANY ($1)",
        "ssn = lower('a')",
        "ssn = lower('a')::text",
        "ssn = (SELECT 'a')",
        "ssn = ssn || ''",
        "ssn <> 'a'",
        "(ssn, id) = ('a', 1)",
        "ssn IS NOT DISTINCT FROM 'a'",
        "ssn = 'a' COLLATE \"C\"",
        "CASE WHEN ssn = 'a' THEN true END",
        "(ssn = 'a') = true",
        "coalesce(ssn = 'a', false)",
    ],
)
def test_no_equality(condition: str, catalog: Catalog) -> None:
    assert uses(f"SELECT id FROM customers WHERE {condition}", catalog) == {Use.PREDICATE}


@pytest.mark.parametrize("condition", ["lower(ssn) IS NULL", "(customers) IS NULL", "ssn IS TRUE"])
def test_no_null_test(condition: str, catalog: Catalog) -> None:
    assert uses(f"SELECT id FROM customers WHERE {condition}", catalog) == {Use.PREDICATE}


def test_a_null_test_is_one_wherever_it_stands(catalog: Catalog) -> None:
    assert uses("SELECT sum(CASE WHEN ssn IS NULL THEN 1 ELSE 0 END) FROM customers", catalog) == {Use.NULL_TEST}
    assert uses("SELECT id FROM customers WHERE ssn ISNULL = true", catalog) == {Use.NULL_TEST}


@pytest.mark.parametrize(
    "call",
    ["count(DISTINCT ssn)", "count(ssn) OVER ()", "count(lower(ssn))", "count(customers)", "min(ssn)", "max(ssn)"],
)
def test_no_count(call: str, catalog: Catalog) -> None:
    assert uses(f"SELECT {call} FROM customers", catalog) == {Use.EXPRESSION}


def test_equality_only_in_where(catalog: Catalog) -> None:
    assert uses("SELECT 1 FROM orders o JOIN customers c ON c.ssn = 'x'", catalog) == {Use.PREDICATE}
    assert uses("SELECT ssn FROM customers GROUP BY ssn HAVING ssn = 'x'", catalog) == {Use.PREDICATE}
    assert uses("SELECT count(*) FILTER (WHERE ssn = 'x') FROM customers", catalog) == {Use.PREDICATE}
    assert uses("SELECT ssn = 'x' FROM customers", catalog) == {Use.EXPRESSION}


def test_a_subquerys_column_is_the_column(catalog: Catalog) -> None:
    assert uses("SELECT 1 FROM (SELECT ssn AS x FROM customers) q WHERE x = 'a'", catalog) == {Use.EQUALITY}
    derived = one("SELECT 1 FROM (SELECT lower(ssn) AS x FROM customers) q WHERE x = 'a'", catalog)
    assert {use.use for use in derived.uses} == {Use.EXPRESSION, Use.PREDICATE}


def test_a_functional_attribute_never_clears_a_row(catalog: Catalog) -> None:
    for sql in (
        "SELECT c.to_jsonb FROM customers c",
        "SELECT to_jsonb(c) FROM customers c",
        "SELECT (c).to_jsonb FROM customers c",
    ):
        origins = one(sql, catalog).outputs or ()
        assert not any(isinstance(origin, Columns) for origin in origins)
        assert uses(sql, catalog) == {Use.EXPRESSION}


def test_a_field_of_a_row_is_one_only_where_no_function_and_no_type_has_its_name(catalog: Catalog) -> None:
    sql = "SELECT ssn(customers) FROM customers"
    (field,) = one(sql, catalog).outputs or ()
    assert isinstance(field, Columns)
    function = replace(catalog, functions=(*catalog.functions, Function(99_999, "public", "ssn", "customers")))
    (called,) = one(sql, function).outputs or ()
    assert isinstance(called, Opaque)
    assert Effect.ROUTINE in one(sql, function).effects
    kind = replace(catalog, types=(*catalog.types, TypeName(99_999, "public", "ssn", "d", True)))
    for cast in (one(sql, kind), one("SELECT name(customers) FROM customers", catalog)):
        assert not any(isinstance(origin, Columns) for origin in cast.outputs or ())


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE scratch SET t = nope.*",
        "SELECT id FROM customers, gen",
        "SELECT (SELECT * FROM json_populate_record(NULL::pair, '{}'))",
    ],
)
def test_what_names_nothing_for_certain_is_given_up(sql: str, catalog: Catalog) -> None:
    found = one(sql, catalog)
    assert found.opaque
    assert all(isinstance(origin, Opaque) for origin in found.outputs or ())


def test_a_count_of_somebodys_own_gets_the_values(catalog: Catalog) -> None:
    own = replace(catalog, functions=(*catalog.functions, Function(99_999, "public", "count", "text", "a")))
    for call in ("count(ssn)", "public.count(ssn)"):
        assert Use.COUNT not in uses(f"SELECT {call} FROM customers", own)
    assert uses("SELECT pg_catalog.count(ssn) FROM customers", own) == {Use.COUNT}


def test_a_windows_frame_may_ask_something(catalog: Catalog) -> None:
    frame = "ROWS (SELECT max(length(ssn)) FROM customers) PRECEDING"
    assert Use.EXPRESSION in uses(f"SELECT sum(id) OVER (ORDER BY id {frame}) FROM orders", catalog)


@pytest.mark.parametrize(
    "source",
    [
        "orders o JOIN customers c ON c.ssn = o.memo OR true",
        "customers c JOIN (SELECT ssn AS guess FROM gen UNION ALL SELECT 'a'::text) q ON q.guess = c.ssn",
        "customers c JOIN (SELECT ssn FROM gen UNION ALL SELECT 'a'::text) q USING (ssn)",
    ],
)
def test_no_join_of_keys(source: str, catalog: Catalog) -> None:
    assert uses("SELECT 1 FROM customers c JOIN gen g ON c.ssn = g.ssn", catalog) == {Use.JOIN}
    assert Use.PREDICATE in uses(f"SELECT 1 FROM {source}", catalog)
    assert Use.JOIN not in uses(f"SELECT 1 FROM {source}", catalog)


def test_an_equality_of_somebodys_own_joins_nothing(catalog: Catalog) -> None:
    own = replace(catalog, operators=(*catalog.operators, Operator("public", "=", 25, 25)))
    assert uses("SELECT 1 FROM customers c JOIN gen g ON c.ssn = g.ssn", own) == {Use.PREDICATE}
