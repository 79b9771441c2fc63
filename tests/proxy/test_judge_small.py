"""What the event loop judges itself: small statements, where everything is at hand; and as any other thread does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known

AGENT = known.principal()
STATEMENT = known.statement()


async def read(_database: str) -> Catalog:
    return known.catalog()


@pytest.fixture
def deep() -> Iterator[DeepThread]:
    thread = DeepThread()
    yield thread
    thread.close()


@pytest.fixture
def judge(deep: DeepThread) -> Judge:
    return Judge(known.knowledge(), deep, Metrics(process=False), read)


def counted(judge: Judge, what: str) -> float:
    return judge._metrics.registry.get_sample_value(f"pgmaskproxy_decision_cache_{what}_total") or 0.0


async def test_a_small_statement_is_judged_at_once_and_as_ever(judge: Judge, deep: DeepThread) -> None:
    await judge.judge(known.statement("SELECT 1"), AGENT)
    found = judge.at_once(STATEMENT, AGENT)
    assert found is not None
    assert judge.cached(STATEMENT, AGENT) is found
    another = Judge(known.knowledge(), deep, Metrics(process=False), read)
    assert (await another.judge(STATEMENT, AGENT)).rulings == found.rulings
    assert (counted(judge, "hits"), counted(judge, "misses")) == (1, 2)


async def test_where_something_is_to_be_made_first_nothing_is_judged_at_once(judge: Judge) -> None:
    assert judge.at_once(STATEMENT, AGENT) is None
    await judge.judge(known.statement("SELECT 1"), AGENT)
    assert judge.at_once(STATEMENT, known.principal("carol")) is None, "what she sees has not been made"
    assert judge.at_once(known.statement("SELECT FROM WHERE"), AGENT) is None
    assert judge.at_once(known.statement("DELETE FROM customers"), AGENT) is None
    assert judge.at_once(known.statement(database="elsewhere"), AGENT) is None


async def test_without_room_on_its_stack_the_event_loop_judges_nothing(judge: Judge) -> None:
    await judge.judge(known.statement("SELECT 1"), AGENT)
    judge.has_room = False
    assert judge.at_once(STATEMENT, AGENT) is None


async def test_where_a_catalog_may_be_out_of_date_nothing_is_judged_at_once(judge: Judge) -> None:
    await judge.judge(known.statement("SELECT 1"), AGENT)
    judge.outdated("shop")
    assert judge.at_once(STATEMENT, AGENT) is None
