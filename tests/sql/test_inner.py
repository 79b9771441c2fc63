"""The client's own text of a query inside a utility statement."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.grammar import parse
from pgmaskproxy.sql.inner import inner_text
from tests.sql.conftest import deep


def inner(sql: str) -> str | None:
    return deep(lambda: inner_text(sql.encode(), parse(sql)[0].node["query"]))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DECLARE c CURSOR FOR SELECT 1 FOR UPDATE", "SELECT 1 FOR UPDATE"),
        ("PREPARE p (int) AS /* x */ SELECT $1", "SELECT $1"),
        ("PREPARE with_ AS WITH a AS (SELECT 1) SELECT * FROM a", "WITH a AS (SELECT 1) SELECT * FROM a"),
        ("EXPLAIN (COSTS off, FORMAT json) (SELECT 1)", "(SELECT 1)"),
        ("EXPLAIN ANALYZE VERBOSE UPDATE t SET a = 1", "UPDATE t SET a = 1"),
        ("COPY (SELECT (1), ')' -- )\n) TO STDOUT", "SELECT (1), ')'"),
        ("CREATE TABLE t (a, b) WITH (fillfactor = 10) AS SELECT 1, 2 WITH NO DATA", "SELECT 1, 2"),
        ("CREATE TABLE t AS SELECT 1 AS data WITH DATA", "SELECT 1 AS data"),
        ("CREATE TABLE t AS VALUES ('é')", "VALUES ('é')"),
        ('DECLARE "select" CURSOR FOR TABLE t', "TABLE t"),
    ],
)
def test_found(sql: str, expected: str) -> None:
    assert inner(sql) == expected


def test_another_tree_is_not_taken() -> None:
    other = deep(lambda: parse("PREPARE p AS SELECT 2"))[0].node["query"]
    assert deep(lambda: inner_text(b"PREPARE p AS SELECT 1", other)) is None


def test_only_so_many_places_are_tried() -> None:
    """Each try is a parse of the rest of the text: with as many as there are words it would be quadratic."""
    query = {"SelectStmt": deep(lambda: parse("SELECT 1"))[0].node}
    few, many = b"PREPARE p AS " + b"select " * 9 + b"1", b"PREPARE p AS " + b"select " * 20 + b"1"
    assert deep(lambda: inner_text(few, query)) == "select 1"
    assert deep(lambda: inner_text(many, query)) is None
