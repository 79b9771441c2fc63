"""What look-ups cost: who is told what, and that nothing runs which could not be charged."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pgmaskproxy.model import (
    Analysis,
    Charge,
    ColumnRef,
    Decision,
    Effect,
    NameUse,
    NameVerb,
    Outcome,
    RuleRef,
    Ruling,
    Use,
)
from pgmaskproxy.proxy.budgets import Budgets, costs
from pgmaskproxy.store.sqlite import SqliteStore
from tests.approval.making import Clock

CHARGE = Charge(
    "pii.email",
    Use.EQUALITY,
    2,
    3600.0,
    ColumnRef("shop", "customers", "email"),
    RuleRef("pii.email", "p.yaml", 6),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def budgets(tmp_path: Path, clock: Clock) -> AsyncIterator[Budgets]:
    store = await SqliteStore.open(f"sqlite:///{tmp_path}/state.db", patience=0.1)
    yield Budgets(store, clock)
    await store.close()


def ruling(names: NameUse | None = None) -> Ruling:
    analysis = Analysis("SelectStmt", frozenset({Effect.READ}), names=names)
    return Ruling("SELECT 1", 0, analysis, Decision(Outcome.ALLOW, charges=(CHARGE,)), 1)


def test_preparing_costs_nothing_and_running_does() -> None:
    assert costs(ruling()) == (CHARGE,)
    assert costs(ruling(NameUse(NameVerb.PREPARE, "p"))) == ()
    for verb in (NameVerb.EXECUTE, NameVerb.DECLARE, NameVerb.FETCH):
        assert costs(ruling(NameUse(verb, "p"))) == (CHARGE,)


async def test_over_the_budget_the_error_says_what_and_when(budgets: Budgets, clock: Clock) -> None:
    for _ in range(2):
        assert await budgets.charge("bot", [CHARGE]) is None
    clock.now += 600.5
    for found in (await budgets.exhausted("bot", [CHARGE]), await budgets.charge("bot", [CHARGE])):
        assert found is not None
        assert found.sqlstate == "53400"
        assert (
            found.message == "the budget for look-ups of column shop.customers.email is used up: 2 per 1h (pii.email)"
        )
        assert "p.yaml:6" in found.detail
        assert "The next one is possible in 3000 s." in found.hint
        assert (found.schema, found.table, found.column) == ("shop", "customers", "email")
        assert found.rule == CHARGE.rule
        assert dict(found.facts) == {
            "why": "budget",
            "rule": "pii.email",
            "column": "shop.customers.email",
            "use": "equality",
            "budget": 2,
            "seconds": 3600.0,
            "retry_after": 3000,
            "allowed": ("output",),
        }
    clock.now += 3000
    assert await budgets.exhausted("bot", [CHARGE]) is None
    assert await budgets.charge("bot", [CHARGE]) is None


async def test_what_could_never_run_says_so(budgets: Budgets) -> None:
    found = await budgets.charge("bot", [CHARGE] * 3)
    assert found is not None
    assert "fewer values" in found.hint
    assert "retry_after" not in dict(found.facts)


async def test_a_state_that_cannot_be_written_or_read_is_a_refusal(budgets: Budgets, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    found = await budgets.charge("bot", [CHARGE])
    assert found is not None
    assert found.sqlstate == "08006"
    assert "may not run" in found.message
    other.close()
    await budgets._store.close()
    for answer in (await budgets.charge("bot", [CHARGE]), await budgets.exhausted("bot", [CHARGE])):
        assert answer is not None
        assert answer.sqlstate == "08006"
