"""INSERT, UPDATE, DELETE and MERGE: what is written, out of what, and what is RETURNed.

A bare column that flows into another is a use WRITE with its target; a written column is WRITTEN. RETURNING of a
written column is not pure: with a keyed mask it would be a code book (DESIGN 3b).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pgmaskproxy.model import ColumnOrigin, ColumnRef, Columns, Effect, Opaque, Use
from pgmaskproxy.sql.catalog import Relation
from pgmaskproxy.sql.comparing import given
from pgmaskproxy.sql.lineage import Queries
from pgmaskproxy.sql.origins import CLEAN, Output, Result, columns_of, either
from pgmaskproxy.sql.scope import Item, NamedQuery, Scope
from pgmaskproxy.sql.sources import unresolved
from pgmaskproxy.sql.tree import Node, descend, items, kind_of, mapping, strings, text, unwrap

Written = dict[str, ColumnOrigin]
"""What flowed into each column that a statement writes, by name."""

_REFLEXIVE: Final = frozenset({("=",), ("<=",), (">=",)})
"""Operators by which every value that is not NULL compares with itself."""


class Writes(Queries):
    """The part of a reader that walks statements which write rows."""

    def modify(self, kind: str, fields: Node, parent: Scope | None, ctes: Mapping[str, NamedQuery]) -> Result:
        self.facts.effects.add(Effect.WRITE)
        ctes = self.with_clause(fields, parent, ctes)
        scope = Scope((), parent, ctes)
        target = self.target(mapping(fields.get("relation")))
        match kind:
            case "InsertStmt":
                return self._insert(fields, scope, target)
            case "UpdateStmt":
                return self._update(fields, scope, target)
            case "DeleteStmt":
                return self._delete(fields, scope, target)
            case _:
                return self._merge_rows(fields, scope, target)

    def target(self, fields: Node) -> Item:
        """The relation written. A WITH query of that name is never meant."""
        relation = self.lookup(fields)
        self.facts.writes.add(relation.ref if relation is not None else unresolved(fields))
        if relation is not None:
            self.facts.views.pop(relation.oid, None)
            if relation.has_rules:
                self.facts.function_effect(Effect.ROUTINE)
                self.facts.give_up(f'rewrite rules on "{relation.ref}"')
            if relation.definition:
                self.facts.views[relation.oid] = relation
        return self.item(fields, relation).written()

    # -- the four ------------------------------------------------------------------------------------------

    def _insert(self, fields: Node, scope: Scope, target: Item) -> Result:
        names = [text(unwrap(column)[1].get("name")) for column in items(fields.get("cols"))]
        relation = target.relation
        explicit = bool(names)
        if not explicit and relation is not None:
            names = [column.name for column in relation.columns]
        for column in items(fields.get("cols")):
            self.parts(unwrap(column)[1].get("indirection"), scope, Use.EXPRESSION, "INSERT")
        written: Written = {}
        if "selectStmt" in fields:
            result = self.query(mapping(fields["selectStmt"]), scope, scope.ctes)
            if result.more is not None:
                self._unknown_source(result.more)
            for name, output in zip(names, result.outputs, strict=False):
                written[name] = self.flow(target, name, output.origin, "INSERT")
            for row in _rows(mapping(fields["selectStmt"])):
                self._given(target, zip(names, row, strict=False), "INSERT", written)
        for name in names:
            self.written(target, name, "INSERT")
            written.setdefault(name, CLEAN)
        if "onConflictClause" in fields:
            self._on_conflict(mapping(fields["onConflictClause"]), scope, target, written)
        return self._returning(fields, scope.only(target), target, written)

    def _on_conflict(self, fields: Node, scope: Scope, target: Item, written: Written) -> None:
        infer = mapping(fields.get("infer"))
        here = scope.only(target)
        if "indexElems" not in infer:
            # No columns named: any unique index decides, over whatever is written (an existence oracle, THREATS X7).
            for name in written:
                column = target.column(name)
                if column is not None:
                    self.facts.use_all(column.origin, Use.PREDICATE, "ON CONFLICT")
        for element in items(infer.get("indexElems")):
            _, index = unwrap(element)
            column = target.column(text(index.get("name"))) if "name" in index else None
            if column is not None:
                self.facts.use_all(column.origin, Use.PREDICATE, "ON CONFLICT")
            self.value(mapping(index.get("expr")), here, Use.PREDICATE, "ON CONFLICT")
        if "whereClause" in infer:
            self.predicate(mapping(infer["whereClause"]), here, "ON CONFLICT")
        if fields.get("action") != "ONCONFLICT_UPDATE":
            return
        proposed = (
            tuple(
                replace(output, origin=either(output.origin, written.get(output.name, output.origin)))
                for output in self.item({"relname": "excluded"}, target.relation).outputs
            )
            if target.relation is not None
            else ()
        )
        excluded = Item("excluded", proposed, target.more, columns_visible=False)
        both = scope.only(target, excluded)
        written.update(self._assign(items(fields.get("targetList")), both, target, "ON CONFLICT DO UPDATE"))
        if "whereClause" in fields:
            self.predicate(mapping(fields["whereClause"]), both, "ON CONFLICT DO UPDATE WHERE")

    def _update(self, fields: Node, scope: Scope, target: Item) -> Result:
        sources = self.from_clause(items(fields.get("fromClause")), scope)
        everything = scope.only(target, *sources.items)
        written = self._assign(items(fields.get("targetList")), everything, target, "UPDATE")
        self._where(fields, everything)
        return self._returning(fields, everything, target, written)

    def _delete(self, fields: Node, scope: Scope, target: Item) -> Result:
        sources = self.from_clause(items(fields.get("usingClause")), scope)
        everything = scope.only(target, *sources.items)
        self._where(fields, everything)
        return self._returning(fields, everything, target, {})

    def _where(self, fields: Node, scope: Scope) -> None:
        if "whereClause" in fields:
            self.predicate(mapping(fields["whereClause"]), scope, "WHERE", lookup=True, join=True)
        self._selects_rows(fields.get("whereClause"))

    def _selects_rows(self, condition: object) -> None:
        """A condition that leaves no row out is as good as none."""
        if not narrows(mapping(condition)):
            self.facts.without_where = True

    def _merge_rows(self, fields: Node, scope: Scope, target: Item) -> Result:
        source = self.source(mapping(fields.get("sourceRelation")), scope)
        everything = scope.only(target, *source)
        self.predicate(mapping(fields.get("joinCondition")), everything, "MERGE ON", join=True)
        self._selects_rows(fields.get("joinCondition"))
        written: Written = {}
        for clause in items(fields.get("mergeWhenClauses")):
            _, action = unwrap(clause)
            if "condition" in action:
                self.predicate(mapping(action["condition"]), everything, "MERGE WHEN")
            changes = items(action.get("targetList"))
            if action.get("commandType") == "CMD_INSERT":
                found = self._merge_insert(action, changes, scope.only(*source), target)
            else:
                found = self._assign(changes, everything, target, "MERGE")
            for name, origin in found.items():
                written[name] = either(written[name], origin) if name in written else origin
        return self._returning(fields, scope.only(*source, target), target, written)

    def _merge_insert(self, action: Node, columns: list[Node], scope: Scope, target: Item) -> Written:
        names = [text(unwrap(column)[1].get("name")) for column in columns]
        values = items(action.get("values"))
        if not names and target.relation is not None:
            names = [column.name for column in target.relation.columns]
        written: Written = {}
        for name, value in zip(names, values, strict=False):
            written[name] = self.flow(target, name, self.origin(value, scope, "MERGE"), "MERGE")
            self._given(target, [(name, value)], "MERGE", written)
        for name in names:
            self.written(target, name, "MERGE")
            written.setdefault(name, CLEAN)
        return written

    # -- what flows where ----------------------------------------------------------------------------------

    def _assign(self, targets: list[Node], scope: Scope, target: Item, where: str) -> Written:
        """The SET list: `a = expression`, `(a, b) = (SELECT ...)`, `(a, b) = ROW(...)`."""
        written: Written = {}
        rows: list[ColumnOrigin] = []
        for node in targets:
            _, entry = unwrap(node)
            name = text(entry.get("name"))
            value = mapping(entry.get("val"))
            if "indirection" in entry:
                self._part_of(target, name, entry["indirection"], scope, where)
            kind, fields = unwrap(value)
            if kind == "MultiAssignRef":
                number = fields.get("colno", 1)
                if number == 1:
                    rows = self._row_source(mapping(fields.get("source")), scope, where)
                position = number - 1 if isinstance(number, int) else 0
                origin = (
                    rows[position] if position < len(rows) else self.facts.give_up("an assignment of unknown width")
                )
                parts = items(unwrap(fields.get("source"))[1].get("args"))
                self._given(target, [(name, part) for part in parts[position : position + 1]], where, {name: origin})
            else:
                origin = self.origin(value, scope, where)
                self._given(target, [(name, value)], where, {name: origin})
            written[name] = self.flow(target, name, origin, where)
            self.written(target, name, where)
        return written

    def _part_of(self, target: Item, name: str, indirection: object, scope: Scope, where: str) -> None:
        """`a[1] = ...`, `a.b = ...`: the rest of the column's value is read and written back."""
        self.parts(indirection, scope, Use.EXPRESSION, where)
        column = self._column_ref(target, name)
        if column is not None:
            self.facts.use(column, Use.EXPRESSION, where)
            self.facts.use(column, Use.WRITE, where, target=column)

    def _row_source(self, source: Node, scope: Scope, where: str) -> list[ColumnOrigin]:
        kind, fields = unwrap(source)
        if kind == "SubLink":
            result = self.query(mapping(fields.get("subselect")), scope, scope.ctes)
            return [] if result.more is not None else [output.origin for output in result.outputs]
        if kind == "RowExpr":
            return [self.origin(argument, scope, where) for argument in items(fields.get("args"))]
        origin = self.value(source, scope, Use.EXPRESSION, where)
        return [self.facts.give_up("an assignment from a row")] if isinstance(origin, Opaque) else []

    def flow(self, target: Item, name: str, origin: ColumnOrigin, where: str) -> ColumnOrigin:
        """A value written to a column: a use WRITE of every bare column in it."""
        if isinstance(origin, Opaque):
            self._unknown_source(origin)
        if isinstance(origin, Columns):
            into = self._column_ref(target, name)
            for column in sorted(origin.columns):
                self.facts.use(column, Use.WRITE, where, target=into)
        return origin

    def _given(self, target: Item, values: Iterable[tuple[str, Node]], where: str, written: Written) -> None:
        """Literals and parameters that are the whole of what is written to a column; and that something else is."""
        for name, value in values:
            found, column = given(value), self._column_ref(target, name)
            if column is None:
                continue
            if found is not None:
                self.facts.input(column, Use.WRITTEN, where, found)
                continue
            origin = written.get(name, CLEAN)
            if not (isinstance(origin, Columns) and origin.pure) and kind_of(value) != "SetToDefault":
                self.facts.loose[column, where] = None

    def written(self, target: Item, name: str, where: str) -> None:
        """A column that is the target of a write."""
        column = self._column_ref(target, name)
        if column is not None:
            self.facts.use(column, Use.WRITTEN, where)

    def _column_ref(self, target: Item, name: str) -> ColumnRef | None:
        relation = target.relation
        column = relation.column(name) if relation is not None else None
        return relation.column_ref(column) if relation is not None and column is not None else None

    def _unknown_source(self, origin: ColumnOrigin) -> None:
        """What is written out of something unread may be anything."""
        self.facts.effects.add(Effect.UNKNOWN)
        self.facts.use_all(origin, Use.EXPRESSION, "write of unknown columns")

    # -- RETURNING -----------------------------------------------------------------------------------------

    def _returning(self, fields: Node, scope: Scope, target: Item, written: Written) -> Result:
        clause = mapping(fields.get("returningClause"))
        nodes = items(clause.get("exprs"))
        if not nodes:
            return Result()
        new = target.replaced(tuple(_rewritten(target, written)))
        names = {"RETURNING_OPTION_OLD": "old", "RETURNING_OPTION_NEW": "new"}
        given = {
            text(option.get("option")): text(option.get("value"))
            for _, option in (unwrap(node) for node in items(clause.get("options")))
        }
        taken = {item.name for item in scope.items}
        extra: list[Item] = []
        for key, default in names.items():
            name = given.get(key, default)
            if key in given or name not in taken:
                version = target if key == "RETURNING_OPTION_OLD" else new
                extra.append(version.called(name, None).joined())
        here = [new if item is target else item for item in scope.items]
        result = self.targets(nodes, scope.only(*here, *extra))
        if target.relation is not None and target.relation.has_rules:
            return Result((), self.facts.give_up(f'rewrite rules on "{target.relation.ref}"'))
        return result


def _rows(query: Node) -> list[list[Node]]:
    """What an INSERT inserts, as it is written: rows of VALUES, the outputs of a SELECT and of its arms."""
    _, fields = unwrap(query)
    pending, found = [fields], []
    while pending:
        one = pending.pop()
        if one.get("op", "SETOP_NONE") != "SETOP_NONE":
            pending += [mapping(one.get("larg")), mapping(one.get("rarg"))]
        elif "valuesLists" in one:
            found += [items(unwrap(row)[1].get("items")) for row in items(one["valuesLists"])]
        else:
            found.append([mapping(unwrap(entry)[1].get("val")) for entry in items(one.get("targetList"))])
    return found


def narrows(condition: Node) -> bool:
    """Whether a condition may leave rows out by what is in them: not `true`, not `id = id`, and neither beside OR.

    What else is true of every row (`id > -1`) no text tells.
    """
    kind, fields = unwrap(condition)
    if kind == "BoolExpr":
        parts = [narrows(argument) for argument in items(fields.get("args"))]
        return all(parts) if fields.get("boolop") == "OR_EXPR" else any(parts)
    if kind == "A_Expr" and fields.get("kind") == "AEXPR_OP" and strings(fields.get("name"))[-1:] in _REFLEXIVE:
        left, right = (strings(unwrap(fields.get(side))[1].get("fields")) for side in ("lexpr", "rexpr"))
        if left and right and (left == right or (left[-1] == right[-1] and 1 in {len(left), len(right)})):
            return False
    return any(kind in {"ColumnRef", "CurrentOfExpr"} for kind, _ in descend(condition))


def _rewritten(target: Item, written: Written) -> Iterable[Output]:
    """The target's columns as RETURNING shows them: a written one may be what was written."""
    relation: Relation | None = target.relation
    for number, output in enumerate(target.outputs):
        name = relation.columns[number].name if relation is not None and number < len(relation.columns) else output.name
        if name not in written:
            yield output
        elif isinstance(output.origin, Columns):
            flowed = written[name]
            columns = output.origin.columns | columns_of(flowed)
            yield replace(output, origin=flowed if isinstance(flowed, Opaque) else Columns(columns, pure=False))
        else:
            yield replace(output, origin=either(output.origin, written[name]))
