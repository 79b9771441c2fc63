"""The garbage collector: looks through everything when nobody waits, and at some time in any case."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from pgmaskproxy.proxy.collector import THRESHOLDS, Collector


class Ring:
    """Refers to itself: only a collection ends it."""

    def __init__(self) -> None:
        self.me = self


def old_garbage() -> weakref.ref[Ring]:
    """What only looking through everything finds."""
    ring = Ring()
    for _ in range(3):
        gc.collect(1)
    gone = weakref.ref(ring)
    del ring
    gc.collect(1)
    assert gone() is not None
    return gone


@contextmanager
def collecting(collector: Collector) -> Iterator[None]:
    task = asyncio.ensure_future(collector.run())
    try:
        yield
    finally:
        task.cancel()


async def until_gone(garbage: weakref.ref[Ring]) -> None:
    async with asyncio.timeout(10):
        while garbage() is not None:  # noqa: ASYNC110 - a collection tells nobody
            await asyncio.sleep(0.01)


async def test_in_a_quiet_moment_everything_is_collected() -> None:
    garbage = old_garbage()
    with collecting(Collector(0.05)):
        await until_gone(garbage)


async def test_where_it_is_never_quiet_it_is_collected_all_the_same() -> None:
    garbage = old_garbage()
    with collecting(Collector(0.0, due=1)):  # no time is short enough to be quiet in
        await until_gone(garbage)


async def test_its_thresholds_are_in_force_for_as_long_as_it_runs() -> None:
    before = gc.get_threshold()
    with collecting(Collector()):
        await asyncio.sleep(0)
        assert gc.get_threshold() == THRESHOLDS
    await asyncio.sleep(0)
    assert gc.get_threshold() == before
