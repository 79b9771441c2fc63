"""Random statements that write: RETURNING, ON CONFLICT, MERGE, data-modifying CTEs, DELETE USING."""

from __future__ import annotations

from typing import Final

from tests.fuzz.queries import Queries
from tests.fuzz.shapes import Column, Table
from tests.fuzz.words import Scope, Source

GUARDED: Final = frozenset({"ssn", "email", "tax_no"})
"""Labelled columns that a constraint compares: writing them is refused by the policy. Chosen now and then."""


def write(queries: Queries, only: str = "") -> str:
    """One statement that writes to one of the tables, or to `only` that one."""
    writer = queries.writer
    table = writer.one([table for table in queries.tables if table.writable and only in ("", table.name)])
    alias = queries.alias("t")
    target = Source(alias, table.columns, table.rows)
    kind = writer.chance.random()
    if kind < 0.3:
        return _insert(queries, table)
    if kind < 0.6:
        text, found = queries.source(((),), [], 1) if writer.perhaps(0.4) else ("", [])
        scope: Scope = ((target, *found),)
        change = _change(queries, table, scope)
        text = (
            f"UPDATE {table.name} {alias} SET {change}{f' FROM {text}' if text else ''} WHERE {_where(queries, scope)}"
        )
        return _wrapped(queries, text + _returning(queries, scope))
    if kind < 0.8:
        text, found = queries.source(((),), [], 1) if writer.perhaps(0.3) else ("", [])
        scope = ((target, *found),)
        text = f"DELETE FROM {table.name} {alias}{f' USING {text}' if text else ''} WHERE {_where(queries, scope)}"
        return _wrapped(queries, text + _returning(queries, scope))
    return _merge(queries, table, target)


def _key(table: Table) -> Column:
    return table.columns[0]


def _settable(queries: Queries, table: Table) -> list[Column]:
    """What may be set, more or less: not the key, not what is generated, not what a constraint compares."""
    return [
        column
        for column in table.columns[1:]
        if column.name not in ("made", "part") and (column.name not in GUARDED or queries.writer.perhaps(0.1))
    ] or [table.columns[-1]]


def _change(queries: Queries, table: Table, scope: Scope) -> str:
    writer = queries.writer
    column = writer.one(_settable(queries, table))
    if column.labelled and writer.perhaps(0.5):
        # From a column that is labelled too: where it may go, it stays as protected.
        found = writer.columns((scope[0],), column.kind, labelled=True)
        if found:
            return f"{column.name} = {writer.named(*writer.one(found))}"
    return f"{column.name} = {'DEFAULT' if writer.perhaps(0.3) else writer.value(scope, column.kind, 1)}"


def _where(queries: Queries, scope: Scope) -> str:
    writer = queries.writer
    return writer.one(
        (
            f"{scope[0][0].alias}.id = {writer.chance.randint(1, 24)}",
            writer.predicate(scope, 1),
            f"{scope[0][0].alias}.id < 9",
        )
    )


def _returning(queries: Queries, scope: Scope) -> str:
    writer = queries.writer
    kind = writer.chance.random()
    if kind < 0.3:
        return ""
    if kind < 0.5:
        writer.labelled += any(column.labelled for source in scope[0] for column in source.columns)
        return " RETURNING *"
    return f" RETURNING {', '.join(queries.target(scope, 1)[0] for _ in range(writer.chance.randint(1, 3)))}"


def _wrapped(queries: Queries, text: str) -> str:
    """The statement, or a query over what it returns."""
    if " RETURNING " not in text or not queries.writer.perhaps(0.25):
        return text
    name = queries.alias("w")
    return queries.writer.one(
        (f"WITH {name} AS ({text}) SELECT * FROM {name}", f"WITH {name} AS ({text}) SELECT count(*) FROM {name}")
    )


def _insert(queries: Queries, table: Table) -> str:
    writer = queries.writer
    columns = [_key(table), *[column for column in _settable(queries, table) if writer.perhaps(0.6)]]
    missing = [
        column
        for column in table.columns
        if column.name in ("name", "city", "price", "stock", "region") and column not in columns
    ]
    columns += missing
    names = ", ".join(column.name for column in columns)
    target = Source(table.name, table.columns, table.rows)
    if writer.perhaps(0.5):
        text, sources = queries.table()
        scope: Scope = ((sources,),)
        values = [f"{sources.alias}.{sources.columns[0].name} + 500" if sources.columns[0].kind == "i" else "77"]
        for column in columns[1:]:
            found = writer.columns(scope, column.kind, labelled=True) if column.labelled and writer.perhaps(0.6) else []
            values.append(writer.named(*writer.one(found)) if found else writer.value(scope, column.kind, 2))
        body = f"SELECT {', '.join(values)} FROM {text} WHERE {writer.predicate(scope, 2)}"
        if sources.rows > 200:
            body += " LIMIT 5"
    else:
        rows = []
        for number in range(writer.chance.randint(1, 3)):
            key = str(writer.one((600 + number, number + 1)))
            rows.append(f"({', '.join([key, *[writer.value(((),), column.kind, 2) for column in columns[1:]]])})")
        body = f"VALUES {', '.join(rows)}"
    conflict, kind = "", writer.chance.random()
    if kind < 0.15:
        conflict = " ON CONFLICT DO NOTHING"
    elif kind < 0.35:
        change = writer.one(_settable(queries, table)).name
        value = writer.one((f"excluded.{change}", f"{table.name}.{change}", "DEFAULT"))
        conflict = f" ON CONFLICT (id) DO UPDATE SET {change} = {value}"
        if writer.perhaps(0.4):
            conflict += f" WHERE {writer.predicate(((target,),), 2)}"
    elif kind < 0.38:
        conflict = f" ON CONFLICT ({writer.one(('ssn', 'email'))}) DO NOTHING"
    return _wrapped(queries, f"INSERT INTO {table.name} ({names}) {body}{conflict}{_returning(queries, ((target,),))}")


def _merge(queries: Queries, table: Table, target: Source) -> str:
    writer = queries.writer
    text, source = queries.table()
    scope: Scope = ((target, source),)
    on = f"{target.alias}.id = {writer.leaf(((source,),), 'i')}"
    if (writer.daring or writer.once) and writer.perhaps(0.4):
        on = writer.predicate(scope, 1)
    matched = writer.one(("UPDATE SET " + _change(queries, table, scope), "DELETE", "DO NOTHING"))
    extra = f" AND {writer.predicate(scope, 2)}" if writer.perhaps(0.3) else ""
    column = _settable(queries, table)[0]
    value = writer.value(((source,),), column.kind, 2)
    missing = f"INSERT (id, {column.name}) VALUES ({source.alias}.{source.columns[0].name}, {value})"
    returning = " RETURNING merge_action(), *" if writer.perhaps(0.15) else ""
    tail = writer.one(("", f" WHEN NOT MATCHED THEN {missing}", " WHEN NOT MATCHED THEN DO NOTHING"))
    head = f"MERGE INTO {table.name} {target.alias} USING {text} ON {on}"
    return f"{head} WHEN MATCHED{extra} THEN {matched}{tail}{returning}"
