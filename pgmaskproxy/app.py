"""The composition root: Config -> services -> one TaskGroup; signals and reload (DESIGN "Layout")."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import os
import random
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, final

import psycopg.conninfo
import uvloop
from sqlalchemy.engine import make_url

import pgmaskproxy
from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.audit import events
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.build_info import compiled
from pgmaskproxy.channels.channel import Channel, Receipt, Sent
from pgmaskproxy.channels.making import make_channel
from pgmaskproxy.channels.outbox import Outbox
from pgmaskproxy.config import Config
from pgmaskproxy.errors import AuditFailed, ConfigError, ProxyError, Unavailable
from pgmaskproxy.ids import new_id
from pgmaskproxy.keyring.source import Source
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.policy.rules import Policy
from pgmaskproxy.proxy.budgets import Budgets
from pgmaskproxy.proxy.canaries import Canaries
from pgmaskproxy.proxy.cancel import CancelKeys
from pgmaskproxy.proxy.catalog import BUSY, load_catalog
from pgmaskproxy.proxy.certificates import Served, ServerCertificates, upstream_context
from pgmaskproxy.proxy.conninfo import conninfo
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.keys import Keys
from pgmaskproxy.proxy.knowledge import Database, Knowledge
from pgmaskproxy.proxy.labels import Labels
from pgmaskproxy.proxy.listener import Listener
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.proxy.reading import Read, read_all
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.proxy.supervisor import Supervisor
from pgmaskproxy.proxy.trees import why_no_tree
from pgmaskproxy.proxy.unix_socket import UnixSocket
from pgmaskproxy.proxy.watch import Watch
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from pgmaskproxy.store.sqlite import SqliteStore
from pgmaskproxy.web.app import create_app
from pgmaskproxy.web.health import create_health_app
from pgmaskproxy.web.pulse import Pulse
from pgmaskproxy.web.server import EmbeddedServer, bind, embedded_server
from pgmaskproxy.web.services import Services as WebServices

WRITER: Final = "proxy"
"""Names this process's audit chain and its requests; one process writes to a state directory."""
REFRESH_SECONDS: Final = 30.0
CATALOG_SECONDS: Final = 30.0
REVIEW_SECONDS: Final = 2.0
WARM_UP: Final = "SELECT 1"
"""Read once before anybody asks: the parsers load much of themselves at their first statement."""
DEEP_THREADS: Final = 2
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
        self._upstream_seen = False
        self._noticed = asyncio.Event()
        self._pulse = Pulse()
        self._watches: list[Watch] = []
        self.servers: list[tuple[EmbeddedServer, socket.socket]] = []

    async def start(self) -> None:
        """Build the services and bind the ports. Raises ConfigError, Unavailable or AuditFailed."""
        config, stack = self.config, self._stack
        read_now = await asyncio.to_thread(read_all, config, os.environ)
        policy, directory = read_now.policy, read_now.directory
        self._pins = PinFile.of(config, self.metrics)
        channels = _channels(config)
        tls = config.listen.tls
        certificates = ServerCertificates(tls, self._certificate_read, self._certificate_failed) if tls else None
        context = upstream_context(config.upstream)
        bound = bind(config.listen.host, config.listen.port)
        stack.callback(bound.close)
        listen_on, by_file = config.listen.unix_socket_directory, None
        if listen_on is not None:
            permissions = int(config.listen.unix_socket_permissions, 8)
            by_file = stack.enter_context(UnixSocket(listen_on, bound.getsockname()[1], permissions)).socket
        self._deep = DeepThread(threads=DEEP_THREADS)
        stack.callback(self._deep.close)
        self.audit = stack.enter_context(AuditLog(config.audit.directory, WRITER))
        store = await SqliteStore.open(config.state)
        stack.push_async_callback(store.close)
        stack.callback(os.close, _claim(config.state))
        self._outbox = Outbox(store, channels, self.audit, time.time, jitter=random.random, observe=self._notified)
        stack.push_async_callback(self._outbox.close)
        self._broker = Broker(
            store,
            self.audit,
            channels,
            time.time,
            writer=WRITER,
            make_id=lambda: new_id("evt", time.time, secrets.token_bytes),
            link=self._link,
            notified=self._told,
        )
        await self._broker.recover()
        self._labels = Labels(store, self._deep, self.audit, self.metrics)
        self.knowledge = Knowledge(policy, directory, await self._read_all(policy))
        self.judge = Judge(
            self.knowledge, self._deep, self.metrics, self._read_catalog, label_catalog=self._labels.label
        )
        self._store = store
        canaries = Canaries()
        watched = canaries.replace(await store.canaries())
        if watched is not None:
            self.audit.write(watched, durable=False)
        self.metrics.canaries_watched.set(len(canaries))
        keys = Keys(self.metrics)
        keys.customs = read_now.customs
        in_force = keys.replace(read_now.keys, str(Source(config.keys)))
        if in_force is not None:
            self.audit.write(in_force, durable=False)
        self.services = Services(
            config=config,
            judge=self.judge,
            prover=Prover(self.judge, self._deep, self.metrics),
            broker=self._broker,
            budgets=Budgets(store, time.time),
            audit=self.audit,
            metrics=self.metrics,
            mock_secret=secrets.token_bytes(32),
            link=self._link,
            cancel=CancelKeys(secrets.token_bytes),
            keys=keys,
            canaries=canaries,
            certificates=certificates,
            upstream_context=context,
            attestation=await self._attestation(),
        )
        self.listener = Listener(self.services)
        self.judge.on_moved = self._moved
        self.judge.on_doubt = self.listener.doubt
        self.metrics.policy_in_force(policy.version)
        self._serve_http(store)
        self.ports = Ports(*(each.getsockname()[1] for each in (bound, *(sock for _, sock in self.servers))))
        upstream = f"{config.upstream.host}:{config.upstream.port}"
        listen = f"{config.listen.host}:{self.ports.proxy}"
        self.audit.write(events.server_started(pgmaskproxy.__version__, policy.version, listen, upstream), durable=True)
        try:
            await self.listener.start(bound, by_file)
        except OSError as error:  # somebody else began to listen after we had bound
            raise Unavailable(f"cannot listen on {listen}: {error.strerror}") from error
        self._log.info("server_started", listen=listen, upstream=upstream, policy_version=policy.version)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the listener, for as long as the proxy does."""
        serving: list[Coroutine[Any, Any, None]] = [server.serve(sockets=[bound]) for server, bound in self.servers]
        watching = [watch.run() for watch in self._watches]
        canaries = self.services.canaries.keep(self._store.canaries, self._watch_for_others)
        keeping = (self._refresh_for_ever(), self._expire_for_ever(), self._review_for_ever(), self.listener.reap())
        return [*serving, *watching, self._outbox.run(), *keeping, canaries]

    async def stop(self, why: str, seconds: float = DRAIN_SECONDS) -> None:
        """Drain (statements and transactions may finish), then say that it is over."""
        self._log.info("server_draining", reason=why)
        await self.listener.drain(seconds)
        for server, _ in self.servers:
            server.should_exit = True
        with contextlib.suppress(AuditFailed):  # it ends all the same, and the log says so by its silence
            self.audit.write(events.server_stopped(why), durable=True)

    async def close(self) -> None:
        """Let go of everything."""
        await self._stack.aclose()

    async def reload(self) -> bool:
        """Read policies, principals and keys again. A bad file changes nothing, and says so loudly."""
        try:
            found = await asyncio.to_thread(read_all, self.config, os.environ)
        except Unavailable as error:
            self._log.error("policy_reload_failed", reason=error.message, hint=error.hint)
            return self._reloaded(1)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("policy_reload_failed", file=problem.file, line=problem.line, reason=problem.message)
            return self._reloaded(len(error.problems))
        databases = await self.judge.relabel(found.policy)
        self._use_keys(found)  # first: the policy may need them
        self.knowledge.reload(found.policy, found.directory, databases)
        self.metrics.policy_in_force(found.policy.version)
        self.listener.moved(None)
        return self._reloaded(0)

    def ready(self) -> dict[str, bool]:
        """What /readyz reports."""
        return {"upstream": self._upstream_seen, "accepting": not self.listener.draining}

    def status(self) -> str:
        """One line for who supervises the process."""
        doing = "draining" if self.listener.draining else f"listening on port {self.ports.proxy}"
        clients, held = len(self.listener.connections), sum(self.services.held.values())
        return f"{doing}; {clients} clients, {held} held statements, policy {self.knowledge.now.policy.version[:12]}"

    def _certificate_read(self, served: Served) -> None:
        self.metrics.tls_certificate_not_after.set(served.not_after)
        self._log.info("certificate_read")

    def _certificate_failed(self, reason: str) -> None:
        self._log.error("certificate_unreadable", reason=reason)

    def _use_keys(self, found: Read) -> None:
        keys = self.services.keys
        event, others = keys.replace(found.keys, str(Source(self.config.keys))), keys.customs != found.customs
        keys.customs = found.customs
        if event is not None or others:
            self.listener.use_keys()
        if event is None:
            return
        try:
            self.audit.write(event, durable=True)
        except AuditFailed as error:
            self._log.error("audit_failed", reason=error.message)

    def _reloaded(self, problems: int) -> bool:
        version = self.knowledge.now.policy.version
        self.metrics.policy_reload.labels("failed" if problems else "ok").inc()
        try:
            self.audit.write(events.policy_reloaded(version, taken=not problems, problems=problems), durable=True)
        except AuditFailed as error:
            self._log.error("audit_failed", reason=error.message)
        self._log.info("policy_in_force", policy_version=version)
        return not problems

    def _serve_http(self, store: SqliteStore) -> None:
        config = self.config
        web = create_app(
            WebServices(
                broker=self._broker,
                store=store,
                directory=lambda: self.knowledge.now.directory,
                audit=self.audit,
                metrics=self.metrics,
                version=pgmaskproxy.__version__,
                public_url=config.web.public_url or "",
                pulse=self._pulse,
            )
        )
        for app, host, port in (
            (web, config.web.host, config.web.port),
            (create_health_app(self.metrics, self.ready), config.metrics.host, config.metrics.port),
        ):
            server, bound = embedded_server(app, host, port, closing=self._pulse.close)
            self._stack.callback(bound.close)
            self.servers.append((server, bound))

    async def _attestation(self) -> str:
        """What sessions are told: `preferred` is off where a server, or a pooler before it, gives no tree."""
        mode = self.config.upstream.attestation
        if mode != "preferred":
            return mode
        for name in sorted(set(self.config.upstream.databases.values())):
            reason = await why_no_tree(self._conninfo(name))
            if reason:
                self._log.warning("attestation_off", database=name, reason=reason)
                return "off"
        return mode

    async def _read_all(self, policy: Policy) -> dict[str, Database]:
        """Every database's catalog, labelled. Before this nothing could be judged, so nothing is accepted."""
        found = {}
        for name in sorted(set(self.config.upstream.databases.values())):
            watch = Watch(self._conninfo(name), partial(self._outdated, name))
            with contextlib.suppress(psycopg.Error):  # the reading that follows says what is wrong
                await watch.begin()
            self._watches.append(watch)
            catalog = await self._read_catalog(name)
            found[name] = await self._labels.label(name, policy, catalog)
            await self._deep.run(partial(read, WARM_UP, catalog, ()))
            self._record_catalog(name, found[name], 1)
        return found

    def _outdated(self, database: str) -> None:
        self.judge.outdated(database)
        self._noticed.set()  # a statement that is only executed again asks for no ruling, and would not wait for it

    def _conninfo(self, database: str) -> str:
        return conninfo(self.config.upstream, database, "pgmaskproxy catalog")

    async def _read_catalog(self, database: str) -> Catalog:
        try:
            async with asyncio.timeout(CATALOG_SECONDS):
                catalog = await load_catalog(self._conninfo(database))
        except TimeoutError as error:
            self._upstream_seen = False
            raise Unavailable("cannot read the catalog", detail=f"No answer in {CATALOG_SECONDS:.0f} s.") from error
        except Unavailable as error:
            self._upstream_seen = error.sqlstate == BUSY
            raise
        self._upstream_seen = True
        return self._pins.vouch(database, catalog)

    def _record_catalog(self, name: str, known: Database, epoch: int) -> None:
        self.audit.write(
            events.catalog_refreshed(name, len(known.catalog.relations), len(known.labelling), epoch), durable=False
        )

    def _moved(self, database: str) -> None:
        now = self.knowledge.now
        self.listener.moved(database)
        try:
            self._record_catalog(database, now.databases[database], now.epoch)
        except AuditFailed as error:
            self._log.error("audit_failed", reason=error.message)

    def _watch_for_others(self, event: AuditEvent) -> None:
        """Other canaries were planted, or some retired: every session looks for them at once."""
        self.metrics.canaries_watched.set(len(self.services.canaries))
        self.listener.watch()
        self.audit.write(event, durable=False)

    async def _refresh_for_ever(self) -> None:
        """Notice definitions that others changed (DESIGN: "epoch polled")."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH_SECONDS):
                    await self._noticed.wait()
            self._noticed.clear()
            for name in sorted(self.knowledge.now.databases):
                reading = asyncio.ensure_future(self.judge.refresh(name))
                await asyncio.wait({reading})
                error = reading.exception()
                if error is not None:  # of whatever kind
                    self._log.error("catalog_unreadable", database=name, exc_info=error)
                    if not (isinstance(error, Unavailable) and error.sqlstate == BUSY):
                        self.judge.outdated(
                            name
                        )  # who knows what is there now: nothing is judged before it can be read

    async def _review_for_ever(self) -> None:
        """Notice that somebody has reviewed what had moved under the labels (`pgmaskproxy labels accept`)."""
        while True:
            await asyncio.sleep(REVIEW_SECONDS)
            for name in sorted(self.knowledge.now.databases):
                try:
                    if await self._labels.accepted(name):
                        await self.judge.relabelled(name)
                except ProxyError as error:
                    self._log.error("labels_unreadable", database=name, reason=error.message)

    async def _expire_for_ever(self) -> None:
        """End requests whose deadline has come, whoever holds them."""
        while True:
            await asyncio.sleep(1.0)
            try:
                await self._broker.expire_due()
            except ProxyError as error:
                self._log.error("expiry_failed", reason=error.message)

    def _notified(self, channel: str, receipt: Receipt) -> None:
        self.metrics.approval_notifications.labels(channel, receipt.sent.value).inc()
        if receipt.sent in {Sent.GONE, Sent.REFUSED, Sent.EXPIRED}:
            self._log.error("notification_lost", channel=channel, outcome=receipt.sent.value, reason=receipt.detail)

    def _told(self) -> None:
        """A request has changed: channels are told, and pages look again."""
        self._outbox.wake()
        self._pulse.beat()

    def _link(self, request: str) -> str:
        base = self.config.web.public_url or f"http://{self.config.web.host}:{self.ports.web}"
        return f"{base.rstrip('/')}/requests/{request}"


def _claim(state: str) -> int:
    """A lock beside the state file, held while the descriptor is open. Raises Unavailable.

    Who starts withdraws what it finds open there, since its predecessor's clients are gone: a second process
    would withdraw the first one's.
    """
    path = f"{make_url(state).database}.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
    except BlockingIOError as error:
        raise Unavailable(
            "the state file is in use by another pgmaskproxy", detail=path, hint="give each its own `state`"
        ) from error
    except OSError as error:
        raise Unavailable(f"the state file cannot be locked: {error.strerror}", detail=path) from error
    return lock


def _channels(config: Config) -> list[Channel]:
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


@contextlib.asynccontextmanager
async def running(config: Config, *, drain_seconds: float = DRAIN_SECONDS) -> AsyncIterator[Proxy]:
    """A proxy that takes connections for as long as the context lasts."""
    proxy = Proxy(config)
    try:
        await proxy.start()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in proxy.tasks()]
            try:
                yield proxy
            finally:
                await proxy.stop("shutdown", drain_seconds)
                for task in tasks[len(proxy.servers) :]:
                    task.cancel()
    finally:
        await proxy.close()


async def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reloads policy and principals. systemd is told, where it asks to be."""
    loop = asyncio.get_running_loop()
    supervisor = Supervisor.of(os.environ)
    stop, reload = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, reload.set)  # from the start: its default is to end the process
    async with contextlib.AsyncExitStack() as after, running(config) as proxy:
        # What is there now stays: without this, looking through all of it again and again stops everybody for
        # a tenth of a second each time.
        gc.collect()
        gc.freeze()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
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


def run(config: Config) -> int:
    """`pgmaskproxy serve`: the exit code. Raises ConfigError, Unavailable or AuditFailed before it accepts anything."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config))
    return 0
