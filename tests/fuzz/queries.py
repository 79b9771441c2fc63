"""Random queries: joins of all kinds, CTEs, set operations, groups, windows, sublinks, LATERAL, whole rows."""

from __future__ import annotations

from typing import Final

from tests.fuzz.patterns import AGGREGATES, FUNCTIONS, GROUPINGS, WINDOWS
from tests.fuzz.shapes import Column, Kind, Table
from tests.fuzz.words import Scope, Source, Writer

LARGE: Final = 1500
"""About so many rows a query may have without a LIMIT: more is only slow."""


class Query:
    """A query's text, its columns, and about how many rows it has."""

    __slots__ = ("columns", "rows", "text")

    def __init__(self, text: str, columns: tuple[Column, ...], rows: int) -> None:
        self.text = text
        self.columns = columns
        self.rows = rows


class Queries:
    """Writes queries over some tables. `bare` is how likely an output is a labelled column by itself."""

    def __init__(self, writer: Writer, tables: tuple[Table, ...], bare: float = 0.3) -> None:
        self.writer = writer
        self.tables = tables
        self.bare = bare
        self.number = 0
        writer.sublink = self.sublink

    def alias(self, stem: str = "q") -> str:
        self.number += 1
        return f"{stem}{self.number}"

    # -- sources -------------------------------------------------------------------------------------------

    def table(self) -> tuple[str, Source]:
        """One table, by an alias, with its columns renamed once in a while, sampled even more rarely."""
        writer = self.writer
        table = writer.one(self.tables)
        if table.rows > 200 and not writer.perhaps(0.3):
            table = writer.one(self.tables)
        alias = self.alias("t")
        columns, text = (
            table.columns,
            f"{writer.one(('', '', '', '', 'ONLY '))}{table.name} {writer.one(('', 'AS '))}{alias}",
        )
        if writer.perhaps(0.08):
            width = writer.chance.randint(1, len(columns))
            renamed = [Column(f"c{n}", column.kind, column.labelled) for n, column in enumerate(columns[:width])]
            writer.chance.shuffle(names := [column.name for column in renamed])
            renamed = [Column(name, column.kind, column.labelled) for name, column in zip(names, renamed, strict=True)]
            text = f"{text}({', '.join(names)})"
            columns = (*renamed, *columns[width:])
        elif writer.perhaps(0.03) and not table.name.startswith(
            ("v_", "twice", "plain", "barrier", "sales", "customer_c")
        ):
            text += f" TABLESAMPLE {writer.one(('BERNOULLI', 'SYSTEM'))} (50) REPEATABLE ({writer.one(('1', '42'))})"
        return text, Source(alias, tuple(columns), table.rows)

    def source(self, scope: Scope, withs: list[Source], depth: int) -> tuple[str, list[Source]]:
        """One entry of FROM, with everything it gives."""
        writer, kind = self.writer, self.writer.chance.random()
        if depth >= 3 or kind < 0.6:
            text, source = self.table()
            return text, [source]
        if kind < 0.68 and withs:
            known = writer.one(withs)
            alias = self.alias("w")
            return f"{known.alias} {alias}", [Source(alias, known.columns, known.rows)]
        alias = self.alias("d")
        if kind < 0.8:
            lateral = bool(scope[0]) and writer.perhaps(0.4)
            query = self.query(scope if lateral else ((),), depth + 1, withs)
            return f"{'LATERAL ' * lateral}({query.text}) {alias}", [Source(alias, query.columns, query.rows)]
        if kind < 0.84:
            values = f"(VALUES (1, {writer.value(((), *scope[1:]), 't', 2)}), (2, 'v'), (7, NULL)) {alias}(id, y)"
            return values, [Source(alias, (Column("id", "i"), Column("y", "t")), 3)]
        if kind < 0.89:
            call, result = writer.one(FUNCTIONS)
            before = writer.labelled
            text = writer.fill(call, scope, 2)
            columns = (Column("f", result, writer.labelled > before),)
            ordinality = writer.perhaps(0.3)
            named = f"{alias}(f, o)" if ordinality else f"{alias}(f)"
            more = (Column("o", "i"),) if ordinality else ()
            return f"{text}{' WITH ORDINALITY' * ordinality} {named}", [Source(alias, (*columns, *more), 3)]
        return self.join(scope, withs, depth)

    def join(self, scope: Scope, withs: list[Source], depth: int) -> tuple[str, list[Source]]:
        """Two sources joined in one of the ways there are."""
        writer = self.writer
        left, ours = self.source(scope, withs, depth + 1)
        right, theirs = self.source(((), *scope[1:]), withs, depth + 1)
        both = [*ours, *theirs]
        kind, inner = writer.one(("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN")), (both, *scope[1:])
        shared = [
            column.name
            for column in ours[0].columns
            for other in theirs[0].columns
            if column.name == other.name and column.kind == other.kind
            and (not (column.labelled or other.labelled) or writer.dares())
        ]  # fmt: skip
        chosen = writer.chance.random()
        if chosen < 0.25 and shared and len(ours) == len(theirs) == 1:
            name = writer.one(shared)
            return f"{left} {kind} {right} USING ({name})", both
        if chosen < 0.3:
            return f"{left} CROSS JOIN {right}", both
        if chosen < 0.34 and len(shared) < 2 and writer.dares():
            writer.labelled += 1
            return f"{left} NATURAL {kind} {right}", both
        keys = (writer.columns((ours,), "i", labelled=False), writer.columns((theirs,), "i", labelled=False))
        if kind == "FULL JOIN" or (keys[0] and keys[1] and writer.perhaps(0.6)):
            if not (keys[0] and keys[1]):
                return f"{left} CROSS JOIN {right}", both
            condition = f"{writer.named(*writer.one(keys[0]))} = {writer.named(*writer.one(keys[1]))}"
            if kind != "FULL JOIN" and writer.perhaps(0.3):
                condition += f" AND {writer.predicate(inner, 2)}"
        else:
            condition = writer.predicate(inner, 2)
        return f"{left} {kind} {right} ON {condition}", both

    def sublink(self, scope: Scope, depth: int, single: bool) -> tuple[str, Scope]:
        """What follows the target of a subquery in an expression; one row of it where `single`."""
        text, source = self.table()
        inner: Scope = ((source,), *scope)
        where = f" WHERE {self.writer.predicate(inner, depth + 2)}" if self.writer.perhaps(0.7) else ""
        # Not any one row: which it is would be the plan's choice, and is tried by queries that say so.
        order = f" ORDER BY {source.alias}.{source.columns[0].name} LIMIT 1" if single else ""
        return f"FROM {text}{where}{order}", inner

    # -- queries -------------------------------------------------------------------------------------------

    def target(self, scope: Scope, depth: int) -> tuple[str, Kind, bool, str]:
        """One output: its text, kind, whether it is labelled, and its name where it has one."""
        writer = self.writer
        if scope[0] and writer.perhaps(self.bare):
            found = writer.columns((scope[0],), None, labelled=True)
            if found:
                source, column = writer.one(found)
                return writer.named(source, column), column.kind, True, ""
        before = writer.labelled
        if scope[0] and writer.perhaps(0.3):
            found = writer.columns((scope[0],), None, labelled=False)
            if found:
                source, column = writer.one(found)
                return writer.named(source, column), column.kind, False, ""
        if scope[0] and writer.perhaps(0.03):
            wholes = [source for source in scope[0] if source.whole]
            if wholes:
                source = writer.one(wholes)
                secret = any(column.labelled for column in source.columns)
                writer.labelled += secret
                return source.alias, "r", secret, ""
        kinds: tuple[Kind, ...] = ("i", "i", "t", "t", "t", "n", "d", "j", "a")
        kind = writer.one(kinds)
        text = writer.value(scope, kind, depth)
        return text, kind, writer.labelled > before, ""

    def query(self, scope: Scope, depth: int, withs: list[Source] | None = None, width: int = 0) -> Query:
        """A whole query: with its CTEs, set operations and its end."""
        writer, known, clause = self.writer, list(withs or ()), ""
        if depth < 2 and writer.perhaps(0.18):
            clause = self.cte(scope, depth, known)
        query = self.select(scope, depth, known, width)
        if depth < 2 and writer.perhaps(0.12):
            other = self.matching(query, scope, known)
            # Equal rows are counted as one: labelled columns do not go through that undared.
            operation = "UNION ALL"
            if not any(column.labelled for column in query.columns) or writer.dares():
                operation = writer.one(("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL", "INTERSECT ALL"))
            text = f"({query.text}) {operation} ({other})"
            query = Query(text, query.columns, query.rows + 24)
        end = ""
        if query.rows > LARGE or writer.perhaps(0.12):
            end = f" LIMIT {writer.one(('5', '20', '1'))}{writer.one(('', '', ' OFFSET 3'))}"
            query.rows = 20
        return Query(f"{clause}{query.text}{end}", query.columns, query.rows)

    def cte(self, scope: Scope, depth: int, known: list[Source]) -> str:
        """WITH and one query, recursive or not; it is added to what is known."""
        writer, name = self.writer, self.alias("w")
        if writer.perhaps(0.35):
            text, source = self.table()
            first = writer.columns(((source,),), "i", labelled=False)
            carried = writer.columns(((source,),), "t", labelled=writer.perhaps(0.4)) or writer.columns(
                ((source,),), "t", labelled=False
            )
            start = writer.named(*writer.one(first)) if first else "1"
            other, labelled = ("'x'::text", False)
            if carried:
                column = writer.one(carried)
                other, labelled = writer.named(*column), column[1].labelled
            union = "UNION ALL" if labelled and not writer.dares() else writer.one(("UNION", "UNION ALL"))
            step = f"SELECT r.i + 1, r.j FROM {name} r WHERE r.i < 5"
            if writer.perhaps(0.3):
                more, joined = self.table()
                key = writer.columns(((joined,),), "i", labelled=False)
                if key:
                    condition = f"{writer.named(*writer.one(key))} = r.i"
                    step = f"SELECT r.i + 1, r.j FROM {name} r JOIN {more} ON {condition} WHERE r.i < 4"
            known.append(Source(name, (Column("i", "i"), Column("j", "t", labelled)), source.rows * 4))
            return f"WITH RECURSIVE {name}(i, j) AS (SELECT {start}, {other} FROM {text} {union} {step}) "
        query = self.query(((),), depth + 1, known)
        known.append(Source(name, query.columns, query.rows))
        return f"WITH {name} AS {writer.one(('', '', 'MATERIALIZED ', 'NOT MATERIALIZED '))}({query.text}) "

    def matching(self, query: Query, scope: Scope, withs: list[Source]) -> str:
        """The other arm of a set operation: a column of the same kind, and as labelled, for each."""
        writer = self.writer
        text, source = self.table()
        inner: Scope = ((source,), *scope[1:])
        targets = []
        for column in query.columns:
            found = writer.columns((inner[0],), column.kind, labelled=column.labelled)
            if found and (column.labelled or writer.perhaps(0.6)):
                targets.append(writer.named(*writer.one(found)))
            elif column.labelled and not writer.dares():
                targets.append(f"NULL::{'text' if column.kind == 't' else 'date' if column.kind == 'd' else 'int'}")
            else:
                targets.append(writer.value(inner, column.kind, 2))
        where = f" WHERE {writer.predicate(inner, 2)}" if writer.perhaps(0.6) else ""
        return f"SELECT {', '.join(targets)} FROM {text}{where}"

    def select(self, scope: Scope, depth: int, withs: list[Source], width: int = 0) -> Query:
        """One SELECT: plain, grouped, or with windows."""
        writer = self.writer
        texts: list[str] = []
        sources: list[Source] = []
        for _ in range(writer.one((1, 1, 1, 2)) if depth < 2 else 1):
            text, found = self.source((sources, *scope), withs, depth)
            texts.append(text)
            sources += found
        inner: Scope = (sources, *scope)
        rows = 1
        for source in sources:
            rows *= max(1, source.rows)
        if len(sources) > 1:
            rows //= 8
        where = f" WHERE {writer.predicate(inner, depth)}" if writer.perhaps(0.5) else ""
        head, columns, tail, order = self.outputs(inner, depth, width)
        text = f"SELECT {head} FROM {', '.join(texts)}{where}{tail}"
        secret = [] if tail or head.startswith("DISTINCT") else writer.columns((sources,), None, labelled=True)
        if secret and writer.dares():
            text = f"{text} ORDER BY {writer.named(*writer.one(secret))}{writer.one(('', ' DESC', ' LIMIT 5'))}"
        elif order and writer.perhaps(0.3):
            text = f"{text} ORDER BY {order}"
        elif depth == 0 and writer.perhaps(0.05) and not tail:
            text += writer.one(
                (" FOR UPDATE", " FOR SHARE", " FOR NO KEY UPDATE SKIP LOCKED", f" FOR UPDATE OF {sources[0].alias}")
            )
        return Query(text, columns, rows)

    def outputs(self, inner: Scope, depth: int, width: int) -> tuple[str, tuple[Column, ...], str, str]:
        """The target list, its columns, GROUP BY and HAVING, and what to order by."""
        writer = self.writer
        number = width or writer.one((1, 2, 2, 3, 4))
        kind = writer.chance.random()
        if kind < 0.1 and not width and depth == 0:
            star = writer.one(("*", f"{inner[0][0].alias}.*", f"({inner[0][0].alias}).*"))
            columns = [
                column for source in inner[0][: len(inner[0]) if star == "*" else 1] for column in source.columns
            ]
            writer.labelled += any(column.labelled for column in columns)
            return star, tuple(columns), "", ""
        if kind < 0.28:
            return self.grouped(inner, number)
        texts, columns = [], []
        windows = kind < 0.4
        for place in range(number):
            before = writer.labelled
            if windows and place == 0:
                pattern, found = writer.one(WINDOWS)
                text, labelled = writer.fill(pattern, inner, 2), writer.labelled > before
            else:
                text, found, labelled, _ = self.target(inner, depth + 1)
            texts.append(f"{text} AS o{place}")
            columns.append(Column(f"o{place}", found, labelled))
        clean = [column.name for column in columns if not column.labelled or writer.dares()]
        distinct = "DISTINCT " if writer.perhaps(0.08) and len(clean) == len(columns) else ""
        order = writer.one(clean) + writer.one(("", " DESC", " NULLS FIRST")) if clean else ""
        return f"{distinct}{', '.join(texts)}", tuple(columns), "", order

    def grouped(self, inner: Scope, number: int) -> tuple[str, tuple[Column, ...], str, str]:
        """Aggregates, by a column or two or by nothing."""
        writer = self.writer
        keys = []
        for _ in range(2):
            found = writer.columns((inner[0],), None, labelled=True)
            if not found or not writer.dares():
                found = writer.columns((inner[0],), writer.one(("i", "t", None)), labelled=False)
            keys.append(writer.one(found) if found else None)
        texts: list[str] = []
        columns: list[Column] = []
        tail = ""
        if keys[0] is not None and keys[1] is not None and writer.perhaps(0.75):
            names = [writer.named(*key) for key in keys if key is not None]
            texts.append(f"{names[0]} AS o0")
            columns.append(Column("o0", keys[0][1].kind, keys[0][1].labelled))
            pattern = writer.one(GROUPINGS)
            tail = f" GROUP BY {pattern.format(*names)}"
            if writer.perhaps(0.2):
                condition = writer.one(("count(*) > 1", "min({i}) > 2", "bool_and({b})"))
                tail += f" HAVING {writer.fill(condition, inner, 2)}"
        for place in range(len(texts), max(number, 1 + len(texts))):
            before = writer.labelled
            pattern, kind = writer.one(AGGREGATES)
            texts.append(f"{writer.fill(pattern, inner, 2)} AS o{place}")
            columns.append(Column(f"o{place}", kind, writer.labelled > before))
        return ", ".join(texts), tuple(columns), tail, f"o{len(texts) - 1}"
