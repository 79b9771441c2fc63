"""What stands in FROM: relations, subqueries, functions, joins, and the columns each brings into scope."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pgmaskproxy.model import ColumnOrigin, Columns, Effect, Opaque, RelationRef, Use
from pgmaskproxy.sql.catalog import Relation
from pgmaskproxy.sql.comparing import comparable
from pgmaskproxy.sql.expressions import Expressions
from pgmaskproxy.sql.functions import OUT_COLUMNS, SAMPLE_METHODS, TYPES, Verdict, resolve_function
from pgmaskproxy.sql.names import output_name
from pgmaskproxy.sql.origins import CLEAN, Output, Result, either, row_of
from pgmaskproxy.sql.scope import Item, Scope
from pgmaskproxy.sql.tree import Node, items, mapping, strings, text, unwrap

REVEALING: Final = frozenset(
    {
        "pg_authid", "pg_backend_memory_contexts", "pg_cursors", "pg_file_settings", "pg_hba_file_rules",
        "pg_ident_file_mappings", "pg_aios", "pg_largeobject", "pg_locks", "pg_prepared_statements",
        "pg_prepared_xacts", "pg_shadow", "pg_shmem_allocations",
        "pg_shmem_allocations_numa", "pg_stat_activity", "pg_stat_get_activity",
        "pg_stat_gssapi", "pg_stat_replication", "pg_stat_replication_slots", "pg_stat_ssl", "pg_stat_statements",
        "pg_stat_statements_info", "pg_stat_subscription", "pg_stat_subscription_stats", "pg_stat_wal_receiver",
        "pg_statistic", "pg_statistic_ext_data", "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs",
        "pg_user_mapping", "pg_wait_events",
    }
)  # fmt: skip
"""System relations that show values out of other relations, other sessions' SQL, or secrets."""

REVEALING_PREFIXES: Final = (
    "pg_replication_",
    "pg_stat_progress_",
    "_pg_user_mappings",
    "user_mapping",
)


FIRST_OF_OTHERS: Final = 10_000
"""The first OID that is not written down in PostgreSQL's source: row types among them."""

_TSVECTOR: Final = 3614
_LEXEMES: Final = ("lexeme", "positions", "weights")
"""What unnest() makes of one."""


class Sources(Expressions):
    """The part of a reader that walks FROM."""

    def from_clause(self, nodes: Iterable[Node], scope: Scope) -> Scope:
        """The scope with the items of a FROM clause, each seeing those left of it where LATERAL lets it."""
        for node in nodes:
            scope = scope.seeing(*self.source(node, scope))
        return scope

    def source(self, node: Node, scope: Scope) -> tuple[Item, ...]:
        """The items that one element of FROM brings into scope."""
        kind, fields = unwrap(node)
        alias = mapping(fields.get("alias"))
        name, names = text(alias.get("aliasname")), strings(alias.get("colnames"))
        match kind:
            case "RangeVar":
                return (self.relation(fields, scope),)
            case "RangeSubselect":
                lateral = scope if fields.get("lateral") else scope.only()
                result = self.query(mapping(fields.get("subquery")), lateral, scope.ctes)
                return (_item(name, result.renamed(names)),)
            case "RangeFunction":
                return (_item(*self._functions(fields, scope, name, names)),)
            case "RangeTableFunc" | "JsonTable":
                name = name or ("xmltable" if kind == "RangeTableFunc" else "json_table")
                return (_item(name, self._table_function(fields, scope).renamed(names)),)
            case "RangeTableSample":
                return self._sample(fields, scope)
            case "JoinExpr":
                return self._join(fields, scope, name, names)
            case _:
                self.facts.effects.add(Effect.UNKNOWN)
                self.parts(fields, scope, Use.EXPRESSION, "FROM")
                return (Item(name, (), self.facts.give_up(f"a table expression of kind {kind}")),)

    # -- relations -----------------------------------------------------------------------------------------

    def relation(self, fields: Node, scope: Scope) -> Item:
        """A relation that is read, or a WITH query of that name."""
        alias = mapping(fields.get("alias"))
        written = text(fields.get("relname"))
        name = text(alias.get("aliasname")) or written
        if "schemaname" not in fields and written in scope.ctes:
            return _item(name, scope.ctes[written].result().renamed(strings(alias.get("colnames"))))
        relation = self.lookup(fields)
        self.facts.reads.add(relation.ref if relation is not None else unresolved(fields))
        return self.item(fields, relation)

    def lookup(self, fields: Node) -> Relation | None:
        """The relation that a RangeVar names, and what merely naming it means."""
        schema, name = text(fields.get("schemaname")) or None, text(fields.get("relname"))
        relation = self.catalog.resolve(self.search_path, schema, name)
        in_system = relation is None or relation.schema in {"pg_catalog", "information_schema", "pg_toast"}
        if name in REVEALING or (in_system and name.startswith(REVEALING_PREFIXES)) or schema == "pg_toast":
            self.facts.effects.add(Effect.ADMIN)
        if relation is not None and relation.kind in {"v", "m"} and relation.definition:
            self.facts.views[relation.oid] = relation
        return relation

    def item(self, fields: Node, relation: Relation | None) -> Item:
        """A RangeVar's place in scope, under its alias and column aliases."""
        alias = mapping(fields.get("alias"))
        name = text(alias.get("aliasname")) or text(fields.get("relname"))
        schema = (
            None if alias else (relation.schema if relation is not None else text(fields.get("schemaname")) or None)
        )
        names = strings(alias.get("colnames"))
        if relation is None:
            unknown = self.facts.give_up(f'relation "{unresolved(fields)}" is not in the catalog')
            result = Result((), unknown)
        elif not names:
            return self._known(relation).called(name, schema)
        else:
            result = relation_result(relation)
        renamed = result.renamed(names)
        return Item(name, renamed.outputs, renamed.more, relation, schema)

    def _known(self, relation: Relation) -> Item:
        """A relation of the catalog in FROM: made once for all statements."""
        kept = self.catalog.kept.get(relation.oid)
        if isinstance(kept, Item) and kept.relation is relation:
            return kept
        made = self.catalog.kept[relation.oid] = Item("", relation_result(relation).outputs, relation=relation)
        return made

    def _sample(self, fields: Node, scope: Scope) -> tuple[Item, ...]:
        method = strings(fields.get("method"))
        if method[-1:] == () or method[-1] not in SAMPLE_METHODS or method[:-1] not in {(), ("pg_catalog",)}:
            self.facts.function_effect(Effect.ROUTINE)
        found = self.source(mapping(fields.get("relation")), scope)
        self.parts([fields.get("args"), fields.get("repeatable")], scope, Use.PREDICATE, "TABLESAMPLE")
        return found

    # -- functions -----------------------------------------------------------------------------------------

    def _functions(self, fields: Node, scope: Scope, alias: str, names: tuple[str, ...]) -> tuple[str, Result]:
        """Functions in FROM, alone or as ROWS FROM: the name they go by, and their columns."""
        entries = [items(unwrap(entry)[1].get("items")) for entry in items(fields.get("functions"))]
        outputs: tuple[Output, ...] = ()
        more: ColumnOrigin | None = None
        for entry in entries:
            call = entry[0] if entry else {}
            definitions = items(unwrap(entry[1])[1].get("items")) if len(entry) > 1 else []
            definitions = definitions or items(fields.get("coldeflist"))
            origin = self.value(call, scope, Use.EXPRESSION, "FROM")
            own = alias if alias and len(entries) == 1 else ""
            result = self._function_result(call, origin, own, definitions, scope)
            more = result.more if more is None else either(more, result.more or CLEAN)
            outputs += result.outputs if more is None else ()
        if fields.get("ordinality") and more is None:
            outputs += (Output("ordinality", CLEAN, 20),)
        name = alias or (output_name(entries[0][0]) if entries and entries[0] else "")
        return name, Result(outputs, more).renamed(names)

    def _function_result(
        self, call: Node, origin: ColumnOrigin, alias: str, definitions: list[Node], scope: Scope
    ) -> Result:
        if definitions:
            columns = [unwrap(definition)[1] for definition in definitions]
            for column in columns:
                self.cast(mapping(column.get("typeName")))
            return Result(tuple(Output(text(column.get("colname")), origin) for column in columns))
        kind, fields = unwrap(call)
        name = output_name(call)
        if kind != "FuncCall":
            # An expression of a row type brings that type's columns, whatever the alias says.
            plain = self._plain_value(kind, fields)
            return Result((Output(alias or name, origin, guessed=True),)) if plain else Result((), origin)
        names = strings(fields.get("funcname"))
        resolved = resolve_function(self.catalog, names[-2] if len(names) > 1 else None, name)
        if resolved.verdict is not Verdict.BUILTIN or not resolved.name.startswith("pg_catalog."):
            return Result((), origin)
        columns_named = OUT_COLUMNS.get(name, ())
        if columns_named is None:
            arguments = items(fields.get("args")) if name == "unnest" else []
            columns_named = tuple(
                column for argument in arguments for column in self._unnested(argument, scope) or ("",)
            )
            if not columns_named or "" in columns_named:
                return Result((), origin)
            if columns_named == (name,):
                columns_named = ()
        if not columns_named:
            return Result((Output(alias or name, origin, guessed=True),))
        return Result(tuple(Output(column, origin, guessed=True) for column in columns_named))

    def _plain_value(self, kind: str, fields: Node) -> bool:
        """Whether an expression in FROM is certainly of one of the system's own scalar types, and so one column."""
        if kind == "SQLValueFunction":
            return True
        names = strings(mapping(fields.get("typeName")).get("names")) if kind == "TypeCast" else ()
        own = names[-1:] != () and names[-1] in self.catalog.types_by_name
        return names[-1:] != () and names[-1] in TYPES and not own

    def _unnested(self, node: Node, scope: Scope) -> tuple[str, ...] | None:
        """The columns that unnest() makes of one argument; None when that is not certain, since it may be of rows."""
        kind, fields = unwrap(node)
        plain = ("unnest",)
        match kind:
            case "A_ArrayExpr":
                elements = items(fields.get("elements"))
                return plain if elements and all(self._scalar(element, scope) for element in elements) else None
            case "TypeCast":
                named = mapping(fields.get("typeName"))
                names = strings(named.get("names"))
                if names[-1:] == () or names[-1] not in TYPES or names[-1] in self.catalog.types_by_name:
                    return None
                if named.get("arrayBounds"):
                    return plain
                return _LEXEMES if names[-1] == "tsvector" else None
            case "ColumnRef":
                type_oid = self.type_of(node, scope)
                if type_oid is None or type_oid >= FIRST_OF_OTHERS:
                    return None
                return _LEXEMES if type_oid == _TSVECTOR else plain
            case _:
                return None

    def _scalar(self, node: Node, scope: Scope) -> bool:
        """Whether a value is certainly of a type that ships with PostgreSQL, and so no row."""
        type_oid = self.type_of(node, scope)
        return type_oid is not None and type_oid < FIRST_OF_OTHERS

    def _table_function(self, fields: Node, scope: Scope) -> Result:
        """XMLTABLE and JSON_TABLE: every column is computed from what is passed in."""
        origin = self.parts(
            {key: part for key, part in fields.items() if key != "alias"}, scope, Use.EXPRESSION, "FROM"
        )
        return Result(
            tuple(Output(name, origin, guessed=True) for name in _table_columns(items(fields.get("columns"))))
        )

    # -- joins ---------------------------------------------------------------------------------------------

    def _join(self, fields: Node, scope: Scope, alias: str, names: tuple[str, ...]) -> tuple[Item, ...]:
        left = self.source(mapping(fields.get("larg")), scope)
        right = self.source(mapping(fields.get("rarg")), scope.seeing(*left))
        left_result, right_result = _visible(left), _visible(right)
        using = strings(fields.get("usingClause"))
        if fields.get("isNatural"):
            using = self._natural(left_result, right_result)
        merged = [self._merge(name, left_result, right_result, fields) for name in using]
        rest = (
            *(output for output in left_result.outputs if output.name not in using),
            *(output for output in right_result.outputs if output.name not in using),
        )
        more = left_result.more
        if right_result.more is not None:
            more = either(more, right_result.more) if more is not None else right_result.more
        natural = bool(fields.get("isNatural"))
        unsure = any(_unsure(side, using, natural=natural) for side in (left_result, right_result))
        if unsure or (natural and more is not None):
            # Which columns are compared and merged, and so the place of every other, would be a guess.
            where = "NATURAL JOIN" if natural else "JOIN USING"
            for side in (left_result, right_result):
                self.facts.use_all(row_of(side.outputs, side.more), Use.PREDICATE, where)
            more = self.facts.give_up("a join on columns that have no certain name")
            merged, rest = [], ()
        if "quals" in fields:
            self.predicate(mapping(fields["quals"]), scope.only(*left, *right), "JOIN ON", join=True)
        result = Result((*merged, *rest), more)
        using_alias = text(mapping(fields.get("join_using_alias")).get("aliasname"))
        shared = (Item(using_alias, tuple(merged), columns_visible=False),) if using_alias else ()
        if alias:
            return (*shared, _item(alias, result.renamed(names)))
        hidden = tuple(item.joined() for item in (*left, *right))
        return (*hidden, *shared, _item("", result).nameless())

    def _natural(self, left: Result, right: Result) -> tuple[str, ...]:
        theirs = {output.name for output in right.outputs}
        return tuple(dict.fromkeys(output.name for output in left.outputs if output.name in theirs))

    def _merge(self, name: str, left: Result, right: Result, fields: Node) -> Output:
        """A column of USING: it may be either side's, and both are compared."""
        sides = []
        for result in (left, right):
            found = [output for output in result.outputs if output.name == name]
            if len(found) > 1:
                sides.append(Output(name, Opaque(f'column "{name}" is ambiguous')))
            else:
                sides.append(found[0] if found else Output(name, result.more or CLEAN))
        one, other = sides
        self.operator(("=",), one.type_oid, other.type_oid)
        location = fields.get("rtindex", 0)
        at = location if isinstance(location, int) else 0
        pure = all(isinstance(side.origin, Columns) and side.origin.pure for side in sides)
        if pure and comparable(one.type_oid, other.type_oid):
            self.pair(one.origin, other.origin, "JOIN USING", at)
        else:
            for side in sides:
                self.facts.use_all(side.origin, Use.PREDICATE, "JOIN USING", at)
        type_oid = one.type_oid if one.type_oid == other.type_oid else None
        return Output(name, either(one.origin, other.origin), type_oid)


def _unsure(side: Result, using: tuple[str, ...], *, natural: bool) -> bool:
    """Whether a guessed name could decide which of a side's columns a join merges."""
    if not any(output.guessed for output in side.outputs):
        return False
    written = {output.name for output in side.outputs if not output.guessed}
    return natural or not written.issuperset(using)


def relation_result(relation: Relation) -> Result:
    """A relation's columns, each its own origin."""
    return Result(
        tuple(
            Output(column.name, Columns(frozenset({relation.column_ref(column)})), column.type_oid)
            for column in relation.columns
        )
    )


def unresolved(fields: Node) -> RelationRef:
    """A RangeVar that the catalog does not have, as it was written."""
    return RelationRef(text(fields.get("schemaname")), text(fields.get("relname")))


def _item(name: str, result: Result) -> Item:
    return Item(name, result.outputs, result.more)


def _visible(found: tuple[Item, ...]) -> Result:
    """The columns that one side of a join offers under their bare names."""
    shown = [item for item in found if item.columns_visible]
    open_items = [item.more for item in shown if item.more is not None]
    more = row_of((), open_items[0]) if open_items else None
    for other in open_items[1:]:
        more = either(more, other) if more is not None else other
    return Result(tuple(output for item in shown for output in item.outputs), more)


def _table_columns(columns: list[Node]) -> list[str]:
    names: list[str] = []
    for column in columns:
        _, fields = unwrap(column)
        if fields.get("coltype") == "JTC_NESTED":
            names.extend(_table_columns(items(fields.get("columns"))))
        else:
            names.append(text(fields.get("colname")) or text(fields.get("name")))
    return names
