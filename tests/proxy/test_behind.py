"""What is said behind an outcome."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pgmaskproxy.audit.line import Entry
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.proxy.behind import Behind
from pgmaskproxy.proxy.journal import Journal
from pgmaskproxy.session import events as ev

FINISHED = [Entry(b'"statement.finished"', b"{}", b"{}")]


async def test_it_waits_in_its_order_and_nothing_else_does(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "proxy") as log:
        done: list[ev.Command] = []
        behind = Behind(Journal(log, Metrics(process=False)), done.append)
        sent, closed = ev.SendClient(b"x"), ev.Close("over")
        assert not behind.waits(sent)
        behind.record(FINISHED)
        behind.record(FINISHED)
        assert [behind.waits(each) for each in (sent, ev.CancelUpstream(), closed)] == [True, False, True]
        assert done == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert done == [sent, closed]
        assert not behind.waits(sent)
        assert log.head.seq == 2


async def test_after_a_fault_nothing_of_it_passes(tmp_path: Path) -> None:
    with AuditLog(tmp_path, "proxy") as log:
        done: list[ev.Command] = []
        behind = Behind(Journal(log, Metrics(process=False)), done.append)
        behind.record(FINISHED)
        behind.waits(ev.SendClient(b"x"))
        behind.forget()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert done == []


async def test_a_statement_that_ran_is_answered_though_the_log_is_full(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, "proxy")
    done: list[ev.Command] = []
    behind = Behind(Journal(log, Metrics(process=False)), done.append)
    log.close()
    behind.record(FINISHED)
    behind.waits(ev.Close("over", alarm=False))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(done) == 1
