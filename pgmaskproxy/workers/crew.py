"""The workers as their parent sees them: started, listened to, and replaced when they end or fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from typing import Any, Final, final

from pgmaskproxy.errors import AuditFailed, ConfigError, Problem, ProxyError, Unavailable
from pgmaskproxy.logs import get_logger
from pgmaskproxy.workers.brief import Brief
from pgmaskproxy.workers.line import Answer, Facts, Line, LineLost
from pgmaskproxy.workers.totals import Figures

SILENCE_SECONDS: Final = 10
"""A worker whose event loop has stood for so long is ended, with its sessions, and replaced."""
BEGIN_SECONDS: Final = 60
"""The same, before it takes clients: it reads long logs and large catalogs."""
FIRST_PAUSE: Final = 0.25
LONGEST_PAUSE: Final = 30.0
"""Between two starts of a worker that ends again and again; doubled each time."""
STEADY_SECONDS: Final = 60.0
"""Who lived so long did not end since it was started."""
GOODBYE_SECONDS: Final = 10.0
"""Beyond the time to drain."""

NOT_THEIRS: Final = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""What a service manager tells the parent alone."""


@final
class Member:
    """One worker. `serving` from when it may listen, `ready` from when it does."""

    def __init__(self, number: int, process: Process, heard: Callable[[Member, str, Facts, Answer], None]) -> None:
        self.number = number
        self.process = process
        self.line: Line | None = None
        self.serving = False
        self.ready = False
        self.settled = asyncio.Event()
        """Ready, failed or gone."""
        self.failure: ProxyError | None = None
        self.silent = SILENCE_SECONDS - BEGIN_SECONDS
        """Seconds since it was last heard, less what it is given to begin."""
        self.why = ""
        """Why it was ended, where we did."""
        self.clients = 0
        self.held = 0
        self.upstream = False
        self.figures: Figures = ()
        self.took: Counter[str] = Counter()
        """Open requests, by principal."""
        self._heard = heard

    def heard(self, word: str, facts: Facts, answer: Answer) -> None:
        """It has said something."""
        self.silent = 0 if self.ready else SILENCE_SECONDS - BEGIN_SECONDS
        self._heard(self, word, facts, answer)

    def say(self, word: str, **facts: Any) -> None:
        """Tell it."""
        if self.line is not None:
            self.line.say(word, **facts)

    async def ask(self, word: str, seconds: float, **facts: Any) -> Facts | None:
        """What it answers; None where it does not, in time."""
        if self.line is None:
            return None
        with contextlib.suppress(LineLost, TimeoutError):
            async with asyncio.timeout(seconds):
                return await self.line.ask(word, **facts)
        return None

    def kill(self, why: str) -> None:
        """End it, as it stands."""
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)


@final
class Crew:
    """All of them.

    `brief` says what a worker is told, given its number and its end of the line; `heard` hears what they say; `gone` is
    awaited when one has ended, with the reason, before another takes its place.
    """

    def __init__(
        self,
        size: int,
        *,
        brief: Callable[[int, int], Brief],
        started: Callable[[Member], None],
        heard: Callable[[Member, str, Facts, Answer], None],
        gone: Callable[[Member, str], Coroutine[Any, Any, None]],
    ) -> None:
        self._size = size
        self._brief = brief
        self._started = started
        self._heard = heard
        self._gone = gone
        self._log = get_logger("workers")
        self._ending = asyncio.Event()
        self._members: dict[int, Member] = {}
        self._keeping: list[asyncio.Task[None]] = []

    @property
    def serving(self) -> list[Member]:
        """Those that take clients, or are about to."""
        return [member for member in self._members.values() if member.serving]

    @property
    def ready(self) -> list[Member]:
        """Those that take clients, until they drain."""
        return [] if self._ending.is_set() else [member for member in self._members.values() if member.ready]

    def say(self, word: str, besides: Member | None = None, **facts: Any) -> None:
        """Tell all that serve, `besides` one."""
        for member in self.serving:
            if member is not besides:
                member.say(word, **facts)

    async def ask(
        self, word: str, members: Iterable[Member], seconds: float, **facts: Any
    ) -> list[tuple[Member, Facts | None]]:
        """What each of them answers, None where one does not."""
        asked = list(members)
        answers = await asyncio.gather(*(member.ask(word, seconds, **facts) for member in asked))
        return list(zip(asked, answers, strict=True))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """They serve for as long as this lasts, which begins when all do. Raises what keeps one of them from it."""
        first = [await self._spawn(number) for number in range(1, self._size + 1)]
        self._keeping = [asyncio.ensure_future(self._keep(member)) for member in first]
        watching = asyncio.ensure_future(self._watch())
        try:
            for member in first:
                await member.settled.wait()
                if not member.ready:
                    raise member.failure or Unavailable(f"worker {member.number} ended before it took any clients")
            yield
        finally:
            self._ending.set()
            for member in self._members.values():
                member.kill("the end")
            for task in (*self._keeping, watching):
                task.cancel()
            await asyncio.wait({*self._keeping, watching})
            for member in self._members.values():
                await member.process.wait()
                if member.line is not None:
                    member.line.close()

    async def drain(self, seconds: float) -> None:
        """No more clients; those there are may end what they have begun, for so long."""
        self._ending.set()
        self.say("drain", seconds=seconds)
        _, late = await asyncio.wait(self._keeping, timeout=seconds + GOODBYE_SECONDS)
        if late:
            for member in self._members.values():
                member.kill("the end")
            await asyncio.wait(late, timeout=GOODBYE_SECONDS)

    async def trouble(self) -> None:
        """Waits for what may never happen: that there is nobody left who would replace a worker. Raises what it was."""
        ended, _ = await asyncio.wait(self._keeping, return_when=asyncio.FIRST_EXCEPTION)
        for task in ended:
            task.result()

    def failed(self, member: Member, facts: Facts) -> None:
        """It has said why it cannot begin."""
        member.failure = _error(facts)
        self._log.error("worker_failed", worker=member.number, reason=member.failure.message, hint=facts["hint"])

    async def _spawn(self, number: int) -> Member:
        ours, theirs = socket.socketpair()
        try:
            brief = self._brief(number, theirs.fileno())
            inherited = [brief.line, brief.crowd, brief.claim, *([] if brief.by_file is None else [brief.by_file])]
            environ = {name: value for name, value in os.environ.items() if name not in NOT_THEIRS}
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "pgmaskproxy.workers",
                stdin=subprocess.PIPE,
                pass_fds=inherited,
                env={**environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)},
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        member = self._members[number] = Member(number, process, self._heard)
        member.line = await Line.over(ours, member.heard, lambda: None)  # that it is gone, its process says
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            process.stdin.write(brief.encode())
            await process.stdin.drain()
            process.stdin.close()
        self._started(member)
        return member

    async def _keep(self, member: Member) -> None:
        """See that there is such a worker, for as long as there is to be one."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            begun = loop.time()
            status = await member.process.wait()
            settled = member.settled.is_set()
            member.serving = member.ready = False
            member.settled.set()
            if member.line is not None:
                member.line.close()
            if self._ending.is_set() or not settled:
                return await self._gone(member, "the end" if self._ending.is_set() else "it could not begin")
            why = member.why or (f"signal {-status}" if status < 0 else f"status {status}")
            failures = 0 if loop.time() - begun > STEADY_SECONDS else failures + 1
            pause = 0.0 if failures <= 1 or member.why == "reload" else self._pause(failures)
            pid, number = member.process.pid, member.number
            self._log.error("worker_ended", worker=number, pid=pid, reason=why, attempt=failures, seconds=pause)
            await self._gone(member, why)
            if await self._ends_within(pause):
                return None
            member = await self._spawn_patiently(number)
            # Whatever keeps it from serving is tried again, with a pause: the others serve.
            member.settled.set()

    @staticmethod
    def _pause(failures: int) -> float:
        return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 2, 16))

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()
        return self._ending.is_set()

    async def _spawn_patiently(self, number: int) -> Member:
        while True:
            try:
                return await self._spawn(number)
            except OSError as error:  # no memory, no process, no descriptor left
                self._log.error("worker_failed", worker=number, reason=error.strerror or type(error).__name__)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _watch(self) -> None:
        """Whoever is not heard of for too long stands still. Counted by our own seconds: while we stood still
        ourselves, they may well have spoken."""
        while True:
            await asyncio.sleep(1.0)
            for member in self._members.values():
                member.silent += 1
                if member.silent > SILENCE_SECONDS and member.process.returncode is None:
                    member.kill("silent")


def _error(facts: Facts) -> ProxyError:
    """What a worker could not begin for, as it would have been raised here."""
    if facts["kind"] == "config":
        return ConfigError([Problem(*each) for each in facts["problems"]])
    kind = AuditFailed if facts["kind"] == "audit" else Unavailable
    return kind(facts["message"], sqlstate=facts["sqlstate"], detail=facts["detail"], hint=facts["hint"])
