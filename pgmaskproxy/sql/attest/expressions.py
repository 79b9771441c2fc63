"""Expressions: which columns one uses, for what, and what its value is made of.

Whatever a column goes through other than being named alone is a use of it (THREATS R2, R3). Every field of every node
is walked unless the node is one of those below that say otherwise, and nothing here recurses except into queries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, final

from pgmaskproxy.model import Use
from pgmaskproxy.sql.attest.attestation import Findings
from pgmaskproxy.sql.attest.counts import Counts
from pgmaskproxy.sql.attest.flows import Column, Flow, computed
from pgmaskproxy.sql.attest.inputs import is_array, listed
from pgmaskproxy.sql.attest.quiet import is_quiet
from pgmaskproxy.sql.attest.reader import Node, Value, text_of
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.scope import Scope
from pgmaskproxy.sql.attest.shape import Shape, flag, members, number, numbers, type_of
from pgmaskproxy.sql.attest.total import total_columns
from pgmaskproxy.sql.attest.versions import COUNT, EQUALITY, POPULATES

PLAIN: Final = frozenset(
    {
        "ARRAYEXPR", "BOOLEANTEST", "BOOLEXPR", "CASEEXPR", "CASETESTEXPR", "CASEWHEN", "COALESCEEXPR",
        "COERCETODOMAINVALUE", "COLLATEEXPR", "CONST", "CONVERTROWTYPEEXPR", "FIELDSELECT", "FIELDSTORE", "FUNCEXPR",
        "GROUPINGFUNC", "JSONBEHAVIOR", "JSONFORMAT", "JSONRETURNING", "JSONTABLEPATH", "JSONTABLEPATHSCAN",
        "JSONTABLESIBLINGJOIN", "JSONVALUEEXPR", "MERGESUPPORTFUNC", "NAMEDARGEXPR", "NULLTEST", "RELABELTYPE",
        "RETURNINGEXPR", "ROWEXPR", "SETTODEFAULT", "SUBSCRIPTINGREF", "ARRAYCOERCEEXPR",
    }
)  # fmt: skip
"""Nodes that only combine what is below them."""

SPECIAL: Final = {
    "SQLVALUEFUNCTION": "op",
    "XMLEXPR": "op",
    "JSONEXPR": "op",
    "JSONCONSTRUCTOREXPR": "type",
    "JSONISPREDICATE": "item_type",
}
"""Nodes that do something of their own besides, and the field that says what."""

_QUANTIFIED: Final = frozenset({1, 2})
"""ALL and ANY: each value by itself. What another subquery comes to, rows decide."""
_EXISTS, _EXPRESSION, _MULTIPLE, _CTE = 0, 4, 5, 7  # SubLinkType
_NAME: Final = 19
_NAMES_EQUAL: Final = 93
"""pg_operator.oid of name = name: then the column is a name too, and nothing is cut off that it could have."""
_EXTERN, _SUBLINK_OUTPUT, _MULTIPLE_OUTPUT = 0, 2, 3  # ParamKind
_NOT_A_KEY: Final = frozenset({Use.PREDICATE, Use.ORDERING})

Term = tuple[Value, Use, str]


@final
class _Walk:
    """One walk of an expression: what is still to be visited, and the columns met so far."""

    __slots__ = ("counted", "found", "pending", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.found: set[Column] = set()
        self.counted = False
        """Whether how many rows there are is in it."""
        self.pending: list[Term] = []

    def take(self, flow: Flow) -> None:
        """Something that is part of the value."""
        self.found |= flow.columns
        self.counted = self.counted or flow.counted


class Expressions(ABC):
    """The part of the analysis that walks expressions. `query` belongs to its other parts."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.findings = Findings()
        self.counts = Counts()

    @abstractmethod
    def query(self, node: Node, parent: Scope | None) -> tuple[Flow, ...]:
        """What a query's outputs are made of; everything it does goes to the findings."""

    @abstractmethod
    def column(self, var: Node, scope: Scope) -> Flow:
        """What a VAR is made of."""

    @abstractmethod
    def shown(self, scope: Scope, where: str) -> bool:
        """Whether what is walked is the result's own, in a query of that scope: it decides over no row."""

    # -- values --------------------------------------------------------------------------------------------

    def value(self, expression: Value, scope: Scope, where: str) -> Flow:
        """What an expression's value is: columns as they are, or computed from columns (each then a use)."""
        parts: list[int] = []
        inner = expression
        while isinstance(inner, Node):
            if inner.label == "RELABELTYPE":  # another type for the same bytes
                self.shape.check(inner)
                inner = inner.fields["arg"]
            elif inner.label == "RETURNINGEXPR":  # OLD or NEW as a whole may be missing
                self.shape.check(inner)
                inner = inner.fields["retexpr"]
            elif inner.label == "FIELDSELECT":
                self.shape.check(inner)
                parts.append(number(inner.fields["fieldnum"]))
                inner = inner.fields["arg"]
            else:
                break
        flow = self._direct(inner, scope)
        while flow is not None and parts:
            at = parts.pop() - 1
            flow = flow.row[at] if flow.row is not None and 0 <= at < len(flow.row) else None
        return flow if flow is not None else self.gather(expression, scope, Use.EXPRESSION, where)

    def _direct(self, expression: Value, scope: Scope) -> Flow | None:
        """What a column, a scalar subquery or a column of a multiple assignment is; None for anything else."""
        if not isinstance(expression, Node):
            return None
        if expression.label == "VAR":
            return self.column(expression, scope)
        if expression.label == "SUBLINK" and number(expression.fields.get("subLinkType")) == _EXPRESSION:
            outputs = self._subselect(expression, scope)
            return outputs[0] if len(outputs) == 1 else None
        if expression.label == "PARAM" and number(expression.fields.get("paramkind")) == _MULTIPLE_OUTPUT:
            return self._assigned(expression, scope)
        return None

    def _assigned(self, param: Node, scope: Scope) -> Flow:
        """One column of `SET (a, b) = (SELECT ...)`: the subquery's number and the column's are in one number."""
        self.shape.check(param)
        which = number(param.fields["paramid"])
        outputs = scope.multiple.get(which >> 16)
        at = (which & 0xFFFF) - 1
        if outputs is None or not 0 <= at < len(outputs):
            raise Unattestable("a multiple assignment without its subquery")
        return outputs[at]

    def _subselect(self, sublink: Node, scope: Scope) -> tuple[Flow, ...]:
        self.shape.check(sublink)
        return self.query(self.shape.node(sublink.fields["subselect"], "QUERY"), scope)

    # -- uses ----------------------------------------------------------------------------------------------

    def output(self, expression: Value, scope: Scope) -> Flow:
        """What one entry of a target list is: as `value`, told apart where total functions make it of columns."""
        columns = total_columns(expression)
        if columns is None or any(self.bare(column, scope) is None for column in columns):
            return self.value(expression, scope, "SELECT")
        return self.gather(expression, scope, Use.EXPRESSION, "SELECT", total=True)

    def gather(self, expression: Value, scope: Scope, use: Use, where: str, *, total: bool = False) -> Flow:
        """Walk an expression, noting each column as `use`; what it is computed from."""
        walk = _Walk(scope)
        pending, found = walk.pending, walk.found
        around = self.findings.opened()
        pending.append((expression, use, where))
        while pending:
            value, use, where = pending.pop()
            if isinstance(value, list):
                pending.extend((member, use, where) for member in reversed(value))
            elif isinstance(value, Node):
                self.findings.step()
                if value.label == "VAR":
                    flow = self.column(value, scope)
                    self.findings.use_all(flow, _of_row(use) if flow.row is not None else use, where, total=total)
                    walk.take(flow)
                    continue
                self.shape.check(value)
                if value.label != "NULLTEST" or not self._null_test(value, scope, where):
                    self._visit(value, walk, use, where)
        made = computed(found, counted=walk.counted)
        self.findings.closed(around, made, quiet=total or (self.findings.defining and is_quiet(expression)))
        return made

    def _visit(self, node: Node, walk: _Walk, use: Use, where: str) -> None:
        """Note what one node does itself, and what of it is to be walked."""
        fields, running, pending = node.fields, self.findings.running, walk.pending
        label = node.label
        if label in {"OPEXPR", "DISTINCTEXPR", "NULLIFEXPR", "SCALARARRAYOPEXPR"}:
            running.operators.add(number(fields["opno"]))
            running.functions.add(number(fields["opfuncid"]))
        elif label in PLAIN:
            if label == "FUNCEXPR":
                running.functions.add(number(fields["funcid"]))
                if number(fields["funcid"]) in POPULATES:
                    running.types.add(number(fields["funcresulttype"]))
            elif label == "JSONRETURNING" and number(fields["typid"]) != 0:
                running.types.add(number(fields["typid"]))
            elif label == "CONST":
                running.types.add(number(fields["consttype"]))
            elif label == "SUBSCRIPTINGREF":
                running.types.add(number(fields["refcontainertype"]))
        elif label == "AGGREF":
            self._aggregate(node, walk, use, where)
            return
        elif label == "WINDOWFUNC":
            running.windows.add(number(fields["winfnoid"]))
            walk.counted = True
            self.predicate(fields["aggfilter"], walk.scope, "FILTER")
            pending.append((fields.get("runCondition"), Use.PREDICATE, where))
            pending.append((fields["args"], use, where))
            return
        elif label == "SUBLINK":
            self._sublink(node, walk, use, where)
            pending.append((fields["testexpr"], use, where))
            return
        elif label == "PARAM":
            self._param(node, walk, use, where)
            return
        elif label == "COERCEVIAIO":
            running.casts.add((type_of(fields["arg"]), number(fields["resulttype"])))
        elif label == "COERCETODOMAIN":
            running.domains.add(number(fields["resulttype"]))
        elif label == "ROWCOMPAREEXPR":
            running.operators.update(numbers(fields["opnos"]))
            running.families.update(numbers(fields["opfamilies"]))
        elif label == "MINMAXEXPR":
            running.compared.add(number(fields["minmaxtype"]))
        elif label in SPECIAL:
            running.special.add(f"{label} {number(fields[SPECIAL[label]])}")
        elif label == "NEXTVALUEEXPR":
            self.findings.sequences.add(number(fields["seqid"]))
        elif label == "CURRENTOFEXPR":
            self.findings.cursors.add(text_of(fields["cursor_name"]))
            self.findings.parameters = max(self.findings.parameters, number(fields["cursor_param"]))
        elif label == "INFERENCEELEM":
            running.classes.add(number(fields["inferopclass"]))
        elif label == "TABLEFUNC":
            running.special.add(f"TABLEFUNC {number(fields.get('functype', '0'))}")
            running.types.update(numbers(fields["coltypes"]))
        else:
            raise Unattestable(f"{label} is no expression")
        pending.extend((below, use, where) for below in fields.values() if isinstance(below, (Node, list)))

    def _aggregate(self, node: Node, walk: _Walk, use: Use, where: str) -> None:
        fields, pending = node.fields, walk.pending
        called = number(fields["aggfnoid"])
        self.findings.running.aggregates.add(called)
        walk.counted = True
        targets = self.shape.nodes(fields["args"], "TARGETENTRY")
        expressions = {number(target.fields["ressortgroupref"]): target.fields["expr"] for target in targets}
        for name, its_use, its_where in (
            ("aggorder", Use.ORDERING, "ORDER BY"),
            ("aggdistinct", Use.PREDICATE, "DISTINCT"),
        ):
            clauses = self.shape.nodes(fields[name], "SORTGROUPCLAUSE")
            for clause in clauses:  # a term of its own: values are held against each other
                walk.found |= self.gather(self.sorted_by(clause, expressions), walk.scope, its_use, its_where).columns
        self.predicate(fields["aggfilter"], walk.scope, "FILTER")
        pending.append((fields["aggdirectargs"], use, where))
        counted = self._counted(targets, walk.scope) if called == COUNT and _is_plain(fields) else None
        if counted is None:
            pending.extend((target.fields["expr"], use, where) for target in targets)
        else:
            self.findings.use_all(counted, Use.COUNT, "count()")

    def _counted(self, targets: list[Node], scope: Scope) -> Flow | None:
        """The bare column in count(column)."""
        if len(targets) != 1:
            return None
        return self.bare(targets[0].fields["expr"], scope)

    def bare(self, expression: Value, scope: Scope) -> Flow | None:
        """What a VAR is when it is a column as it is, under another type name or not; None for anything else."""
        while isinstance(expression, Node) and expression.label == "RELABELTYPE":
            self.shape.check(expression)
            expression = expression.fields["arg"]
        if not isinstance(expression, Node) or expression.label != "VAR":
            return None
        flow = self.column(expression, scope)
        return flow if flow.bare and not flow.derived and flow.row is None else None

    def sorted_by(self, clause: Node, expressions: dict[int, Value]) -> Value:
        """What a SORTGROUPCLAUSE refers to; its operators run."""
        running = self.findings.running
        running.operators.update((number(clause.fields["eqop"]), number(clause.fields["sortop"])))
        reference = number(clause.fields["tleSortGroupRef"])
        if reference == 0 or reference not in expressions:
            raise Unattestable("a sort or group clause refers to nothing")
        return expressions[reference]

    def _sublink(self, node: Node, walk: _Walk, use: Use, where: str) -> None:
        kind = number(node.fields["subLinkType"])
        if kind == _MULTIPLE:
            walk.scope.multiple[number(node.fields["subLinkId"])] = self._subselect(node, walk.scope)
            return
        if not _EXISTS <= kind < _CTE:
            raise Unattestable("a subquery of an unknown kind")
        outputs = self._subselect(node, walk.scope)
        walk.counted = walk.counted or kind not in _QUANTIFIED
        for output in outputs:
            if kind != _EXISTS:
                self.findings.use_all(output, use, where)
                walk.take(output)

    def _param(self, node: Node, walk: _Walk, use: Use, where: str) -> None:
        kind = number(node.fields["paramkind"])
        if kind == _EXTERN:
            self._bound(node)
        elif kind == _MULTIPLE_OUTPUT:
            flow = self._assigned(node, walk.scope)
            self.findings.use_all(flow, use, where)
            walk.take(flow)
        elif kind != _SUBLINK_OUTPUT:  # an output of the subquery that it stands beside: noted there
            raise Unattestable("a parameter of an unknown kind")

    def _bound(self, param: Node) -> None:
        """A parameter of the statement's own."""
        self.findings.parameters = max(self.findings.parameters, number(param.fields["paramid"]))
        self.findings.running.types.add(number(param.fields["paramtype"]))

    # -- predicates ----------------------------------------------------------------------------------------

    def predicate(
        self, expression: Value, scope: Scope, where: str, *, lookup: bool = False, join: bool = False
    ) -> None:
        """A condition. `lookup` allows `column = constant`, `join` allows `a.x = b.y`, in terms joined by AND."""
        pending: list[tuple[Value, bool]] = [(expression, True)]
        while pending:
            term, top = pending.pop()
            if isinstance(term, Node):
                self.shape.check(term)
                if term.label == "BOOLEXPR":
                    top = top and term.fields["boolop"] == "and"
                    pending.extend((argument, top) for argument in reversed(members(term.fields["args"])))
                    continue
                if term.label == "OPEXPR" and top and self._equality(term, scope, where, lookup=lookup, join=join):
                    continue
                if term.label == "SCALARARRAYOPEXPR" and top and lookup and self._one_of(term, scope, where):
                    continue
            self.gather(term, scope, Use.PREDICATE, where)

    def _null_test(self, term: Node, scope: Scope, where: str) -> bool:
        flow = self.bare(term.fields["arg"], scope) if not flag(term.fields["argisrow"]) else None
        if flow is None:
            return False
        self.findings.use_all(flow, Use.NULL_TEST, where)
        if not self.shown(scope, where) and not self.counts.only(scope.query):
            self.findings.null_test(flow)
        return True

    def _equality(self, term: Node, scope: Scope, where: str, *, lookup: bool, join: bool) -> bool:
        """Note `column = constant` or `a.x = b.y`; False when the term is something else."""
        arguments = members(term.fields["args"])
        if number(term.fields["opno"]) not in EQUALITY or len(arguments) != 2:
            return False
        flows = [self.bare(argument, scope) for argument in arguments]
        keys = [flow for flow in flows if flow is not None]
        if len(keys) == 2 and join and not keys[0].mixed and not keys[1].mixed:
            for one, other in (keys, reversed(keys)):
                for column in sorted(one.bare):
                    for target in sorted(other.bare):
                        self.findings.use(column, Use.JOIN, where, target, beside=keys)
        elif len(keys) == 1 and lookup:
            constant = self._constant(arguments[0] if flows[0] is None else arguments[1])
            if constant is None:
                return False
            bound = [constant] if constant.label == "PARAM" else []
            self._matched(term, keys[0], bound, where)
        else:
            return False
        self.findings.running.operators.add(number(term.fields["opno"]))
        self.findings.running.functions.add(number(term.fields["opfuncid"]))
        return True

    def _one_of(self, term: Node, scope: Scope, where: str) -> bool:
        """Note `column = ANY ($1)` and `column IN ($1, $2)`; False when the term is something else."""
        arguments = members(term.fields["args"])
        if number(term.fields["opno"]) not in EQUALITY or not flag(term.fields["useOr"]) or len(arguments) != 2:
            return False
        key, params = self.bare(arguments[0], scope), listed(arguments[1], self.shape)
        if key is None or not params:
            return False
        for param in params:
            self._bound(param)
        self._matched(term, key, params, where, many=True)
        self.findings.running.operators.add(number(term.fields["opno"]))
        self.findings.running.functions.add(number(term.fields["opfuncid"]))
        return True

    def _matched(self, term: Node, key: Flow, params: list[Node], where: str, *, many: bool = False) -> None:
        """Columns under one comparison with a literal (no `params`) or with parameters."""
        array = many and is_array(members(term.fields["args"])[1])
        for column in sorted(key.bare):
            place = self.findings.place(term)
            self.findings.use(column, Use.EQUALITY, where, parameter=bool(params), place=place, many=many, beside=[key])
            for param in params:
                self.findings.input(column, Use.EQUALITY, where, param, many=array)
        if key.mixed or key.row is not None or any(number < 0 for _, number in key.bare):
            return  # a guess may be among what is compared: then it would tell whether that is the token's value
        of_names = number(term.fields["opno"]) == _NAMES_EQUAL
        for param in params:
            self.findings.take(param, own=of_names and number(param.fields["paramtype"]) == _NAME)

    def _constant(self, expression: Value) -> Node | None:
        """The CONST or PARAM that the expression is, under another type name or not."""
        while isinstance(expression, Node) and expression.label == "RELABELTYPE":
            self.shape.check(expression)
            expression = expression.fields["arg"]
        if not isinstance(expression, Node) or expression.label not in {"CONST", "PARAM"}:
            return None
        self.shape.check(expression)
        if expression.label == "PARAM":
            if number(expression.fields["paramkind"]) != _EXTERN:
                return None
            self._bound(expression)
        else:
            self.findings.running.types.add(number(expression.fields["consttype"]))
        return expression


def _is_plain(fields: dict[str, Value]) -> bool:
    """Whether an AGGREF has neither DISTINCT nor an order, direct arguments or a part of another's work."""
    return (
        fields["aggdistinct"] is None
        and fields["aggorder"] is None
        and fields["aggdirectargs"] is None
        and not flag(fields["aggvariadic"])
    )


def _of_row(use: Use) -> Use:
    """A whole row is never a key, a counted value or a bare output."""
    return use if use in _NOT_A_KEY else Use.EXPRESSION
