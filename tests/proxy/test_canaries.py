"""What is watched for follows the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from pgmaskproxy.errors import Unavailable
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.proxy.canaries import Canaries
from pgmaskproxy.store.protocol import Canary

ONE = Canary("can_1", "937-12-4711", "pii.ssn", "shop", "shop.customers.ssn", 1.0)
TWO = Canary("can_2", "mara.lindqvist7x3k@post.example", "pii.email", "", "shop.customers.email", 2.0)


def test_without_any_nothing_is_looked_for() -> None:
    canaries = Canaries()
    assert canaries.watch is None
    assert canaries.replace(()) is None
    assert canaries.watch is None
    assert len(canaries) == 0


def test_what_is_planted_is_looked_for_and_what_is_retired_is_not() -> None:
    canaries = Canaries()
    event = canaries.replace((ONE,))
    assert event is not None
    assert event.data == {"watched": 1, "added": ["can_1"], "retired": []}
    assert canaries.watch is not None
    assert canaries.watch.find(ONE.value.encode()) == "can_1"
    assert canaries.place("can_1") == ("pii.ssn", "shop.customers.ssn")
    assert canaries.replace((ONE,)) is None
    event = canaries.replace((replace(ONE, retired=5.0), TWO))
    assert event is not None
    assert event.data == {"watched": 1, "added": ["can_2"], "retired": ["can_1"]}
    assert canaries.watch.find(ONE.value.encode()) == ""
    assert canaries.place("can_1") == ("", "")
    assert canaries.replace((replace(TWO, retired=6.0),)) is not None
    assert canaries.watch is None


async def _kept(answers: list[tuple[Canary, ...] | Exception]) -> tuple[Canaries, list[AuditEvent]]:
    canaries, events, asked = Canaries(), list[AuditEvent](), asyncio.Event()
    left = iter(answers)

    async def read() -> tuple[Canary, ...]:
        answer = next(left, None)
        if answer is None:
            asked.set()
            return await asyncio.Future[tuple[Canary, ...]]()
        if isinstance(answer, Exception):
            raise answer
        return answer

    changed: Callable[[AuditEvent], None] = events.append
    reading: Callable[[], Awaitable[tuple[Canary, ...]]] = read
    task = asyncio.ensure_future(canaries.keep(reading, changed, seconds=0.0))
    waiting = asyncio.ensure_future(asked.wait())
    await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
    assert asked.is_set(), task.exception()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return canaries, events


async def test_the_store_is_asked_for_ever_and_a_store_that_does_not_answer_changes_nothing() -> None:
    canaries, events = await _kept([(), (ONE,), Unavailable("the disk is gone"), (ONE,), (ONE, TWO)])
    assert [event.data["added"] for event in events] == [["can_1"], ["can_2"]]
    assert len(canaries) == 2


async def test_a_value_that_cannot_be_looked_for_is_left_out() -> None:
    canaries, events = await _kept([(ONE,), (ONE, replace(TWO, value="short"))])
    assert [event.data["added"] for event in events] == [["can_1"]]
    assert canaries.watch is not None
    assert canaries.watch.find(ONE.value.encode()) == "can_1"
    assert len(canaries) == 1
