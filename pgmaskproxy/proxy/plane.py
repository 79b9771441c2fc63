"""What takes clients, of one process: catalogs, rulings, masks, the port. The proxy has one, and so has each worker."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, final

import psycopg

from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.audit import events
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.config import Config
from pgmaskproxy.errors import AuditFailed, ProxyError, Unavailable
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
from pgmaskproxy.proxy.collector import Collector
from pgmaskproxy.proxy.conninfo import conninfo
from pgmaskproxy.proxy.crowd import Crowd
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.held import Held
from pgmaskproxy.proxy.judge import Judge
from pgmaskproxy.proxy.keys import Keys
from pgmaskproxy.proxy.knowledge import Database, Knowledge
from pgmaskproxy.proxy.labels import Labels
from pgmaskproxy.proxy.lag import Lag
from pgmaskproxy.proxy.listener import Listener
from pgmaskproxy.proxy.pins import PinFile
from pgmaskproxy.proxy.prover import Prover
from pgmaskproxy.proxy.reading import Read
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.proxy.trees import why_no_tree
from pgmaskproxy.proxy.watch import Watch
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.reader import read
from pgmaskproxy.store.protocol import Store
from pgmaskproxy.wire.scram import Password

REFRESH_SECONDS: Final = 30.0
CATALOG_SECONDS: Final = 30.0
REVIEW_SECONDS: Final = 2.0
WARM_UP: Final = "SELECT 1"
"""Read once before anybody asks: the parsers load much of themselves at their first statement."""
DEEP_THREADS: Final = 2


@final
class Plane:
    """See the module. `prepare`, then `listen`; `tasks` run for as long as it does."""

    def __init__(
        self,
        config: Config,
        *,
        store: Store,
        audit: AuditLog,
        broker: Broker,
        metrics: Metrics,
        link: Callable[[str], str],
        mock_secret: bytes,
        randbytes: Callable[[int], bytes],
        held: Held | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """Raises ConfigError where certificates or pins cannot be read."""
        self.config = config
        self.metrics = metrics
        self.audit = audit
        self.upstream_seen = False
        self.on_changed: Callable[[str], None] = lambda _database: None
        """Called when one of our own sessions may have changed a database's definitions."""
        self._store = store
        self._broker = broker
        self._link = link
        self._mock_secret = mock_secret
        self._randbytes = randbytes
        self._held = Held() if held is None else held
        self._crowd = crowd
        self._log = get_logger("app")
        self._noticed = asyncio.Event()
        self._told = False
        self._watches: list[Watch] = []
        self._pins = PinFile.of(config, metrics)
        tls = config.listen.tls
        self._certificates = (
            ServerCertificates(tls, self._certificate_read, self._certificate_failed) if tls is not None else None
        )
        self._context = upstream_context(config.upstream)
        self._deep = DeepThread(threads=DEEP_THREADS)
        self._labels = Labels(store, self._deep, audit, metrics)

    async def prepare(self, found: Read) -> None:
        """Read catalogs, keys and canaries. Before this nothing could be judged, so nothing is accepted.

        Raises Unavailable or AuditFailed.
        """
        self.knowledge = Knowledge(found.policy, found.directory, await self._read_all(found.policy))
        self.judge = Judge(
            self.knowledge, self._deep, self.metrics, self._read_catalog, label_catalog=self._labels.label
        )
        canaries = Canaries()
        watched = canaries.replace(await self._store.canaries())
        if watched is not None:
            self.audit.write(watched, durable=False)
        self.metrics.canaries_watched.set(len(canaries))
        keys = Keys(self.metrics)
        keys.customs = found.customs
        in_force = keys.replace(found.keys, str(Source(self.config.keys)))
        if in_force is not None:
            self.audit.write(in_force, durable=False)
        password = self.config.upstream.password
        self.services = Services(
            config=self.config,
            judge=self.judge,
            prover=Prover(self.judge, self._deep, self.metrics),
            broker=self._broker,
            budgets=Budgets(self._store, time.time),
            audit=self.audit,
            metrics=self.metrics,
            mock_secret=self._mock_secret,
            link=self._link,
            cancel=CancelKeys(self._randbytes),
            keys=keys,
            canaries=canaries,
            certificates=self._certificates,
            upstream_context=self._context,
            password=Password(password.get_secret_value()) if password is not None else None,
            attestation=await self._attestation(),
            held=self._held,
        )
        self.listener = Listener(self.services, self._crowd)
        self.judge.on_moved = self._moved
        self.judge.on_doubt = self._doubted
        self.metrics.policy_in_force(found.policy.version)

    async def listen(self, bound: socket.socket, by_file: socket.socket | None) -> None:
        """Take clients. Raises Unavailable."""
        try:
            await self.listener.start(bound, by_file)
        except OSError as error:  # somebody else began to listen after we had bound
            host, port = bound.getsockname()[:2]
            raise Unavailable(f"cannot listen on {host}:{port}: {error.strerror}") from error
        self.metrics.workers.set(1)

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the listener, for as long as it does."""
        canaries = self.services.canaries.keep(self._store.canaries, self._watch_for_others)
        watching = [watch.run() for watch in self._watches]
        keeping = (self._refresh_for_ever(), self._review_for_ever(), self.listener.reap(), Lag(self.metrics).run())
        return [*watching, *keeping, canaries, Collector().run()]

    def close(self) -> None:
        """End the threads."""
        self._deep.close()

    async def take(self, found: Read) -> None:
        """This policy, these people and keys are in force from now on, as a whole. Raises Unavailable, and then
        nothing has changed."""
        databases = await self.judge.relabel(found.policy)
        self._use_keys(found)  # first: the policy may need them
        self.knowledge.reload(found.policy, found.directory, databases)
        self.metrics.policy_in_force(found.policy.version)
        self.listener.moved(None)

    def told_changed(self, database: str) -> None:
        """A session of another process may have changed these definitions: doubted here as there."""
        if database in self.knowledge.now.databases:
            self._told = True
            try:
                self.judge.outdated(database)
            finally:
                self._told = False

    @property
    def accepting(self) -> bool:
        """Whether new clients are taken."""
        return not self.listener.draining

    def _doubted(self, database: str) -> None:
        self.listener.doubt(database)
        if not self._told:
            self.on_changed(database)

    def _outdated(self, database: str) -> None:
        self.told_changed(database)  # others watch for themselves
        self._noticed.set()  # a statement that is only executed again asks for no ruling, and would not wait for it

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

    async def _attestation(self) -> str:
        """What sessions are told: `preferred` is off where a server, or a pooler before it, gives no tree."""
        mode = self.config.upstream.attestation
        if mode != "preferred":
            return mode
        for name in sorted(self.knowledge.now.databases):
            reason = await why_no_tree(self._conninfo(name))
            if reason:
                self._log.warning("attestation_off", database=name, reason=reason)
                return "off"
        return mode

    async def _read_all(self, policy: Policy) -> dict[str, Database]:
        """Every database's catalog, labelled; all of them at once."""
        names = sorted(set(self.config.upstream.databases.values()))
        self._watches = [Watch(self._conninfo(name), partial(self._outdated, name)) for name in names]
        reading = (self._read_first(name, watch, policy) for name, watch in zip(names, self._watches, strict=True))
        databases = {}
        for name, found in zip(names, await asyncio.gather(*reading, return_exceptions=True), strict=True):
            if isinstance(found, BaseException):
                raise found
            databases[name] = found
            self._record_catalog(name, found, 1)
        return databases

    async def _read_first(self, name: str, watch: Watch, policy: Policy) -> Database:
        with contextlib.suppress(psycopg.Error):  # the reading that follows says what is wrong
            await watch.begin()
        catalog = await self._read_catalog(name)
        found = await self._labels.label(name, policy, catalog)
        await self._deep.run(partial(read, WARM_UP, catalog, ()))
        return found

    def _conninfo(self, database: str) -> str:
        return conninfo(self.config.upstream, database, "pgmaskproxy catalog")

    async def _read_catalog(self, database: str) -> Catalog:
        try:
            async with asyncio.timeout(CATALOG_SECONDS):
                catalog = await load_catalog(self._conninfo(database))
        except TimeoutError as error:
            self.upstream_seen = False
            raise Unavailable("cannot read the catalog", detail=f"No answer in {CATALOG_SECONDS:.0f} s.") from error
        except Unavailable as error:
            self.upstream_seen = error.sqlstate == BUSY
            raise
        self.upstream_seen = True
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
                        # Who knows what is there now: nothing is judged before it can be read.
                        self.told_changed(name)

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
