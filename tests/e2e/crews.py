"""A proxy with several workers: who is who among its processes, and a connection to a worker of one's choice."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg

from tests.e2e.commands import eventually, health
from tests.harness.proxy import Proxy

TWO = {"PGMASKPROXY_WORKERS": "2"}


def chain(proxy: Proxy, writer: str, *kinds: str) -> list[dict[str, Any]]:
    """A writer's records so far, of these kinds."""
    lines = (proxy.config.audit.directory / f"{writer}.jsonl").read_text(encoding="utf-8").splitlines()
    return [record for line in lines if (record := json.loads(line))["kind"] in kinds or not kinds]


def worker_pid(proxy: Proxy, number: int) -> int:
    """The process that is worker `number` now."""
    started = [each["data"] for each in chain(proxy, "proxy", "worker.started") if each["data"]["worker"] == number]
    return int(started[-1]["pid"])


def runs(pid: int) -> bool:
    """Whether there is such a process, and not only what is left of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def connected_to(proxy: Proxy, number: int, stack: ExitStack, **more: Any) -> psycopg.Connection:
    """A connection that the kernel has dealt to this worker; closed with the stack."""
    for _ in range(200):
        before = len(chain(proxy, f"proxy-{number}", "session.opened"))
        connection = psycopg.connect(proxy.conninfo(port=proxy.port, **more), autocommit=True)
        if len(chain(proxy, f"proxy-{number}", "session.opened")) > before:
            stack.callback(connection.close)
            return connection
        connection.close()
    raise AssertionError(f"worker {number} is dealt no connection")


def metric(proxy: Proxy, line: str) -> float:
    """A sample by its name and labels as they are exposed, 0 where it is not."""
    for sample in health(proxy, "/metrics")[1].splitlines():
        name, _, value = sample.rpartition(" ")
        if name == f"pgmaskproxy_{line}":
            return float(value)
    return 0.0


def all_gone(pids: list[int]) -> None:
    """Wait until none of them runs."""
    eventually(lambda: not any(runs(pid) for pid in pids), f"{pids} run on, under {os.getpid()}")
