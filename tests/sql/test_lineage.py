"""Queries beyond the fixtures: which name wins, and what is not known is not guessed."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, Use
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SEARCH_PATH, deep
from tests.sql.notation import output


def one(sql: str, catalog: Catalog) -> Analysis:
    return deep(lambda: read(sql, catalog, SEARCH_PATH))[0].analysis


def outputs(sql: str, catalog: Catalog) -> list[str] | None:
    found = one(sql, catalog).outputs
    return None if found is None else [output(origin) for origin in found]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        # a FROM subquery that is not LATERAL does not see its neighbours, but what encloses them
        ("SELECT (SELECT q.v FROM customers, (SELECT c.memo AS v) q LIMIT 1) FROM orders c", ["orders.memo"]),
        (
            "SELECT (SELECT q.v FROM customers c, LATERAL (SELECT c.ssn AS v) q LIMIT 1) FROM gen c",
            ["customers.ssn"],
        ),
        ("SELECT (SELECT q.v FROM customers c, (SELECT c.ssn AS v) q LIMIT 1) FROM gen c", ["gen.ssn"]),
        # a join's alias hides what is in it
        ("SELECT (SELECT a.ssn FROM (customers a JOIN orders o ON true) j LIMIT 1) FROM gen a", ["gen.ssn"]),
        # WITH: the innermost wins, and a non-recursive one does not see itself
        ("WITH people AS (SELECT ssn FROM people) SELECT ssn FROM people", ["people.ssn"]),
        ("WITH a AS (SELECT ssn FROM gen) SELECT (WITH a AS (SELECT t AS ssn FROM scratch) TABLE a)", ["scratch.t"]),
        ("WITH a AS (SELECT 1 AS ssn) SELECT q.ssn FROM (SELECT ssn FROM a) q", ["-"]),
        # an alias list renames a relation, a join, a function
        ("SELECT b FROM gen AS t(a, b)", ["gen.ssn"]),
        ("SELECT ssn FROM gen AS t(ssn)", ["?"]),
        ("SELECT x FROM (gen JOIN scratch USING (id)) AS j(i, x)", ["gen.ssn"]),
        ("SELECT x FROM generate_series(1, 2) AS t(x), gen", ["-"]),
        ("SELECT ssn FROM json_to_record('{}') AS t(ssn text)", ["-"]),
        # a function of unknown columns may have the name or not
        ("SELECT (SELECT ssn FROM json_populate_record(NULL::pair, '{}') p LIMIT 1) FROM gen", ["gen.ssn !"]),
        # set operations: by ordinal
        ("SELECT id, ssn FROM gen UNION ALL SELECT id, t FROM scratch", ["gen.id | scratch.id", "gen.ssn | scratch.t"]),
        ("SELECT 1 UNION ALL SELECT 1, 2", None),
        ("SELECT * FROM f_tab() UNION ALL SELECT 1", None),
        ("SELECT *, ssn FROM customers, nope", None),
    ],
)
def test_names(sql: str, expected: list[str] | None, catalog: Catalog) -> None:
    assert outputs(sql, catalog) == expected


def test_a_recursive_query_settles(catalog: Catalog) -> None:
    columns = "name, email, ssn, card, notes"
    sql = (
        f"WITH RECURSIVE t(a, b, c, d, e) AS (SELECT {columns} FROM customers UNION ALL SELECT b, c, d, e, a FROM t)"
        " SELECT a FROM t"
    )
    everything = " | ".join(sorted(f"customers.{name}" for name in columns.split(", ")))
    assert outputs(sql, catalog) == [everything]


def test_mutual_recursion_ends(catalog: Catalog) -> None:
    sql = "WITH RECURSIVE a AS (SELECT ssn FROM gen UNION SELECT * FROM b), b AS (SELECT * FROM a) SELECT * FROM a"
    assert outputs(sql, catalog) != ["-"]


def test_a_query_that_only_names_itself_is_opaque(catalog: Catalog) -> None:
    assert outputs("WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a", catalog) is None


@pytest.mark.parametrize(
    ("sql", "total"),
    [
        ("SELECT upper(ssn) FROM customers", {True}),
        ("SELECT 'x' || left(ssn, 2) FROM people", {True}),
        ("SELECT u FROM (SELECT upper(ssn) AS u FROM customers) q", {True}),
        ("WITH q AS (SELECT lower(ssn) AS u FROM customers) TABLE q", {True}),
        ("SELECT upper(ssn) FROM customers UNION ALL SELECT 'x'", {True}),
        ("SELECT length(u) FROM (SELECT upper(ssn) AS u FROM customers) q", {True, False}),
        ("SELECT upper(ssn), ssn::int FROM customers", {True, False}),
        ("SELECT upper(c) FROM customers c", {False}),
        ("SELECT max(upper(ssn)) FROM customers", {False}),
        ("SELECT f_sql(id), shop.upper(ssn) FROM customers", {False}),
        ("SELECT * FROM customers, upper(ssn)", {False}),
        ("SELECT id FROM customers, LATERAL (VALUES (upper(ssn))) v", {False}),
        ("UPDATE customers SET name = upper(ssn)", {False}),
        ("SELECT upper(x) FROM (SELECT ssn FROM customers) AS q(x)", {True}),
        ("SELECT upper(dob) FROM customers", {False}),
    ],
)
def test_what_total_functions_make_is_told_apart(sql: str, total: set[bool], catalog: Catalog) -> None:
    found = {use.total for use in one(sql, catalog).uses if use.use is Use.EXPRESSION}
    assert found == total
