"""What a statement's text deletes, updates, inserts and tests for NULL. Rather too much than too little.

A view's rows and columns are those of the tables that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from pgmaskproxy.model import ColumnOrigin, ColumnRef, Columns, Constant, Use
from pgmaskproxy.sql.catalog import Catalog, Relation
from pgmaskproxy.sql.facts import Facts
from pgmaskproxy.sql.functions import Verdict, resolve_function
from pgmaskproxy.sql.grammar import RawStatement
from pgmaskproxy.sql.implied import Changes, Key
from pgmaskproxy.sql.tree import Node, descend, items, mapping, strings, text, unwrap

ReadView: TypeAlias = Callable[[Relation], tuple[tuple[ColumnOrigin, ...] | None, Facts] | None]
"""A view's outputs and facts by its definition; None when it cannot be read."""

_ADDS: Final = frozenset({"INSERT", "COPY FROM"})
"""What writes a column of new rows only."""
_UNORDERED: Final = frozenset({"count", "bool_and", "bool_or", "every"})
"""Aggregates of any type that come to the same in whatever order rows come."""
_PLAIN: Final = frozenset(
    {"ResTarget", "FuncCall", "ColumnRef", "String", "A_Const", "ParamRef", "NullTest", "BoolExpr", "RangeVar",
     "JoinExpr", "A_Expr", "List"}
)  # fmt: skip
"""What can neither fail nor notice when it is run."""
_COMPARISONS: Final = frozenset({"=", "<>", "<", "<=", ">", ">="})
_CLAUSES: Final = frozenset({"targetList", "fromClause", "whereClause", "limitOption", "op"})
_SHOWS: Final = frozenset({"targetList", "sortClause", "groupClause", "limitOption", "op"})
"""What decides over no row."""


def changes_of(
    statement: RawStatement, facts: Facts, catalog: Catalog, search_path: tuple[str, ...], read_view: ReadView
) -> Changes:
    """The changes of a statement, or of the query inside one; `facts` are all of the whole."""
    kind, node = statement.kind, statement.node
    columns = _Columns(catalog, read_view)
    # The word is a keyword, which can be written in no other way; mostly it is not there.
    emptied = _emptied(node, kind, catalog, search_path) if "delete" in statement.text.lower() else ()
    deleted = {key[0] for relation in emptied for key in columns.all_of(relation)}
    updated: set[Key] = set()
    inserted: set[Key] = set()
    tested: set[Key] = set()
    for use in facts.uses:
        if use.use is Use.WRITTEN:
            (inserted if use.where in _ADDS else updated).update(columns.under(use.column))
        elif use.use is Use.NULL_TEST:
            tested.update(columns.under(use.column))
    if tested and kind == "SelectStmt" and _keeps_order_to_itself(node, facts, catalog):
        tested.clear()
    return Changes(frozenset(deleted), frozenset(updated), frozenset(inserted), frozenset(tested))


def _emptied(node: Node, kind: str, catalog: Catalog, search_path: tuple[str, ...]) -> Iterator[Relation]:
    """Relations that DELETE and MERGE take rows out of, wherever in the statement."""
    for found, fields in descend({kind: node}):
        clauses = items(fields.get("mergeWhenClauses")) if found == "MergeStmt" else []
        if found == "DeleteStmt" or any(unwrap(clause)[1].get("commandType") == "CMD_DELETE" for clause in clauses):
            target = mapping(fields.get("relation"))
            schema = text(target.get("schemaname")) or None
            relation = catalog.resolve(search_path, schema, text(target.get("relname")))
            if relation is not None:
                yield relation


class _Columns:
    """The columns of tables behind a column's name."""

    def __init__(self, catalog: Catalog, read_view: ReadView) -> None:
        self._catalog = catalog
        self._read_view = read_view

    def all_of(self, relation: Relation) -> Iterable[Key]:
        """Every column of a relation, and of what is below it where it is a view."""
        found: dict[int, Relation] = {}
        pending = [relation]
        while pending:
            one = pending.pop()
            if one.oid in found:
                continue
            found[one.oid] = one
            reading = self._read_view(one) if one.kind == "v" and one.definition else None
            for ref in sorted(reading[1].reads) if reading is not None else ():
                below = self._catalog.by_name.get((ref.schema, ref.name))
                pending.extend([below] if below is not None else ())
        return [(one.oid, column.number) for one in found.values() for column in one.columns]

    def under(self, ref: ColumnRef) -> Iterable[Key]:
        """The column itself, or what a view's is made of: every column behind it where that is not certain."""
        relation = self._catalog.by_name.get((ref.schema, ref.table))
        if relation is None:
            return ()
        at = next((at for at, column in enumerate(relation.columns) if column.name == ref.column), None)
        if relation.kind != "v" or not relation.definition:
            return [(relation.oid, relation.columns[at].number)] if at is not None else self.all_of(relation)
        reading = self._read_view(relation)
        outputs = reading[0] if reading is not None else None
        origin = outputs[at] if outputs is not None and at is not None and at < len(outputs) else None
        if not isinstance(origin, Columns | Constant):
            return self.all_of(relation)
        return [key for column in sorted(origin.columns) for key in self.under(column)]


def _keeps_order_to_itself(select: Node, facts: Facts, catalog: Catalog) -> bool:
    """Whether IS NULL only stands in the result of one plain query, or its rows only go into aggregates that come to
    the same in any order. A query inside may do either, and says nothing of its own here."""
    kinds = [kind for kind, _ in descend(select)]
    if (
        "SelectStmt" in kinds
        or "SubLink" in kinds
        or "withClause" in select
        or select.get("op", "SETOP_NONE") != "SETOP_NONE"
    ):
        return False
    deciding = [value for name, value in select.items() if name not in _SHOWS]
    if not any(kind == "NullTest" for kind, _ in descend(deciding)):
        return True
    return (
        set(select) <= _CLAUSES
        and all(each in _PLAIN and (each != "A_Expr" or _compares(fields, catalog)) for each, fields in descend(select))
        and not facts.views
        and all(_is_unordered(unwrap(unwrap(each)[1].get("val")), catalog) for each in items(select.get("targetList")))
    )


def _compares(operator: Node, catalog: Catalog) -> bool:
    """Whether an operator is a comparison of PostgreSQL's own: it cannot fail."""
    names = strings(operator.get("name"))
    plain = operator.get("kind") in {"AEXPR_OP", "AEXPR_IN"} and len(names) == 1 and names[0] in _COMPARISONS
    return plain and names[0] not in catalog.operators_by_name


def _is_unordered(call: tuple[str, Node], catalog: Catalog) -> bool:
    kind, fields = call
    names = strings(fields.get("funcname"))
    if kind != "FuncCall" or not names or names[-1] not in _UNORDERED or fields.keys() & {"over", "agg_order"}:
        return False
    called = resolve_function(catalog, names[-2] if len(names) > 1 else None, names[-1])
    return called.verdict is Verdict.BUILTIN and (names[-1] == "count" or "agg_distinct" not in fields)
