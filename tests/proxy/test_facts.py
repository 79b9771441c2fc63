"""What people are told of a statement: by the catalog and the labels in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.approval.facts import TouchedColumn
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Ruling, Statement
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.facts import facts_of
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.session.events import Hold
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known


async def _no_catalog(database: str) -> Catalog:
    raise AssertionError(f"nobody reads the catalog of {database}")


@pytest.fixture
def judge() -> Iterator[Judge]:
    deep = DeepThread()
    yield Judge(known.knowledge(), deep, Metrics(process=False), _no_catalog)
    deep.close()


async def asked(judge: Judge, sql: str) -> Hold:
    (ruling,) = (await judge.judge(known.statement(sql), known.principal())).rulings
    return hold(ruling, "shop")


def hold(ruling: Ruling, database: str) -> Hold:
    statement = Statement(ruling.sql, database, "pgmaskproxy", known.PATH)
    return Hold(1, 1, ruling, statement, (), (), in_transaction=False)


async def test_what_it_does_and_touches(judge: Judge) -> None:
    facts = await facts_of(judge, await asked(judge, "UPDATE customers SET name = 'x' WHERE id = 5"), "psql")
    assert facts.does == ("changes rows of shop.customers: name",)
    assert facts.text == "UPDATE customers SET name = 'x' WHERE id = 5"
    assert facts.text[facts.places[0] :].startswith("customers")
    assert (facts.application, facts.writes, facts.columns) == ("psql", ("shop.customers",), ())


async def test_a_labelled_column_takes_the_literals_away(judge: Judge) -> None:
    facts = await facts_of(judge, await asked(judge, "UPDATE customers SET ssn = '937-63-8919'"), "")
    assert facts.columns == (TouchedColumn("shop.customers.ssn", ("pii.ssn",), ("written",)),)
    assert facts.text == "UPDATE customers SET ssn = ?"
    assert not facts.literals


async def test_of_a_database_that_is_gone_no_literal_is_told(judge: Judge) -> None:
    known_one = await asked(judge, "UPDATE customers SET name = 'x'")
    assert (await facts_of(judge, hold(known_one.ruling, "gone"), "")).text == "UPDATE customers SET name = ?"
