"""The process above the workers: what there is one of, and whoever people, files and signals talk to.

It takes no clients itself. What one worker knows and others need goes through it: that definitions may have changed,
that a request was decided, that somebody wants a statement cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, final

import pgmaskproxy
from pgmaskproxy.audit import events
from pgmaskproxy.audit.log import AuditLog
from pgmaskproxy.build_info import compiled
from pgmaskproxy.config import Config
from pgmaskproxy.errors import AuditFailed, ConfigError, ProxyError, Unavailable
from pgmaskproxy.front import Front
from pgmaskproxy.logs import get_logger
from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import AuditEvent
from pgmaskproxy.policy.principals import Directory
from pgmaskproxy.ports import bind
from pgmaskproxy.proxy.held import Held
from pgmaskproxy.proxy.reading import Read, Texts, read_all, read_texts
from pgmaskproxy.proxy.unix_socket import UnixSocket
from pgmaskproxy.workers.brief import Brief, Logging
from pgmaskproxy.workers.crew import Crew, Member
from pgmaskproxy.workers.crowd import SharedCrowd, make_crowd
from pgmaskproxy.workers.line import Answer, Facts
from pgmaskproxy.workers.totals import Totals
from pgmaskproxy.writers import WRITER, writer_of

CLAIM_SECONDS: Final = 5.0
"""To wait for the last worker of a predecessor that was killed."""
PREPARE_SECONDS: Final = 30.0
COMMIT_SECONDS: Final = 5.0
FIGURES_SECONDS: Final = 2.0
READINGS: Final = 3
"""Files that change while they are read are read again, so often."""


@final
class Parent:
    """See the module."""

    def __init__(self, config: Config, logging: Logging) -> None:
        self.config = config
        self.metrics = Metrics(version=pgmaskproxy.__version__, compiled=compiled())
        self._logging = logging
        self._log = get_logger("app")
        self._stack = contextlib.AsyncExitStack()
        self._totals = Totals(self.metrics.registry)
        self._held = Held()
        self._mock_secret = secrets.token_bytes(32)
        self._work: set[asyncio.Task[None]] = set()
        self._begun = False

    async def start(self) -> None:
        """Build what there is one of, and start the workers. Raises ConfigError, Unavailable or AuditFailed."""
        config, stack = self.config, self._stack
        found, self._texts = await asyncio.to_thread(_read, config)
        self._take(found)
        # Alone first: whoever listens there already is not to share it with us unawares.
        with bind(config.listen.host, config.listen.port) as probe:
            port = probe.getsockname()[1]
        bound = stack.enter_context(bind(config.listen.host, port, shared=True))
        self.port = bound.getsockname()[1]
        self._by_file: UnixSocket | None = None
        if config.listen.unix_socket_directory is not None:
            permissions = int(config.listen.unix_socket_permissions, 8)
            self._by_file = UnixSocket(config.listen.unix_socket_directory, self.port, permissions)
            stack.callback(self._by_file.close)
        self.audit = stack.enter_context(AuditLog(config.audit.directory, WRITER))
        self.front = Front(config, self.audit, self.metrics, stack)
        await self.front.open(patience=CLAIM_SECONDS)
        self._crowd_fd = make_crowd()
        stack.callback(os.close, self._crowd_fd)
        self._crowd = SharedCrowd(self._crowd_fd, 0)
        stack.callback(self._crowd.close)
        self.front.serve(lambda: self._directory, self.ready, self._page)
        await self.front.recover()
        self.crew = Crew(
            config.workers, brief=self._brief, started=self._started, heard=self._heard, gone=self._member_gone
        )
        self.front.on_changed = self._request_changed
        # Beside the workers' own beginning, which takes as long.
        self.serving = asyncio.ensure_future(self.front.run())
        stack.push_async_callback(self._stop_serving)
        upstream = f"{config.upstream.host}:{config.upstream.port}"
        listen = f"{config.listen.host}:{self.port}"
        started = events.server_started(pgmaskproxy.__version__, self._version, listen, upstream)
        self.audit.write(started, durable=True)
        await stack.enter_async_context(self.crew.running())
        self._begun = True
        self._log.info(
            "server_started", listen=listen, upstream=upstream, policy_version=self._version, count=config.workers
        )

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside `front.run`, which ends by itself after `stop`."""
        return [*self.front.tasks(), self.crew.trouble()]

    async def stop(self, why: str, seconds: float) -> None:
        """Let all workers drain, then say that it is over."""
        self._log.info("server_draining", reason=why)
        if self._by_file is not None:
            self._by_file.close()
        await self.crew.drain(seconds)
        self.front.end()
        with contextlib.suppress(AuditFailed):  # it ends all the same, and the log says so by its silence
            self.audit.write(events.server_stopped(why), durable=True)

    async def _stop_serving(self) -> None:
        self.serving.cancel()
        await asyncio.wait({self.serving})

    async def close(self) -> None:
        """Let go of everything."""
        await self._stack.aclose()

    async def reload(self) -> bool:
        """Read policies, principals and keys again: all workers take them, or none does. A bad file changes nothing."""
        try:
            answers = await self._prepare()
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("policy_reload_failed", file=problem.file, line=problem.line, reason=problem.message)
            return self._reloaded(len(error.problems))
        except ProxyError as error:
            self._log.error("policy_reload_failed", reason=error.message, hint=error.hint)
            return self._reloaded(1)
        # From here on a worker that begins with what was before does not get to listen.
        found, self._texts = self._next
        self._take(found)
        ready = [member for member, answer in answers if answer is not None]
        digest = self._texts.digest
        taken = {
            member
            for member, answer in await self.crew.ask("commit", ready, COMMIT_SECONDS, digest=digest)
            if answer is not None and answer["ok"]
        }
        for member in self.crew.serving:
            if member not in taken:
                member.kill("reload")  # it does not go on with what was before
        return self._reloaded(0)

    def ready(self) -> dict[str, bool]:
        """What /readyz reports: one worker is enough."""
        ready = self.crew.ready if self._begun else []
        return {"upstream": any(member.upstream for member in ready), "accepting": bool(ready)}

    def status(self) -> str:
        """One line for who supervises the process."""
        ready = self.crew.ready
        doing = f"listening on port {self.port}" if ready else "draining"
        clients, held = (sum(getattr(member, name) for member in ready) for name in ("clients", "held"))
        workers = f"{len(ready)} of {self.config.workers} workers"
        return f"{doing}; {workers}, {clients} clients, {held} held statements, policy {self._version[:12]}"

    # --- what is in force ---

    def _take(self, found: Read) -> None:
        self._directory: Directory = found.directory
        self._version = found.policy.version
        self._keys = [str(each) for each in found.keys.entries]
        self.metrics.policy_in_force(self._version)

    async def _prepare(self) -> list[tuple[Member, Facts | None]]:
        """Let every worker read what we read; raises what one of them finds wrong with it."""
        for _ in range(READINGS):
            self._next = found, texts = await asyncio.to_thread(_read, self.config)
            answers = await self.crew.ask("prepare", self.crew.serving, PREPARE_SECONDS, digest=texts.digest)
            wrong = [answer for _, answer in answers if answer is not None and not answer["ok"]]
            if not wrong:
                self._compare_keys([str(each) for each in found.keys.entries], answers)
                return answers
            if not any(answer["differs"] for answer in wrong):
                break
        raise Unavailable(wrong[0]["reason"], hint="nothing has changed: send SIGHUP again")

    def _compare_keys(self, ours: list[str], answers: list[tuple[Member, Facts | None]]) -> None:
        if any(answer is not None and answer["keys"] != ours for _, answer in answers):
            raise Unavailable("the keys change while they are read", hint="nothing has changed: send SIGHUP again")

    def _reloaded(self, problems: int) -> bool:
        self.metrics.policy_reload.labels("failed" if problems else "ok").inc()
        self._record(events.policy_reloaded(self._version, taken=not problems, problems=problems))
        self._log.info("policy_in_force", policy_version=self._version)
        return not problems

    def _brief(self, number: int, line: int) -> Brief:
        return Brief(
            number=number,
            port=self.port,
            web_port=self.front.ports[0],
            line=line,
            crowd=self._crowd_fd,
            by_file=self._by_file.socket.fileno() if self._by_file is not None else None,
            claim=self.front.claim,
            mock_secret=self._mock_secret,
            config=self.config,
            texts=self._texts,
            logging=self._logging,
        )

    # --- what workers say ---

    def _heard(self, member: Member, word: str, facts: Facts, answer: Answer) -> None:
        match word:
            case "beat":
                member.clients, member.held, member.upstream = facts["clients"], facts["held"], facts["upstream"]
            case "figures":
                member.figures = facts["figures"]
            case "built":
                self._built(member, facts)
            case "ready":
                member.ready = True
                member.upstream = True
                member.settled.set()
            case "failed":
                self.crew.failed(member, facts)
            case "changed":
                self.front.changed()
                self.crew.say("changed", besides=member, request=facts["request"])
            case "outdated":
                self.crew.say("outdated", besides=member, database=facts["database"])
            case "cancel":
                self.crew.say("cancel", besides=member, process_id=facts["process_id"], secret=facts["secret"])
            case "take":
                self._start(self._count(member, facts["principal"], answer))
            case "back":
                self._give_back(member, facts["principal"])

    def _built(self, member: Member, facts: Facts) -> None:
        if facts["digest"] != self._texts.digest:
            return member.kill("reload")  # the policy was replaced while it began
        if facts["keys"] != self._keys:
            self._log.error("keys_differ", worker=member.number, hint="send SIGHUP, so that all use the same")
        member.serving = True
        return member.say("listen")

    async def _count(self, member: Member, principal: str, answer: Answer) -> None:
        counted = await self._held.take(principal, self.config.limits.held_requests)
        if counted:
            member.took[principal] += 1
        answer({"ok": counted})

    def _give_back(self, member: Member, principal: str) -> None:
        if member.took[principal]:
            member.took[principal] -= 1
            self._held.give_back(principal)

    def _request_changed(self, request: str) -> None:
        self.crew.say("changed", request=request)

    def _started(self, member: Member) -> None:
        self._record(events.worker_started(member.number, member.process.pid, writer_of(member.number)))

    async def _member_gone(self, member: Member, why: str) -> None:
        """With it went its sessions: what they held is nobody's any more."""
        writer = writer_of(member.number)
        self._crowd.gone(member.number)
        self._totals.ended(member.figures)
        for principal in list(member.took.elements()):
            self._give_back(member, principal)
        if why != "the end":
            reason = why if why in {"silent", "reload"} else "exited"
            self.metrics.worker_restarts.labels(reason).inc()
        self._record(events.worker_ended(member.number, member.process.pid, writer, why))
        while True:
            try:
                await self.front.broker.recover([writer])
            except ProxyError as error:
                # Until this can be recorded people are asked for what no vote can release any more.
                self._log.error("withdrawal_failed", worker=member.number, reason=error.message)
                await asyncio.sleep(1.0)
            else:
                return

    async def _page(self, accept: str) -> tuple[bytes, str]:
        """The metrics of all, as they are now where one answers in time."""
        for member, answer in await self.crew.ask("figures", self.crew.ready, FIGURES_SECONDS):
            if answer is not None:
                member.figures = answer["figures"]
        return self._totals.page([member.figures for member in self.crew.serving], accept)

    def _record(self, event: AuditEvent) -> None:
        try:
            self.audit.write(event, durable=True)
        except AuditFailed as error:
            self._log.error("audit_failed", reason=error.message)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)


def _read(config: Config) -> tuple[Read, Texts]:
    """Raises ConfigError with every problem, or Unavailable."""
    try:
        texts = read_texts(config)
    except ConfigError:
        read_all(config, os.environ)  # says what else is wrong
        raise
    return read_all(config, os.environ, texts), texts


async def _until(done: asyncio.Future[None]) -> None:
    await done


@contextlib.asynccontextmanager
async def running(config: Config, logging: Logging, drain_seconds: float) -> AsyncIterator[Parent]:
    """A proxy of several processes, for as long as the context lasts."""
    parent = Parent(config, logging)
    try:
        await parent.start()
        async with asyncio.TaskGroup() as group:
            group.create_task(_until(parent.serving))
            tasks = [group.create_task(each) for each in parent.tasks()]
            try:
                yield parent
            finally:
                await parent.stop("shutdown", drain_seconds)
                for task in tasks:
                    task.cancel()
    finally:
        await parent.close()
