"""The questions a statement raises before it may run: what is it, may it, is it written down."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import final

from pgmaskproxy.errors import PeerError
from pgmaskproxy.model import (
    Effect,
    Mask,
    NameVerb,
    Refusal,
    Ruling,
    Statement,
    TransactionVerb,
)
from pgmaskproxy.session.events import Judge, Judged, Recorded, RecordExecution, RecordRefusal
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.link import FAILED_BLOCK, IDLE, Link
from pgmaskproxy.session.pipeline import BIND, CLOSE, EXECUTE, PARSE, Exchange
from pgmaskproxy.session.texts import DEFAULT_MIN_MESSAGES, MIN_MESSAGES, REASON, supported
from pgmaskproxy.wire.backend import DataRow, decode
from pgmaskproxy.wire.framing import Frame
from pgmaskproxy.wire.frontend import Bind, Close, Execute, Parse

CURRENT_SCHEMAS = b"SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(true))"
"""No operators and no unqualified names: a session's own search_path must not change its meaning (THREATS X5)."""


CANCELLED = "canceling statement due to user request"
"""PostgreSQL's exact text: drivers and retry helpers look for it."""


@final
class Asking:
    """Asks the shell, and the server about the session itself."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def bound_to(self, ruling: Ruling) -> Statement:
        """What an approval of this ruling is bound to: all of the text that would run, where, and as whom."""
        link = self._link
        sql = f"{ruling.sql}\n{ruling.runs}" if ruling.runs else ruling.sql
        return Statement(sql, link.database, link.role, ruling.search_path, extended=True, unmask=ruling.unmask)

    def judge(
        self,
        sql: str,
        *,
        extended: bool,
        refresh: bool = False,
        path: tuple[str, ...] | None = None,
        unmask: str | None = None,
    ) -> Flow[tuple[Ruling, ...] | Refusal]:
        """Read and decide a text: under the search_path as it is now, or that under which it was bound; with what is
        asked to be unmasked now, or with `unmask`."""
        link = self._link
        if path is None:
            yield from self.ask_path()
            path = link.search_path if link.search_path is not None else ()
        ticket = link.ticket()
        wish = link.wish.text if unmask is None else unmask
        link.commands.append(Judge(ticket, Statement(sql, link.database, link.role, path, extended, wish), refresh))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, Judged)
        cancelled = yield from self.cancelled()
        if cancelled is not None:
            return cancelled
        if answer.refusal is not None:
            return answer.refusal
        link.see(answer.visibility)
        if answer.rulings:
            link.epoch = max(link.epoch, answer.rulings[0].epoch)
        return tuple(supported(ruling) for ruling in answer.rulings)

    def judge_one(
        self, sql: str, *, refresh: bool = False, path: tuple[str, ...] | None = None, unmask: str | None = None
    ) -> Flow[Ruling | Refusal]:
        """The same for a text that was found to be one statement before."""
        rulings = yield from self.judge(sql, extended=True, refresh=refresh, path=path, unmask=unmask)
        if isinstance(rulings, Refusal):
            return rulings
        if len(rulings) != 1:
            return Refusal("42601", "cannot insert multiple commands into a prepared statement")
        return rulings[0]

    def fresh(self, ruling: Ruling, *, open_portal: bool = False, named: bool = False) -> Flow[Ruling | Refusal]:
        """The ruling, or a new one where policy, catalog, search_path or what is asked to be unmasked moved since.

        What an open portal's names mean was fixed when it was opened; only policy can move under it. Nor does a wish of
        later reach it, nor what only a name stands for (`named`): that is masked.
        """
        link = self._link
        if not open_portal:
            yield from self.ask_path()
        wish = "" if named or (open_portal and ruling.unmask != link.wish.text) else link.wish.text
        same = ruling.epoch == link.epoch and ruling.unmask == wish
        if same and (open_portal or ruling.search_path == link.search_path):
            return ruling
        again = yield from self.judge_one(ruling.sql, path=ruling.search_path if open_portal else None, unmask=wish)
        return again if isinstance(again, Refusal) else replace(again, offset=ruling.offset)

    def ask_path(self) -> Flow[None]:
        """Ask the server for the effective search_path, when something may have moved it.

        Asked, not tracked: SET LOCAL, a rollback, a function's set_config and a role's defaults all move it.
        In a failed block nothing can be asked, and nothing but a rollback can run.
        """
        link = self._link
        if link.search_path is not None:
            return
        if link.transparent:
            link.search_path = ()  # nothing depends on it
            return
        yield from link.drain()  # what is under way may still move it
        if link.status == FAILED_BLOCK or link.pipeline.discarding:
            link.path_moved_in_block = True  # asked again once the block has ended
            link.search_path = ()
            return
        alone = link.status == IDLE and not link.unsynced
        name = link.reserved + b"_path"
        last = Exchange(EXECUTE, forward=False)
        last.capture = []
        sent = [
            link.send(Parse(name, CURRENT_SCHEMAS, ()).encode(), Exchange(PARSE, forward=False)),
            link.send(Bind(name, name, (), (), ()).encode(), Exchange(BIND, forward=False)),
            link.send(Execute(name, 0).encode(), last),
            link.send(Close(b"P", name).encode(), Exchange(CLOSE, forward=False)),
            link.send(Close(b"S", name).encode(), Exchange(CLOSE, forward=False)),
        ]
        if alone:
            # Nothing of the client's is under way, so a failure (a cancel, say) is not its own: it is
            # swallowed, and what cannot be resolved is refused.
            for exchange in sent:
                exchange.show_errors = False
            done = link.sync(forward=False)
            yield Wait(exchange=done)
        else:
            link.flush()
            yield Wait(exchange=last)
        # None: it failed, and is asked again before the next statement.
        link.search_path = _schemas(last.capture) if last.done else None

    def cancelled(self) -> Flow[Refusal | None]:
        """What is about to run but was cancelled: the server is idle, and ignores a cancel that comes too early."""
        link = self._link
        if not link.cancelled:
            return None
        if link.cancelling:
            yield Wait(cancelled=True)
        return Refusal("57014", CANCELLED)

    def record_execution(
        self, serial: int, ruling: Ruling, shown: tuple[Mask | None, ...], conflicts: int, request: str
    ) -> Flow[Refusal | None]:
        """Record, then release: None when it is written."""
        ticket = self._link.ticket()
        self._link.commands.append(RecordExecution(ticket, serial, ruling, shown, conflicts, request))
        answer = yield Wait(ticket=ticket)
        assert isinstance(answer, Recorded)
        return answer.refusal

    def record_refusal(self, serial: int, refusal: Refusal, ruling: Ruling | None, sql: str) -> None:
        """A refusal is written down too; it waits for nothing."""
        self._link.commands.append(RecordRefusal(serial, refusal, ruling, sql))

    def note_settings(self, ruling: Ruling) -> None:
        """After a statement was sent: what of the session's own did it set, and must the search_path be asked again?"""
        link = self._link
        analysis = ruling.analysis
        for setting in analysis.settings:
            if setting.name.lower() == "all":
                link.min_messages, link.reason = DEFAULT_MIN_MESSAGES, link.first_reason
            elif setting.name.lower() == MIN_MESSAGES:
                link.min_messages = (setting.value or DEFAULT_MIN_MESSAGES).lower()
            elif setting.name.lower() == REASON:
                link.reason = link.first_reason if setting.value is None else setting.value
        link.wish.note(analysis, link.generation)
        if analysis.transaction in (TransactionVerb.COMMIT, TransactionVerb.ROLLBACK, TransactionVerb.SAVEPOINT):
            if link.path_moved_in_block:
                link.names_moved()
        elif analysis.moves_names and analysis.transaction is None and _may_move_path(ruling):
            link.names_moved()
            link.path_moved_in_block = True


def _may_move_path(ruling: Ruling) -> bool:
    analysis = ruling.analysis
    if analysis.effects == {Effect.TRANSACTION}:
        return False  # SET TRANSACTION: a query of ours behind it would already be the transaction's first
    if analysis.effects - {Effect.SESSION, Effect.READ}:
        return True
    if analysis.names is not None and analysis.names.verb is NameVerb.DISCARD:
        return True
    return not analysis.settings or any(
        not s.constant or s.name in ("search_path", "all", "") for s in analysis.settings
    )


def _schemas(rows: list[bytes] | None) -> tuple[str, ...]:
    if not rows or len(rows) != 1:
        raise PeerError("the server did not say its search_path")
    row = decode(Frame(ord("D"), rows[0]))
    if not isinstance(row, DataRow) or len(row.values) != 1 or row.values[0] is None:
        raise PeerError("the server did not say its search_path")
    try:
        schemas = json.loads(row.values[0])
    except (ValueError, RecursionError) as error:
        raise PeerError("the server did not say its search_path") from error
    if not isinstance(schemas, list):
        raise PeerError("the server did not say its search_path")
    return tuple(str(schema) for schema in schemas)
