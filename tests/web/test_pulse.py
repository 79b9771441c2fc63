"""The pulse: nobody misses a beat, nobody waits for ever."""

from __future__ import annotations

import asyncio

from pgmaskproxy.web.pulse import WATCHERS, Pulse


async def test_a_beat_wakes_everybody() -> None:
    pulse = Pulse()
    waiting = [asyncio.ensure_future(pulse.after(0, 20)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.beat()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    assert await pulse.after(0, 20) == 1, "a beat that was missed"
    assert await pulse.after(1, 0.01) == 1, "and none"


async def test_it_closes_for_good() -> None:
    pulse = Pulse()
    waiting = asyncio.ensure_future(pulse.after(0, 20))
    await asyncio.sleep(0)
    pulse.close()
    await waiting
    assert (pulse.closed, pulse.full) == (True, True)
    await pulse.after(pulse.beats, 20)


async def test_places_are_given_back() -> None:
    pulse = Pulse()
    for _ in range(2):
        with pulse.watching():
            pulse._watchers += WATCHERS - 1
            assert pulse.full
            pulse._watchers -= WATCHERS - 1
        assert not pulse.full
