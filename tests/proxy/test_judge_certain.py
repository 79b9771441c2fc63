"""Which refusals the server's own tree may take back: those that rest on what the text could not tell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known


@pytest.fixture
def judge() -> Iterator[Judge]:
    async def read(_database: str) -> Catalog:
        return known.catalog()

    deep = DeepThread()
    yield Judge(known.knowledge(), deep, Metrics(process=False), read)
    deep.close()


@pytest.mark.parametrize(
    ("sql", "unproven"),
    [
        ("CREATE TABLE t (a int)", False),
        ("SELECT id FROM customers WHERE ssn = '1'", False),
        ("SELECT unheard_of(1)", True),
    ],
)
async def test_a_refusal_says_whether_it_is_certain(judge: Judge, sql: str, *, unproven: bool) -> None:
    found = await judge.judge(known.statement(sql), known.principal())
    refusal = found.rulings[0].decision.refusal
    assert refusal is not None
    assert refusal.unproven is unproven
