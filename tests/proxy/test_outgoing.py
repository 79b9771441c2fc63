"""What a connection says in one turn: together, in order, and behind what the log has of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from pgmaskproxy.audit.line import Entry
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.journal import Journal
from pgmaskproxy.proxy.outgoing import Outgoing

FINISHED = [Entry(b'"statement.finished"', b"{}", b"{}")]


class Peer:
    """Takes what is written to it, and notes how many records there were then."""

    def __init__(self, log: AuditLog) -> None:
        self.log = log
        self.said: list[tuple[bytes, int]] = []

    def write(self, data: bytes) -> None:
        if data == b"bad":
            raise RuntimeError("a fault of our own")
        self.said.append((data, self.log.head.seq))


class Mouth:
    def __init__(self, directory: Path) -> None:
        self.log = AuditLog(directory, "proxy")
        self.journal = Journal(self.log, Metrics(process=False))
        self.ended: list[object] = []
        self.outgoing = Outgoing(
            self.journal, Metrics(process=False), self.ended.append, lambda: self.ended.append("over")
        )
        self.client, self.upstream = Peer(self.log), Peer(self.log)
        self.outgoing.client, self.outgoing.upstream = cast("Any", self.client), cast("Any", self.upstream)

    async def turn(self) -> None:
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def mouth(tmp_path: Path) -> Iterator[Mouth]:
    made = Mouth(tmp_path)
    yield made
    made.log.close()


async def test_what_is_said_in_a_turn_is_said_at_once_behind_its_record(mouth: Mouth) -> None:
    mouth.outgoing.to_client(b"a")
    mouth.outgoing.record(FINISHED)
    mouth.outgoing.to_client(b"b")
    mouth.outgoing.to_upstream(b"x")
    mouth.outgoing.to_upstream(b"y")
    assert mouth.client.said == mouth.upstream.said == []
    await mouth.turn()
    assert (mouth.client.said, mouth.upstream.said) == ([(b"ab", 1)], [(b"xy", 1)])


async def test_the_end_comes_last(mouth: Mouth) -> None:
    mouth.outgoing.to_client(b"goodbye")
    mouth.outgoing.end()
    await mouth.turn()
    assert (mouth.client.said, mouth.ended) == ([(b"goodbye", 0)], ["over"])


async def test_after_a_fault_nothing_passes(mouth: Mouth) -> None:
    mouth.outgoing.to_client(b"a")
    mouth.outgoing.to_upstream(b"x")
    mouth.outgoing.end()
    mouth.outgoing.forget()
    await mouth.turn()
    assert (mouth.client.said, mouth.upstream.said, mouth.ended) == ([], [], [])


async def test_a_fault_is_its_connections_own(mouth: Mouth) -> None:
    other = Outgoing(mouth.journal, Metrics(process=False), mouth.ended.append, lambda: None)
    other.client = cast("Any", mouth.client)
    mouth.outgoing.to_upstream(b"bad")
    other.to_client(b"fine")
    await mouth.turn()
    assert [type(each) for each in mouth.ended] == [RuntimeError]
    assert mouth.client.said == [(b"fine", 0)]


async def test_a_cancel_finds_at_the_server_what_it_is_for(mouth: Mouth) -> None:
    mouth.outgoing.record(FINISHED)
    mouth.outgoing.to_upstream(b"x")
    mouth.outgoing.to_client(b"a")
    mouth.outgoing.hurry()
    assert (mouth.upstream.said, mouth.client.said) == ([(b"x", 0)], [])
    await mouth.turn()
    assert mouth.client.said == [(b"a", 1)]


async def test_who_ran_is_answered_though_the_log_takes_nothing(mouth: Mouth) -> None:
    mouth.log.close()
    mouth.outgoing.record(FINISHED)
    mouth.outgoing.to_client(b"a")
    await mouth.turn()
    assert [data for data, _ in mouth.client.said] == [b"a"]


async def test_who_goes_on_without_end_goes_on_behind_the_others(mouth: Mouth) -> None:
    told: list[int] = []

    def again(_refusal: object) -> None:
        told.append(mouth.log.head.seq)
        if len(told) < 50:
            mouth.journal.stage(FINISHED, again)

    mouth.journal.stage(FINISHED, again)
    mouth.outgoing.to_client(b"a")
    await asyncio.sleep(0)
    assert 0 < len(told) < 50, "others have their turn"
    assert mouth.client.said == [], "what is staged may be what it tells of"
    async with asyncio.timeout(5):
        while not mouth.client.said:  # noqa: ASYNC110 - it is the loop's turns that are waited for
            await asyncio.sleep(0)
    assert mouth.client.said == [(b"a", 50)]


async def test_what_is_large_is_not_copied_to_be_said_at_once(mouth: Mouth) -> None:
    rows = bytes(100_000)
    for part in (b"a", rows, b"z"):
        mouth.outgoing.to_client(part)
        mouth.outgoing.to_upstream(part)
    await mouth.turn()
    for peer in (mouth.client, mouth.upstream):
        assert b"".join(data for data, _ in peer.said) == b"a" + rows + b"z"
        assert any(data is rows for data, _ in peer.said)
