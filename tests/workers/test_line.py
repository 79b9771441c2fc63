"""The channel: what is said is heard, what is asked is answered, and what makes no sense ends it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from pgmaskproxy.workers.line import LONGEST, Answer, Facts, Line, LineLost


class End:
    """One end, with all that it has heard; it answers `double`."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.lost = asyncio.Event()

    def hear(self, word: str, facts: Facts, answer: Answer) -> None:
        self.heard.append((word, {name: value for name, value in facts.items() if name not in {"word", "turn"}}))
        if word == "double":
            answer({"is": facts["number"] * 2})


async def pair() -> tuple[Line, End, Line, End]:
    one, other = socket.socketpair()
    first, second = End(), End()
    lines = [await Line.over(end, side.hear, side.lost.set) for end, side in ((one, first), (other, second))]
    return lines[0], first, lines[1], second


async def test_said_and_asked_both_ways() -> None:
    one, first, other, second = await pair()
    one.say("hello", text="ä" * 100_000)
    assert (await one.ask("double", number=2))["is"] == 4
    answers = await asyncio.gather(*(other.ask("double", number=number) for number in range(50)))
    assert [each["is"] for each in answers] == [number * 2 for number in range(50)]
    assert second.heard[0] == ("hello", {"text": "ä" * 100_000})
    assert len(first.heard) == 50
    one.close()
    await second.lost.wait()
    other.say("nobody hears it")
    with pytest.raises(LineLost):
        await other.ask("double", number=1)


async def test_who_waits_for_an_answer_is_told_that_there_will_be_none() -> None:
    one, _, other, _ = await pair()
    asked = asyncio.ensure_future(one.ask("never answered"))
    await asyncio.sleep(0)
    other.close()
    with pytest.raises(LineLost):
        await asked


@pytest.mark.parametrize(
    "data",
    [
        (LONGEST + 1).to_bytes(4, "big"),
        b"\0\0\0\3[1]",
        b"\0\0\0\2{}",
        b"\0\0\0\1{",
        b"\0\0\0\4\xff\xfe\xfd\xfc",
        b"\xff\xff\xff\xff",
    ],
    ids=["too long", "no object", "no word", "no JSON", "no text", "negative"],
)
async def test_what_makes_no_sense_ends_it(data: bytes) -> None:
    raw, end = socket.socketpair()
    side = End()
    await Line.over(end, side.hear, side.lost.set)
    with raw:
        raw.sendall(data)
        await asyncio.wait_for(side.lost.wait(), 20)
    assert side.heard == []
