"""A stream takes its turn: a peer with much to say does not keep others from being heard."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from pgmaskproxy.proxy.stream import TURN_BYTES, Stream

SAID = 24 * 1024 * 1024


class Reader(asyncio.Protocol):
    """Counts reads by the turn of the loop in which they came."""

    def __init__(self, *, pause_after: int = 0) -> None:
        self.stream: Stream | None = None
        self.turn = 0
        self.reads: list[tuple[int, int]] = []
        self.ended = asyncio.get_running_loop().create_future()
        self._pause_after = pause_after

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.stream = Stream(transport)  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        assert self.stream is not None
        self.reads.append((self.turn, len(self.stream.received(data))))
        if len(self.reads) == self._pause_after:
            self.stream.pause_reading()
        time.sleep(0.002)  # what masks take: the peer is faster, so the socket stays full

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(None)

    @property
    def taken(self) -> int:
        return sum(size for _, size in self.reads)


def played(story: Callable[[Reader], Coroutine[Any, Any, None]], *, pause_after: int = 0) -> Reader:
    """A peer that says 24 MB as fast as it can, on the loop that the proxy runs on."""

    async def run() -> Reader:
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024 * 1024)
        loop = asyncio.get_running_loop()
        reader = Reader(pause_after=pause_after)

        def turn() -> None:
            reader.turn += 1
            if not reader.ended.done():
                loop.call_soon(turn)

        def say() -> None:
            with theirs:
                theirs.sendall(bytes(SAID))

        speaker = threading.Thread(target=say)
        speaker.start()
        try:
            loop.call_soon(turn)
            await loop.create_connection(lambda: reader, sock=ours)
            await story(reader)
        finally:
            await asyncio.to_thread(speaker.join)
        return reader

    return uvloop.run(run())


async def to_the_end(reader: Reader) -> None:
    await reader.ended


def test_one_large_read_is_a_turn() -> None:
    reader = played(to_the_end)
    assert reader.taken == SAID
    large = [turn for turn, size in reader.reads if size >= TURN_BYTES]
    assert len(large) > 10
    assert len(large) == len(set(large))


@pytest.mark.parametrize("turns", [1, 50])
def test_who_paused_it_says_when_it_goes_on(turns: int) -> None:
    async def story(reader: Reader) -> None:
        while len(reader.reads) < 3:  # noqa: ASYNC110 - turns of the loop are what this is about
            await asyncio.sleep(0)
        taken = reader.taken
        for _ in range(turns):
            await asyncio.sleep(0)
        assert reader.taken == taken
        assert reader.stream is not None
        reader.stream.resume_reading()
        await reader.ended

    assert played(story, pause_after=3).taken == SAID


def test_going_on_waits_for_the_turn_too() -> None:
    async def story(reader: Reader) -> None:
        while not reader.reads:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0)
        assert reader.stream is not None
        reader.stream.pause_reading()
        reader.stream.resume_reading()
        await reader.ended

    reader = played(story)
    large = [turn for turn, size in reader.reads if size >= TURN_BYTES]
    assert reader.taken == SAID
    assert len(large) == len(set(large))
