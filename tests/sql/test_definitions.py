"""What reading a view does, by the catalogs of real servers and by those without trees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import psycopg
import pytest

from pgmaskproxy.model import Analysis, ColumnRef, Effect, RelationRef, Use
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.labelling import Names
from pgmaskproxy.sql.attest.proven import Witness, proven
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.definitions import Definitions
from tests.harness.servers import Database
from tests.sql.conftest import deep

OBJECTS = """
CREATE SCHEMA hr;
CREATE TABLE hr.emp(id int, salary numeric, ssn text);
CREATE TABLE hr.bands(name text, lo numeric);
CREATE VIEW hr.banded AS SELECT e.id, b.name FROM hr.emp e JOIN hr.bands b ON e.salary >= b.lo;
CREATE VIEW hr.again AS SELECT name FROM hr.banded WHERE id = 1;
CREATE MATERIALIZED VIEW hr.kept AS SELECT * FROM hr.again;
CREATE VIEW hr.rich AS SELECT id, salary AS pay FROM hr.emp WHERE salary > 50000;
CREATE VIEW hr.richer AS SELECT r.id FROM hr.rich r, hr.bands b WHERE r.pay > b.lo;
CREATE VIEW hr.plain AS SELECT b.name FROM hr.bands b JOIN hr.bands c ON b.lo > c.lo;
"""
PAY, SSN = ColumnRef("hr", "emp", "salary"), ColumnRef("hr", "emp", "ssn")
LABELLED = frozenset({PAY, SSN, ColumnRef("hr", "rich", "pay")})


@pytest.fixture
def made(shop_database: Database) -> Catalog:
    with psycopg.connect(shop_database.admin, autocommit=True) as connection:
        connection.execute(OBJECTS)
    return asyncio.run(load_catalog(shop_database.admin))


def define(catalog: Catalog, labelled: Iterable[ColumnRef] = LABELLED) -> Definitions:
    return deep(lambda: Definitions(catalog, frozenset(labelled)))


def reading(*names: str) -> Analysis:
    return Analysis("SelectStmt", frozenset({Effect.READ}), reads=frozenset(RelationRef("hr", name) for name in names))


def columns(catalog: Catalog, *names: str) -> set[ColumnRef]:
    return {use.column for use in define(catalog).under(reading(*names))}


def test_what_reading_each_view_does(made: Catalog) -> None:
    assert {str(view) for view in define(made).named()} == {"hr.banded", "hr.richer"}
    for name in ("banded", "again", "kept"):
        assert columns(made, name) == {PAY}, name
    assert columns(made, "richer") == {ColumnRef("hr", "rich", "pay")}
    for name in ("rich", "plain", "emp", "missing"):
        assert not columns(made, name), name
    uses = define(made).under(replace(reading(), writes=frozenset({RelationRef("hr", "again")})))
    assert [(use.use, use.where) for use in uses] == [(Use.PREDICATE, "JOIN ON of view hr.banded")]


def test_a_tree_that_reads_a_materialized_view_does_what_filled_it(made: Catalog) -> None:
    kept, rich = (made.by_name["hr", name].oid for name in ("kept", "rich"))
    witness = Witness(made, Names(made.column_refs()), frozenset(), define(made))
    for oid, found in ((kept, {PAY}), (rich, set())):
        own = Attestation("SELECT", reads=frozenset({oid}), named=frozenset({oid}))
        assert {use.column for use in proven(reading(), own, (), witness).uses} == found


def test_labels_decide(made: Catalog) -> None:
    assert not define(made, ()).named()
    assert not define(made, {*LABELLED, ColumnRef("hr", "bands", "lo")}).named()


def test_a_view_that_is_vouched_for_answers_for_what_is_below_it(made: Catalog) -> None:
    vouched = replace(made, trusted_views=frozenset({made.by_name["hr", "banded"].oid}))
    assert {str(view) for view in define(vouched).named()} == {"hr.richer"}
    assert not columns(vouched, "again", "kept")
    above = replace(made, trusted_views=frozenset({made.by_name["hr", "again"].oid}))
    assert not columns(above, "kept")
    assert columns(above, "banded") == {PAY}


def changed(catalog: Catalog, name: str, **values: str) -> Catalog:
    relations = [
        replace(one, **values) if (one.schema, one.name) == ("hr", name) else one  # type: ignore[arg-type]
        for one in catalog.relations
    ]
    return replace(catalog, relations=tuple(relations))


def test_what_cannot_be_read_does_anything(made: Catalog) -> None:
    damaged = made.by_name["hr", "rich"].definition_tree.replace("{QUERY", "{QUARRY", 1)
    assert columns(changed(made, "rich", definition_tree=damaged), "rich") == {PAY, SSN}
    assert not columns(changed(made, "rich", definition_tree="", definition=""), "rich")
    assert columns(changed(made, "rich", definition_tree="", definition="SELECT ("), "rich") >= {PAY, SSN}


def test_without_a_tree_every_comparison_counts(made: Catalog) -> None:
    for name, found in (("banded", {PAY}), ("rich", {PAY}), ("plain", set())):
        assert columns(changed(made, name, definition_tree=""), name) == found
