"""Random statements over the corpus schema, ambiguous names and all. A server refuses most of them, at little cost."""

from __future__ import annotations

import random

TABLES = {
    "customers": ["id", "name", "email", "ssn", "card", "dob", "notes"],
    "orders": ["id", "customer_id", "amount", "memo"],
    "people": ["id", "ssn", "region"],
    "gen": ["id", "ssn", "ssn_copy"],
    "customers_vip": ["id", "name", "email", "ssn", "card", "dob", "notes", "level"],
    "v_customers": ["id", "name", "tax_no", "uemail"],
    "mv_customers": ["id", "s", "email"],
    "scratch": ["id", "t"],
    "tax_filings": ["id", "ssn"],
}
NAMES = ["id", "name", "email", "ssn", "card", "notes", "memo", "t", "x", "y", "customers", "a", "b", "c"]

Items = list[tuple[str, list[str]]]
"""What stands in one FROM: aliases and their columns."""
Scopes = list[Items]
"""Innermost first."""

EXPRESSIONS = (
    "upper({e}::text)", "md5({e}::text)", "({e})::text", "coalesce({e}::text, {e}::text)", "({e}::text || {e}::text)",
    "CASE WHEN {p} THEN {e}::text ELSE {e}::text END", "(SELECT z.ssn FROM customers z WHERE z.id = 7)", "({q1})",
    "ARRAY[{e}::text]", "ROW({e}, {e})", "to_jsonb({r})", "{r}", "({r}).{n}", "{n}({r})", "EXISTS ({q})",
    "nullif({e}::text, {e}::text)", "greatest({e}::text, {e}::text)", "count({c})", "max({c}::text)",
    "string_agg({c}::text, ',' ORDER BY {c})", "rank() OVER (PARTITION BY {c} ORDER BY {c})",
    "lag({c}) OVER (ORDER BY {c})", "count(*) FILTER (WHERE {p})", '{c} COLLATE "C"', "@ {c}",
    "(ARRAY(SELECT {c}::text))[1]", "({e} IS NULL)", "1", "'x'", "$1::text", "now()",
)  # fmt: skip
PREDICATES = (
    "{c} = $1", "{c} = 'x'", "{c} = {c}", "{e}::text LIKE '1%'", "{c} IS NULL", "{c} IN ({q1})", "EXISTS ({q})",
    "({p} AND {p})", "({p} OR {p})", "NOT ({p})", "{c}::text < {e}::text", "{c} BETWEEN {c} AND {c}",
    "({c}, {c}) = ({e}, {e})", "{c} IS DISTINCT FROM {e}", "{c} = ANY (ARRAY['a', 'b'])", "true",
)  # fmt: skip
DEPTH = 4


class Writer:
    """Writes one statement from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def one(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def perhaps(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood

    def column(self, scopes: Scopes) -> str:
        filled = [items for items in scopes if items]
        if not filled:
            return self.one("1", "'x'", "NULL")
        items = scopes[0] if scopes[0] and self.perhaps(0.85) else self.chance.choice(filled)
        alias, columns = self.chance.choice(items)
        name = self.one(*columns)
        return name if self.perhaps(0.45) else f"{alias}.{name}"

    def row(self, scopes: Scopes) -> str:
        filled = [items for items in scopes if items]
        return self.chance.choice(self.chance.choice(filled))[0] if filled else "1"

    def fill(self, pattern: str, scopes: Scopes, depth: int) -> str:
        """A pattern with every place filled: column, expression, predicate, row, name, query."""
        text = ""
        while "{" in pattern:
            before, _, rest = pattern.partition("{")
            place, _, pattern = rest.partition("}")
            text += (
                before
                + {
                    "c": lambda: self.column(scopes),
                    "e": lambda: self.expression(scopes, depth + 1),
                    "p": lambda: self.predicate(scopes, depth + 1),
                    "r": lambda: self.row(scopes),
                    "n": lambda: self.one(*NAMES),
                    "q": lambda: self.query(scopes, depth + 2)[0],
                    "q1": lambda: self.query(scopes, depth + 2, 1)[0],
                }[place]()
            )
        return text + pattern

    def expression(self, scopes: Scopes, depth: int) -> str:
        if depth >= DEPTH or self.perhaps(0.4):
            return self.column(scopes)
        return self.fill(self.one(*EXPRESSIONS), scopes, depth)

    def predicate(self, scopes: Scopes, depth: int) -> str:
        return "true" if depth >= DEPTH else self.fill(self.one(*PREDICATES), scopes, depth)

    def alias(self) -> str:
        return self.one("a", "b", "c", "d", "e", "f", "g", "h", "customers", "orders")

    def source(self, scopes: Scopes, withs: Items, depth: int) -> tuple[str, Items]:
        kind = self.chance.random()
        alias = self.alias()
        if kind < 0.55 or depth >= DEPTH:
            return self.table(alias)
        if kind < 0.65 and withs:
            name, columns = self.chance.choice(withs)
            return f"{name} AS {alias}", [(alias, columns)]
        if kind < 0.8:
            lateral = self.perhaps(0.3)
            text, columns = self.query(scopes if lateral else scopes[1:], depth + 1, withs=withs)
            if self.perhaps(0.3):
                columns = [f"k{number}" for number in range(len(columns))]
                return f"{'LATERAL ' * lateral}({text}) {alias}({', '.join(columns)})", [(alias, columns)]
            return f"{'LATERAL ' * lateral}({text}) AS {alias}", [(alias, columns)]
        if kind < 0.86:
            return f"(VALUES ({self.one('1', self.column(scopes))}, 'x')) {alias}(id, y)", [(alias, ["id", "y"])]
        if kind < 0.9:
            call = self.one("generate_series(1, length({c}::text))", "unnest(ARRAY[{c}::text])")
            return f"{self.fill(call, scopes, depth)} {alias}", [(alias, [alias])]
        return self.join(scopes, withs, depth)

    def table(self, alias: str) -> tuple[str, Items]:
        table = self.one(*TABLES)
        columns = list(TABLES[table])
        if self.perhaps(0.4):
            return table, [(table, columns)]
        if self.perhaps(0.2):
            width = self.chance.randint(1, len(columns))
            new = [self.one(*NAMES) if self.perhaps(0.5) else f"n{number}" for number in range(width)]
            return f"{table} AS {alias}({', '.join(new)})", [(alias, new + columns[width:])]
        return f"{self.one('', '', 'ONLY ')}{table} {alias}", [(alias, columns)]

    def join(self, scopes: Scopes, withs: Items, depth: int) -> tuple[str, Items]:
        left, ours = self.source(scopes, withs, depth + 1)
        right, theirs = self.source([ours, *scopes], withs, depth + 1)
        both = ours + theirs
        if self.perhaps(0.1):
            return f"{left} CROSS JOIN {right}", both
        natural, condition, kind = "", "", self.chance.random()
        if kind < 0.5:
            condition = f" ON {self.predicate([both, *scopes[1:]], 2)}"
        elif kind < 0.8:
            condition = f" USING ({self.one(*([name for name in ours[0][1] if name in theirs[0][1]] or ['id']))})"
        else:
            natural = "NATURAL "
        text = f"{left} {natural}{self.one('JOIN', 'LEFT JOIN', 'FULL JOIN', 'RIGHT JOIN')} {right}{condition}"
        if self.perhaps(0.2):
            alias = self.alias()
            return f"({text}) {alias}", [(alias, [name for _, columns in both for name in columns])]
        return text, both

    def query(self, scopes: Scopes, depth: int, width: int = 0, withs: Items | None = None) -> tuple[str, list[str]]:
        """A query and the names of its columns."""
        width = width or self.chance.randint(1, 4)
        known, clause = list(withs or []), ""
        if depth < 2 and self.perhaps(0.2):
            name = self.one("w1", "w2", "customers")
            if self.perhaps(0.4):
                first = self.select(scopes, 3, 2, known)[0]
                known.append((name, ["i", "j"]))
                step = f"SELECT {self.one('i', 'j', 'id')}, {self.one('j', 'i', 'ssn')} FROM {name}, customers zz"
                clause = f"WITH RECURSIVE {name}(i, j) AS ({first} UNION {self.one('ALL', '')} {step}) "
            else:
                text, columns = self.query(scopes, depth + 1, 2, known)
                known.append((name, columns))
                clause = f"WITH {name} AS ({text}) "
        text, columns = self.select(scopes, depth, width, known)
        if depth < DEPTH and self.perhaps(0.12):
            operation = self.one("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL")
            text = f"{text} {operation} {self.select(scopes, depth + 1, width, known)[0]}"
        return clause + text, columns

    def select(self, scopes: Scopes, depth: int, width: int, withs: Items) -> tuple[str, list[str]]:
        sources: list[str] = []
        items: Items = []
        for _ in range(self.chance.randint(1, 2) if self.perhaps(0.9) else 0):
            text, found = self.source([list(items), *scopes], withs, depth)
            sources.append(text)
            items += found
        inner = [items, *scopes]
        targets: list[str] = []
        names: list[str] = []
        for _ in range(width):
            expression = self.expression(inner, depth)
            name = self.one(*NAMES)
            plain = expression.replace(".", "").replace("_", "").isalnum()
            named = self.perhaps(0.4) or not plain
            targets.append(f"{expression} AS {name}" if named else expression)
            names.append(name if named else expression.split(".")[-1])
        if width == 1 and depth == 0 and items and self.perhaps(0.15):
            targets, names = [self.one("*", f"{items[0][0]}.*", f"({items[0][0]}).*")], ["id"]
        distinct = self.one("DISTINCT ", f"DISTINCT ON ({self.column(inner)}) ") if self.perhaps(0.08) else ""
        text = f"SELECT {distinct}{', '.join(targets)}"
        if sources:
            text += f" FROM {', '.join(sources)}"
        if self.perhaps(0.45):
            text += f" WHERE {self.predicate(inner, depth)}"
        if self.perhaps(0.12):
            text += f" GROUP BY {self.one('1', names[0], self.column(inner))}"
            if self.perhaps(0.3):
                text += f" HAVING {self.predicate(inner, 2)}"
        if depth == 0 and self.perhaps(0.2):
            text += f" ORDER BY {self.one('1', names[0], self.column(inner), self.expression(inner, 2))}"
        return text, names

    def write(self) -> str:
        """A statement that writes."""
        table = self.one("scratch", "orders", "customers")
        columns = TABLES[table]
        column = self.one(*columns[1:])
        here: Scopes = [[(table, columns)]]
        returning = self.one("", " RETURNING *", f" RETURNING {self.expression(here, 1)}")
        update = f"UPDATE {table} SET {column} = {self.expression(here, 1)}"
        joined: Scopes = [[(table, columns), ("f", TABLES["customers"])]]
        conflict = f" ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column} || {table}.{self.one(*columns)}"
        return self.one(
            f"INSERT INTO {table}(id, {column}) {self.query([], 1, 2)[0]}{self.one('', conflict)}{returning}",
            f"{update} FROM customers f WHERE {self.predicate(joined, 1)}{returning}",
            f"DELETE FROM {table} WHERE {self.predicate(here, 1)}{returning}",
            f"WITH m AS ({update}{returning or ' RETURNING id'}) SELECT * FROM m",
        )


def statement(seed: int) -> str:
    """The statement of a seed: always the same."""
    writer = Writer(seed)
    return writer.query([], 0)[0] if writer.perhaps(0.85) else writer.write()
