"""The outbox: everything arrives at least once, across failures and restarts, or is given up and said so."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.approval.request import State
from pgmaskproxy.audit.tail import tail
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.outbox import LEASE, Outbox
from pgmaskproxy.channels.teams import Teams
from pgmaskproxy.channels.webhook import Webhook
from pgmaskproxy.errors import AuditFailed
from pgmaskproxy.model import JsonValue
from tests.approval.making import BOB, CANARY, Desk, id_maker, make_request, open_desk
from tests.channels.receiver import Receiver
from tests.channels.test_webhook import SECRET


def connect(desk: Desk, *urls: str, seconds: float = 5.0) -> tuple[Broker, Outbox, list[tuple[str, str]]]:
    """A broker that tells webhooks hook0, hook1..., and the outbox that delivers."""
    seen: list[tuple[str, str]] = []
    channels = [
        Webhook(f"hook{number}", url, (SECRET,), desk.clock, seconds=seconds) for number, url in enumerate(urls)
    ]
    outbox = Outbox(
        desk.store,
        channels,
        desk.audit,
        desk.clock,
        jitter=lambda: 0.0,
        observe=lambda channel, receipt: seen.append((channel, receipt.sent.value)),
        poll=0.05,
    )
    broker = Broker(desk.store, desk.audit, channels, desk.clock, writer="w1", make_id=id_maker(), notified=outbox.wake)
    return broker, outbox, seen


def records(desk: Desk, kind: str) -> list[JsonValue]:
    return [dict(record.data) for record in tail([desk.audit.path], last=100) if record.kind == kind]


async def test_500s_then_200_with_back_off_and_the_same_id(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([500, 503, 200]) as receiver:
        broker, outbox, seen = connect(desk, receiver.url)
        await broker.open(make_request())
        for pause in (1.0, 2.0):
            assert await outbox.deliver_due() == 1
            desk.clock.now += pause - 0.01
            assert await outbox.deliver_due() == 0
            desk.clock.now += 0.01
        assert await outbox.deliver_due() == 1
        desk.clock.now += 1000
        assert await outbox.deliver_due() == 0
        await outbox.close()
    assert seen == [("hook0", "retry"), ("hook0", "retry"), ("hook0", "delivered")]
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert len({got.body for got in receiver.got}) == 1
    assert len({got.headers["webhook-signature"] for got in receiver.got}) == 3
    attempted, settled = records(desk, "notification.attempted"), records(desk, "notification.settled")
    assert [each["attempt"] for each in attempted if isinstance(each, dict)] == [1, 2, 3]
    assert [each["outcome"] for each in settled if isinstance(each, dict)] == ["retry", "retry", "delivered"]
    assert CANARY not in desk.audit.path.read_text()
    await desk.close()


async def test_a_timeout_is_retried(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([0.3, 200]) as receiver:
        broker, outbox, seen = connect(desk, receiver.url, seconds=0.1)
        await broker.open(make_request())
        await outbox.deliver_due()
        desk.clock.now += 1
        await outbox.deliver_due()
        await outbox.close()
    assert [outcome for _, outcome in seen] == ["retry", "delivered"]
    await desk.close()


async def test_retry_after_is_honoured(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([(429, "30"), 200]) as receiver:
        broker, outbox, _ = connect(desk, receiver.url)
        await broker.open(make_request())
        await outbox.deliver_due()
        desk.clock.now += 29
        assert await outbox.deliver_due() == 0
        desk.clock.now += 1
        assert await outbox.deliver_due() == 1
        await outbox.close()
    await desk.close()


async def test_a_restart_goes_on_with_what_was_not_delivered(tmp_path: Path) -> None:
    with Receiver([500, 200]) as receiver:
        desk = await open_desk(tmp_path)
        broker, outbox, _ = connect(desk, receiver.url)
        await broker.open(make_request())
        await outbox.deliver_due()
        await outbox.close()
        clock = desk.clock
        await desk.close()
        desk = await open_desk(tmp_path, clock=clock)
        broker, outbox, seen = connect(desk, receiver.url)
        clock.now += 1
        assert await outbox.deliver_due() == 1
        assert seen == [("hook0", "delivered")]
        await outbox.close()
        await desk.close()
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1


async def test_what_a_dead_process_had_taken_comes_again(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver() as receiver:
        broker, outbox, _ = connect(desk, receiver.url)
        await broker.open(make_request())
        assert len(await desk.store.claim(desk.clock(), LEASE, 10)) == 1
        assert await outbox.deliver_due() == 0
        desk.clock.now += LEASE
        assert await outbox.deliver_due() == 1
        await outbox.close()
    await desk.close()


async def test_one_channel_down_does_not_keep_the_other_waiting(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([500]) as bad, Receiver() as good:
        broker, outbox, seen = connect(desk, bad.url, good.url)
        await broker.open(make_request())
        await outbox.deliver_due()
        await outbox.close()
    assert sorted(seen) == [("hook0", "retry"), ("hook1", "delivered")]
    await desk.close()


async def test_refused_expired_and_orphaned_are_given_up(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([410]) as receiver:
        broker, outbox, seen = connect(desk, receiver.url)
        refused, expired, orphaned = (make_request(number) for number in (1, 2, 3))
        await broker.open(refused)
        await outbox.deliver_due()
        await broker.open(expired)
        desk.clock.now = expired.deadline
        await outbox.deliver_due()
        assert [outcome for _, outcome in seen] == ["refused", "expired"]
        await broker.open(make_request(4, deadline=desk.clock.now + 10, created=desk.clock.now))
        _, other, told = connect(desk)
        await other.deliver_due()
        assert told == [("hook0", "refused")]
        desk.clock.now += 10_000
        assert await outbox.deliver_due() == 0
        assert orphaned.state is State.PENDING
        await outbox.close()
    assert len(receiver.got) == 1
    await desk.close()


async def test_run_delivers_as_soon_as_something_is_there(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver() as receiver:
        broker, outbox, seen = connect(desk, receiver.url)
        running = asyncio.create_task(outbox.run())
        request = make_request()
        await broker.open(request)
        await broker.decide(request.id, BOB, approve=True)
        async with asyncio.timeout(5):
            while len(seen) < 2:  # noqa: ASYNC110 - what it waits for happens in the store
                await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await outbox.close()
    types = [json.loads(got.body)["type"] for got in receiver.got]
    assert sorted(types) == ["approval.approved", "approval.requested"]
    await desk.close()


async def test_what_cannot_be_recorded_is_not_sent(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver() as receiver:
        broker, outbox, _ = connect(desk, receiver.url)
        await broker.open(make_request())
        desk.audit.close()
        with pytest.raises(AuditFailed):
            await outbox.deliver_due()
        running = asyncio.create_task(outbox.run())
        desk.clock.now += LEASE
        await asyncio.sleep(0.2)
        assert not running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await outbox.close()
    assert receiver.got == []
    await desk.store.close()


async def test_a_flow_that_is_gone_is_given_up_at_once_and_kept_for_whoever_checks(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    seen: list[tuple[str, Receipt]] = []
    with Receiver([404]) as receiver:
        channel = Teams("room", receiver.url)
        outbox = Outbox(
            desk.store,
            [channel],
            desk.audit,
            desk.clock,
            jitter=lambda: 0.0,
            observe=lambda name, receipt: seen.append((name, receipt)),
        )
        broker = Broker(desk.store, desk.audit, [channel], desk.clock, writer="w1", make_id=id_maker())
        await broker.open(make_request())
        assert await outbox.deliver_due() == 1
        desk.clock.now += 10_000
        assert await outbox.deliver_due() == 0
        await outbox.close()
    ((name, receipt),) = seen
    assert (name, receipt.sent) == ("room", Sent.GONE)
    (settled,) = records(desk, "notification.settled")
    assert isinstance(settled, dict)
    assert settled["outcome"] == "gone"
    assert "127.0.0.1" not in str(settled), "an address is a capability"
    with sqlite3.connect(tmp_path / "state.db") as connection:
        (row,) = connection.execute("SELECT outcome, address, done FROM outbox").fetchall()
    assert row == ("gone", channel.address, 1)
    await desk.close()


async def test_every_decision_is_told_and_the_card_is_the_same_at_every_retry(tmp_path: Path) -> None:
    desk = await open_desk(tmp_path)
    with Receiver([503, 202]) as receiver:
        channel = Teams("room", receiver.url)
        outbox = Outbox(desk.store, [channel], desk.audit, desk.clock, jitter=lambda: 0.0)
        broker = Broker(desk.store, desk.audit, [channel], desk.clock, writer="w1", make_id=id_maker())
        request = make_request()
        await broker.open(request)
        await outbox.deliver_due()
        desk.clock.now += 1
        await outbox.deliver_due()
        await broker.decide(request.id, BOB, approve=False, reason="not today")
        await outbox.deliver_due()
        expiring = make_request(2, created=desk.clock.now, deadline=desk.clock.now + 5)
        await broker.open(expiring)
        desk.clock.now += 5
        assert await broker.expire_due() == 1
        await outbox.deliver_due()
        await outbox.close()
    first, again, rejected, *rest = [got.body.decode() for got in receiver.got]
    assert first == again
    assert "bob rejected it: not today" in rejected
    assert any('"Expired"' in each for each in rest)
    await desk.close()
