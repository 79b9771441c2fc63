"""The range table: what each of its entries gives, built when first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import ENTRY_COST
from pgmaskproxy.sql.attest.expressions import Expressions
from pgmaskproxy.sql.attest.flows import NOTHING, Flow, counting, either
from pgmaskproxy.sql.attest.reader import Node, Value, text_of
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.scope import Rows, Scope, Source, Table, With
from pgmaskproxy.sql.attest.shape import field, flag, members, number, numbers

MAX_ROUNDS: Final = 200
"""Of the fixed point over a recursive WITH; flows only grow, by at least one column of the statement a round."""

_RELATION, _SUBQUERY, _JOIN, _FUNCTION, _TABLEFUNC, _VALUES, _WITH, _TUPLES, _RESULT, _GROUP = range(10)  # RTEKind

_HOLDS: Final[Mapping[str, frozenset[int]]] = {
    "tablesample": frozenset({_RELATION}),
    "subquery": frozenset({_SUBQUERY}),
    "joinaliasvars": frozenset({_JOIN}),
    "functions": frozenset({_FUNCTION}),
    "tablefunc": frozenset({_TABLEFUNC}),
    "values_lists": frozenset({_VALUES}),
    "groupexprs": frozenset({_GROUP}),
}
"""Which kinds of entry have expressions in which fields."""

_VIEW: Final = "v"
_OLD: Final = "1"  # VarReturningType
_ROW_TYPE: Final = "c"
"""What ON CONFLICT calls excluded."""


class Sources(Expressions):
    """The part of the analysis that knows what stands in FROM."""

    def open(self, query: Node, parent: Scope | None) -> Scope:
        """The scope of a query, every entry of its range table and every WITH query of it walked."""
        scope = Scope(query, self.shape.nodes(query.fields["rtable"], "RANGETBLENTRY"), parent)
        scope.written = number(query.fields["resultRelation"])
        self.shape.nodes(query.fields.get("rteperminfos"), "RTEPERMISSIONINFO")
        for node in self.shape.nodes(query.fields["cteList"], "COMMONTABLEEXPR"):
            name = text_of(node.fields["ctename"])
            if name in scope.withs:
                raise Unattestable("two WITH queries of one name")
            scope.withs[name] = With(node)
        for one in scope.withs.values():
            self.with_query(one, scope)
        for at in range(1, len(scope.entries) + 1):
            self.source(scope, at)
        self._conditions(scope)
        return scope

    def column(self, var: Node, scope: Scope) -> Flow:
        self.shape.check(var)
        fields = var.fields
        scope = scope.up(number(fields["varlevelsup"]))
        at = number(fields["varno"])
        old = fields.get("varreturningtype") == _OLD
        if scope.target is not None and at == scope.written and not old:
            return scope.target.column(number(fields["varattno"]))
        return self.source(scope, at).column(number(fields["varattno"]))

    def source(self, scope: Scope, at: int) -> Source:
        """The entry at a position from 1. Raises Unattestable when there is none, or when it needs itself."""
        if at in scope.sources:
            found = scope.sources[at]
            if found is None:
                raise Unattestable("an entry of the range table needs itself")
            return found
        if not 1 <= at <= len(scope.entries):
            raise Unattestable("a range table entry of the server's tree does not exist")
        scope.sources[at] = None
        made = self._entry(scope, scope.entries[at - 1], at)
        scope.sources[at] = made
        return made

    def _entry(self, scope: Scope, entry: Node, at: int) -> Source:
        self.findings.step(ENTRY_COST)
        fields = entry.fields
        kind = number(field(entry, "rtekind"))
        for name, kinds in _HOLDS.items():
            if fields.get(name) is not None and kind not in kinds:
                raise Unattestable(f"a range table entry has {name} and is of another kind")
        if kind in {_RELATION, _SUBQUERY, _TUPLES}:
            self._relation(scope, entry, at)
        match kind:
            case 0 | 7:
                return self._table(entry)
            case 1:
                return Rows(self._subquery(entry, scope))
            case 2:
                joined = members(field(entry, "joinaliasvars"))
                return Rows(tuple(self._joined(expression, scope) for expression in joined))
            case 3:
                functions = self.shape.nodes(field(entry, "functions"), "RANGETBLFUNCTION")
                calls = [function.fields["funcexpr"] for function in functions]
                for function in functions:  # a column definition list's: json_to_record() makes values of them
                    self.findings.running.types.update(numbers(function.fields["funccoltypes"]))
                return Rows((), self.gather(calls, scope, Use.EXPRESSION, "FROM"))
            case 4:
                return Rows((), self.gather(field(entry, "tablefunc"), scope, Use.EXPRESSION, "FROM"))
            case 5:
                return self._values(scope, entry)
            case 6:
                return Rows(self._with(scope, entry))
            case 8:
                return Rows(())
            case 9:
                grouped = members(field(entry, "groupexprs"))
                return Rows(tuple(self.value(expression, scope, "GROUP BY") for expression in grouped))
            case _:
                raise Unattestable("a range table entry of an unknown kind")

    def _joined(self, expression: Value, scope: Scope) -> Flow:
        """A column of a join. One that FULL JOIN merges is the first of two that is there: either as it is."""
        if isinstance(expression, Node) and expression.label == "COALESCEEXPR":
            self.shape.check(expression)
            sides = [self.bare(side, scope) for side in members(expression.fields["args"])]
            if all(side is not None for side in sides):
                merged = NOTHING
                for side in sides:
                    merged = either(merged, side) if side is not None else merged
                return merged
        return self.value(expression, scope, "JOIN")

    def _subquery(self, entry: Node, scope: Scope) -> tuple[Flow, ...]:
        """A subquery in FROM. Inside a view that the rewriter has opened, uses are the view's."""
        query = self.shape.node(field(entry, "subquery"), "QUERY")
        outside, through = self.findings.view, self.findings.through
        view = self._view(entry, query)
        if view:
            self.findings.read(view)
        self.findings.view = outside or view
        self.findings.through = (*through, view) if outside and view else through
        try:
            return self.query(query, scope)
        finally:
            self.findings.view, self.findings.through = outside, through

    def _view(self, entry: Node, query: Node) -> int:
        """The OID of the view that a subquery was, 0 for one that was written as it is.

        16 and later say so in the entry itself. In 15 the view's query still begins with its rule's OLD and NEW, which
        no statement can write: a view in FROM is always opened.
        """
        if entry.fields.get("relkind") == _VIEW:
            return number(field(entry, "relid"))
        first = [self.shape.node(old, "RANGETBLENTRY") for old in members(query.fields["rtable"])[:2]]
        oids = {number(old.fields.get("relid", "0")) for old in first if old.fields.get("relkind") == _VIEW}
        names = [text_of(self.shape.node(field(old, "eref"), "ALIAS").fields["aliasname"]) for old in first]
        ours = number(query.fields["commandType"]) == 1 and names == ["old", "new"] and len(oids) == 1
        return oids.pop() if ours and all(old.fields.get("inFromCl") == "false" for old in first) else 0

    def _relation(self, scope: Scope, entry: Node, at: int) -> None:
        """A relation, or what a view stands for: read, unless it is written and nothing else."""
        oid = number(entry.fields.get("relid", "0"))
        proposed = entry.fields.get("relkind") == _ROW_TYPE
        if oid and not proposed and (at != scope.written or self.selects(scope, entry)):
            self.findings.read(oid)
        sample = entry.fields.get("tablesample")
        if sample is not None:
            clause = self.shape.node(sample, "TABLESAMPLECLAUSE")
            self.findings.running.functions.add(number(clause.fields["tsmhandler"]))
            self.gather(clause.fields["args"], scope, Use.PREDICATE, "TABLESAMPLE")
            self.gather(clause.fields["repeatable"], scope, Use.PREDICATE, "TABLESAMPLE")

    def selects(self, scope: Scope, entry: Node) -> bool:
        """Whether the statement needs the right to SELECT from a relation (ACL_SELECT of its permissions)."""
        if "requiredPerms" in entry.fields:
            return bool(number(entry.fields["requiredPerms"]) & 2)
        index = number(entry.fields.get("perminfoindex", "0"))
        infos = self.shape.nodes(scope.query.fields.get("rteperminfos"), "RTEPERMISSIONINFO")
        return not 1 <= index <= len(infos) or bool(number(infos[index - 1].fields["requiredPerms"]) & 2)

    def _table(self, entry: Node) -> Table:
        """An entry's relation: it has as many columns, dropped ones too, as it has names for, and a dropped one's is
        empty."""
        names = members(self.shape.node(field(entry, "eref"), "ALIAS").fields["colnames"])
        dropped = frozenset(at for at, name in enumerate(names, 1) if text_of(name) == "")
        return Table(number(field(entry, "relid")), len(names), dropped)

    def _values(self, scope: Scope, entry: Node) -> Source:
        columns: list[Flow] | None = None
        for values in members(field(entry, "values_lists")):
            row = [self.value(expression, scope, "VALUES") for expression in members(values)]
            if columns is None:
                columns = row
            elif len(columns) == len(row):
                columns = [either(one, other) for one, other in zip(columns, row, strict=True)]
            else:
                raise Unattestable("rows of VALUES of different width")
        return Rows(tuple(columns or ()))

    # -- WITH ----------------------------------------------------------------------------------------------

    def _with(self, scope: Scope, entry: Node) -> tuple[Flow, ...]:
        around = scope.up(number(field(entry, "ctelevelsup")))
        one = around.withs.get(text_of(field(entry, "ctename")))
        if one is None:
            raise Unattestable("a WITH query of the server's tree does not exist")
        if one.reading is not None:
            if not flag(field(entry, "self_reference")):
                raise Unattestable("a WITH query needs itself")
            one.asked = True
            return tuple(map(counting, one.reading))  # how often it goes round, rows decide
        return self.with_query(one, around)

    def with_query(self, one: With, scope: Scope) -> tuple[Flow, ...]:
        """What a WITH query's columns are made of; a recursive one is read until that stays the same."""
        if one.flows is not None:
            return one.flows
        self.shape.check(one.node)
        query = self.shape.node(one.node.fields["ctequery"], "QUERY")
        one.reading = (NOTHING,) * len(members(one.node.fields["ctecolnames"]))
        for name in ("search_clause", "cycle_clause"):
            clause = one.node.fields[name]
            if isinstance(clause, Node):
                self._clause(clause, scope)
        uses, inputs, taken = dict(self.findings.uses), dict(self.findings.inputs), set(self.findings.taken)
        for _ in range(MAX_ROUNDS):
            # What the last round sees is all: before, a column that is not known yet looks like no column.
            self.findings.uses = dict(uses)
            self.findings.inputs, self.findings.taken = dict(inputs), set(taken)
            found = self.query(query, scope)
            if not one.asked:
                break
            if len(found) != len(one.reading):
                raise Unattestable("a recursive query of another width than its name")
            grown = tuple(either(one_so_far, now) for one_so_far, now in zip(one.reading, found, strict=True))
            if all(now.same_as(before) for now, before in zip(grown, one.reading, strict=True)):
                break
            one.reading = grown
        else:
            raise Unattestable("a recursive query without a fixed point", sqlstate="54001")
        one.reading = None
        one.flows = found
        return found

    def _clause(self, clause: Node, scope: Scope) -> None:
        """SEARCH and CYCLE: the rewriter has put what they do into the query itself; marks and an operator are left."""
        self.shape.check(clause)
        if clause.label == "CTECYCLECLAUSE":
            for name in ("cycle_mark_value", "cycle_mark_default"):
                self.gather(clause.fields[name], scope, Use.EXPRESSION, "CYCLE")
            self.findings.running.operators.add(number(clause.fields["cycle_mark_neop"]))
        elif clause.label != "CTESEARCHCLAUSE":
            raise Unattestable("a WITH query with an unknown clause")

    # -- row security --------------------------------------------------------------------------------------

    def _conditions(self, scope: Scope) -> None:
        """Conditions put before all others: of row security, and of a security barrier view that is written."""
        trusted = flag(scope.query.fields["hasRowSecurity"]) and not self.through_view(scope)
        for entry in scope.entries:
            for condition in members(entry.fields.get("securityQuals")):
                self.trusting(condition, scope, "row security", trusted=trusted)

    def trusting(self, condition: object, scope: Scope, where: str, *, trusted: bool) -> None:
        """Walk a condition of which the uses count only when its author is not trusted."""
        if not isinstance(condition, Node):
            raise Unattestable("a condition of the server's tree is none")
        before = self.findings.trusted
        self.findings.trusted = before or trusted
        self.predicate(condition, scope, where)
        self.findings.trusted = before

    def through_view(self, scope: Scope) -> bool:
        """Whether what is written was named by a view: its conditions may be among those of row security."""
        return scope.written > 0 and any(entry.fields.get("relkind") == _VIEW for entry in scope.entries)
