"""The same key: one piece of work, one answer."""

from __future__ import annotations

import asyncio

import pytest

from pgmaskproxy.web.idempotency import SECONDS, Answers
from pgmaskproxy.web.problems import Rejected


class Work:
    def __init__(self) -> None:
        self.done = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> bytes:
        await self.go.wait()
        self.done += 1
        return b"%d" % self.done


async def test_once() -> None:
    work, answers = Work(), Answers(lambda: 0.0)
    assert [await answers.once("bob", "k", "x", work) for _ in range(3)] == [b"1"] * 3
    assert await answers.once("bob", None, "x", work) == b"2"
    assert await answers.once("bob", "other", "x", work) == b"3"
    assert await answers.once("eve", "k", "x", work) == b"4"


async def test_while_it_runs_the_same_is_409_and_another_is_422() -> None:
    work, answers = Work(), Answers(lambda: 0.0)
    work.go.clear()
    first = asyncio.create_task(answers.once("bob", "k", "x", work))
    await asyncio.sleep(0)
    for what, status in (("x", 409), ("y", 422)):
        with pytest.raises(Rejected) as caught:
            await answers.once("bob", "k", what, work)
        assert caught.value.status == status
    work.go.set()
    assert await first == b"1"


async def test_what_failed_may_be_tried_again() -> None:
    answers = Answers(lambda: 0.0)

    async def failing() -> bytes:
        raise Rejected(503, "unavailable", "no")

    with pytest.raises(Rejected):
        await answers.once("bob", "k", "x", failing)
    assert await answers.once("bob", "k", "x", Work()) == b"1"


async def test_a_day_later_and_beyond_the_bound_it_is_forgotten() -> None:
    now, work = [0.0], Work()
    answers = Answers(lambda: now[0], keys=2)
    await answers.once("bob", "a", "x", work)
    now[0] = SECONDS
    assert await answers.once("bob", "a", "x", work) == b"2"
    for key in "bcd":
        await answers.once("bob", key, "x", work)
    assert await answers.once("bob", "a", "x", work) == b"6"
