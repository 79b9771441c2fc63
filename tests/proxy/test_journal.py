"""The log's writes of one turn: together, in order, and nobody is told of what is not there."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.errors import InternalError
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent, Refusal
from pgmaskproxy.proxy.journal import BROKEN, Journal
from tests.proxy.stage import failing


class Desk:
    """A journal over a real log, and who was told what."""

    def __init__(self, directory: Path) -> None:
        self.log = AuditLog(directory, "proxy")
        self.metrics = Metrics(process=False)
        self.journal = Journal(self.log, self.metrics)
        self.told: list[tuple[str, Refusal | None, list[str]]] = []

    def stage(self, name: str, *, durable: bool = False) -> None:
        self.journal.stage([AuditEvent(name)], self.teller(name), durable=durable)

    def teller(self, name: str) -> Callable[[Refusal | None], None]:
        return lambda refusal: self.told.append((name, refusal, self.kinds()))

    def kinds(self) -> list[str]:
        return [json.loads(line)["kind"] for line in self.log.path.read_bytes().splitlines()][1:]

    async def settle(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.told) < count:  # noqa: ASYNC110 - it is the loop's turns that are waited for
                await asyncio.sleep(0)

    def count(self, outcome: str) -> float | None:
        labels = {"sink": "file", "outcome": outcome}
        return self.metrics.registry.get_sample_value("pgmaskproxy_audit_events_total", labels)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.log.close()


async def test_a_turns_records_are_written_at_once_before_anybody_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[bytes] = []
    write = os.write

    def counted(fd: int, data: bytes) -> int:
        writes.append(bytes(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", counted)
    desk.stage("a")
    desk.stage("b")
    assert desk.kinds() == []
    await desk.settle(2)
    assert desk.told == [("a", None, ["a", "b"]), ("b", None, ["a", "b"])]
    assert len([each for each in writes if b"seq" in each]) == 1
    assert desk.count("written") == 2


async def test_what_is_written_meanwhile_comes_behind(desk: Desk) -> None:
    desk.stage("first")
    desk.log.write(AuditEvent("second"), durable=False)
    desk.stage("third")
    await desk.settle(2)
    assert desk.kinds() == ["first", "second", "third"]


async def test_what_must_survive_a_power_cut_is_synced_once_for_all(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    sync = AuditLog.sync

    def counted(self: AuditLog) -> None:
        sync(self)
        synced.append(desk.kinds())

    monkeypatch.setattr(AuditLog, "sync", counted)
    desk.stage("a", durable=True)
    desk.stage("b")
    desk.stage("c", durable=True)
    await desk.settle(1)
    assert [name for name, _, _ in desk.told] == ["b"], "what need not be synced waits for no disk"
    await desk.settle(3)
    assert synced == [["a", "b", "c"]]
    assert [name for name, _, _ in desk.told] == ["b", "a", "c"]


async def test_who_comes_while_it_syncs_waits_for_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    sync = AuditLog.sync

    def counted(self: AuditLog) -> None:
        seen.append(len(desk.told))
        sync(self)

    monkeypatch.setattr(AuditLog, "sync", counted)
    desk.stage("a", durable=True)
    await asyncio.sleep(0)
    desk.stage("b", durable=True)
    await desk.settle(2)
    assert seen == [0, 1]


@pytest.mark.parametrize("durable", [False, True])
async def test_where_it_cannot_be_written_everybody_hears(desk: Desk, durable: bool) -> None:
    with failing(desk.log):
        desk.stage("a", durable=durable)
        desk.stage("b")
        await desk.settle(2)
    assert {refusal.sqlstate for _, refusal, _ in desk.told if refusal is not None} == {"53100"}
    assert desk.kinds() == []
    desk.stage("c", durable=durable)
    await desk.settle(3)
    assert desk.told[2] == ("c", None, ["c"])
    assert (desk.count("failed"), desk.count("written")) == (2, 1)


async def test_a_disk_that_does_not_sync_ends_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fd: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        desk.stage("a", durable=True)
        await desk.settle(1)
    desk.stage("b")
    await desk.settle(2)
    assert [refusal.sqlstate for _, refusal, _ in desk.told if refusal is not None] == ["58030", "58030"]


async def test_what_cannot_be_recorded_is_told_and_nothing_else_is_lost(desk: Desk) -> None:
    desk.stage("a")
    desk.journal.stage([AuditEvent("x", data={"number": 2**60})], desk.teller("x"))
    await desk.settle(2)
    assert {name: refusal is None for name, refusal, _ in desk.told} == {"a": True, "x": False}
    assert desk.kinds() == ["a"]


async def test_a_fault_of_our_own_is_never_taken_for_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))

    def broken(_self: AuditLog) -> None:
        raise InternalError("a guard held")

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "flush", broken)
        desk.stage("a")
        desk.stage("b", durable=True)
        await desk.settle(2)
    assert [refusal for _, refusal, _ in desk.told] == [BROKEN, BROKEN]
    assert len(faults) == 1


@pytest.mark.parametrize("durable", [False, True])
async def test_ones_fault_keeps_no_other_from_hearing(desk: Desk, durable: bool) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["exception"]))

    def broken(_refusal: Refusal | None) -> None:
        raise InternalError("a guard held")

    desk.journal.stage([AuditEvent("x")], broken, durable=durable)
    desk.stage("a", durable=durable)
    desk.stage("b", durable=durable)
    await desk.settle(2)
    assert [(name, refusal) for name, refusal, _ in desk.told] == [("a", None), ("b", None)]
    assert len(faults) == 1
