"""Scripts of a seed, in families: what a statement does besides reading, and how it is sent."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from tests.fuzz.client import Extended, Script, Simple, Step
from tests.fuzz.patterns import CATALOG, ORDERS, SETTINGS
from tests.fuzz.probes import probe
from tests.fuzz.queries import Queries
from tests.fuzz.shapes import CORPUS, DATABASES, tables
from tests.fuzz.words import Writer
from tests.fuzz.writes import write
from tests.sql.attest import randoms

CONDITIONED: Final = (
    "", "{null} IS NOT NULL", "{null} IS NULL", "id < 12", "id = 7", "id > 3 AND {null} IS NOT NULL",
    "id IN (3, 253, 1003, 7)", "id BETWEEN 3 AND 900",
)  # fmt: skip
LAYOUTS: Final = (
    "",
    "",
    " WITH CSV",
    " (FORMAT binary)",
    " (NULL '')",
    " (DELIMITER ',', NULL 'x', HEADER)",
    " (FORMAT csv, HEADER, NULL '***', FORCE_QUOTE *)",
    " (FORMAT csv, QUOTE '1', ESCAPE '2', DELIMITER '-')",
    " (DELIMITER '-')",
    " (ENCODING 'SJIS')",
)
"""Of COPY TO STDOUT, with characters that stand in values."""
COPIED: Final = ("scratch (id, t)", "people (id, region)", "people (id, ssn)", "customers (id, name)")
RESTORED: Final = "DELETE FROM scratch; INSERT INTO scratch SELECT n, 't' || n % 4 FROM generate_series(0, 5) n"


class Scripts:
    """Writes the script of a seed."""

    def __init__(self, seed: int, family: str = "", *, beyond: bool = False) -> None:
        self.beyond = beyond
        self.chance = random.Random(seed)
        self.family = family or self.chance.choices([*FAMILIES], [weight for weight, _ in FAMILIES.values()])[0]
        self.database = self.chance.choice(DATABASES)
        self.daring, self.once = self.chance.choices(
            ((0.0, False), (0.0, True), (0.08, False), (0.4, True)), (68, 19, 7, 6)
        )[0]
        self.failing = 0.04
        self.parameters: list[str] | None = None
        self.labelled = 0

    def script(self) -> Script:
        """The script: always the same for a seed."""
        steps = FAMILIES[self.family][1](self)
        return Script(self.family, self.database, steps, self.labelled > 0)

    # -- statements ----------------------------------------------------------------------------------------

    def queries(self) -> Queries:
        writer = Writer(
            self.chance, daring=self.daring, once=self.once, failing=self.failing, parameters=self.parameters
        )
        return Queries(writer, tables(self.database, beyond=self.beyond))

    def query(self) -> str:
        queries = self.queries()
        text = queries.query(((),), 0).text
        self.labelled += queries.writer.labelled
        return text

    def written(self) -> str:
        queries = self.queries()
        text = write(queries)
        self.labelled += queries.writer.labelled
        return text

    def sent(self, make: Callable[[], str]) -> Step:
        """A statement by one of the protocols, in one of the formats, with or without parameters."""
        if self.chance.random() < 0.45:
            self.parameters = None
            return Simple(make())
        self.parameters = [] if self.chance.random() < 0.6 else None
        text = make()
        values = tuple(self.parameters or ())
        self.parameters = None
        return Extended(
            text, values, self.chance.random() < 0.5, self.chance.choice((b"", b"", b"s1")),
            self.chance.choice((0, 0, 0, 3)), self.chance.random() < 0.8,
        )  # fmt: skip

    # -- families ------------------------------------------------------------------------------------------

    def read(self) -> tuple[Step, ...]:
        return (self.sent(self.query),)

    def errors(self) -> tuple[Step, ...]:
        self.failing = 0.5
        return (self.sent(self.query),)

    def wild(self) -> tuple[Step, ...]:
        """Names that are ambiguous, types that do not fit: what the reader of trees is tried with."""
        self.database, text, self.labelled = "corpus", randoms.statement(self.chance.randrange(1 << 40)), 1
        if "now()" in text:  # the one that is another on each side
            text = text.replace("now()", "'2024-01-01'")
        if "$1" in text:
            return (Simple("BEGIN"), Extended(text, ("3",) if "$1" in text else ()), Simple("ROLLBACK"))
        return (Simple("BEGIN"), self.sent(lambda: text), Simple("ROLLBACK"))

    def probes(self) -> tuple[Step, ...]:
        """One use of a labelled column, in a transaction that is taken back."""
        texts = probe(self.chance, self.database, tables(self.database, beyond=self.beyond))
        self.labelled += 1
        return (Simple("BEGIN"), *[self.sent(lambda text=text: text) for text in texts], Simple("ROLLBACK"))  # type: ignore[misc]

    def order(self) -> tuple[Step, ...]:
        return (self.sent(self.ordered),)

    def ordered(self) -> str:
        """One of ORDERS."""
        pick = self.chance.choice
        known = [one for one in tables(self.database, beyond=self.beyond) if one.columns[0].name == "id"]
        table, other = pick(known), pick(known)
        if self.database == "corpus" and self.chance.random() < 0.4:
            table = next(table for table in CORPUS if table.name == "events")
        clean = [column.name for column in table.columns if not column.labelled]
        secret = [column.name for column in table.columns if column.labelled] or clean
        numbers = [column.name for column in other.columns if not column.labelled and column.kind == "i"]
        asked = ("ssn", "email", "tax_no", "s", "contact", "code", "tag", "tag")
        nullable = [name for name in secret if name in asked] or clean
        condition = pick(CONDITIONED).format(null=pick(nullable))
        self.labelled += 1
        return pick(ORDERS).format(
            clean="id" if self.chance.random() < 0.6 else pick(clean),
            secret=pick(secret),
            t=table.name,
            u=other.name,
            n=pick((1, 3, 7)),
            sort=pick(clean),
            where=condition and f"WHERE {condition}",
            xwhere=condition and f"WHERE x.{condition.replace(' AND ', ' AND x.')}",
            null=pick(nullable),
            uclean=pick(numbers),
            unull=numbers[0],
        )

    def writes(self) -> tuple[Step, ...]:
        """Writes that are taken back, and what can be read in between."""
        first = self.sent(self.written)
        steps: list[Step] = [Simple("BEGIN"), first]
        target = re.search(r"(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO) (\w+)", first.sql)
        if target is not None and self.chance.random() < 0.6:
            steps.append(self.sent(lambda: f"SELECT * FROM {target[1]}"))
        elif self.chance.random() < 0.5:
            steps.append(self.sent(self.query))
        return (*steps, Simple("ROLLBACK"))

    def kept(self) -> tuple[Step, ...]:
        """A write that stays, to a table without secrets, and is cleaned up."""
        self.database = "corpus"
        queries = self.queries()
        text = write(queries, "scratch")
        self.labelled += queries.writer.labelled
        return (Simple(text), Simple("TABLE scratch"), Simple(RESTORED))

    def copy(self) -> tuple[Step, ...]:
        table = self.chance.choice(tables(self.database, beyond=self.beyond))
        self.labelled += any(column.labelled for column in table.columns)
        kind = self.chance.random()
        if kind < 0.45:
            names = [column.name for column in table.columns]
            self.chance.shuffle(names)
            some = f" ({', '.join(names[: self.chance.randint(1, len(names))])})" if self.chance.random() < 0.5 else ""
            return (Simple(f"COPY {table.name}{some} TO STDOUT{self.chance.choice(LAYOUTS)}"),)
        if kind < 0.9:
            return (Simple(f"COPY ({self.query()}) TO STDOUT{self.chance.choice(LAYOUTS)}"),)
        self.database = "corpus"
        target = self.chance.choice(COPIED)
        rows = self.chance.choice((b"50\tx\n51\ty\n", b"a\tb\n", b"50\n", b"52\t\\N\n\\.\n", b"3\teu\n4\tus\n"))
        copied = Simple(f"COPY {target} FROM STDIN", rows)
        return (Simple("BEGIN"), copied, Simple(f"TABLE {target.split()[0]}"), Simple("ROLLBACK"))

    def cursors(self) -> tuple[Step, ...]:
        """DECLARE, FETCH and MOVE of every kind."""
        moves = (
            "FETCH 3 FROM c",
            "FETCH ALL c",
            "MOVE 2 IN c",
            "FETCH FORWARD 2 c",
            "FETCH BACKWARD 2 c",
            "FETCH LAST c",
            "MOVE ALL c",
            "FETCH ABSOLUTE 2 c",
            "CLOSE c",
            "FETCH c",
        )
        scroll = self.chance.choice(("", "SCROLL ", "NO SCROLL ", "BINARY "))
        hold = self.chance.choice(("", "", "WITH HOLD "))
        steps: list[Step] = [Simple("BEGIN"), self.sent(lambda: f"DECLARE c {scroll}CURSOR {hold}FOR {self.query()}")]
        for _ in range(self.chance.randint(1, 3)):
            move = self.chance.choice(moves)
            steps.append(Simple(move) if self.chance.random() < 0.6 else Extended(move, (), self.chance.random() < 0.4))
        return (*steps, Simple("ROLLBACK"), Simple("CLOSE ALL"))

    def prepared(self) -> tuple[Step, ...]:
        """PREPARE and EXECUTE, and a statement of the protocol that is bound twice."""
        self.parameters = []
        text = self.query()
        values, self.parameters = self.parameters, None
        given = ", ".join(f"'{value}'" for value in values)
        run = f"EXECUTE p{f'({given})' if given else ''}"
        types = (
            f"({', '.join('int' if value.isdigit() and len(value) < 3 else 'text' for value in values)})"
            if values
            else ""
        )
        return (Simple(f"PREPARE p{types} AS {text}"), self.sent(lambda: run), Simple(run), Simple("DEALLOCATE ALL"))

    def explained(self) -> tuple[Step, ...]:
        options = self.chance.choice(
            (
                "",
                "(COSTS OFF) ",
                "VERBOSE ",
                "(FORMAT json) ",
                "(GENERIC_PLAN) ",
                "(ANALYZE, TIMING OFF, SUMMARY OFF, BUFFERS OFF, COSTS OFF) ",
            )
        )
        return (self.sent(lambda: f"EXPLAIN {options}{self.query()}"),)

    def catalog(self) -> tuple[Step, ...]:
        table = self.chance.choice(tables(self.database, beyond=self.beyond))
        text = self.chance.choice(CATALOG).replace("{table}", table.name)
        self.labelled += any(column.labelled for column in table.columns)
        return (self.sent(lambda: text),)

    def transactions(self) -> tuple[Step, ...]:
        """Savepoints, errors and what comes after them, in one Query or in many."""
        first, second = self.query(), self.written()
        begin = self.chance.choice(("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION READ ONLY"))
        if self.chance.random() < 0.4:
            return (
                Simple(f"{begin}; {first}; SAVEPOINT a; {second}; ROLLBACK TO a; {first}; ROLLBACK"),
                Simple("ROLLBACK"),
            )
        return (
            Simple(begin), self.sent(lambda: first), Simple("SAVEPOINT a"), self.sent(lambda: second),
            Simple("ROLLBACK TO a"), self.sent(self.query),
            Simple(self.chance.choice(("ROLLBACK", "ROLLBACK AND CHAIN"))), Simple("ROLLBACK"),
        )  # fmt: skip

    def several(self) -> tuple[Step, ...]:
        """Several statements in one Query, and several messages before one Sync."""
        if self.chance.random() < 0.5:
            return (Simple("; ".join(self.query() for _ in range(self.chance.randint(2, 4)))),)
        count = self.chance.randint(1, 3)
        piped = [Extended(self.query(), (), self.chance.random() < 0.5, synced=False) for _ in range(count)]
        return (*piped, Extended(self.query()))

    def settings(self) -> tuple[Step, ...]:
        setting = self.chance.choice(SETTINGS)
        return (Simple(setting), self.sent(self.query), Simple("RESET ALL"), Simple("SET statement_timeout = '4s'"))


FAMILIES: Final[Mapping[str, tuple[int, Callable[[Scripts], tuple[Step, ...]]]]] = MappingProxyType(
    {
        "read": (30, Scripts.read),
        "probes": (9, Scripts.probes),
        "order": (14, Scripts.order),
        "errors": (9, Scripts.errors),
        "wild": (6, Scripts.wild),
        "writes": (12, Scripts.writes),
        "kept": (2, Scripts.kept),
        "copy": (5, Scripts.copy),
        "cursors": (5, Scripts.cursors),
        "prepared": (4, Scripts.prepared),
        "explained": (2, Scripts.explained),
        "catalog": (4, Scripts.catalog),
        "transactions": (3, Scripts.transactions),
        "several": (3, Scripts.several),
        "settings": (2, Scripts.settings),
    }
)
"""Family -> how often, and what writes it."""


def script(seed: int, family: str = "", *, beyond: bool = False) -> Script:
    """The script of a seed: always the same."""
    return Scripts(seed, family, beyond=beyond).script()
