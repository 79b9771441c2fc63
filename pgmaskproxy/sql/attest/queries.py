"""Queries: FROM and WHERE, grouping, windows, ordering, set operations; and the outputs of it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import QUERY_COST
from pgmaskproxy.sql.attest.flows import Flow, either
from pgmaskproxy.sql.attest.reader import Node, Value
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.scope import Scope
from pgmaskproxy.sql.attest.shape import flag, members, number
from pgmaskproxy.sql.attest.sources import Sources

MAX_NESTING: Final = 60
"""Queries inside each other, views opened: the only thing that the analysis recurses into."""

_SELECT, _UPDATE, _INSERT, _DELETE, _MERGE = 1, 2, 3, 4, 5  # CmdType
_SET_OPERATIONS: Final = {1: "UNION", 2: "INTERSECT", 3: "EXCEPT"}  # SetOperation

_WALKED: Final = frozenset(
    {
        "cteList", "rtable", "rteperminfos", "jointree", "targetList", "onConflict", "returningList", "groupClause",
        "groupingSets", "havingQual", "windowClause", "distinctClause", "sortClause", "limitOffset", "limitCount",
        "rowMarks", "setOperations", "withCheckOptions", "mergeActionList", "mergeJoinCondition",
    }
)  # fmt: skip
"""The fields of a QUERY that are walked by name; what is in any other is walked as an expression."""


class Queries(Sources):
    """The part of the analysis that walks queries. `modify` belongs to `writes`."""

    _nesting = 0
    _result: Scope | None = None
    """The scope of the outermost query while its target list is walked."""

    def shown(self, scope: Scope, where: str) -> bool:
        # 18 keeps what is grouped by apart; HAVING may bring it into WHERE.
        grouped = self._nesting == 1 and where == "GROUP BY" and scope.query.fields["havingQual"] is None
        return scope is self._result or grouped

    def modify(self, query: Node, scope: Scope, command: int) -> tuple[Flow, ...]:
        """INSERT, UPDATE, DELETE or MERGE and what it RETURNs."""
        raise NotImplementedError

    def query(self, node: Node, parent: Scope | None) -> tuple[Flow, ...]:
        self.findings.step(QUERY_COST)
        if self._nesting >= MAX_NESTING:
            raise Unattestable("queries are nested too deeply", sqlstate="54001")
        self._nesting += 1
        around = self.findings.apart()
        try:
            return self._query(node, parent)
        finally:
            self.findings.back(around)
            self._nesting -= 1

    def _query(self, node: Node, parent: Scope | None) -> tuple[Flow, ...]:
        self.shape.check(node)
        command = number(node.fields["commandType"])
        if not _SELECT <= command <= _MERGE or node.fields["utilityStmt"] is not None:
            raise Unattestable("a utility statement has no tree of its own")
        scope = self.open(node, parent)
        for name, value in node.fields.items():
            if name not in _WALKED and isinstance(value, (Node, list)):
                self.gather(value, scope, Use.EXPRESSION, name)
        self.join_tree(node.fields["jointree"], scope, merge=command == _MERGE)
        if command != _SELECT:
            return self.modify(node, scope, command)
        return self._select(node, scope)

    # -- FROM and WHERE ------------------------------------------------------------------------------------

    def join_tree(self, tree: Value, scope: Scope, *, merge: bool) -> None:
        """Conditions of joins and of WHERE; where WHERE stands, 15 and 16 have the ON of MERGE."""
        where = "MERGE ON" if merge else "WHERE"
        pending: list[Value] = [tree]
        while pending:
            node = pending.pop()
            if node is None:
                continue
            if not isinstance(node, Node):
                raise Unattestable("a join of the server's tree is none")
            self.shape.check(node)
            if node.label == "FROMEXPR":
                pending.extend(members(node.fields["fromlist"]))
                self.predicate(node.fields["quals"], scope, where, lookup=not merge, join=True)
            elif node.label == "JOINEXPR":
                pending.extend((node.fields["larg"], node.fields["rarg"]))
                self.predicate(node.fields["quals"], scope, "JOIN ON", join=True)
            elif node.label == "RANGETBLREF":
                self.source(scope, number(node.fields["rtindex"]))
            else:
                raise Unattestable(f"{node.label} in FROM")

    # -- SELECT --------------------------------------------------------------------------------------------

    def _select(self, query: Node, scope: Scope) -> tuple[Flow, ...]:
        fields = query.fields
        targets = self.shape.nodes(fields["targetList"], "TARGETENTRY")
        operations = fields["setOperations"]
        merged = self._set_operations(operations, scope) if operations is not None else None
        self._result = scope if self._nesting == 1 else self._result
        flows = [self._target(target, scope, merged) for target in targets]
        self._result = None if self._nesting == 1 else self._result
        sortable = {
            reference: flow
            for target, flow in zip(targets, flows, strict=True)
            if (reference := number(target.fields["ressortgroupref"]))
        }
        self._clauses(query, scope, sortable)
        return tuple(flow for target, flow in zip(targets, flows, strict=True) if not flag(target.fields["resjunk"]))

    def _target(self, target: Node, scope: Scope, merged: tuple[Flow, ...] | None) -> Flow:
        """One entry of the target list. Over a set operation it is a VAR of the first arm and stands for all."""
        expression = target.fields["expr"]
        if merged is None:
            return self.output(expression, scope)
        if not isinstance(expression, Node) or expression.label != "VAR":
            raise Unattestable("a set operation with an expression over it")
        self.shape.check(expression)
        at = number(expression.fields["varattno"]) - 1
        if number(expression.fields["varlevelsup"]) != 0 or not 0 <= at < len(merged):
            raise Unattestable("a set operation with a column of something else")
        return merged[at]

    def _clauses(self, query: Node, scope: Scope, sortable: dict[int, Flow]) -> None:
        fields = query.fields
        distinct = "DISTINCT ON" if flag(fields["hasDistinctOn"]) else "DISTINCT"
        self._sorted(fields["groupClause"], sortable, Use.PREDICATE, "GROUP BY")
        self._sorted(fields["distinctClause"], sortable, Use.PREDICATE, distinct)
        limits = [self.gather(fields[name], scope, Use.PREDICATE, "LIMIT") for name in ("limitOffset", "limitCount")]
        self._sorted(fields["sortClause"], sortable, Use.ORDERING, "ORDER BY", limits)
        for grouping in self.shape.nodes(fields["groupingSets"], "GROUPINGSET"):
            self._grouping_set(grouping)
        self.predicate(fields["havingQual"], scope, "HAVING")
        for window in self.shape.nodes(fields["windowClause"], "WINDOWCLAUSE"):
            self._sorted(window.fields["partitionClause"], sortable, Use.PREDICATE, "PARTITION BY")
            frame = [
                self.gather(window.fields.get(name), scope, Use.EXPRESSION, "window frame")
                for name in ("startOffset", "endOffset", "runCondition")
            ]
            self._sorted(window.fields["orderClause"], sortable, Use.ORDERING, "ORDER BY", frame)
            for name in ("startInRangeFunc", "endInRangeFunc"):
                self.findings.running.functions.add(number(window.fields[name]))
        for mark in self.shape.nodes(fields["rowMarks"], "ROWMARKCLAUSE"):
            self._lock(mark, scope)

    def _sorted(
        self, clauses: Value, sortable: dict[int, Flow], use: Use, where: str, beside: Sequence[Flow] = ()
    ) -> None:
        """Sort keys; `beside` is what the order, or the distance in it, is held against."""
        for clause in self.shape.nodes(clauses, "SORTGROUPCLAUSE"):
            running = self.findings.running
            running.operators.update((number(clause.fields["eqop"]), number(clause.fields["sortop"])))
            flow = sortable.get(number(clause.fields["tleSortGroupRef"]))
            if flow is None:
                raise Unattestable("a sort or group clause refers to nothing")
            self.findings.use_all(flow, use, where, beside=beside)

    def _grouping_set(self, node: Node) -> None:
        """Only numbers of the group clause, in each other."""
        pending: list[Value] = [node]
        while pending:
            value = pending.pop()
            if isinstance(value, tuple):
                continue
            content = self.shape.node(value, "GROUPINGSET").fields["content"]
            pending.extend([content] if isinstance(content, tuple) else members(content))

    def _lock(self, mark: Node, scope: Scope) -> None:
        at = number(mark.fields["rti"])
        if not 1 <= at <= len(scope.entries):
            raise Unattestable("a row lock on nothing")
        oid = number(scope.entries[at - 1].fields.get("relid", "0"))
        if oid:
            self.findings.locks.add(oid)

    # -- UNION, INTERSECT, EXCEPT --------------------------------------------------------------------------

    def _set_operations(self, tree: Value, scope: Scope) -> tuple[Flow, ...]:
        """The columns of a tree of set operations: those of both arms. All but UNION ALL compare rows."""
        done: list[tuple[Flow, ...]] = []
        pending: list[tuple[Value, bool]] = [(tree, False)]
        while pending:
            value, arms_done = pending.pop()
            if isinstance(value, Node) and value.label == "RANGETBLREF":
                self.shape.check(value)
                done.append(self._arm(number(value.fields["rtindex"]), scope))
                continue
            node = self.shape.node(value, "SETOPERATIONSTMT")
            if not arms_done:
                pending.extend(((node, True), (node.fields["rarg"], False), (node.fields["larg"], False)))
                continue
            right, left = done.pop(), done.pop()
            if len(left) != len(right):
                raise Unattestable("arms of a set operation of different width")
            merged = tuple(either(one, other) for one, other in zip(left, right, strict=True))
            self._compared(node, merged)
            done.append(merged)
        return done.pop()

    def _arm(self, at: int, scope: Scope) -> tuple[Flow, ...]:
        if not 1 <= at <= len(scope.entries):
            raise Unattestable("an arm of a set operation does not exist")
        targets = self.shape.node(scope.entries[at - 1].fields.get("subquery"), "QUERY").fields["targetList"]
        shown = [entry for entry in self.shape.nodes(targets, "TARGETENTRY") if not flag(entry.fields["resjunk"])]
        source = self.source(scope, at)
        return tuple(source.column(number) for number in range(1, len(shown) + 1))

    def _compared(self, node: Node, merged: tuple[Flow, ...]) -> None:
        operation = _SET_OPERATIONS.get(number(node.fields["op"]))
        if operation is None:
            raise Unattestable("a set operation of an unknown kind")
        for clause in self.shape.nodes(node.fields["groupClauses"], "SORTGROUPCLAUSE"):
            running = self.findings.running
            running.operators.update((number(clause.fields["eqop"]), number(clause.fields["sortop"])))
        if operation != "UNION" or not flag(node.fields["all"]):
            for flow in merged:
                self.findings.use_all(flow, Use.PREDICATE, operation)
