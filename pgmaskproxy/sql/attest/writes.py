"""INSERT, UPDATE, DELETE and MERGE: what is written, out of what, and what is RETURNed.

A column that flows into another is a use WRITE with its target; a written column is WRITTEN. RETURNING of a written
column is not pure: with a keyed mask it would be a code book (DESIGN 3b).
"""

from __future__ import annotations

from typing import Final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.flows import Flow, either
from pgmaskproxy.sql.attest.inputs import NO_FEED, Feed, assigned
from pgmaskproxy.sql.attest.queries import Queries
from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.scope import Rows, Scope, Table, Target
from pgmaskproxy.sql.attest.shape import flag, number

COMMANDS: Final = {2: "UPDATE", 3: "INSERT", 4: "DELETE", 5: "MERGE"}  # CmdType
_MERGE = 5
_ACTIONS: Final = {2: "UPDATE", 3: "INSERT", 4: "DELETE", 7: "NOTHING"}
_CONFLICT_NOTHING, _CONFLICT_UPDATE = 1, 2  # OnConflictAction
_VIEW_CHECK = 0  # WCOKind
_STATEMENTS_OWN: Final = frozenset({"VAR", "PARAM", "SUBLINK"})
_NOWHERE: Final = "-1"

Written = dict[int, Flow]
"""What flowed into each column that a statement writes, by number."""


class Writes(Queries):
    """The part of the analysis that walks statements which write rows."""

    def modify(self, query: Node, scope: Scope, command: int) -> tuple[Flow, ...]:
        fields = query.fields
        table = self.source(scope, scope.written)
        if not isinstance(table, Table):
            raise Unattestable("something that is no relation is written")
        name = COMMANDS[command]
        written: Written = {}
        if command == _MERGE:
            self._merge(query, scope, table, written)
        else:
            self.findings.writes.add((table.oid, name))
            fed = Feed(query, self.shape) if name == "INSERT" else NO_FEED
            self._assign(fields["targetList"], scope, table, name, written, defaults=name == "INSERT", fed=fed)
            for param in fed.unread():
                self.findings.take(param, own=number(param.fields["paramid"]) in self.findings.owned)
        conflict = fields["onConflict"]
        if conflict is not None:
            self._on_conflict(self.shape.node(conflict, "ONCONFLICTEXPR"), scope, table, written)
        self._check_options(query, scope)
        return self._returning(query, scope, table, written)

    def _assign(
        self,
        targets: Value,
        scope: Scope,
        table: Table,
        where: str,
        written: Written,
        *,
        defaults: bool = False,
        fed: Feed = NO_FEED,
    ) -> None:
        """A list of assignments; what has been written to a column before is kept beside it. With `defaults` some may
        be the table's own: nothing of the client's gets in there, and the column counts as not written."""
        entries = self.shape.nodes(targets, "TARGETENTRY")
        scope.multiple = {}
        for entry in entries:
            expression = entry.fields["expr"]
            if not flag(entry.fields["resjunk"]):
                continue
            if isinstance(expression, Node) and expression.label == "VAR":
                # The row itself or what identifies it: what the rewriter fetches for a trigger, and nobody sees.
                self.column(expression, scope)
            else:
                self.gather(expression, scope, Use.EXPRESSION, where)
        for entry in entries:
            if flag(entry.fields["resjunk"]):
                continue
            column = number(entry.fields["resno"])
            if not 1 <= column <= table.width:
                raise Unattestable("a column that does not exist is written")
            flow = self.value(entry.fields["expr"], scope, where)
            target = (table.oid, column)
            for source in sorted(flow.columns):
                self.findings.use(source, Use.WRITE, where, target)
            if defaults and _is_default(entry.fields["expr"]):
                continue
            self.findings.use(target, Use.WRITTEN, where)
            given = fed.parameters(entry.fields["expr"])
            for param in given:
                self.findings.input(target, Use.WRITTEN, where, param)
                self.findings.take(param, own=_as_it_is(entry.fields["expr"], param))
            if flow.mixed and not given and not self._is_column(entry.fields["expr"], scope):
                self.findings.loose[target, where] = None
            written[column] = either(written[column], flow) if column in written else flow

    def _is_column(self, expression: Value, scope: Scope) -> bool:
        """Whether what is written is a column as it is, made to fit the other."""
        flow = self.bare(assigned(expression), scope)
        return flow is not None and not flow.mixed

    def _on_conflict(self, conflict: Node, scope: Scope, table: Table, written: Written) -> None:
        fields = conflict.fields
        self._arbiter(fields, scope, table, written)
        action = number(fields["action"])
        if action == _CONFLICT_NOTHING:
            return
        if action != _CONFLICT_UPDATE:
            raise Unattestable("an action ON CONFLICT of an unknown kind")
        self.findings.writes.add((table.oid, "UPDATE"))
        excluded = number(fields["exclRelIndex"])
        if not 1 <= excluded <= len(scope.entries) or excluded == scope.written:
            raise Unattestable("ON CONFLICT without the row that was proposed")
        proposed = tuple(
            either(table.column(number), written.get(number, table.column(number)))
            for number in range(1, table.width + 1)
        )
        scope.sources[excluded] = Rows(proposed)
        self._assign(fields["onConflictSet"], scope, table, "ON CONFLICT DO UPDATE", written)
        self.predicate(fields["onConflictWhere"], scope, "ON CONFLICT DO UPDATE WHERE")
        for entry in self.shape.nodes(fields["exclRelTlist"], "TARGETENTRY"):
            self.value(entry.fields["expr"], scope, "ON CONFLICT")

    def _arbiter(self, fields: dict[str, Value], scope: Scope, table: Table, written: Written) -> None:
        """What a conflict is looked for in: named columns, or every column there is a unique index on."""
        where = "ON CONFLICT"
        self.gather(fields["arbiterElems"], scope, Use.PREDICATE, where)
        self.predicate(fields["arbiterWhere"], scope, where)
        if fields["arbiterElems"] is None:
            for column in sorted(written):
                self.findings.use((table.oid, column), Use.PREDICATE, where)

    def _merge(self, query: Node, scope: Scope, table: Table, written: Written) -> None:
        self.predicate(query.fields.get("mergeJoinCondition"), scope, "MERGE ON", join=True)
        for action in self.shape.nodes(query.fields["mergeActionList"], "MERGEACTION"):
            name = _ACTIONS.get(number(action.fields["commandType"]))
            if name is None:
                raise Unattestable("an action of MERGE of an unknown kind")
            if name != "NOTHING":
                self.findings.writes.add((table.oid, name))
            self.predicate(action.fields["qual"], scope, "MERGE WHEN")
            self._assign(action.fields["targetList"], scope, table, "MERGE", written, defaults=name == "INSERT")
        # What MERGE fetches for itself: every column of the source that it needs, as a list of VARs.
        for entry in self.shape.nodes(query.fields["targetList"], "TARGETENTRY"):
            self.value(entry.fields["expr"], scope, "MERGE")

    def _check_options(self, query: Node, scope: Scope) -> None:
        """Conditions that a written row must meet: of a view WITH CHECK OPTION, or of row security (trusted)."""
        for option in self.shape.nodes(query.fields["withCheckOptions"], "WITHCHECKOPTION"):
            view = number(option.fields["kind"]) == _VIEW_CHECK
            if option.fields["qual"] is not None:
                self.trusting(option.fields["qual"], scope, "WITH CHECK OPTION", trusted=not view)

    def _returning(self, query: Node, scope: Scope, table: Table, written: Written) -> tuple[Flow, ...]:
        scope.target = Target(table, written)
        entries = self.shape.nodes(query.fields["returningList"], "TARGETENTRY")
        flows = tuple(
            self.value(entry.fields["expr"], scope, "RETURNING")
            for entry in entries
            if not flag(entry.fields["resjunk"])
        )
        scope.target = None
        return flows


def _as_it_is(expression: Value, param: Node) -> bool:
    """Whether a parameter has the type of the column that it is written to: nothing between the two makes it fit."""
    if expression is param:
        return True
    if not isinstance(expression, Node) or expression.label != "VAR":
        return False
    return number(expression.fields["vartype"]) == number(param.fields["paramtype"])


def _is_default(expression: Value) -> bool:
    """Whether an expression came out of the catalog: what a statement says itself has a place in its text somewhere,
    a column's default has none (stringToNode leaves them out)."""
    pending: list[Value] = [expression]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, Node):
            if value.label in _STATEMENTS_OWN or value.fields.get("location", _NOWHERE) != _NOWHERE:
                return False
            pending.extend(value.fields.values())
    return True
