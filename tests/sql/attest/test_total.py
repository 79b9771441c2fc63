"""Total expressions in the server's own trees: the same ones as the text finds, on every supported server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import ColumnUse, Use
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.notice import at_parse
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.attest.total import CONCATENATION, FUNCTIONS
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from tests.sql.attest.server import DATABASE, Trees, session
from tests.sql.conftest import SEARCH_PATH, deep

TOTAL = [
    "upper(ssn)",
    "lower(left(ssn, 3))",
    "right(ssn, 4)",
    "substr(ssn, 2)",
    "substring(ssn from 1 for 3)",
    "length(ssn)",
    "md5(ssn)",
    "initcap(reverse(ssn))",
    "trim(ssn)",
    "trim(leading '0' from ssn)",
    "rtrim(ssn, '0')",
    "replace(ssn, '-', '')",
    "coalesce(ssn, 'none')",
    "concat(ssn, '-', email)",
    "ssn || '-' || upper(email)",
]
NOT_IN_THE_TREE = [
    "ssn::varchar",
    "length(ssn) + 1",
    "left(ssn, length(email))",
    "ssn::int",
    "ssn || now()",
    "ssn || 5",
    "substring(ssn, '[0-9]')",
    "nullif(ssn, 'x')",
    "greatest(ssn, 'x')",
    "CASE WHEN true THEN ssn END",
    'upper(ssn COLLATE "C")',
    "max(upper(ssn))",
    "upper(ssn || $1)",
    "coalesce(length(ssn), 1)",
    "concat(ssn, id)",
    "upper((SELECT ssn))",
    "array_length(string_to_array(ssn, '-'), 1)",
]


class World:
    """A server's trees and its catalog."""

    def __init__(self, trees: Trees, catalog: Catalog) -> None:
        self.trees = trees
        self.catalog = catalog

    def tree(self, sql: str) -> tuple[ColumnUse, ...]:
        own = at_parse(self.trees.parse(sql)).own
        assert own is not None
        return Names(self.catalog.column_refs()).uses(attest(own, self.trees.major))

    def text(self, sql: str) -> tuple[ColumnUse, ...]:
        return deep(lambda: read(sql, self.catalog, SEARCH_PATH))[0].analysis.uses


@pytest.fixture
def world(attested: EmbeddedServer) -> Iterator[World]:
    catalog = asyncio.run(load_catalog(attested.conninfo(DATABASE)))
    with session(attested, "postgres") as trees:
        yield World(trees, catalog)


def totals(uses: tuple[ColumnUse, ...]) -> set[bool]:
    return {use.total for use in uses if use.use is Use.EXPRESSION and use.column.column in {"ssn", "email"}}


def test_text_and_tree_find_the_same(world: World) -> None:
    for expression in TOTAL:
        sql = f"SELECT {expression} FROM customers"
        assert totals(world.tree(sql)) == {True}, sql
        # This database has a `||` of hstore's and a replace() of citext's too: which is meant the text cannot tell.
        assert totals(world.text(sql)) == {"||" not in sql and "replace" not in sql}, sql


def test_what_the_tree_does_not_call_total_the_text_does_not_either(world: World) -> None:
    for expression in NOT_IN_THE_TREE:
        sql = f"SELECT {expression} FROM customers"
        assert True not in totals(world.tree(sql)), sql
        assert True not in totals(world.text(sql)), sql


def test_only_text_has_total_functions(world: World) -> None:
    for sql in (
        "SELECT upper(r) FROM (SELECT int4range(id, id) AS r, ssn FROM customers) x",
        "SELECT concat(dob) FROM customers",
        "SELECT coalesce(dob, NULL) FROM customers",
    ):
        for found in (world.tree(sql), world.text(sql)):
            assert not any(use.total for use in found), sql


def test_total_once_is_not_total_for_ever(world: World) -> None:
    for sql in (
        "SELECT u || u FROM (SELECT ssn || ssn AS u FROM customers) q",
        "SELECT upper(u) FROM (SELECT upper(ssn) AS u FROM customers) q",
        "SELECT max(u) FROM (SELECT upper(ssn) AS u FROM customers) q",
        "SELECT id FROM (SELECT id, upper(ssn) AS u FROM customers) q WHERE u = 'x'",
    ):
        for found in (world.tree(sql), world.text(sql)):
            assert any(not use.total for use in found if use.column.column == "ssn"), sql


def test_the_oids_are_what_they_are_called(world: World) -> None:
    for oid, name in FUNCTIONS.items():
        row = world.trees.connection.execute("SELECT %s::oid::regprocedure::text", [oid]).fetchone()
        assert row == (name,)
    row = world.trees.connection.execute("SELECT %s::oid::regoperator::text", [CONCATENATION]).fetchone()
    assert row == ("||(text,text)",)
