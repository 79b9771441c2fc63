"""A whole proxy on the test's own event loop, before a real server, with a network in between that can fail."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from pgmaskproxy import app
from pgmaskproxy.approval.request import ApprovalRequest, State
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.audit.verify import verify
from pgmaskproxy.config import Config, load_config
from pgmaskproxy.demo import stage as files
from pgmaskproxy.demo.stage import AGENT, Passwords, Ports, Upstream
from pgmaskproxy.store.protocol import Filter
from tests.harness.servers import Database
from tests.proxy.client import Client
from tests.proxy.relay import Relay, relayed

HELD = "UPDATE shop.customers SET name = 'x'"
"""The default policy holds it: every row of a table."""
SLOW = "SELECT count(*) FROM generate_series(1, 20000000)"
"""Runs for a second or more, and may."""
PERMISSIVE = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: permissive
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
rules:
  - {id: all, effects: [READ, WRITE, EXPORT, DDL, ROUTINE], relations: ["*.*"], decide: allow}
"""
SECONDS = 20.0


@dataclass
class Stage:
    """What a test needs of it."""

    proxy: app.Proxy
    config: Config
    relay: Relay
    passwords: Passwords
    database: Database
    directory: Path
    clients: list[Client] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.proxy.ports.proxy

    def conninfo(self, **more: str | int) -> str:
        known: dict[str, str | int] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": AGENT,
            "password": self.passwords.agent,
            "dbname": self.database.name,
        }
        return make_conninfo("", **{**known, **more})

    async def connect(self, **more: str | int) -> psycopg.AsyncConnection:
        """The agent by psycopg, in autocommit mode."""
        return await psycopg.AsyncConnection.connect(self.conninfo(**more), autocommit=True)

    async def knock(self) -> Client:
        """A client that has said nothing yet; closed with the stage."""
        client = await Client.connect(self.port)
        self.clients.append(client)
        return client

    async def client(self, **more: str) -> Client:
        """The agent by hand, logged in."""
        return await (await self.knock()).log_in(AGENT, self.passwords.agent, self.database.name, **more)

    def gauge(self, name: str) -> float:
        """A metric's value, 0 where there is none yet."""
        return self.proxy.metrics.registry.get_sample_value(f"pgmaskproxy_{name}") or 0.0

    def records(self, *kinds: str) -> list[dict[str, Any]]:
        """The audit log's records so far, of these kinds."""
        lines = (self.config.audit.directory / "proxy.jsonl").read_text(encoding="utf-8").splitlines()
        return [record for line in lines if (record := json.loads(line))["kind"] in kinds or not kinds]

    async def requests(self, state: State) -> tuple[ApprovalRequest, ...]:
        """The requests in this state."""
        return (await self.proxy.services.broker.search(Filter(states=frozenset({state})))).requests

    async def pending(self) -> ApprovalRequest:
        """The one request that waits."""
        await until(lambda: self.gauge("approvals_pending") == 1)
        (request,) = await self.requests(State.PENDING)
        return request

    async def decide(self, request_id: str, *, approve: bool, reason: str = "") -> None:
        """What bob says."""
        person = self.proxy.knowledge.now.directory.person(files.SECOND)
        assert person is not None
        await self.proxy.services.broker.decide(request_id, person, approve=approve, reason=reason)

    async def is_clean(self) -> None:
        """Nothing is left of any client: no connection on either side, no key, no hold, no request."""
        await until(lambda: not self.proxy.listener.connections)
        await until(lambda: self.relay.open == 0)
        assert self.gauge("client_connections") == 0
        assert self.gauge("approvals_pending") == 0
        assert not len(self.proxy.services.held)
        assert len(self.proxy.services.cancel) == 0
        assert await self.requests(State.PENDING) == ()
        assert verify([self.config.audit.directory]).ok

    def rewrite_policy(self, change: Callable[[str], str]) -> None:
        """Edit the policy file; `reload` reads it."""
        path = self.directory / "policies" / "default.yaml"
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for it to come true; AssertionError when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a test may poll
            await asyncio.sleep(0.01)


@asynccontextmanager
async def staged(
    database: Database,
    directory: Path,
    *,
    drain_seconds: float = 0.2,
    policy: str | None = None,
    settings: Mapping[str, str | int | bool] | None = None,
) -> AsyncIterator[Stage]:
    """A proxy that takes connections; `settings` are by dotted path."""
    passwords = Passwords()
    async with relayed(database.server.host, database.server.port) as relay:
        path = write(database, directory, passwords, relay.port, Ports(0, 0, 0))
        if policy is not None:
            (directory / "policies" / "default.yaml").write_text(policy, encoding="utf-8")
        config = load_config(path, {}, settings)
        async with app.running(config, drain_seconds=drain_seconds) as proxy:
            stage = Stage(proxy, config, relay, passwords, database, directory)
            try:
                yield stage
            finally:
                for client in stage.clients:
                    client.hang_up()


def write(database: Database, directory: Path, passwords: Passwords, port: int, ports: Ports) -> Path:
    """The files of a proxy whose server is at `port`; the configuration's path."""
    server = database.server
    upstream = Upstream(
        server.host, port, database.role, database.password, database.name, database.admin, server.version
    )
    return files.write_files(directory, upstream, passwords, ports)


@contextmanager
def failing(audit: AuditLog, path: str = "/dev/full") -> Iterator[None]:
    """Meanwhile the log's own descriptor is another file's: every write fails in the system call itself.

    /dev/full has no space left (ENOSPC); /dev/null opened for reading cannot be written at all (EBADF).
    """
    kept = os.dup(audit._fd)
    broken = os.open(path, os.O_RDWR if path == "/dev/full" else os.O_RDONLY)
    try:
        os.dup2(broken, audit._fd)
        yield
    finally:
        os.dup2(kept, audit._fd)
        os.close(broken)
        os.close(kept)
