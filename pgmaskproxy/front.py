"""What there is one of, however many processes take clients: the state, approvers' channels, page, REST and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, final

from sqlalchemy.engine import make_url

import pgmaskproxy
from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.channels.channel import Channel, Receipt, Sent
from pgmaskproxy.channels.outbox import Outbox
from pgmaskproxy.config import Config
from pgmaskproxy.errors import ProxyError, Unavailable
from pgmaskproxy.ids import new_id
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.ports import bind
from pgmaskproxy.store.sqlite import SqliteStore
from pgmaskproxy.web.pulse import Pulse
from pgmaskproxy.writers import all_writers

if TYPE_CHECKING:
    from pgmaskproxy.web.health import Page, Ready
    from pgmaskproxy.web.server import EmbeddedServer

BACKLOG: Final = 128
"""Connections that wait to be accepted."""

CLAIM_PAUSE_SECONDS: Final = 0.05


@final
class Front:
    """See the module. `open`, then `serve`; `tasks` run for as long as it does."""

    def __init__(self, config: Config, audit: AuditLog, metrics: Metrics, stack: contextlib.AsyncExitStack) -> None:
        self._config = config
        self._audit = audit
        self._metrics = metrics
        self._stack = stack
        self._log = get_logger("app")
        self._pulse = Pulse()
        self.on_changed: Callable[[str], None] = lambda _request: None
        """Called with the id of a request that has changed here."""
        self._bound: list[socket.socket] = []
        self._make: Callable[[], Sequence[EmbeddedServer]] = list
        self._ended = asyncio.Event()
        self.on_loaded: Callable[[], None] = lambda: None
        """Called when everything is there that there will be for good."""
        self.claim = -1
        """The descriptor of the lock on the state: nobody else may start while anybody has it."""

    async def recover(self) -> None:
        """Withdraw what any process left open that once had this state: it is ours alone, so they are gone."""
        await self.broker.recover(all_writers())

    async def open(self, *, patience: float = 0.0) -> None:
        """Open the state, which is ours alone. Raises ConfigError or Unavailable.

        `patience` is how many seconds to wait for a predecessor's last process to go.
        """
        config, stack = self._config, self._stack
        self.store = await SqliteStore.open(config.state)
        stack.push_async_callback(self.store.close)
        self.claim = await _claim(config.state, patience)
        stack.callback(os.close, self.claim)
        channels = _channels(config)
        self.outbox = Outbox(self.store, channels, self._audit, time.time, jitter=random.random, observe=self._notified)
        stack.push_async_callback(self.outbox.close)
        self.broker = Broker(
            self.store,
            self._audit,
            channels,
            time.time,
            writer=self._audit.writer,
            make_id=lambda: new_id("evt", time.time, secrets.token_bytes),
            link=self.link,
            notified=self.changed,
            changed=self._changed,
        )

    def serve(self, people: Callable[[], Directory], ready: Ready, page: Page | None = None) -> None:
        """Take the page's port and the metrics': who comes before they are served waits a moment. Raises Unavailable.

        `people` is asked for each request; `ready` and `page` say what /readyz and /metrics show.
        """
        for where in (self._config.web, self._config.metrics):
            bound = bind(where.host, where.port)
            self._stack.callback(bound.close)
            bound.listen(BACKLOG)
            self._bound.append(bound)
        self._make = partial(self._servers, people, ready, page)

    @property
    def ports(self) -> tuple[int, int]:
        """The page's and the metrics'."""
        web, metrics = (bound.getsockname()[1] for bound in self._bound)
        return web, metrics

    async def run(self) -> None:
        """Serve the ports, until `end` and what is open then has ended."""
        # Loading all of this takes longer than everything else: nobody else is to wait for it.
        servers = await asyncio.to_thread(self._make)
        self.on_loaded()
        if not self._ended.is_set():
            serving = [server.serve(sockets=[bound]) for server, bound in zip(servers, self._bound, strict=True)]
            tasks = [asyncio.ensure_future(each) for each in serving]
            await self._ended.wait()
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside `run`."""
        return [self.outbox.run(), self._expire_for_ever()]

    def end(self) -> None:
        """No more page."""
        self._ended.set()

    def _servers(self, people: Callable[[], Directory], ready: Ready, page: Page | None) -> Sequence[EmbeddedServer]:
        from pgmaskproxy.web.services import Services  # noqa: PLC0415
        from pgmaskproxy.web.serving import make_servers  # noqa: PLC0415

        services = Services(
            broker=self.broker,
            store=self.store,
            directory=people,
            audit=self._audit,
            metrics=self._metrics,
            version=pgmaskproxy.__version__,
            public_url=self._config.web.public_url or "",
            pulse=self._pulse,
        )
        return make_servers(services, ready, page)

    def changed(self) -> None:
        """A request has changed: channels are told, and pages look again."""
        self.outbox.wake()
        self._pulse.beat()

    def _changed(self, request: str) -> None:
        self.on_changed(request)

    def link(self, request: str) -> str:
        """Where a request can be decided."""
        return self._config.web.link(self.ports[0], request)

    async def _expire_for_ever(self) -> None:
        """End requests whose deadline has come, whoever holds them."""
        while True:
            await asyncio.sleep(1.0)
            try:
                await self.broker.expire_due()
            except ProxyError as error:
                self._log.error("expiry_failed", reason=error.message)

    def _notified(self, channel: str, receipt: Receipt) -> None:
        self._metrics.approval_notifications.labels(channel, receipt.sent.value).inc()
        if receipt.sent in {Sent.GONE, Sent.REFUSED, Sent.EXPIRED}:
            self._log.error("notification_lost", channel=channel, outcome=receipt.sent.value, reason=receipt.detail)


async def _claim(state: str, patience: float) -> int:
    """A lock beside the state file, held while the descriptor is open, here or in a process that has inherited it.
    Raises Unavailable.

    Who starts withdraws what it finds open there, since its predecessor's clients are gone: a second process
    would withdraw the first one's.
    """
    path = f"{make_url(state).database}.lock"
    until = time.monotonic() + patience
    while True:
        try:
            return _lock(path)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise Unavailable(
                    "the state file is in use by another pgmaskproxy", detail=path, hint="give each its own `state`"
                ) from error
        except OSError as error:
            raise Unavailable(f"the state file cannot be locked: {error.strerror}", detail=path) from error
        await asyncio.sleep(CLAIM_PAUSE_SECONDS)


def _lock(path: str) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _channels(config: Config) -> list[Channel]:
    if not config.channels:
        return []
    from pgmaskproxy.channels.making import make_channel  # noqa: PLC0415 - loads an HTTP client

    return [
        make_channel(
            channel.kind,
            name,
            channel.url.get_secret_value(),
            channel.secret.get_secret_value() if channel.secret is not None else "",
            groups=channel.groups,
        )
        for name, channel in sorted(config.channels.items())
    ]
