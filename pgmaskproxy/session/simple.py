"""The simple query protocol, spoken upstream as the extended one (DESIGN 3c).

One statement per Parse, so that a wrong split cannot smuggle a second one past; on the unnamed
statement and portal, as the server itself would use them. Several statements are one transaction:
a hidden BEGIN and COMMIT make it so (manual, "Multiple Statements in a Simple Query").
"""

from __future__ import annotations

from dataclasses import replace
from typing import final

from pgmaskproxy.model import NameVerb, Outcome, Refusal, Ruling
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.attesting import prepares
from pgmaskproxy.session.early import Allowed
from pgmaskproxy.session.execution import ANALYSED_ANEW, CHANGED, Decided, Execution
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.grant import Grant
from pgmaskproxy.session.holding import Holding
from pgmaskproxy.session.inputs import literal_refusal
from pgmaskproxy.session.link import FAILED_BLOCK, IDLE, Link
from pgmaskproxy.session.naming import Naming
from pgmaskproxy.session.pipeline import BIND, CLOSE, EXECUTE, PARSE, Exchange
from pgmaskproxy.session.statements import Portal, Prepared
from pgmaskproxy.session.texts import sql_of, upstream_text
from pgmaskproxy.wire.backend import EmptyQueryResponse, ReadyForQuery, RowDescription
from pgmaskproxy.wire.frontend import Bind, Close, Execute, Parse, Query

_SPACE = " \t\n\r\f\v"
"""What the server's lexer takes for white space (scan.l); Python's idea of it is wider."""


@final
class Simple:
    """Handles Query."""

    def __init__(self, link: Link, asking: Asking, holding: Holding, naming: Naming, execution: Execution) -> None:
        self._link = link
        self._asking = asking
        self._holding = holding
        self._naming = naming
        self._attesting = naming.attesting
        self._execution = execution
        self._ending = b""
        """What the client wrote behind its one statement: nothing, or a semicolon."""

    def query(self, message: Query) -> Flow[None]:
        """Run the statements of one Query, and end with one ReadyForQuery whatever happens."""
        link = self._link
        yield from link.drain()
        if link.pipeline.discarding:
            return  # something before it failed: the server ignores a Query too until Sync
        sql = sql_of(message.query, link.limits)
        rulings = sql if isinstance(sql, Refusal) else (yield from self._asking.judge(sql, extended=False))
        if isinstance(rulings, Refusal):
            self._execution.refuse(rulings, None, sql if isinstance(sql, str) else "")
            link.sync(forward=True)
            return
        grants = yield from self._ask_all(rulings)
        if grants is None:
            link.sync(forward=True)
            return
        self._ending = ending(sql, rulings[0]) if len(rulings) == 1 and isinstance(sql, str) else b""
        wrap = len(rulings) > 1 and link.status == IDLE and not any(r.analysis.transaction for r in rulings)
        if wrap:
            self._hidden(b"BEGIN")
        if not rulings:
            self._empty()
        ran = True
        for number, ruling in enumerate(rulings):
            last = number == len(rulings) - 1
            ran = yield from self._run(ruling, grants.get(number), last=last, wrapped=wrap)
            if not ran:
                break
        yield from self._end(wrapped=wrap, ran=ran)

    def _ask_all(self, rulings: tuple[Ruling, ...]) -> Flow[dict[int, Grant] | None]:
        """Every hold is asked before the first statement runs; None when one was refused, and is answered."""
        grants: dict[int, Grant] = {}
        for number, ruling in enumerate(rulings):
            if (
                ruling.decision.outcome is not Outcome.HOLD
                or prepares(ruling)
                or self._naming.goes_by_name(ruling)
                or ruling.decision.unmask is not None
                or (len(rulings) == 1 and self._attesting.may_prove(ruling))
            ):
                continue
            written = literal_refusal(ruling, self._link.keys)
            if written is not None:
                self._execution.refuse(written, ruling, ruling.sql, offset=ruling.offset)
                return None
            asked = yield from self._hold(ruling, attest=len(rulings) == 1)
            if not isinstance(asked, Grant):
                return None
            grants[number] = asked
        return grants

    def _hold(self, ruling: Ruling, *, attest: bool) -> Flow[Grant | None]:
        serial = self._link.serial()
        asked = yield from self._holding.hold(ruling, serial, prepared=None, bind=None, attest=attest)
        if isinstance(asked, Refusal):
            self._execution.refuse(asked, ruling, ruling.sql, offset=ruling.offset, serial=serial)
            return None
        return asked

    def _run(self, judged: Ruling, grant: Grant | None, *, last: bool, wrapped: bool) -> Flow[bool]:
        """One statement; False when it failed or was refused, and the rest must not run."""
        link = self._link
        while True:
            text = yield from self._text(judged)
            if text is None:
                return False
            decided = Decided(Prepared(b"", text, by_sql=False), text)
            allowed = link.early.find(decided.key, text, link.epoch) if grant is None else None
            if allowed is not None:
                sent = yield from self._early(decided, allowed)
                break
            ahead = grant is None and link.early.is_familiar(text, link.epoch)
            parsed, ruling = yield from self._parsed(decided.prepared, granted=grant is not None, ahead=ahead)
            if ruling is None:
                return False
            if ruling.decision.outcome is not Outcome.HOLD or grant is not None:
                decided.ruling = ruling
                sent = yield from self._bound(decided, grant, parsed)
                break
            # It could not be asked before: what it does, or what its name stands for, is known only now.
            described = not wrapped or ruling.decision.unmask is not None
            grant = yield from self._hold(ruling, attest=described and not self._naming.goes_by_name(ruling))
            if grant is None:
                return False
        if sent is None:
            return False
        sent.hold_back = last
        if self._execution.takes_data(decided.ruling):
            yield from self._execution.copy_in(sent)
        if last and not wrapped:
            return True
        # In a hidden block the last one is waited for too: COMMIT or ROLLBACK depends on it.
        link.flush()
        yield Wait(exchange=sent)
        return not sent.failed

    def _text(self, judged: Ruling) -> Flow[Ruling | None]:
        """The text's ruling, if the statement may be sent on the strength of it; None when its refusal is answered."""
        text = yield from self._ruling(judged)
        if not isinstance(text, Refusal):
            return text
        if text.unproven:
            parse = Parse(b"", judged.sql.encode(), ())
            yield from self._execution.refuse_unproven(text, judged, parse, offset=judged.offset)
        else:
            self._execution.refuse(text, judged, judged.sql, offset=judged.offset)
        return None

    def _parsed(
        self, prepared: Prepared, *, granted: bool, ahead: bool
    ) -> Flow[tuple[tuple[Exchange, Exchange] | None, Ruling | None]]:
        """Parsed, and decided by its tree; None when the server or policy refused it, and that is answered. First what
        was sent `ahead` of the tree: Bind and the portal's Describe."""
        link, text = self._link, prepared.ruling
        if text.decision.outcome is Outcome.HOLD and not granted and not self._attesting.may_prove(text):
            return None, text  # nothing is sent before a person has agreed
        parsed = self._parse(text)
        # What it is held for by its tree is parsed once more, and the server says everything again.
        parsed.show_notices = not (granted and self._attesting.may_prove(text))
        if self._attesting.inner(text):
            parsed = yield from self._attesting.probe(text)
        prepared.sources = [parsed]
        sent = (self._bind(text), self._execution.describe(b"", text)) if ahead else None
        ruling = yield from self._attesting.decided(prepared)
        if link.pipeline.discarding:
            return None, None
        refusal = ruling if isinstance(ruling, Refusal) else ruling.decision.refusal
        denied = isinstance(ruling, Refusal) or (ruling.decision.outcome is Outcome.DENY)
        if denied and refusal is not None:
            self._execution.refuse(refusal, text, text.sql, offset=text.offset)
            return None, None
        assert isinstance(ruling, Ruling)
        return sent, ruling

    def _parse(self, text: Ruling) -> Exchange:
        link = self._link
        exchange = Exchange(PARSE, forward=False)
        exchange.show_notices = True
        exchange.scrub, exchange.offset = text.decision.scrub, text.offset
        link.names.deallocate(b"")
        link.names.close(b"")
        return link.send(Parse(b"", upstream_text(text, text.sql.encode() + self._ending), ()).encode(), exchange)

    def _bind(self, ruling: Ruling) -> Exchange:
        exchange = Exchange(BIND, forward=False)
        exchange.show_notices = True
        exchange.scrub, exchange.offset = ruling.decision.scrub, ruling.offset
        names, target = ruling.analysis.names, self._naming.target(ruling)
        fetches = names is not None and names.verb is NameVerb.FETCH
        # As the server's simple protocol has it: rows of a binary cursor come in binary (exec_simple_query).
        formats = (1,) if fetches and isinstance(target, Portal) and target.binary else ()
        return self._link.send(Bind(b"", b"", (), (), formats).encode(), exchange)

    def _bound(
        self, decided: Decided, grant: Grant | None, ahead: tuple[Exchange, Exchange] | None
    ) -> Flow[Exchange | None]:
        """From a decided statement to an Execute that was sent; None when it failed or was refused."""
        link, ruling = self._link, decided.ruling
        if ahead is None:
            bind = self._bind(ruling)
            description = self._execution.describe(b"", ruling)
            link.flush()
        else:
            bind, description = ahead
        if not description.settled:
            yield Wait(exchange=description)
        bound = yield from self._after_bind(decided.prepared, ruling, bind)
        if isinstance(bound, Refusal):
            self._execution.refuse(bound, ruling, ruling.sql, offset=ruling.offset)
            return None
        decided.ruling = bound
        sent = yield from self._execution.run(b"", 0, decided, description, grant)
        if sent is not None and description.returns_rows and ruling.analysis.copy is None:
            link.to_client(RowDescription(description.fields).encode())
        return sent

    def _early(self, decided: Decided, allowed: Allowed) -> Flow[Exchange | None]:
        """Everything at once: what comes back must be what came back before (DESIGN 3c)."""
        if allowed.ruling.offset != decided.ruling.offset:
            decided.ruling = replace(allowed.ruling, offset=decided.ruling.offset)
        else:
            decided.ruling = allowed.ruling
        parse, bind = self._parse(decided.ruling), self._bind(decided.ruling)
        description = self._execution.describe(b"", decided.ruling, forward=True)
        parse.promise, bind.promise, description.promise = allowed.at_parse(), allowed.at_bind(), allowed.at_describe()
        return (yield from self._execution.run_early(b"", 0, decided, allowed))

    def _after_bind(self, prepared: Prepared, ruling: Ruling, bind: Exchange) -> Flow[Ruling | Refusal]:
        """The ruling that counts once it is bound: planning may have analysed it anew, or run functions."""
        if bind.failed or not (bind.own or bind.nested):
            return ruling
        if self._attesting.inner(ruling):
            return ANALYSED_ANEW if bind.own else ruling
        if not self._attesting.at_parse(ruling):
            return ruling
        prepared.analysed_by(bind)
        again = yield from self._attesting.decided(prepared)
        if isinstance(again, Refusal):
            return again
        if again.decision.outcome is Outcome.DENY and again.decision.refusal is not None:
            return again.decision.refusal
        if again.decision.outcome is Outcome.HOLD and ruling.decision.outcome is Outcome.ALLOW:
            return CHANGED
        return again

    def _ruling(self, judged: Ruling) -> Flow[Ruling | Refusal]:
        """The ruling that counts now: what ran before may have moved what this one's names mean."""
        ruling = yield from self._asking.fresh(judged)
        if isinstance(ruling, Refusal):
            return ruling
        if ruling.analysis.parameters and not prepares(ruling):
            number, position = ruling.analysis.first_parameter
            return Refusal("42P02", f"there is no parameter ${number}", position=position)
        ruling = yield from self._naming.effective(ruling)
        if isinstance(ruling, Refusal):
            return ruling
        written = literal_refusal(ruling, self._link.keys)
        if written is not None or self._attesting.may_prove(ruling):
            return written or ruling
        if ruling.decision.outcome is Outcome.DENY and ruling.decision.refusal is not None:
            return ruling.decision.refusal
        return ruling

    def _end(self, *, wrapped: bool, ran: bool) -> Flow[None]:
        link = self._link
        if not wrapped:
            self._close()
            link.sync(forward=True)
            return
        if ran:
            self._hidden(b"COMMIT")
            self._close()
            link.sync(forward=True)
            return
        failed = link.sync(forward=False)
        yield Wait(exchange=failed)
        if link.status == IDLE:
            link.to_client(ReadyForQuery(link.status).encode())
            return
        self._hidden(b"ROLLBACK")
        link.sync(forward=True)

    def _hidden(self, sql: bytes) -> None:
        """A statement of our own around the client's; if it fails (a deferred constraint), the client hears it."""
        link = self._link
        name = link.reserved + b"_block"
        link.send(Parse(name, sql, ()).encode(), Exchange(PARSE, forward=False))
        link.send(Bind(name, name, (), (), ()).encode(), Exchange(BIND, forward=False))
        run = Exchange(EXECUTE, forward=False)
        run.show_notices = True  # deferred triggers run at COMMIT
        link.send(Execute(name, 0).encode(), run)
        link.send(Close(b"P", name).encode(), Exchange(CLOSE, forward=False))
        link.send(Close(b"S", name).encode(), Exchange(CLOSE, forward=False))

    def _empty(self) -> None:
        """Nothing but white space and comments: the server says EmptyQueryResponse. In a failed block it would not take
        a Bind of it, though a Query of it passes there too: some drivers ask so whether the connection is alive."""
        link = self._link
        if link.status == FAILED_BLOCK:
            link.to_client(EmptyQueryResponse().encode())
            return
        link.send(Parse(b"", b"", ()).encode(), Exchange(PARSE, forward=False))
        link.send(Bind(b"", b"", (), (), ()).encode(), Exchange(BIND, forward=False))
        link.send(Execute(b"", 0).encode(), Exchange(EXECUTE, forward=True))

    def _close(self) -> None:
        link = self._link
        link.send(Close(b"P", b"").encode(), Exchange(CLOSE, forward=False))
        link.send(Close(b"S", b"").encode(), Exchange(CLOSE, forward=False))


def ending(sql: str, ruling: Ruling) -> bytes:
    """The semicolon behind the statement, where it is all that is there: the server keeps the text of a cursor and of
    PREPARE with it (pg_cursors, pg_prepared_statements)."""
    after = ruling.offset + len(ruling.sql)
    rest = sql[after:].rstrip(_SPACE)
    return rest.encode() if rest.lstrip(_SPACE) == ";" and sql[ruling.offset : after] == ruling.sql else b""
