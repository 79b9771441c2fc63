"""A worker: a process that takes clients, under a parent that people talk to.

It ends at once when its parent is gone, as its sessions' connections do: nobody would wake what it holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, final

import structlog
import uvloop

import pgmaskproxy
from pgmaskproxy import logs
from pgmaskproxy.approval.broker import Broker
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.build_info import compiled
from pgmaskproxy.errors import AuditFailed, ConfigError, ProxyError
from pgmaskproxy.ids import new_id
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.ports import bind
from pgmaskproxy.proxy.held import Held
from pgmaskproxy.proxy.plane import Plane
from pgmaskproxy.proxy.reading import Read, read_all, read_texts
from pgmaskproxy.store.sqlite import SqliteStore
from pgmaskproxy.workers.brief import Brief
from pgmaskproxy.workers.crowd import SharedCrowd
from pgmaskproxy.workers.line import Answer, Facts, Line
from pgmaskproxy.workers.totals import figures_of
from pgmaskproxy.writers import writer_of

BEAT_SECONDS: Final = 1.0
FIGURES_EVERY: Final = 5
"""Beats between two times that all metrics are told."""
ORPHANED: Final = 70
FAILED: Final = 71
"""How it ends without its parent, and where it could not begin; the parent was told why."""


@final
@dataclass(frozen=True, slots=True)
class Route:
    """A channel, as far as it matters here: the parent delivers."""

    name: str
    groups: tuple[str, ...]


@final
class HeldEverywhere(Held):
    """Counted by the parent, for all workers together."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def take(self, principal: str, limit: int) -> bool:
        if not (await self._line.ask("take", principal=principal))["ok"]:
            return False
        return await super().take(principal, limit)

    def give_back(self, principal: str) -> None:
        super().give_back(principal)
        self._line.say("back", principal=principal)


@final
class Worker:
    """See the module."""

    def __init__(self, brief: Brief, stack: contextlib.AsyncExitStack) -> None:
        self._brief = brief
        self._stack = stack
        self._log = get_logger("worker")
        self._metrics = Metrics(version=pgmaskproxy.__version__, compiled=compiled())
        self._may_listen = asyncio.Event()
        self._drain: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._prepared: tuple[str, Read] | None = None
        self._serving = False

    async def run(self) -> int:
        """Until it is told to drain: the exit code."""
        self._line = await Line.over(socket.socket(fileno=self._brief.line), self._heard, _orphaned)
        self._stack.callback(self._line.close)
        beats = asyncio.ensure_future(self._beat())
        self._stack.callback(beats.cancel)
        try:
            await self._prepare()
            await self._may_listen.wait()
            await self._listen()
        except ProxyError as error:
            self._line.say("failed", **_told(error))
            return FAILED
        self._line.say("ready")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in self._plane.tasks()]
            await self._plane.listener.drain(await self._drain)
            self._metrics.workers.set(0)
            for task in tasks:
                task.cancel()
        self._say_figures()
        return 0

    async def _prepare(self) -> None:
        brief, stack = self._brief, self._stack
        config = brief.config
        found = await asyncio.to_thread(read_all, config, os.environ, brief.texts)
        # A long chain takes its time to verify.
        audit = await asyncio.to_thread(AuditLog, config.audit.directory, writer_of(brief.number))
        stack.callback(audit.close)
        store = await SqliteStore.open(config.state)
        stack.push_async_callback(store.close)
        self._broker = Broker(
            store,
            audit,
            [Route(name, channel.groups) for name, channel in sorted(config.channels.items())],
            time.time,
            writer=audit.writer,
            make_id=lambda: new_id("evt", time.time, secrets.token_bytes),
            link=self._link,
            changed=lambda request: self._line.say("changed", request=request),
        )
        crowd = SharedCrowd(brief.crowd, brief.number)
        self._plane = Plane(
            config,
            store=store,
            audit=audit,
            broker=self._broker,
            metrics=self._metrics,
            link=self._link,
            mock_secret=brief.mock_secret,
            randbytes=secrets.token_bytes,
            held=HeldEverywhere(self._line),
            crowd=crowd,
        )
        stack.callback(self._plane.close)
        await self._plane.prepare(found)
        self._plane.services.cancel.elsewhere = self._cancel_elsewhere
        self._plane.on_changed = lambda database: self._line.say("outdated", database=database)
        self._line.say("built", digest=brief.texts.digest, keys=_keys(found))

    async def _listen(self) -> None:
        brief = self._brief
        bound = bind(brief.config.listen.host, brief.port, shared=True)
        self._stack.callback(bound.close)
        by_file = None
        if brief.by_file is not None:
            by_file = socket.socket(fileno=brief.by_file)
            by_file.setblocking(False)
            self._stack.callback(by_file.close)
        # What is there now stays: see `app.serve`.
        gc.collect()
        gc.freeze()
        await self._plane.listen(bound, by_file)
        self._serving = True
        self._log.info("worker_listens", port=brief.port)

    # --- what the parent says ---

    def _heard(self, word: str, facts: Facts, answer: Answer) -> None:
        match word:
            case "listen":
                self._may_listen.set()
            case "cancel":
                self._plane.services.cancel.present_here(facts["process_id"], bytes.fromhex(facts["secret"]))
            case "outdated":
                self._plane.told_changed(facts["database"])
            case "changed":
                self._broker.wake(facts["request"])
            case "figures":
                answer({"figures": figures_of(self._metrics.registry)})
            case "prepare":
                self._start(self._prepare_reload(facts["digest"], answer))
            case "commit":
                self._start(self._commit(facts["digest"], answer))
            case "drain":
                if not self._drain.done():
                    self._drain.set_result(facts["seconds"])

    async def _prepare_reload(self, digest: str, answer: Answer) -> None:
        """Read what the parent has read, to be taken when all have."""
        config = self._brief.config
        self._prepared = None
        try:
            texts = await asyncio.to_thread(read_texts, config)
            if texts.digest != digest:
                return answer({"ok": False, "differs": True, "reason": "the files change"})
            found = await asyncio.to_thread(read_all, config, os.environ, texts)
            await self._plane.judge.relabel(found.policy)
        except ProxyError as error:
            return answer({"ok": False, "differs": False, "reason": error.message})
        self._prepared = (digest, found)
        return answer({"ok": True, "keys": _keys(found)})

    async def _commit(self, digest: str, answer: Answer) -> None:
        prepared, self._prepared = self._prepared, None
        if prepared is None or prepared[0] != digest:
            return answer({"ok": False})
        try:
            await self._plane.take(prepared[1])
        except ProxyError as error:
            self._log.error("policy_reload_failed", reason=error.message)
            return answer({"ok": False})
        return answer({"ok": True})

    # --- what the parent is told ---

    async def _beat(self) -> None:
        beats = 0
        while True:
            plane = self._plane if self._serving else None
            self._line.say(
                "beat",
                clients=len(plane.listener.connections) if plane is not None else 0,
                held=len(plane.services.held) if plane is not None else 0,
                upstream=plane is not None and plane.upstream_seen,
            )
            if beats % FIGURES_EVERY == 0:
                self._say_figures()
            beats += 1
            await asyncio.sleep(BEAT_SECONDS)

    def _say_figures(self) -> None:
        self._line.say("figures", figures=figures_of(self._metrics.registry))

    def _cancel_elsewhere(self, process_id: int, secret: bytes) -> None:
        self._line.say("cancel", process_id=process_id, secret=secret.hex())

    def _link(self, request: str) -> str:
        return self._brief.config.web.link(self._brief.web_port, request)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            # Whether it has the policy in force is not known.
            self._log.error("worker_failed", exc_info=task.exception())
            os._exit(FAILED)


def _orphaned() -> None:
    """Nobody decides, expires or wakes anything any more: as if it had been killed with its parent."""
    os._exit(ORPHANED)


def _keys(found: Read) -> list[str]:
    """Which keys: names, versions and fingerprints."""
    return [str(each) for each in found.keys.entries]


def _told(error: ProxyError) -> dict[str, Any]:
    kind = "config" if isinstance(error, ConfigError) else "audit" if isinstance(error, AuditFailed) else "unavailable"
    problems: list[Any] = []
    if isinstance(error, ConfigError):
        problems = [[each.message, each.file, each.line, each.hint] for each in error.problems]
    return {
        "kind": kind,
        "message": error.message,
        "detail": error.detail,
        "hint": error.hint,
        "sqlstate": error.sqlstate,
        "problems": problems,
    }


async def _work(brief: Brief) -> int:
    async with contextlib.AsyncExitStack() as stack:
        return await Worker(brief, stack).run()


def main() -> int:
    """The exit code. What it is told comes by standard input."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are the parent's, though a terminal sends them to all
    with os.fdopen(0, "rb", closefd=False) as given:
        brief = Brief.decode(given.read())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    logs.configure(brief.logging.style, brief.logging.level)  # type: ignore[arg-type]
    structlog.contextvars.bind_contextvars(worker=brief.number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(brief))
