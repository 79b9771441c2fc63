"""The extended query protocol: Parse, Bind, Describe, Execute, Close, Sync (manual, 53.2.3).

The client's own frames go upstream as they are; what is added is the portal's description before
an Execute, and a substitute where one is refused.
"""

from __future__ import annotations

from typing import final

from pgmaskproxy.model import Outcome, Refusal, Ruling
from pgmaskproxy.session.answers import name_taken, no_such_portal, no_such_statement, too_many_names, too_much_prepared
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.attesting import prepares
from pgmaskproxy.session.early import Allowed
from pgmaskproxy.session.execution import ANALYSED_ANEW, Decided, Execution
from pgmaskproxy.session.flow import Flow, Wait
from pgmaskproxy.session.grant import Grant
from pgmaskproxy.session.holding import Holding
from pgmaskproxy.session.inputs import Bound, bound, literal_refusal, spared
from pgmaskproxy.session.link import Link
from pgmaskproxy.session.naming import Naming, paid
from pgmaskproxy.session.pipeline import BIND, CLOSE, DESCRIBE, PARSE, Exchange
from pgmaskproxy.session.statements import Portal, Prepared, bearing
from pgmaskproxy.session.texts import sql_of, upstream_text
from pgmaskproxy.wire.frontend import STATEMENT, Bind, Close, Describe, Execute, Parse

MOVED = Refusal(
    "0A000",
    "the search_path changed after this portal was bound",
    hint="Bind the statement again and execute that.",
)


@final
class Extended:
    """One method per message."""

    def __init__(self, link: Link, asking: Asking, holding: Holding, naming: Naming, execution: Execution) -> None:
        self._link = link
        self._asking = asking
        self._holding = holding
        self.naming = naming
        self._attesting = naming.attesting
        self._execution = execution

    def parse(self, message: Parse) -> Flow[None]:
        """A statement is prepared: read and decided now, so that a driver hears of a refusal early."""
        link = self._link
        sql = sql_of(message.query, link.limits)
        if isinstance(sql, Refusal):
            return self._execution.refuse(sql, None, "")
        if message.statement.startswith(link.reserved):
            return self._execution.refuse(name_taken(message.statement), None, sql)
        if link.names.full and message.statement not in link.names.statements:
            return self._execution.refuse(too_many_names(), None, sql)
        if link.names.tree_bytes > link.limits.tree_bytes:
            return self._execution.refuse(too_much_prepared(), None, sql)
        rulings = yield from self._asking.judge(sql, extended=True)
        if isinstance(rulings, Refusal):
            return self._execution.refuse(rulings, None, sql)
        ruling = rulings[0]
        refusal = ruling.decision.refusal
        if ruling.decision.outcome is Outcome.DENY and refusal is not None and not self._attesting.may_prove(ruling):
            if refusal.unproven:
                return (yield from self._execution.refuse_unproven(refusal, ruling, message))
            return self._execution.refuse(refusal, ruling, sql, offset=ruling.offset)
        written = literal_refusal(ruling, link.keys)
        if written is not None:
            return self._execution.refuse(written, ruling, sql, offset=ruling.offset)
        exchange = Exchange(PARSE, forward=True)
        exchange.scrub = ruling.decision.scrub
        prepared = Prepared(message.statement, ruling, by_sql=False)
        prepared.types = message.parameter_types
        if self._attesting.at_parse(ruling):
            prepared.sources.append(exchange)
        exchange.undo = link.names.prepare(prepared)
        text = upstream_text(ruling, message.query)
        link.send(Parse(message.statement, text, message.parameter_types).encode(), exchange)
        return None

    def bind(self, message: Bind) -> Flow[None]:
        """A portal is made. Its statement must be one this session knows."""
        link = self._link
        prepared = link.names.statements.get(message.statement)
        if prepared is None:
            return self._execution.refuse(no_such_statement(message.statement), None, "")
        if message.portal.startswith(link.reserved):
            return self._execution.refuse(name_taken(message.portal), prepared.ruling, prepared.ruling.sql)
        if link.names.full and message.portal not in link.names.portals:
            return self._execution.refuse(too_many_names(), prepared.ruling, prepared.ruling.sql)
        # A portal's names mean what they do now, under the search_path of this moment.
        allowed = self.allowed_before(prepared, message)
        if allowed is not None:
            early = self._bound(message, allowed.ruling)
            if isinstance(early, Refusal):
                return self._execution.refuse(early, allowed.ruling, allowed.ruling.sql)
            return self._send_bind(message, prepared, early, allowed.ruling, allowed)
        judged = yield from self._judged(prepared)
        if judged is None:
            return None
        if isinstance(judged, Refusal):
            return self._execution.refuse(judged, prepared.ruling, prepared.ruling.sql)
        # What EXECUTE or FETCH will run is looked up only when what came before has run.
        if self.naming.goes_by_name(prepared.ruling):
            yield from link.drain()
        refusal = judged.decision.refusal
        by_name = self.naming.goes_by_name(judged) or prepares(judged)
        later = prepares(judged) and self._attesting.may_prove(judged)
        if judged.decision.outcome is Outcome.DENY and refusal is not None and not later:
            return self._execution.refuse(refusal, judged, judged.sql, offset=judged.offset)
        bound = self._bound(message, judged)
        if isinstance(bound, Refusal):
            return self._execution.refuse(bound, judged, judged.sql, offset=judged.offset)
        grant: Grant | None = None
        if judged.decision.outcome is Outcome.HOLD and not by_name:
            # Before Bind: the server plans then, and planning runs functions.
            grant = yield from self._ask(prepared, judged, message)
            if grant is None:
                return None
        self._send_bind(message, prepared, bound, judged, grant=grant)
        return None

    def _bound(self, message: Bind, ruling: Ruling) -> Bound | Refusal:
        """The Bind as it goes upstream: with values in the places of tokens."""
        visibility = self._link.visibility
        return bound(message, ruling, self._link.keys, visibility.types if visibility is not None else {})

    def _send_bind(  # noqa: PLR0917 - what the client sent, what is sent, and what it rests on
        self,
        message: Bind,
        prepared: Prepared,
        sent: Bound,
        ruling: Ruling,
        allowed: Allowed | None = None,
        grant: Grant | None = None,
    ) -> None:
        """The Bind goes upstream; its portal is in the table, with what the client sent."""
        link = self._link
        exchange = self._bind_exchange(prepared.ruling, forward=True)
        exchange.scrub = exchange.scrub or sent.hidden
        inner = self._attesting.inner(prepared.ruling)
        if not inner:
            prepared.analysed_by(exchange)
        portal = Portal(message.portal, prepared, message, link.generation, holdable=False)
        portal.target = self.naming.target(prepared.ruling)
        portal.bound = exchange if inner else None
        portal.allowed = allowed
        portal.inputs, portal.by_token = ruling.decision.inputs, sent.by_token
        if allowed is not None:
            exchange.promise = allowed.at_bind()
        if grant is not None:
            self._holding.put_by(grant, portal)
        exchange.undo = link.names.bind(portal)
        link.send(sent.message.encode(), exchange)

    def allowed_before(self, prepared: Prepared, message: Bind) -> Allowed | None:
        """What this session was allowed for the same text before, if it may go early now."""
        link, ruling = self._link, prepared.ruling
        if link.search_path != ruling.search_path or link.redefined or not self._attesting.at_parse(ruling):
            return None
        if link.wish.text or ruling.unmask:
            return None
        allowed = link.early.find((ruling.sql, prepared.types, message.result_formats), ruling, link.epoch)
        if allowed is None:
            return None
        sources = bearing(prepared.sources)
        if prepared.attested is not None:
            # A Bind that was refused has brought a tree too, and the server does not send it twice.
            same = sources == prepared.judged and prepared.attested.attested == allowed.ruling.attested
            return allowed if same else None
        source = sources[0] if len(sources) == 1 else None
        if source is None or source.settled or source.kind != PARSE:
            return None
        source.promise = allowed.at_parse()
        return allowed

    def describe(self, message: Describe) -> None:
        """Forwarded; a portal's own answer is kept, so that it need not be asked again."""
        link = self._link
        if message.kind == STATEMENT:
            prepared = link.names.statements.get(message.name)
            if prepared is None:
                return self._execution.refuse(no_such_statement(message.name), None, "")
            exchange = Exchange(DESCRIBE, forward=True)
            exchange.scrub = prepared.ruling.decision.scrub
            if self._attesting.at_parse(prepared.ruling):
                prepared.analysed_by(exchange)
            link.send(message.encode(), exchange)
            return None
        portal = link.names.portals.get(message.name)
        if portal is None:
            return self._execution.refuse(no_such_portal(message.name), None, "")
        portal.description = self._execution.describe(message.name, portal.prepared.ruling, forward=True)
        return None

    def execute(self, message: Execute) -> Flow[None]:
        """A portal is run: only when its decision, its shape and its record are all there."""
        link = self._link
        portal = link.names.portals.get(message.portal)
        if portal is None:
            return self._execution.refuse(no_such_portal(message.portal), None, "")
        grant = self._holding.take_up(portal)
        serial = grant.serial if grant is not None else None
        early = self._early(portal)
        if early is not None:
            return (yield from self._execute_early(message, portal, early))
        ruling = yield from self._effective(portal)
        if isinstance(ruling, Refusal):
            return self._execution.refuse(ruling, portal.prepared.ruling, portal.prepared.ruling.sql, serial=serial)
        refusal = ruling.decision.refusal
        if ruling.decision.outcome is Outcome.DENY and refusal is not None:
            return self._execution.refuse(refusal, ruling, ruling.sql, offset=ruling.offset, serial=serial)
        if grant is None and ruling.decision.outcome is Outcome.HOLD:
            asked = yield from self._hold(portal, ruling)
            if asked is None:
                return None
            if isinstance(asked, Refusal):
                return self._execution.refuse(asked, ruling, ruling.sql)
            grant = asked
            # Policy may have moved while it was held.
            ruling = yield from self._effective(portal)
            if isinstance(ruling, Refusal):
                held = portal.prepared.ruling
                return self._execution.refuse(ruling, held, held.sql, serial=grant.serial)
            if ruling.decision.outcome is Outcome.DENY and ruling.decision.refusal is not None:
                return self._execution.refuse(ruling.decision.refusal, ruling, ruling.sql, serial=grant.serial)
        description = portal.description
        if description is None or description.failed or self.naming.goes_by_name(ruling):
            description = portal.description = self._execution.describe(message.portal, ruling)
        if not description.settled:
            link.flush()
            yield Wait(exchange=description)
        costs = spared(ruling, portal.by_token)
        decided = Decided(portal.prepared, costs, portal.bind.result_formats if portal.bind is not None else ())
        decided.again = costs is ruling  # what costs nothing with tokens does with other parameters
        exchange = yield from self._execution.run(message.portal, message.max_rows, decided, description, grant)
        if exchange is None:
            return None
        portal.started = True
        if self._execution.takes_data(ruling):
            yield from self._execution.copy_in(exchange)
        return None

    def close(self, message: Close) -> None:
        """Closing what does not exist is no error (manual)."""
        link = self._link
        exchange = Exchange(CLOSE, forward=True)
        if message.kind == STATEMENT:
            exchange.undo = link.names.deallocate(message.name)
        else:
            exchange.undo = link.names.close(message.name)
        link.send(message.encode(), exchange)

    def sync(self) -> None:
        """The client's Sync ends the implicit transaction, and any discarding."""
        self._link.sync(forward=True)

    def _early(self, portal: Portal) -> Allowed | None:
        """What allows this portal to run before the server has answered: only its first Execute, and only while what it
        was bound on still counts."""
        allowed, bind, link = portal.allowed, portal.bind, self._link
        if allowed is None or bind is None or portal.started or link.redefined or link.search_path is None:
            return None
        ruling = portal.prepared.ruling
        key = (ruling.sql, portal.prepared.types, bind.result_formats)
        if link.early.find(key, ruling, link.epoch, link.search_path) is not allowed:
            return None
        described = portal.description
        if described is not None and described.settled and described.fields != allowed.fields:
            return None
        return allowed

    def _execute_early(self, message: Execute, portal: Portal, allowed: Allowed) -> Flow[None]:
        described = portal.description
        if described is None or described.failed:
            described = portal.description = self._execution.describe(message.portal, allowed.ruling)
        if not described.settled:
            described.promise = allowed.at_describe()
        decided = Decided(
            portal.prepared, allowed.ruling, portal.bind.result_formats if portal.bind is not None else ()
        )
        sent = yield from self._execution.run_early(message.portal, message.max_rows, decided, allowed)
        portal.started = portal.started or sent is not None

    def _effective(self, portal: Portal) -> Flow[Ruling | Refusal]:
        if not portal.started and portal.bind is not None:
            yield from self._asking.ask_path()
            judged = portal.prepared.ruling
            if self._link.search_path != judged.search_path and not judged.decision.transparent:
                # A query was bound under the old one; a utility statement would run under the new one.
                return MOVED
        bound = portal.bound
        if bound is not None and not bound.settled:
            self._link.flush()
            yield Wait(exchange=bound)
        if bound is not None and bound.own:
            return ANALYSED_ANEW
        ruling = yield from self.naming.current(portal.prepared, open_portal=True)
        if isinstance(ruling, Refusal):
            return ruling
        if not portal.started and portal.bind is not None and ruling.decision.inputs != portal.inputs:
            return ANALYSED_ANEW  # its parameters were read by other rules
        found = yield from self.naming.effective(ruling, portal.target)
        return paid(found) if portal.started and isinstance(found, Ruling) else found

    def _judged(self, prepared: Prepared) -> Flow[Ruling | Refusal | None]:
        """The ruling by the latest tree: of the query inside, for a statement that has one. None when the server
        refused that query: the client has its error already."""
        if self._attesting.inner(prepared.ruling):
            probe = yield from self._attesting.probe(prepared.ruling, prepared.types)
            if probe.failed:
                return None
            prepared.sources, prepared.attested = [probe], None
        return (yield from self.naming.current(prepared, open_portal=False))

    def _ask(self, prepared: Prepared, ruling: Ruling, message: Bind) -> Flow[Grant | None]:
        """Hold a query when its parameters are known and nothing of it has been planned; None when that was no."""
        serial = self._link.serial()
        asked = yield from self._holding.hold(ruling, serial, prepared=prepared, bind=message)
        if isinstance(asked, Grant):
            # Policy may have moved while it was held.
            again = yield from self._judged(prepared)
            if again is None:
                return None
            moved = again if isinstance(again, Refusal) else again.decision.refusal or self._holding.moved(asked, again)
            if moved is None:
                return asked
            asked = moved
        if asked is not None:
            self._execution.refuse(asked, ruling, ruling.sql, serial=serial)
        return None

    def _hold(self, portal: Portal, ruling: Ruling) -> Flow[Grant | Refusal | None]:
        """Hold EXECUTE and FETCH when they run, as only then it is known what; then bind again what the idle
        upstream forgot. A query was held when it was bound."""
        link = self._link
        if portal.bind is None:
            return Refusal(
                "42501", "permission denied by policy", detail="The policy changed after this cursor was declared."
            )
        if not self.naming.goes_by_name(ruling) and not portal.started:
            return Refusal(
                "42501",
                "permission denied by policy",
                detail="The policy came to hold this statement after its portal was bound.",
                hint="Bind it again: then a person is asked.",
            )
        if portal.started:
            return Refusal(
                "42501",
                "permission denied by policy",
                detail="An approval covers one execution, and this portal was executed before.",
                hint="Fetch all rows in one Execute.",
            )
        if link.names.statements.get(portal.statement.name) is not portal.statement:
            # It is described, and bound again, by name: another statement of that name would run instead.
            return Refusal(
                "0A000",
                "the prepared statement was closed or made anew after this portal was bound",
                hint="Bind the statement again.",
            )
        serial = link.serial()
        asked = yield from self._holding.hold(ruling, serial, prepared=portal.prepared, bind=portal.bind)
        if isinstance(asked, Refusal):
            self._execution.refuse(asked, ruling, ruling.sql, serial=serial)
            return None
        if asked is not None and link.names.portals.get(portal.name) is not portal:
            portal.generation = link.generation
            portal.description = None
            exchange = self._bind_exchange(ruling, forward=False)
            exchange.undo = link.names.bind(portal)
            link.send(portal.bind.encode(), exchange)
        return asked

    def _bind_exchange(self, ruling: Ruling, *, forward: bool) -> Exchange:
        exchange = Exchange(BIND, forward=forward)
        exchange.scrub = ruling.decision.scrub
        return exchange
