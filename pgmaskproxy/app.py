"""The composition root: Config -> services -> one TaskGroup; signals and reload (DESIGN "Layout")."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Protocol, final

import uvloop

import pgmaskproxy
from pgmaskproxy.audit import events
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.build_info import compiled
from pgmaskproxy.config import Config
from pgmaskproxy.errors import AuditFailed, ConfigError, Unavailable
from pgmaskproxy.front import Front
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.ports import bind
from pgmaskproxy.proxy.reading import read_all
from pgmaskproxy.proxy.supervisor import Supervisor
from pgmaskproxy.proxy.unix_socket import UnixSocket
from pgmaskproxy.workers.brief import Logging
from pgmaskproxy.writers import WRITER

DRAIN_SECONDS: Final = 30.0


@final
@dataclass(frozen=True, slots=True)
class Ports:
    """Where the proxy really listens; differs from the configuration where that says 0."""

    proxy: int
    web: int
    metrics: int


@final
class Proxy:
    """Everything that runs, and what it takes to end it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.metrics = Metrics(version=pgmaskproxy.__version__, compiled=compiled())
        self.ports = Ports(0, 0, 0)
        self._log = get_logger("app")
        self._stack = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Build the services and bind the ports. Raises ConfigError, Unavailable or AuditFailed."""
        from pgmaskproxy.proxy.plane import Plane  # noqa: PLC0415 - who has workers leaves it to them

        config, stack = self.config, self._stack
        found = await asyncio.to_thread(read_all, config, os.environ)
        bound = bind(config.listen.host, config.listen.port)
        stack.callback(bound.close)
        listen_on, by_file = config.listen.unix_socket_directory, None
        if listen_on is not None:
            permissions = int(config.listen.unix_socket_permissions, 8)
            by_file = stack.enter_context(UnixSocket(listen_on, bound.getsockname()[1], permissions)).socket
        self.audit = stack.enter_context(AuditLog(config.audit.directory, WRITER))
        self.front = Front(config, self.audit, self.metrics, stack)
        await self.front.open()
        self.plane = Plane(
            config,
            store=self.front.store,
            audit=self.audit,
            broker=self.front.broker,
            metrics=self.metrics,
            link=self.front.link,
            mock_secret=secrets.token_bytes(32),
            randbytes=secrets.token_bytes,
        )
        stack.callback(self.plane.close)
        self.front.serve(lambda: self.knowledge.now.directory, self.ready)
        await self.front.recover()
        await self.plane.prepare(found)
        self.knowledge, self.judge = self.plane.knowledge, self.plane.judge
        self.services, self.listener = self.plane.services, self.plane.listener
        self.ports = Ports(bound.getsockname()[1], *self.front.ports)
        upstream = f"{config.upstream.host}:{config.upstream.port}"
        listen = f"{config.listen.host}:{self.ports.proxy}"
        version = found.policy.version
        self.audit.write(events.server_started(pgmaskproxy.__version__, version, listen, upstream), durable=True)
        await self.plane.listen(bound, by_file)
        self._log.info("server_started", listen=listen, upstream=upstream, policy_version=version)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside `front.run`, which ends by itself after `stop`."""
        return [*self.front.tasks(), *self.plane.tasks()]

    async def stop(self, why: str, seconds: float = DRAIN_SECONDS) -> None:
        """Drain (statements and transactions may finish), then say that it is over."""
        self._log.info("server_draining", reason=why)
        await self.listener.drain(seconds)
        self.front.end()
        with contextlib.suppress(AuditFailed):  # it ends all the same, and the log says so by its silence
            self.audit.write(events.server_stopped(why), durable=True)

    async def close(self) -> None:
        """Let go of everything."""
        await self._stack.aclose()

    async def reload(self) -> bool:
        """Read policies, principals and keys again. A bad file changes nothing, and says so loudly."""
        try:
            await self.plane.take(await asyncio.to_thread(read_all, self.config, os.environ))
        except Unavailable as error:
            self._log.error("policy_reload_failed", reason=error.message, hint=error.hint)
            return self._reloaded(1)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("policy_reload_failed", file=problem.file, line=problem.line, reason=problem.message)
            return self._reloaded(len(error.problems))
        return self._reloaded(0)

    def ready(self) -> dict[str, bool]:
        """What /readyz reports."""
        return {"upstream": self.plane.upstream_seen, "accepting": self.plane.accepting}

    def status(self) -> str:
        """One line for who supervises the process."""
        doing = f"listening on port {self.ports.proxy}" if self.plane.accepting else "draining"
        clients, held = len(self.listener.connections), len(self.services.held)
        return f"{doing}; {clients} clients, {held} held statements, policy {self.knowledge.now.policy.version[:12]}"

    def _reloaded(self, problems: int) -> bool:
        version = self.knowledge.now.policy.version
        self.metrics.policy_reload.labels("failed" if problems else "ok").inc()
        try:
            self.audit.write(events.policy_reloaded(version, taken=not problems, problems=problems), durable=True)
        except AuditFailed as error:
            self._log.error("audit_failed", reason=error.message)
        self._log.info("policy_in_force", policy_version=version)
        return not problems


class Runs(Protocol):
    """A proxy that runs, of one process or of several."""

    @property
    def front(self) -> Front:
        """What there is one of."""

    def status(self) -> str:
        """One line for who supervises it."""

    async def reload(self) -> bool:
        """Read policies, principals and keys again."""


@contextlib.asynccontextmanager
async def running(config: Config, *, drain_seconds: float = DRAIN_SECONDS) -> AsyncIterator[Proxy]:
    """A proxy in this process that takes connections for as long as the context lasts."""
    proxy = Proxy(config)
    try:
        await proxy.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(proxy.front.run())
            tasks = [group.create_task(each) for each in proxy.tasks()]
            try:
                yield proxy
            finally:
                await proxy.stop("shutdown", drain_seconds)
                for task in tasks:
                    task.cancel()
    finally:
        await proxy.close()


async def serve(config: Config, logging: Logging) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads policy and principals. systemd is told, where it asks to be."""
    loop = asyncio.get_running_loop()
    supervisor = Supervisor.of(os.environ)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reload.set)  # from the start: its default is to end the process
    around: contextlib.AbstractAsyncContextManager[Runs] = running(config)
    if config.workers > 1:
        from pgmaskproxy.workers import parent  # noqa: PLC0415 - only who has workers needs it

        around = parent.running(config, logging, DRAIN_SECONDS)
    async with contextlib.AsyncExitStack() as after, around as proxy:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        # What is there now stays: without this, looking through all of it again and again stops everybody for
        # a tenth of a second each time.
        gc.collect()
        gc.freeze()
        gc.enable()
        proxy.front.on_loaded = gc.freeze
        supervisor.ready(proxy.status())
        after.callback(supervisor.close)
        after.callback(asyncio.ensure_future(supervisor.live(proxy.status)).cancel)  # draining is a life too
        ending = asyncio.ensure_future(stop.wait())
        while not ending.done():
            reloading = asyncio.ensure_future(reload.wait())
            await asyncio.wait({ending, reloading}, return_when=asyncio.FIRST_COMPLETED)
            reloading.cancel()
            if reload.is_set():
                reload.clear()
                supervisor.reloading()
                await proxy.reload()
                supervisor.ready(proxy.status())
        supervisor.stopping()


def run(config: Config, logging: Logging | None = None) -> int:
    """`pgmaskproxy serve`: the exit code. Raises ConfigError, Unavailable or AuditFailed before it accepts anything.

    `logging` is how workers log: as this process does.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, Logging() if logging is None else logging))
    return 0
