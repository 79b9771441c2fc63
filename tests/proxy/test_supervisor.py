"""What systemd is told, on a real socket."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pgmaskproxy.proxy.supervisor import Supervisor


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(5)
        yield listener


def test_ready_reloading_stopping(told: socket.socket) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": told.getsockname()})
    supervisor.ready("listening")
    supervisor.reloading()
    supervisor.ready("again")
    supervisor.stopping()
    supervisor.close()
    said = [told.recv(4096).decode() for _ in range(4)]
    assert said[0] == "READY=1\nSTATUS=listening"
    assert said[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[2] == "READY=1\nSTATUS=again"
    assert said[3] == "STOPPING=1\nSTATUS=draining"


async def test_signs_of_life_and_the_status_when_it_changes(told: socket.socket) -> None:
    supervisor = Supervisor(told.getsockname(), watchdog=0.02)
    supervisor.ready("one")
    words = iter(["one", "two"])
    living = asyncio.ensure_future(supervisor.live(lambda: next(words, "two")))
    said = [await asyncio.to_thread(told.recv, 4096) for _ in range(4)]
    living.cancel()
    with suppress(asyncio.CancelledError):
        await living
    supervisor.close()
    assert said == [b"READY=1\nSTATUS=one", b"WATCHDOG=1", b"WATCHDOG=1\nSTATUS=two", b"WATCHDOG=1"]


def test_an_abstract_name(tmp_path: Path) -> None:
    name = f"pgmaskproxy-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(5)
        supervisor = Supervisor(f"@{name}")
        supervisor.stopping()
        supervisor.close()
        assert listener.recv(4096).startswith(b"STOPPING=1")


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1", "/nowhere/at/all"])
async def test_where_nobody_listens_nothing_happens(address: str) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "no"})
    supervisor.ready("x")
    supervisor.stopping()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await supervisor.live(lambda: "y")
    supervisor.close()


@pytest.mark.parametrize(("pid", "count"), [("7", 2), ("8", 1), ("", 2)])
async def test_a_watchdog_is_kept_by_the_process_it_is_meant_for(told: socket.socket, pid: str, count: int) -> None:
    given = {"NOTIFY_SOCKET": told.getsockname(), "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": pid}
    supervisor = Supervisor.of(given, pid=7)
    supervisor.ready("x")
    living = asyncio.ensure_future(supervisor.live(lambda: "x"))
    await asyncio.sleep(0)
    living.cancel()
    supervisor.close()
    told.settimeout(0)
    said = []
    with suppress(BlockingIOError):
        while True:
            said.append(told.recv(4096))
    assert len(said) == count
