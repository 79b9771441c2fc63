"""`pgmaskproxy` as a person or an operator runs it, and the default policy with something changed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import resources

import psycopg

from pgmaskproxy.demo.server import HOST
from tests.e2e.waiting import SECONDS
from tests.harness.proxy import Proxy


def pgmaskproxy(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own, with nothing of ours in its environment but `environment`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PGMASKPROXY_"))}
    return subprocess.run(
        [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", *arguments],
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), "NO_COLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def policy(*changes: tuple[str, str]) -> str:
    """The default policy's text with each (old, new) replaced, wherever it occurs."""
    text = resources.files("pgmaskproxy").joinpath("policies", "default.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def health(proxy: Proxy, path: str) -> tuple[int, str]:
    """What the listener for metrics and health says."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{proxy.metrics_port}{path}", timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until it is so; nothing asserts how quickly."""
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def backend(connection: psycopg.Connection) -> int:
    """The process of the server that serves this connection: not what the client is told for its cancel key."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def active(proxy: Proxy, process: int) -> bool:
    """Whether that process is running a statement."""
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [process]).fetchone()
    return row == ("active",)
