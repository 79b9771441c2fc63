"""What connections are given."""

from __future__ import annotations

from typing import Any, cast

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.services import Services


def services(**changes: Any) -> Services:
    nothing = cast("Any", None)
    given: dict[str, Any] = {
        "config": nothing,
        "judge": nothing,
        "prover": nothing,
        "broker": nothing,
        "budgets": nothing,
        "audit": nothing,
        "metrics": Metrics(process=False),
        "mock_secret": b"",
        "link": str,
        "cancel": nothing,
    }
    return Services(**given | changes)


def test_ids_are_made_of_the_clock_and_the_randomness_given() -> None:
    made = services(clock=lambda: 1_800_000_000.0, randbytes=lambda size: b"\7" * size)
    assert made.ids.new("ses") == made.ids.new("ses")
    assert made.ids.new("ses").startswith("ses_")
    assert services().ids.new("stm") != services().ids.new("stm")


async def test_what_is_held_is_counted_for_each_proxy_by_itself() -> None:
    first, second = services(), services()
    assert await first.held.take("agent", 1)
    assert (len(first.held), len(second.held)) == (1, 0)
