"""Long texts and large trees: judged by a process of their own, as they would have been here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Outcome
from pgmaskproxy.proxy import judge as judging
from pgmaskproxy.proxy import prover as proving
from pgmaskproxy.proxy.apart import Lost, apart
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import LONG, Judge, _judge
from pgmaskproxy.proxy.prover import UNKNOWN_RELATION, Prover
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known
from tests.proxy.test_prover import asked, tree

AGENT = known.principal()
LIST = ", ".join(str(number) for number in range(2 * LONG // 5))


def lost(_work: Callable[[], object]) -> object:
    raise Lost("exit status -11")


@pytest.fixture
def judge() -> Iterator[Judge]:
    async def read(_database: str) -> Catalog:
        return known.catalog()

    deep = DeepThread()
    yield Judge(known.knowledge(), deep, Metrics(process=False), read)
    deep.close()


@pytest.fixture
def prover(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> Prover:
    monkeypatch.setattr(proving, "CACHED_BYTES", 10)
    return Prover(judge, judge._deep, Metrics(process=False))


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT ssn FROM customers WHERE id IN ({LIST})",
        f"SELECT id FROM customers WHERE ssn IN ({LIST})",
        ";".join(f"SELECT name, {number} AS n FROM customers WHERE name = 'a'" for number in range(LONG // 40)),
        f"CREATE TABLE t AS SELECT {LIST}",
        f"SELECT {LIST} FROM",
        "SELECT " + "1+" * LONG + "1",
    ],
)
async def test_a_long_text_is_told_the_same(judge: Judge, sql: str) -> None:
    statement = known.statement(sql)
    with patch.object(judging, "apart", wraps=apart) as used:
        found = await judge.judge(statement, AGENT)
    assert used.call_count == 1
    assert found == await judge.deeply(lambda: _judge(judge.knowledge.now, statement, AGENT))


async def test_a_text_that_ends_the_process_is_refused(judge: Judge) -> None:
    with patch.object(judging, "apart", lost):
        found = await judge.judge(known.statement(f"SELECT {LIST}"), AGENT)
    assert found.rulings == ()
    assert found.refusal is not None
    assert found.refusal.sqlstate == "54001"


async def test_a_large_tree_proves_the_same(prover: Prover, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await prover.prove(asked(tree()), AGENT)
    unknown = await prover.prove(asked(tree(1, 20_003)), AGENT)
    damaged = await prover.prove(asked(tree()[:-3]), AGENT)
    monkeypatch.undo()
    here = Prover(judge, judge._deep, Metrics(process=False))
    assert found == await here.prove(asked(tree()), AGENT)
    assert found.ruling is not None
    assert found.ruling.decision.outcome is Outcome.ALLOW
    assert unknown.refusal is UNKNOWN_RELATION
    assert damaged == await here.prove(asked(tree()[:-3]), AGENT)
    assert damaged.ruling is None


async def test_a_tree_that_ends_the_process_proves_nothing(prover: Prover) -> None:
    with patch.object(proving, "apart", lost):
        found = await prover.prove(asked(tree()), AGENT)
    assert found.ruling is None
    assert found.refusal is not None
    assert found.refusal.sqlstate == "54001"
