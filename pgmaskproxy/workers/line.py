"""The channel between a worker and its parent: JSON objects, each behind its length, over a socket pair.

Both ends are the same version of this program, and say so first. Neither keys nor passwords go this way.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast, final

VERSION: Final = 1
LONGEST: Final = 8 << 20
"""Bytes of one message: the metrics of a worker are some tens of thousands."""
BACKLOG: Final = 32 << 20
"""Bytes that may wait to be read by the other end: who does not read so much is gone in all but name."""
DROPPED: Final = frozenset({"cancel"})
DROP: Final = 1 << 20
"""What anybody may have said, without a login, is not said behind so many bytes: as a network may lose it."""
_LENGTH: Final = 4

Facts: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = Callable[[Facts], None]
"""Says what was asked for; does nothing where nobody asked."""
Heard: TypeAlias = Callable[[str, Facts, Answer], None]
"""What is said (a word), its facts, and how to answer."""


class LineLost(Exception):
    """The other end is gone: nothing is answered any more."""


@final
class Line(asyncio.Protocol):
    """One end. `lost` is called once, when the other end is gone or says what makes no sense."""

    def __init__(self, heard: Heard, lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._turn = 0
        self._asked: dict[int, asyncio.Future[Facts]] = {}

    @classmethod
    async def over(cls, end: socket.socket, heard: Heard, lost: Callable[[], None]) -> Line:
        """Over one end of a socket pair."""
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        _, line = await loop.create_unix_connection(lambda: cls(heard, lost), sock=end)
        return line

    def say(self, word: str, **facts: Any) -> None:
        """Tell the other end; what it cannot hear any more is not said."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return None
        waiting = transport.get_write_buffer_size()
        if waiting > DROP and word in DROPPED:
            return None
        if waiting > BACKLOG:
            return transport.abort()
        message = json.dumps({"word": word, **facts}, separators=(",", ":")).encode()
        transport.write(len(message).to_bytes(_LENGTH, "big") + message)
        return None

    async def ask(self, word: str, **facts: Any) -> Facts:
        """Tell the other end, and wait for what it answers. Raises LineLost."""
        if self._transport is None or self._transport.is_closing():
            raise LineLost
        self._turn += 1
        turn, answer = self._turn, asyncio.get_running_loop().create_future()
        self._asked[turn] = answer
        try:
            self.say(word, turn=turn, **facts)
            return cast("Facts", await answer)
        finally:
            self._asked.pop(turn, None)

    def close(self) -> None:
        """Hang up, when what was said has been sent."""
        if self._transport is not None:
            self._transport.close()

    # --- the transport's ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._transport is not None and len(self._buffer) >= _LENGTH:
            length = int.from_bytes(self._buffer[:_LENGTH], "big")
            if length > LONGEST:
                return self._transport.abort()
            end = _LENGTH + length
            if len(self._buffer) < end:
                return None
            message = bytes(self._buffer[_LENGTH:end])
            del self._buffer[:end]
            self._take(message)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(LineLost())
        self._lost()

    def _take(self, message: bytes) -> None:
        assert self._transport is not None
        try:
            facts = json.loads(message)
            word = facts["word"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return self._transport.abort()
        turn = facts.get("turn")
        if word == "answer":
            answer = self._asked.get(turn)
            if answer is not None and not answer.done():
                answer.set_result(facts)
            return None
        return self._heard(word, facts, lambda said: self._answer(turn, said))

    def _answer(self, turn: int | None, said: Facts) -> None:
        if turn is not None:
            self.say("answer", **{**said, "turn": turn})
