"""One client connection: two transports, a session between them, and the session's questions answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast, final

from pgmaskproxy.audit import events as audit_events
from pgmaskproxy.errors import PeerError
from pgmaskproxy.logs import get_logger
from pgmaskproxy.model import Refusal
from pgmaskproxy.policy.settings import Startup, check_startup
from pgmaskproxy.proxy.endings import (
    CANCEL_REQUEST,
    CLIENT_LEFT,
    IDLE,
    IDLE_IN_TRANSACTION,
    LINGER_SECONDS,
    READ_AHEAD_BYTES,
    REPLACED,
)
from pgmaskproxy.proxy.entrance import Entrance
from pgmaskproxy.proxy.holds import Holds
from pgmaskproxy.proxy.login import look_up, proven_by
from pgmaskproxy.proxy.outgoing import Outgoing
from pgmaskproxy.proxy.questions import GONE, Questions
from pgmaskproxy.proxy.records import Records
from pgmaskproxy.proxy.services import Services
from pgmaskproxy.proxy.stream import Stream
from pgmaskproxy.proxy.upstream import cancel_upstream, channel_binding, connect_upstream, pinned_parameters
from pgmaskproxy.session import events as ev
from pgmaskproxy.session.link import Door, Entropy, Limits
from pgmaskproxy.session.session import Session


@final
class ClientConnection:
    """The client's protocol (`asyncio.Protocol`), and the owner of everything that belongs to its session."""

    def __init__(
        self,
        services: Services,
        gate: Callable[[ClientConnection], Refusal | None],
        *,
        local: bool = False,
    ) -> None:
        self._services = services
        self._gate = gate
        self._session_id = services.ids.new("ses")
        self._records = Records(services, self._session_id)
        self._holds = Holds(services, self._records, self.feed)
        self._questions = Questions(services, self._records, self.feed, self._start)
        self._process_id, secret = services.cancel.issue(self._cancelled)
        limits = services.config.limits
        offered = None if local else services.certificates  # a Unix socket has no TLS, as with PostgreSQL
        self._session = Session(
            Entropy(
                services.randbytes(18).hex(),
                services.randbytes(18).hex(),
                services.randbytes(8).hex().encode(),
                self._process_id,
                secret,
            ),
            Limits(limits.statement_bytes, limits.row_bytes, limits.held_bytes, limits.names),
            Door(tls=offered is not None, required=offered is not None and offered.required),
        )
        self._session.receive(ev.WatchFor(services.canaries.watch))
        self._session.receive(ev.UseKeys(services.keys.ring, services.keys.customs))
        self._certificates = offered
        self._client: Stream | None = None
        self._entrance: Entrance | None = None
        self._upstream: Stream | None = None
        self._upstream_key = (0, b"")
        self._events: deque[ev.Event] = deque()
        self._running = False
        self._waiting_for_turn = False
        self._failed = False
        self._paused = False
        self._upstream_is_full = False
        self._client_is_full = False
        self._transparent = False
        """It began under a transparent policy."""
        self._outgoing = Outgoing(services.journal, services.metrics, self._fail, self._close_transports)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._startup: Startup | None = None
        self._opened = False
        self._refused = False
        self._touched = 0.0
        """When a peer last said something, by the event loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._log = get_logger("session", session_id=self._session_id)
        self._closing = ""
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- the client's transport ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._client = self._outgoing.client = Stream(cast("asyncio.Transport", transport))
        self._entrance = Entrance(self._client, self._certificates, self._services.metrics)
        peer = transport.get_extra_info("peername")
        self._questions.address = str(peer[0]) if isinstance(peer, tuple) else "local"
        self._services.metrics.client_connections.inc()
        seconds = self._services.config.limits.login_seconds
        self._timer = asyncio.get_running_loop().call_later(seconds, self._login_timed_out)

    def data_received(self, data: bytes) -> None:
        self._services.metrics.bytes.labels("from_client").inc(len(data))
        self._touched = asyncio.get_running_loop().time()
        assert self._entrance is not None
        try:
            events = self._entrance.received(data)
        except PeerError as error:
            self._closing = self._closing or error.message
            self._close_transports()
            return
        for event in events:
            self.feed(event)

    def connection_lost(self, exc: Exception | None) -> None:
        self.feed(ev.ClientClosed())
        self._finish()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def pause_writing(self) -> None:
        """The client reads slowly: so do we, or its rows would pile up here; and what TLS itself answers it."""
        self._client_is_full = self._client is not None and self._client.tls is not None
        self._read_or_wait()
        if self._upstream is not None and not self._upstream.is_closing():
            self._upstream.pause_reading()

    def resume_writing(self) -> None:
        self._client_is_full = False
        self._read_or_wait()
        if self._upstream is not None and not self._upstream.is_closing():
            self._upstream.resume_reading()

    # --- the session ---

    def feed(self, event: ev.Event) -> None:
        """Give the session an event and do what it says, in order. Events that arise on the way wait their turn."""
        self._events.append(event)
        if self._running:
            return
        self._running = True
        try:
            while self._events:
                self._receive(self._events.popleft())
        except Exception as error:  # noqa: BLE001 - our own fault, whatever it is, and what state it left is unknown
            self._fail(error)
        finally:
            self._running = False
        self._read_or_wait()
        if self._session.unfinished and not self._waiting_for_turn and not self._failed:
            self._waiting_for_turn = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        self._waiting_for_turn = False
        self.feed(ev.NextTurn())

    def _receive(self, event: ev.Event) -> None:
        for command in self._session.receive(event):
            # After a failure nothing may pass any more; only what is held must still be withdrawn.
            if not self._failed or isinstance(command, ev.WithdrawHold):
                self._do(command)

    def _fail(self, error: BaseException | None) -> None:
        """Nothing more may pass, in either direction; whoever waits for an answer would wait for ever."""
        self._log.error("session_failed", exc_info=error)
        self._failed = True
        self._closing = self._closing or "internal error"
        self._events.clear()
        self._outgoing.forget()
        self._abort()

    def _read_or_wait(self) -> None:
        """A client may not pile up more here than fits behind what is under way.

        While a statement is held it is read on, so that a hang-up is noticed; the session has a bound of its own then.
        """
        full = (
            self._upstream_is_full
            or self._client_is_full
            or self._session.unfinished
            or (not self._session.held and self._session.backlog > READ_AHEAD_BYTES)
        )
        if full == self._paused or self._client is None or self._client.is_closing():
            return
        self._paused = full
        if full:
            self._client.pause_reading()
        else:
            self._client.resume_reading()

    @property
    def idle(self) -> bool:
        """Between statements and outside a transaction."""
        return self._session.idle

    def shut_down(self, refusal: Refusal) -> None:
        """End the session; the client is told why."""
        self.feed(ev.Shutdown(refusal))

    def cut_off(self) -> None:
        """End it now: it was told, and does not go."""
        self._abort()

    def doubt(self) -> None:
        """The catalog may have changed."""
        self.feed(ev.DefinitionsDoubted())

    def moved(self, epoch: int) -> None:
        """Policy or a catalog changed: older rulings are not used again, and who has no login any more is out."""
        self.feed(ev.EpochMoved(epoch))
        if self._transparent and not self._services.judge.knowledge.now.transparent(self._records.database):
            self.shut_down(REPLACED)  # also who only listens: what it may hear was another policy's
        if self._questions.principal is not None and self._questions.who() is None:
            self.shut_down(GONE)

    def reap(self, now: float) -> None:
        """End it if the client has been silent for too long between two statements. `now` is the event loop's time."""
        if self._session.waiting:
            limits = self._services.config.limits
            idle = self._session.idle
            if now - self._touched >= (limits.idle_seconds if idle else limits.idle_in_transaction_seconds):
                self.shut_down(IDLE if idle else IDLE_IN_TRANSACTION)

    def watch(self) -> None:
        """Other canaries are looked for from now on."""
        self.feed(ev.WatchFor(self._services.canaries.watch))

    def use_keys(self) -> None:
        """Masks are made with other keys from now on."""
        self.feed(ev.UseKeys(self._services.keys.ring, self._services.keys.customs))

    @property
    def database(self) -> str:
        """The upstream database, '' before login."""
        return self._records.database

    def _do(self, command: ev.Command) -> None:
        if isinstance(command, ev.SendClient):
            self._outgoing.to_client(command.data)
        elif isinstance(command, ev.SendServer):
            self._outgoing.to_upstream(command.data)
        elif isinstance(command, ev.Judge):
            self._questions.judge(command, refresh=command.refresh or self._session.redefining)
        elif isinstance(command, ev.Attest):
            self._questions.attest(command)
        elif isinstance(command, ev.RecordExecution):
            self._questions.record_execution(command)
        elif isinstance(command, ev.RecordOutcome):
            self._outgoing.record(self._records.outcome(command))
        elif isinstance(command, ev.RecordRefusal):
            self._records.refusal(command)
        elif isinstance(command, ev.RecordCanary):
            self._records.canary(command.canary)
        elif isinstance(command, ev.Hold):
            self._start(self._hold(command))
        elif isinstance(command, ev.WithdrawHold):
            self._start(self._holds.withdraw(command))
        elif isinstance(command, ev.Release):
            self._start(self._release(command))
        elif isinstance(command, ev.DefinitionsChanged):
            if not self._session.redefining:  # else nobody else has to see it yet, and perhaps nobody ever will
                self._services.judge.outdated(self._records.database)
        elif isinstance(command, ev.Close):
            self._close(command)
        else:
            self._do_at_start(command)

    def _do_at_start(self, command: ev.Command) -> None:
        if isinstance(command, ev.StartTls):
            assert self._entrance is not None
            self._outgoing.send()  # in plaintext, that it begins
            self._entrance.start_tls(command.ticket)
        elif isinstance(command, ev.LookUpLogin):
            self._look_up(command)
        elif isinstance(command, ev.LoginFailed):
            self._services.metrics.auth_attempts.labels("scram-sha-256", "failed").inc()
            self._write_refused("28P01", command.reason)
        elif isinstance(command, ev.ConnectUpstream):
            self._connecting = self._start(self._connect(command))
        elif isinstance(command, ev.SessionReady):
            self._upstream_key = (command.upstream_process_id, command.upstream_secret_key)
            self._services.cancel.give(self._process_id, command.process_id, command.secret_key)
            self._stop_timer()
        elif isinstance(command, ev.CancelPeer):
            self._services.cancel.present(command.process_id, command.secret_key)
        elif isinstance(command, ev.CancelUpstream):
            self._outgoing.hurry()
            self._start(self._cancel_upstream())

    # --- answers ---

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Answer a question that has to wait for something."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fail(task.exception())
        self._settle()

    async def _cancel_upstream(self) -> None:
        services = self._services
        await cancel_upstream(services.config.upstream, *self._upstream_key, services.upstream_context)
        self.feed(ev.CancelSent())

    async def _hold(self, command: ev.Hold) -> None:
        principal = self._questions.principal
        assert principal is not None
        await self._holds.hold(command, principal)

    async def _release(self, command: ev.Release) -> None:
        self.feed(ev.Released(command.ticket, await self._holds.release(command)))

    # --- login ---

    def _look_up(self, command: ev.LookUpLogin) -> None:
        transparent = self._services.judge.knowledge.now.policy.transparent is not None
        startup = check_startup(command.parameters, transparent=transparent)
        refusal = startup if isinstance(startup, Refusal) else self._gate(self)
        if isinstance(startup, Startup):
            self._questions.user = startup.user
        if refusal is not None:
            self._write_refused(refusal.sqlstate, refusal.message)
            self.feed(ev.LoginAnswer(command.ticket, None, refusal=refusal))
            return
        assert isinstance(startup, Startup)
        assert self._entrance is not None
        self._startup = startup
        answer = look_up(
            self._services.judge.knowledge.now.directory,
            startup,
            self._entrance.certificate,
            ticket=command.ticket,
            database=self._services.config.upstream.databases.get(startup.database, ""),
            mock_secret=self._services.mock_secret,
        )
        if answer.refusal is not None:
            self._services.metrics.auth_attempts.labels("certificate", "failed").inc()
            self._write_refused(answer.refusal.sqlstate, answer.refusal.message)
        answer.transparent = self._transparent = transparent
        self.feed(answer)

    async def _connect(self, command: ev.ConnectUpstream) -> None:
        """The client has proved who it is: record that, then open its own connection to the server."""
        services, questions, startup = self._services, self._questions, self._startup
        upstream = services.config.upstream
        assert startup is not None
        assert self._entrance is not None
        directory = services.judge.knowledge.now.directory
        method = proven_by(directory, startup.user, self._entrance.certificate, command.method)
        questions.method = method or command.method
        principal = questions.who() if method is not None else None
        if principal is None or not command.database:
            refusal = GONE if principal is None else Refusal("3D000", f'database "{startup.database}" does not exist')
            self._write_refused(refusal.sqlstate, refusal.message)
            return self.feed(ev.UpstreamFailed(command.ticket, refusal, refusal.message))
        questions.principal = self._records.principal = principal
        self._records.database, self._records.role = command.database, upstream.user
        self._records.application = startup.application_name
        services.metrics.auth_attempts.labels(command.method, "ok").inc()
        opened = audit_events.session_opened(
            self._session_id, principal, command.database, startup.application_name, self._entrance.version
        )
        refused = await self._records.write_durably([opened])
        if refused is not None:
            return self.feed(ev.UpstreamFailed(command.ticket, refused, "the audit log cannot be written"))
        self._opened = True
        if self._client is None:
            return self._record_closed()  # it left meanwhile, and `_finish` could not know that this was recorded
        if self._over():
            return None
        try:
            stream = await connect_upstream(self, upstream, services.upstream_context)
        except OSError as error:
            refusal = Refusal("08006", "the upstream server cannot be reached", hint="Try again later.")
            reason = str(error) or type(error).__name__
            return self.feed(ev.UpstreamFailed(command.ticket, refusal, reason))
        if self._over():
            stream.abort()
            return None
        self._upstream = self._outgoing.upstream = stream
        self.feed(
            ev.UpstreamConnected(
                command.ticket,
                upstream.user,
                services.password,
                pinned_parameters(startup, principal, self._session_id, services.attestation),
                services.attestation,
                channel_binding(upstream, stream),
                upstream.channel_binding == "require",
            )
        )
        return None

    def _over(self) -> bool:
        return bool(self._closing) or self._client is None

    def _write_refused(self, sqlstate: str, reason: str) -> None:
        self._refused = True
        user, address = self._questions.user, self._questions.address
        self._records.write([audit_events.session_refused(self._session_id, user, address, sqlstate, reason)])
        self._log.warning("session_refused", client_addr=address, sqlstate=sqlstate, reason=reason)

    def _login_timed_out(self) -> None:
        self.feed(ev.Shutdown(Refusal("57014", "canceling authentication due to timeout")))

    # --- the upstream's transport ---

    def upstream_data(self, data: bytes) -> None:
        """Bytes from the server."""
        self._touched = asyncio.get_running_loop().time()
        self._services.metrics.bytes.labels("from_upstream").inc(len(data))
        self.feed(ev.ServerData(data))

    def upstream_lost(self) -> None:
        """The server's connection ended."""
        self._upstream = self._outgoing.upstream = None
        self.feed(ev.ServerClosed())
        self._settle()

    def upstream_full(self, *, full: bool) -> None:
        """The server reads slowly: so does the client's side, or its COPY data would pile up here."""
        self._upstream_is_full = full
        self._read_or_wait()

    # --- endings ---

    def _cancelled(self) -> None:
        self._records.write(
            [audit_events.session_cancelled(self._session_id, self._questions.user, self._questions.address)]
        )
        self.feed(ev.CancelRequested())

    def _close(self, command: ev.Close) -> None:
        self._closing = command.reason or "closed"
        if command.alarm:
            self._log.error("guard_held", reason=command.reason)
        self._outgoing.end()

    def _close_transports(self) -> None:
        for transport in (self._client, self._upstream):
            if transport is not None:
                transport.close()
        self._stop_timer()
        # A peer that does not read what was said last would otherwise stay for ever.
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._abort)

    def _abort(self) -> None:
        for transport in (self._client, self._upstream):
            if transport is not None:
                transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self) -> None:
        """The client's transport is gone; the upstream's goes with it (issue: none outlives its client)."""
        self._client = self._outgoing.client = None
        self._services.cancel.withdraw(self._process_id)
        self._services.metrics.client_connections.dec()
        if self._session.redefining:
            self._services.judge.outdated(self._records.database)  # it may have been committed, unanswered
        if self._opened:
            self._record_closed()
            if self._connecting is not None:
                self._connecting.cancel()  # a server that does not answer is waited for no longer
        elif not self._refused and self._closing not in ("", CANCEL_REQUEST, CLIENT_LEFT):
            self._write_refused("", self._closing)
        self._settle()

    def _record_closed(self) -> None:
        why, statements = self._closing or CLIENT_LEFT, self._records.statements
        self._records.write([audit_events.session_closed(self._session_id, self._questions.user, why, statements)])

    def _settle(self) -> None:
        """It is over when nothing of it is left: no transport, and no task that withdraws or records something."""
        if self._client is None and self._upstream is None and not self._tasks:
            self._stop_timer()
            if not self.closed.done():
                self.closed.set_result(None)
                # Taken apart, all of it is gone at once: no collection has to look through everybody's sessions for it.
                self._outgoing.part()
                self._questions.part()
                self._holds.part()
                self._connecting = None
