"""Look-ups that a label counts: charged when they are about to run, in the store that all replicas share.

What is charged stays charged, also where the statement then fails or its transaction is rolled back: the answer to a
guess is learned all the same. Nothing is kept in memory: what cannot be charged does not run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, final

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.model import Charge, NameVerb, Refusal, Ruling
from pgmaskproxy.policy.refusals import over_budget
from pgmaskproxy.store.protocol import Exhausted, Store

_FREE: Final = frozenset({NameVerb.PREPARE})
"""What a statement that only names another one does costs nothing: every EXECUTE of it does."""


def costs(ruling: Ruling) -> tuple[Charge, ...]:
    """What running this costs of the principal's budgets."""
    names = ruling.analysis.names
    return () if names is not None and names.verb in _FREE else ruling.decision.charges


@final
class Budgets:
    """Everybody's, for one process."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def charge(self, principal: str, charges: Sequence[Charge]) -> Refusal | None:
        """Spend `charges`; None when that is noted, else why the statement may not run."""
        now = self._clock()
        try:
            over = await self._store.charge(principal, charges, now)
        except Unavailable as error:
            return _unavailable(error)
        return _refusal(over, now)

    async def exhausted(self, principal: str, charges: Sequence[Charge]) -> Refusal | None:
        """What `charge` would say now: before people are asked for what could not run anyway."""
        now = self._clock()
        try:
            over = await self._store.exhausted(principal, charges, now)
        except Unavailable as error:
            return _unavailable(error)
        return _refusal(over, now)


def _refusal(over: Exhausted | None, now: float) -> Refusal | None:
    if over is None:
        return None
    return over_budget(over.charge, None if over.free_at is None else max(1, math.ceil(over.free_at - now)))


def _unavailable(error: Unavailable) -> Refusal:
    return Refusal(
        error.sqlstate,
        "the budget of this look-up cannot be written, so it may not run",
        hint="Tell the operator; the proxy goes on as soon as its state can be written.",
    )
