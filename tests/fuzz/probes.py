"""One use of a labelled column, in a place that has been a way out, in an otherwise harmless statement.

What is refused here was refused for that use. Were it not, the two sides would differ: with a guard of the product left
out, a good part of these scripts shows it.
"""

from __future__ import annotations

import random
import re
from typing import Final

from tests.fuzz.patterns import CONDITIONS, EXPRESSIONS, PROBES, WRAPPERS
from tests.fuzz.shapes import Column, Kind, Table
from tests.fuzz.words import Source, Writer

WRITABLE: Final = {"corpus": ("scratch", "t"), "shop": ("products", "name")}
"""A clean table that can be written, and its text column, by database."""
_ANY: Final = tuple(pattern for patterns in EXPRESSIONS.values() for pattern in patterns if "{sub}" not in pattern)


def probe(chance: random.Random, database: str, tables: tuple[Table, ...]) -> list[str]:
    """The statements of one probe: to be sent in one transaction."""
    pattern = chance.choice(PROBES)
    candidates = [table for table in tables if any(column.labelled for column in table.columns) and table.rows < 200]
    # Of what is only read (see rows), a row that is written would be longer on one side.
    writes = re.search(r"(UPDATE|INTO|DELETE FROM) \{T\}", pattern)
    table, other = chance.choice([one for one in candidates if one.writable or not writes]), chance.choice(candidates)
    secret, clean = _columns(chance, table)
    another, besides = _columns(chance, other)
    target, text = WRITABLE[database]
    parts = pattern.split(" ;; ")
    values = {
        "T": table.name, "S": secret.name, "C": clean.name, "U": other.name, "R": another.name, "D": besides.name,
        "W": target, "WT": text, "E": _over(chance, _ANY, secret, clean), "P": _over(chance, CONDITIONS, secret, clean),
    }  # fmt: skip
    found = []
    for part in parts:
        statement = part
        for place, value in values.items():
            statement = statement.replace(f"{{{place}}}", value)
        found.append(statement)
    if len(found) == 1 and found[0].startswith(("SELECT", "WITH", "VALUES", "(")) and chance.random() < 0.35:
        found = [chance.choice(WRAPPERS).replace("{Q}", found[0])]
    return found


def _columns(chance: random.Random, table: Table) -> tuple[Column, Column]:
    """A labelled one and a clean one."""
    return (
        chance.choice([column for column in table.columns if column.labelled]),
        chance.choice([column for column in table.columns if not column.labelled]),
    )


def _over(chance: random.Random, patterns: tuple[str, ...], secret: Column, clean: Column) -> str:
    """One of the patterns with the labelled column in one of its places, and nothing else that is labelled."""
    kind: Kind = secret.kind if secret.kind in ("i", "t", "d", "n") else "t"
    name = f"x.{secret.name}" if kind == secret.kind else f"x.{secret.name}::text"
    fitting = [pattern for pattern in patterns if f"{{{kind}}}" in pattern and "sub}" not in pattern]
    pattern = chance.choice(fitting)
    before, place, after = pattern.partition(f"{{{kind}}}")
    if place in after and chance.random() < 0.5:
        head, _, after = after.partition(place)
        before = f"{before}{place}{head}"
    marked = f"{before}\1{after}"
    harmless = Writer(chance)
    return harmless.fill(marked, ((Source("x", (clean,), 1, whole=False),),), 2).replace("\1", name)
