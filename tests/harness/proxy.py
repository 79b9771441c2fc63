"""A running proxy in front of a fresh shop, with a tap between it and the client.

`in_process` runs it on an event loop in a thread of its own: quick, and its coverage counts.
`as_process` runs `pgmaskproxy serve`: what signals and kill -9 are tried on.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from pgmaskproxy import app
from pgmaskproxy.config import Config, load_config
from pgmaskproxy.demo import shop, stage
from pgmaskproxy.demo.approver import Approver
from pgmaskproxy.demo.server import HOST, free_port
from pgmaskproxy.demo.stage import AGENT, OWNER, SECOND, Passwords, Ports, Upstream
from pgmaskproxy.demo.tap import ByteTap
from tests.harness.servers import Database

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 30.0
DRAIN_SECONDS: Final = 1.0


@dataclass
class Proxy:
    """What a test needs of a running proxy. Clients that connect by `conninfo` go through the tap."""

    database: Database
    directory: Path
    """Where its files are: pgmaskproxy.yaml, principals.yaml, policies/, audit/, state.db."""
    config: Config
    passwords: Passwords
    port: int
    """Its own port, without the tap."""
    web_port: int
    metrics_port: int
    tap: ByteTap
    process: subprocess.Popen[bytes] | None = None
    scanned: bool = True
    """Whether `check_bytes` is to find no secret; a test of a cleared principal says no."""
    secrets: list[shop.Secret] = field(default_factory=list, repr=False)

    @property
    def web(self) -> str:
        """The REST interface's address."""
        return f"http://{HOST}:{self.web_port}"

    def conninfo(self, user: str = AGENT, password: str | None = None, **more: str | int) -> str:
        """libpq's keyword form, for the agent or for `user`."""
        known: dict[str, str | int] = {
            "host": HOST,
            "port": self.tap.port,
            "user": user,
            "password": self.passwords.agent if password is None else password,
            "dbname": self.database.name,
        }
        return make_conninfo("", **{**known, **more})

    def connect(self, **more: str | int) -> psycopg.Connection:
        """The agent by psycopg, in autocommit mode."""
        return psycopg.connect(make_conninfo(self.conninfo(), **more), autocommit=True)

    def asyncpg_arguments(self) -> dict[str, str | int | bool]:
        """What asyncpg.connect takes to be the agent."""
        return {
            "host": HOST,
            "port": self.tap.port,
            "user": AGENT,
            "password": self.passwords.agent,
            "database": self.database.name,
            "ssl": False,
        }

    def psql(self, *commands: str, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Run the server's own psql as the agent, one `-c` for each command, without aligning."""
        call = [str(self.database.server.bindir / "psql"), "-X", "-A", "-t", *arguments]
        for command in commands:
            call += ["-c", command]
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PGHOST": HOST,
            "PGPORT": str(self.tap.port),
            "PGUSER": AGENT,
            "PGPASSWORD": self.passwords.agent,
            "PGDATABASE": self.database.name,
            "PGGSSENCMODE": "disable",
        }
        return subprocess.run(call, env=environment, capture_output=True, text=True, check=False, timeout=60)

    @contextmanager
    def person(self, name: str = SECOND) -> Iterator[Approver]:
        """A person at the REST interface: bob, alice (who owns the agent), or the agent by its database login."""
        passwords = {OWNER: self.passwords.owner, SECOND: self.passwords.second, AGENT: self.passwords.agent}
        with Approver(self.web, name, passwords[name]) as approver:
            yield approver

    def audit_records(self) -> bytes:
        """Everything in the audit log so far."""
        return b"".join(path.read_bytes() for path in sorted(self.config.audit.directory.glob("*.jsonl")))

    def check_bytes(self) -> None:
        """No secret was sent to any client, nor is any in the audit log."""
        sent = shop.leaks(self.tap.to_client, self.secrets) if self.scanned else []
        assert not sent, f"sent to the client: {sent[:20]}"
        recorded = shop.leaks(self.audit_records(), self.secrets)
        assert not recorded, f"in the audit log: {recorded[:20]}"


@contextmanager
def in_process(
    database: Database,
    directory: Path,
    *,
    policy: str | None = None,
    overrides: Mapping[str, str | int | bool] | None = None,
) -> Iterator[Proxy]:
    """A proxy in a thread. `policy` replaces the default one's text; `overrides` are settings by dotted path."""
    passwords = Passwords()
    config = load_config(_write(database, directory, passwords, Ports(0, 0, 0), policy), {}, overrides)
    with _thread(config) as ports, ByteTap(HOST, ports.proxy) as tap:
        yield Proxy(
            database,
            directory,
            config,
            passwords,
            ports.proxy,
            ports.web,
            ports.metrics,
            tap,
            secrets=_secrets(database),
        )


@contextmanager
def as_process(
    database: Database, directory: Path, *, policy: str | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """A proxy by `pgmaskproxy serve`; its standard error is in `directory`/log. Killed at the end if need be."""
    passwords = Passwords()
    ports = Ports(free_port(), free_port(), free_port())
    path = _write(database, directory, passwords, ports, policy)
    config = load_config(path, {})
    with (
        served(path, directory / "log", ports.metrics, environment or {}) as process,
        ByteTap(HOST, ports.proxy) as tap,
    ):
        yield Proxy(
            database,
            directory,
            config,
            passwords,
            ports.proxy,
            ports.web,
            ports.metrics,
            tap,
            process=process,
            secrets=_secrets(database),
        )


@contextmanager
def served(
    config: Path, log: Path, metrics_port: int, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`pgmaskproxy serve` with this configuration, from when it is ready on. Killed at the end if need be."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "PGMASKPROXY_"))}
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "from pgmaskproxy.cli import main; main()", "serve", "-c", str(config)],
            env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
            stdin=subprocess.DEVNULL,
            stderr=errors,
            cwd=config.parent,
        )
    try:
        _wait_until_ready(process, metrics_port, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(database: Database, directory: Path, passwords: Passwords, ports: Ports, policy: str | None) -> Path:
    server = database.server
    upstream = Upstream(
        server.host, server.port, database.role, database.password, database.name, database.admin, server.version
    )
    path = stage.write_files(directory, upstream, passwords, ports)
    if policy is not None:
        (directory / "policies" / "default.yaml").write_text(policy, encoding="utf-8")
    return path


def _secrets(database: Database) -> list[shop.Secret]:
    with psycopg.connect(database.admin) as connection:
        return shop.seeded_values(connection)


def _stacks(loop: asyncio.AbstractEventLoop) -> str:
    """Where its tasks wait, and what all threads do: what one needs to know of a proxy that hangs."""
    found = io.StringIO()
    for task in asyncio.all_tasks(loop):
        task.print_stack(file=found)
    for name, frame in sys._current_frames().items():
        found.write(f"thread {name}\n{''.join(traceback.format_stack(frame))}")
    return found.getvalue()


@contextmanager
def _thread(config: Config) -> Iterator[Ports]:
    """Run the application on a loop in a thread; an error of its start or of its end is raised here."""
    started = threading.Event()
    found: list[Ports] = []
    failed: list[BaseException] = []
    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        async with app.running(config, drain_seconds=DRAIN_SECONDS) as running:
            found.append(Ports(running.ports.proxy, running.ports.web, running.ports.metrics))
            started.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(START_SECONDS), "the proxy did not start"
    try:
        if not failed:
            yield found[0]
    finally:
        for loop, stop in stops:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_SECONDS)
        assert not thread.is_alive(), f"the proxy did not stop\n{_stacks(stops[0][0])}"
    if failed:
        raise failed[0]


def _wait_until_ready(process: subprocess.Popen[bytes], metrics_port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{HOST}:{metrics_port}/readyz", timeout=5) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the proxy did not start: {log.read_text(encoding='utf-8', errors='replace')[-4000:]}")
