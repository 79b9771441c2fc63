"""Expressions: which columns an expression uses, for what, and what its value is made of.

Everything a column goes through other than being named alone is a use of it (THREATS R2, R3). A node
type that is not known here makes the statement UNKNOWN, and its columns are used as EXPRESSION all the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import takewhile
from typing import Final

from pgmaskproxy.model import ColumnOrigin, Columns, Effect, Opaque, Setting, Use
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.comparing import cast_type, comparable, comparand, given, one_of
from pgmaskproxy.sql.facts import Facts
from pgmaskproxy.sql.functions import TYPES, Verdict, operator_effect, resolve_function, type_effect
from pgmaskproxy.sql.origins import CLEAN, Output, Result, computed
from pgmaskproxy.sql.scope import Found, Item, NamedQuery, Names, Scope, find, find_item
from pgmaskproxy.sql.total import BY_VALUE
from pgmaskproxy.sql.tree import Node, descend, items, kind_of, mapping, string, strings, text, unwrap

TRANSPARENT: Final = frozenset(
    {
        "A_ArrayExpr", "A_Const", "A_Indices", "A_Star", "BitString", "BoolExpr", "Boolean", "BooleanTest",
        "CaseExpr", "CaseWhen", "CoalesceExpr", "CollateClause", "CurrentOfExpr", "Float", "GroupingFunc",
        "GroupingSet", "IndexElem", "Integer", "JsonArgument", "JsonArrayAgg", "JsonArrayConstructor",
        "JsonArrayQueryConstructor", "JsonBehavior", "JsonFuncExpr", "JsonIsPredicate", "JsonKeyValue",
        "JsonObjectAgg", "JsonObjectConstructor", "JsonOutput", "JsonParseExpr", "JsonReturning", "JsonScalarExpr",
        "JsonSerializeExpr", "JsonTableColumn", "JsonTablePathSpec", "JsonValueExpr", "List", "MergeSupportFunc",
        "MinMaxExpr", "NamedArgExpr", "NullTest", "ParamRef", "RangeTableFuncCol", "ResTarget", "RowExpr",
        "SQLValueFunction", "SetToDefault", "String", "XmlExpr", "XmlSerialize",
    }
)  # fmt: skip
"""Nodes that only combine what is below them."""

_BETWEEN: Final[Mapping[str, tuple[str, ...]]] = {
    "AEXPR_BETWEEN": (">=", "<="),
    "AEXPR_NOT_BETWEEN": ("<", ">"),
    "AEXPR_BETWEEN_SYM": (">=", "<="),
    "AEXPR_NOT_BETWEEN_SYM": ("<", ">"),
}

_LITERAL_TYPES: Final[Mapping[str, int]] = {
    "ival": 23,
    "fval": 1700,
    "boolval": 16,
    "sval": 0,
    "isnull": 0,
    "bsval": 1560,
}


class Expressions(ABC):
    """The part of a reader that walks expressions. `query` and `window` belong to its other parts."""

    def __init__(self, catalog: Catalog, search_path: tuple[str, ...]) -> None:
        self.catalog = catalog
        self.search_path = search_path
        self.system_first = all(
            schema.startswith("pg_temp") for schema in takewhile(lambda schema: schema != "pg_catalog", search_path)
        )
        """Whether an exact match in pg_catalog is found before any other."""
        self.facts = Facts()

    @abstractmethod
    def query(self, node: Node, parent: Scope | None, ctes: Mapping[str, NamedQuery]) -> Result:
        """The columns of a query, a wrapped node; everything it does goes to the facts."""

    # -- what a name means ---------------------------------------------------------------------------------

    def reference(self, names: Names, scope: Scope) -> Found | None:
        """A column reference resolved; naming the target of a write reads it."""
        found = find(scope, names)
        if found is not None:
            for item in found.items:
                if item.target and item.relation is not None:
                    self.facts.reads.add(item.relation.ref)
        return found

    def bare(self, node: Node, scope: Scope) -> Output | None:
        """The column that a node names alone, None for anything else (a whole row, too)."""
        kind, fields = unwrap(node)
        if kind != "ColumnRef":
            return None
        found = self.reference(strings(fields.get("fields")), scope)
        return found.output if found is not None and found.row is None else None

    def whole_row(self, node: Node, scope: Scope) -> Item | None:
        """The item whose whole row a node names: `c`, `s.c` or `c.*`."""
        kind, fields = unwrap(node)
        if kind != "ColumnRef":
            return None
        names = strings(fields.get("fields"))
        if any(kind_of(part) == "A_Star" for part in items(fields.get("fields"))):
            item = find_item(scope, names) if names else None
        else:
            found = find(scope, names)
            item = found.row if found is not None and found.attribute is None else None
        if item is not None and item.target and item.relation is not None:
            self.facts.reads.add(item.relation.ref)
        return item

    # -- values --------------------------------------------------------------------------------------------

    def origin(self, node: Node, scope: Scope, where: str = "SELECT") -> ColumnOrigin:
        """What an output is: bare columns, a value computed from columns (each then a use), or opaque."""
        kind, fields = unwrap(node)
        if kind == "ColumnRef":
            names = strings(fields.get("fields"))
            if any(kind_of(part) == "A_Star" for part in items(fields.get("fields"))):
                item = self.whole_row(node, scope)
                return item.row() if item is not None else self.facts.give_up("a star that names nothing in sight")
            found = self.reference(names, scope)
            if found is None:
                return self.facts.give_up(f'"{".".join(names)}" names nothing in sight')
            if found.attribute is None:
                if isinstance(found.output.origin, Opaque):
                    self.facts.give_up(found.output.origin.reason)
                return found.output.origin
        elif kind == "A_Indirection":
            column = self.row_field(fields, scope)
            if column is not None:
                return column.origin
        elif kind == "SubLink" and fields.get("subLinkType") == "EXPR_SUBLINK":
            result = self.query(mapping(fields.get("subselect")), scope, scope.ctes)
            if len(result.outputs) == 1 and result.more is None:
                return result.outputs[0].origin
            return self.facts.give_up("a scalar subquery of unknown columns")
        elif kind == "FuncCall":
            column = self.projection(fields, scope)
            if column is not None:
                return column.origin
        return self.value(node, scope, Use.EXPRESSION, where)

    def row_field(self, fields: Node, scope: Scope) -> Output | None:
        """The column that `(c).ssn` names, None when it is not that simple."""
        indirection = items(fields.get("indirection"))
        item = self.whole_row(mapping(fields.get("arg")), scope)
        if item is None or len(indirection) != 1:
            return None
        name = string(indirection[0])
        return item.column(name) if name is not None else None

    def projection(self, fields: Node, scope: Scope) -> Output | None:
        """The column that `ssn(customers)` names; None when a function or type may be meant."""
        names = strings(fields.get("funcname"))
        arguments = items(fields.get("args"))
        if (
            len(names) != 1
            or len(arguments) != 1
            or fields.keys() & {"over", "agg_filter", "agg_order", "agg_distinct"}
        ):
            return None
        item = self.whole_row(arguments[0], scope)
        if item is None or resolve_function(self.catalog, None, names[0]).verdict is not Verdict.MISSING:
            return None
        return None if names[0] in TYPES or names[0] in self.catalog.types_by_name else item.column(names[0])

    def value(self, node: Node, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        """Walk an expression, noting each column as `use`; what it is computed from (Constant or Opaque)."""
        kind, fields = unwrap(node)
        match kind:
            case "":
                return CLEAN
            case "NullTest" if (column := self.bare(mapping(fields.get("arg")), scope)) is not None and isinstance(
                column.origin, Columns
            ):
                self.facts.use_all(column.origin, Use.NULL_TEST, where, _at(fields))
                return CLEAN
            case "ColumnRef":
                return self._column(node, fields, scope, use, where)
            case "FuncCall":
                return self._function(fields, scope, use, where)
            case "A_Expr":
                return self._operator(fields, scope, use, where)
            case "SubLink":
                return self._sublink(fields, scope, use, where)
            case "A_Indirection":
                column = self.row_field(fields, scope)
                if column is not None:
                    return self.facts.use_all(column.origin, use, where, _at(fields))
                return self.parts(fields, scope, use, where)
            case "TypeCast" | "TypeName":
                self.cast(mapping(fields.get("typeName")) if kind == "TypeCast" else fields)
                return self.value(mapping(fields.get("arg")), scope, use, where)
            case "SortBy":
                self.sort_operator(fields, None)
                return self.value(mapping(fields.get("node")), scope, Use.ORDERING, "ORDER BY")
            case "SelectStmt":
                result = self.query(node, scope, scope.ctes)
                return computed(self.facts.use_all(output.origin, use, where) for output in result.outputs)
            case _:
                if kind not in TRANSPARENT:
                    self.facts.effects.add(Effect.UNKNOWN)
                    self.parts(fields, scope, use, where)
                    return self.facts.give_up(f"an expression of kind {kind}")
                return self.parts(fields, scope, use, where)

    def parts(self, fields: object, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        """Everything below a node."""
        found: list[ColumnOrigin] = []
        if isinstance(fields, dict):
            kind = kind_of(fields)
            if kind and kind[0].isupper():
                return self.value(fields, scope, use, where)
            for key, part in fields.items():
                if key == "typeName":
                    self.cast(mapping(part))
                elif isinstance(part, (dict, list)):
                    found.append(self.parts(part, scope, use, where))
        elif isinstance(fields, list):
            found.extend(self.parts(part, scope, use, where) for part in fields)
        return computed(found)

    def _column(self, node: Node, fields: Node, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        names = strings(fields.get("fields"))
        item = self.whole_row(node, scope)
        if item is not None:
            return self.facts.use_all(item.row(), _of_row(use), where, _at(fields))
        found = self.reference(names, scope)
        if found is None:
            return self.facts.give_up(f'"{".".join(names)}" names nothing in sight')
        if found.attribute is not None:
            self.facts.use_all(found.output.origin, _of_row(use), where, _at(fields))
            self.facts.functions.add(found.attribute)
            return self.call(None, found.attribute, found.output.origin)
        if isinstance(found.output.origin, Opaque):
            self.facts.give_up(found.output.origin.reason)
        return self.facts.use_all(found.output.origin, use, where, _at(fields))

    def _sublink(self, fields: Node, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        kind = text(fields.get("subLinkType"))
        result = self.query(mapping(fields.get("subselect")), scope, scope.ctes)
        found = [self.value(mapping(fields.get("testexpr")), scope, use, where)]
        if kind != "EXISTS_SUBLINK":
            if result.more is not None:
                found.append(self.facts.use_all(result.more, use, where))
            found.extend(self.facts.use_all(output.origin, use, where, _at(fields)) for output in result.outputs)
        if kind in {"ANY_SUBLINK", "ALL_SUBLINK"}:
            right = result.outputs[0].type_oid if len(result.outputs) == 1 else None
            names = strings(fields.get("operName")) or ("=",)
            self.operator(names, self.type_of(mapping(fields.get("testexpr")), scope), right)
        return computed(found)

    # -- operators, casts, functions -----------------------------------------------------------------------

    def _operator(self, fields: Node, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        left, right = mapping(fields.get("lexpr")), mapping(fields.get("rexpr"))
        left_type = self.type_of(left, scope) if left else None
        right_type = self.type_of(right, scope)
        for names in operators_of(fields):
            self.operator(names, left_type, right_type)
        return computed([self.value(left, scope, use, where), self.value(right, scope, use, where)])

    def operator(self, names: Names, left: int | None, right: int | None) -> bool:
        """Note what an operator may run; whether it is certainly PostgreSQL's own."""
        schema = names[-2] if len(names) > 1 else None
        effect = operator_effect(self.catalog, schema, names[-1], left, right)
        if schema is None and names[-1] in self.catalog.operators_by_name and not self.system_first:
            effect = Effect.ROUTINE
        if effect is not None:
            self.facts.functions.add(f"operator {'.'.join(names)}")
            self.facts.function_effect(effect)
        return effect is None

    def sort_operator(self, fields: Node, type_oid: int | None) -> None:
        """The operator of ORDER BY ... USING."""
        names = strings(fields.get("useOp"))
        if names:
            self.operator(names, type_oid, type_oid)

    def cast(self, type_name: Node) -> None:
        """Note what a cast to a type may run."""
        names = strings(type_name.get("names"))
        effect = type_effect(self.catalog, names)
        if effect is not None:
            self.facts.functions.add(f"type {'.'.join(names)}")
            self.facts.function_effect(effect)

    def type_of(self, node: Node, scope: Scope) -> int | None:
        """The type OID of a column or literal, 0 for an untyped one, None when not known from the text."""
        kind, fields = unwrap(node)
        match kind:
            case "ColumnRef":
                found = find(scope, strings(fields.get("fields")))
                return found.output.type_oid if found is not None and found.row is None else None
            case "A_Const":
                return next((oid for key, oid in _LITERAL_TYPES.items() if key in fields), None)
            case "ParamRef":
                return 0
            case "TypeCast":
                return cast_type(self.catalog, mapping(fields.get("typeName")))
            case "List":
                types = {self.type_of(item, scope) for item in items(fields.get("items"))}
                return types.pop() if len(types) == 1 else None
            case _:
                return None

    def _function(self, fields: Node, scope: Scope, use: Use, where: str) -> ColumnOrigin:
        column = self.projection(fields, scope)
        if column is not None:
            return self.facts.use_all(column.origin, use, where, _at(fields))
        names = strings(fields.get("funcname"))
        schema, name = (names[-2], names[-1]) if len(names) > 1 else (None, names[-1] if names else "")
        arguments = items(fields.get("args"))
        counted = self._counted(schema, name, fields, arguments, scope)
        found: list[ColumnOrigin] = []
        if counted is not None:
            self.facts.use_all(counted, Use.COUNT, "count()", _at(fields))
        else:
            found.extend(self.value(argument, scope, use, where) for argument in arguments)
        found.extend(self.value(order, scope, Use.ORDERING, "ORDER BY") for order in items(fields.get("agg_order")))
        if "agg_filter" in fields:
            self.predicate(mapping(fields["agg_filter"]), scope, "FILTER")
        if "over" in fields:
            self.window(mapping(fields["over"]), scope)
        if name == "set_config" and schema in {None, "pg_catalog"}:
            self.set_config(arguments)
        self.facts.looked = self.facts.looked or name == "set_config" or name in BY_VALUE
        return self.call(schema, name, computed(found), arguments=len(arguments))

    def call(self, schema: str | None, name: str, argument: ColumnOrigin, arguments: int = 1) -> ColumnOrigin:
        """Note a function's effect; what its result is made of."""
        resolved = resolve_function(self.catalog, schema, name)
        if (
            resolved.verdict is Verdict.MISSING
            and arguments == 1
            and type_effect(self.catalog, (name,) if schema is None else (schema, name)) is None
        ):
            return computed((argument,))
        self.facts.functions.add(resolved.name)
        self.facts.function_effect(resolved.effect)
        if resolved.effect in {None, Effect.WRITE, Effect.SESSION}:
            return computed((argument,))
        return self.facts.give_up(f"the result of {resolved.name}()")

    def _counted(
        self, schema: str | None, name: str, fields: Node, arguments: list[Node], scope: Scope
    ) -> ColumnOrigin | None:
        """The bare column in count(column), plain and not a window."""
        if name != "count" or schema not in {None, "pg_catalog"} or len(arguments) != 1:
            return None
        if fields.keys() & {"over", "agg_distinct", "agg_order", "agg_within_group", "func_variadic"}:
            return None
        if resolve_function(self.catalog, schema, name).effect is not None:
            return None
        column = self.bare(arguments[0], scope)
        return column.origin if column is not None and isinstance(column.origin, Columns) else None

    def set_config(self, arguments: list[Node]) -> None:
        """set_config('name', 'value', local) as the SET it stands for."""
        constants = [literal(argument) for argument in arguments]
        if len(constants) != 3 or None in constants or not isinstance(constants[0], str):
            named = constants[0] if constants and isinstance(constants[0], str) else ""
            self.facts.settings.append(Setting(named, None, constant=False))
            return
        name, value, local = constants[0], constants[1], constants[2]
        known = isinstance(value, str) and isinstance(local, bool)
        self.facts.settings.append(
            Setting(name.lower(), value if isinstance(value, str) else None, local is True, constant=known)
        )
        if name.lower() in {"role", "session_authorization"}:
            self.facts.function_effect(Effect.PRIVILEGE)

    def window(self, fields: Node, scope: Scope) -> None:
        """A window's definition: `OVER (...)` or one of the WINDOW clause."""
        for node in items(fields.get("partitionClause")):
            self.value(node, scope, Use.PREDICATE, "PARTITION BY")
        for node in items(fields.get("orderClause")):
            self.value(node, scope, Use.ORDERING, "ORDER BY")
        for key in ("startOffset", "endOffset"):
            self.value(mapping(fields.get(key)), scope, Use.EXPRESSION, "window frame")

    # -- predicates ----------------------------------------------------------------------------------------

    def predicate(self, node: Node, scope: Scope, where: str, *, lookup: bool = False, join: bool = False) -> None:
        """A condition. `lookup` allows `column = constant`, `join` allows `a.x = b.y`, in terms joined by AND."""
        kind, fields = unwrap(node)
        if kind == "BoolExpr":
            conjunction = fields.get("boolop") == "AND_EXPR"
            for argument in items(fields.get("args")):
                self.predicate(argument, scope, where, lookup=lookup and conjunction, join=join and conjunction)
            return
        if kind == "A_Expr" and (lookup or join) and self._equality(fields, scope, where, lookup=lookup, join=join):
            return
        if kind == "A_Expr" and lookup and self._one_of(fields, scope, where):
            return
        self.value(node, scope, Use.PREDICATE, where)

    def _equality(self, fields: Node, scope: Scope, where: str, *, lookup: bool, join: bool) -> bool:
        """Note `column = constant` or `a.x = b.y`; False when the term is something else."""
        names = strings(fields.get("name"))
        if fields.get("kind") != "AEXPR_OP" or names not in {("=",), ("pg_catalog", "=")}:
            return False
        left, right = mapping(fields.get("lexpr")), mapping(fields.get("rexpr"))
        columns = [self.bare(left, scope), self.bare(right, scope)]
        origins = [column.origin for column in columns if column and isinstance(column.origin, Columns)]
        types = (self.type_of(left, scope), self.type_of(right, scope))
        if len(origins) == 2 and join:
            pure = all(origin.pure for origin in origins)  # else a guess may be among what is joined
            if pure and comparable(*types) and self.operator(names, *types):
                self.pair(origins[0], origins[1], where, _at(fields))
                return True
        elif len(origins) == 1 and lookup:
            other = right if columns[0] is not None and isinstance(columns[0].origin, Columns) else left
            constant = comparand(other)
            if constant is not None and comparable(*types) and self.operator(names, *types):
                if kind_of(other) == "TypeCast":
                    self.cast(mapping(unwrap(other)[1].get("typeName")))
                value = given(other)
                for column in sorted(origins[0].columns):
                    self.facts.equality(column, where, _at(fields), [value] if value is not None else [])
                return True
        return False

    def _one_of(self, fields: Node, scope: Scope, where: str) -> bool:
        """Note `column = ANY ($1)` and `column IN ($1, $2)`; False when the term is something else."""
        left, values = mapping(fields.get("lexpr")), one_of(fields)
        column = self.bare(left, scope) if values and strings(fields.get("name")) == ("=",) else None
        if column is None or not isinstance(column.origin, Columns):
            return False
        if not comparable(self.type_of(left, scope), 0) or not self.operator(("=",), self.type_of(left, scope), 0):
            return False
        for kind, cast in descend(fields.get("rexpr")):
            if kind == "TypeCast":
                self.cast(mapping(cast.get("typeName")))
        for ref in sorted(column.origin.columns):
            self.facts.equality(ref, where, _at(fields), values, many=True)
        return True

    def pair(self, one: ColumnOrigin, other: ColumnOrigin, where: str, at: int) -> None:
        """Two bare columns compared as keys."""
        for origin, opposite in ((one, other), (other, one)):
            if not isinstance(origin, Columns) or not isinstance(opposite, Columns):
                self.facts.use_all(origin, Use.PREDICATE, where, at)
                continue
            for column in sorted(origin.columns):
                for target in sorted(opposite.columns):
                    self.facts.use(column, Use.JOIN, where, at, target)


def operators_of(fields: Node) -> list[Names]:
    """The operators that an A_Expr runs, each by its name."""
    kind = text(fields.get("kind"))
    return [(name,) for name in _BETWEEN[kind]] if kind in _BETWEEN else [strings(fields.get("name"))]


def literal(node: Node) -> str | bool | None:
    """The value of a string or boolean literal, also cast to text; None for anything else."""
    kind, fields = unwrap(node)
    if kind == "TypeCast" and strings(mapping(fields.get("typeName")).get("names"))[-1:] == ("text",):
        kind, fields = unwrap(fields.get("arg"))
    if kind != "A_Const":
        return None
    if "sval" in fields:
        return text(mapping(fields["sval"]).get("sval"))
    if "boolval" in fields:
        return bool(mapping(fields["boolval"]).get("boolval"))
    return None


def _of_row(use: Use) -> Use:
    """A whole row is never a key, a counted value or a bare output: its use is of every column as EXPRESSION."""
    return use if use in {Use.PREDICATE, Use.ORDERING} else Use.EXPRESSION


def _at(fields: Node) -> int:
    location = fields.get("location", 0)
    return location if isinstance(location, int) else 0
