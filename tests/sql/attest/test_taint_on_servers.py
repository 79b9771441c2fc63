"""Real servers' trees of the leak corpus, ordinary work and random statements; and what the text says of them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgmaskproxy.demo.server import EmbeddedServer
from pgmaskproxy.model import Analysis, ColumnRef, Effect, Opaque, Use
from pgmaskproxy.proxy.catalog import load_catalog
from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.labelling import Labels, Names, Shown
from pgmaskproxy.sql.attest.notice import at_parse
from pgmaskproxy.sql.attest.reader import unfold
from pgmaskproxy.sql.attest.refusal import Unattestable
from pgmaskproxy.sql.attest.taint import attest
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.reader import read
from tests.sql.attest.randoms import statement
from tests.sql.attest.server import DATABASE, Trees, session
from tests.sql.conftest import SEARCH_PATH, deep

HERE = Path(__file__).parent
LEAKS = json.loads((HERE.parent / "corpus" / "leaks.json").read_text(encoding="utf-8"))
BENIGN = [
    line
    for name in ("analytics", "psql")
    for line in (HERE / "benign" / f"{name}.sql").read_text(encoding="utf-8").splitlines()
]
DECLARED = {
    ColumnRef("public", table, column): frozenset({"pii"})
    for table, columns in {
        "customers": ("ssn", "email", "card", "dob", "notes"),
        "people": ("ssn",),
        "gen": ("ssn",),
    }.items()
    for column in columns
}
OPTIONAL = {Use.NULL_TEST, Use.COUNT, Use.EQUALITY}


@dataclass
class World:
    """A server's trees, its catalog, and the labels of the corpus closed over it."""

    trees: Trees
    catalog: Catalog
    labels: Labels
    names: Names
    labelled: frozenset[ColumnRef]

    def attest(self, sql: str) -> Attestation:
        own = at_parse(self.trees.parse(sql)).own
        assert own is not None
        return attest(own, self.trees.major)

    def clean(self, found: Attestation) -> bool:
        shown = {self.labels.output(output).shown for output in found.outputs}
        return shown <= {Shown.CLEAN} and not self.labels.uses(found, views=False)


@pytest.fixture
def world(attested: EmbeddedServer) -> Iterator[World]:
    catalog = asyncio.run(load_catalog(attested.conninfo(DATABASE)))
    closed = deep(lambda: close_labels(catalog, DECLARED))
    columns = catalog.column_refs()
    labels = {key: closed[column].labels for key, column in columns.items() if column in closed}
    with session(attested, "postgres") as trees:
        found = Labels(labels, columns.keys(), catalog.relation_oids())
        yield World(trees, catalog, found, Names(columns), frozenset(closed))


# -- the leak corpus --------------------------------------------------------------------------------------------

ELSEWHERE = {
    "a function that the gate refuses": {"F04", "F05", "F07", "F08", "H26", "J05", "L01", "L03", "L04", "L06", "L13",
                                         "L17", "L21", "L22", "L25", "L27", "L41"},
    "the system's own relations, labelled by policy": {"I12", "I14", "I15", "I16", "I17", "I18", "I19", "I32", "I34",
                                                       "I38"},
    "column `name`, which is not labelled": {"C28"},
}  # fmt: skip
"""Rows of the corpus in which no labelled column of the schema is read by any statement with a tree."""


def flagged(world: World, row: dict[str, Any]) -> bool:
    """Whether any statement of a row shows or uses a labelled column, or has no tree that could clear it."""
    connection = world.trees.connection
    for sql in row["sql"]:
        with connection.transaction():
            try:
                if not world.clean(world.attest(sql)):
                    return True
            except Unattestable:
                return True
            except psycopg.Error:
                continue
    return False


def test_the_leak_corpus(world: World) -> None:
    exempt = set().union(*ELSEWHERE.values())
    missed: list[str] = []
    tried = 0
    for row in LEAKS:
        leaks = row["raw_leak_observed"] or row["defence"].startswith(("mask", "scrub", "block"))
        if not leaks or row["id"] in exempt or not accepted(world, row):
            continue
        tried += 1
        if not flagged(world, row):
            missed.append(row["id"])
    assert missed == []
    assert tried > 150


def accepted(world: World, row: dict[str, Any]) -> bool:
    """Whether this server takes the row's first statement: extensions, libxml and versions differ."""
    try:
        world.trees.parse(row["sql"][0])
    except psycopg.Error:
        return False
    return True


def test_what_is_exempt_is_clean(world: World) -> None:
    """The list above is no longer than it must be."""
    exempt = set().union(*ELSEWHERE.values())
    rows = [row for row in LEAKS if row["id"] in exempt]
    assert len(rows) == len(exempt)
    assert [row["id"] for row in rows if flagged(world, row)] == []


def test_masked_rows_name_the_column_that_the_server_names(world: World) -> None:
    """Where the corpus says `mask` and RowDescription names a base column, the attestation names it too."""
    for row in LEAKS:
        if row["defence"] != "mask" or len(row["sql"]) != 1 or not row["rowdesc"] or not accepted(world, row):
            continue
        outputs = world.names.outputs(world.attest(row["sql"][0]))
        for output, (_, table, number, *_rest) in zip(outputs, row["rowdesc"][0], strict=True):
            relation = world.catalog.by_name.get(("public", table)) if table and number else None
            if relation is not None and relation.kind != "v":
                column = next(column for column in relation.columns if column.number == number)
                assert not isinstance(output, Opaque)
                assert relation.column_ref(column) in output.columns, row["id"]


# -- ordinary work ----------------------------------------------------------------------------------------------

EXPRESSIONS = (
    "{}::text", "{} IS NULL", "coalesce({}::text, '-')", "md5({}::text)", "length({}::text)", "to_json({})",
    "CASE WHEN {} IS NULL THEN 0 ELSE 1 END", "nullif({}::text, 'x')", "row({}, 1)", "array[{}]", "concat({}, 1)",
    "format('%s', {})", "upper({}::text) LIKE 'A%'", "max({}::text) OVER ()", "hashtext({}::text) % 10",
    "(SELECT max({}::text))", "greatest({}::text, 'x')", "{}::text COLLATE \"C\"", "substr({}::text, 1, 2)",
)  # fmt: skip
COLUMNS = ("orders.id", "orders.amount", "orders.memo", "customers.name", "customers.id", "people.region", "scratch.t")


def ordinary() -> list[str]:
    made = [
        f"SELECT {expression.format(column)} FROM {column.split('.')[0]}"
        for expression in EXPRESSIONS
        for column in COLUMNS
    ]
    made += [f"SELECT {column} FROM {column.split('.')[0]} WHERE {column}::text > $1 ORDER BY 1" for column in COLUMNS]
    made += [f"SELECT {column}, count(*) FROM {column.split('.')[0]} GROUP BY 1" for column in COLUMNS]
    return BENIGN + made


def test_ordinary_work_is_clean(world: World) -> None:
    dirty: list[str] = []
    tried = 0
    for sql in ordinary():
        try:
            found = world.attest(sql)
        except psycopg.Error:
            continue  # psql 15 asks for columns of 15's catalogs
        tried += 1
        if not world.clean(found):
            dirty.append(sql)
        assert world.labels.unknown(found) == frozenset()
    assert dirty == []
    assert tried >= 290


# -- the text against the tree ----------------------------------------------------------------------------------


def contradictions(world: World, found: Attestation, text: Analysis) -> list[str]:
    """Where the text calls clean what the tree calls labelled. It may concede, it may not contradict."""
    said: list[str] = []
    shown = [world.labels.output(output).shown for output in found.outputs]
    if text.outputs is not None:
        if len(text.outputs) != len(shown):
            said.append(f"{len(text.outputs)} outputs, not {len(shown)}")
        for number, (tree, origin) in enumerate(zip(shown, text.outputs, strict=False), 1):
            if tree is Shown.CLEAN or isinstance(origin, Opaque):
                continue
            used = any(use.column in world.labelled and use.use is not Use.WRITTEN for use in text.uses)
            if not (origin.columns & world.labelled or used):
                said.append(f"output {number} is {tree.value}, not {origin}")
    if not text.opaque and text.outputs is not None and text.effects <= {Effect.READ, Effect.WRITE}:
        uses = {use.use for use in text.uses if use.column in world.labelled}
        for use in world.labels.uses(found, views=False):
            ours = use.use is Use.WRITTEN or _through_view(world, use.column, text)
            if not uses - {Use.WRITTEN} and not ours:
                said.append(f"{use.use.value} of {use.column} in {use.where}")
            elif use.use not in OPTIONAL and not uses - OPTIONAL and not ours:
                said.append(f"{use.use.value} of {use.column} in {use.where}, not {uses}")
    return said


def _through_view(world: World, column: tuple[int, int], text: Analysis) -> bool:
    """Whether the text may speak of a view's column (label derived) where the tree sees what is below it."""
    relation = world.catalog.by_oid[column[0]]
    return relation.ref not in text.reads and any(
        world.catalog.by_name[ref.schema, ref.name].kind == "v" for ref in text.reads if ref.schema == "public"
    )


def test_random_statements_are_never_cleaner_in_the_text(world: World) -> None:
    found: list[str] = []
    compared = 0
    for seed in range(4000):
        sql = statement(seed)
        try:
            tree = world.attest(sql)
        except psycopg.Error:
            continue
        compared += 1
        text = deep(lambda sql=sql: read(sql, world.catalog, SEARCH_PATH))[0].analysis  # type: ignore[misc]
        if "ON CONFLICT DO NOTHING" in sql:
            continue  # which columns are looked at is in no text
        found += [f"{seed}: {said} | {sql}" for said in contradictions(world, tree, text)]
    assert found == []
    assert compared > 500


# -- names that a client chooses --------------------------------------------------------------------------------

STRANGE = " \\{}()<>:\"'[]\t,;=01ax\u00e9\u20ac\U0001f600"


def strange(chance: random.Random) -> str:
    """A name of up to 63 bytes out of everything that means something in a tree, quoted."""
    characters = STRANGE if chance.random() < 0.9 else f"{STRANGE}\n"
    name = "".join(chance.choice(characters) for _ in range(chance.choice([1, 3, 8, 30, 60])))
    while len(name.encode()) > 63:
        name = name[:-1]
    return '"' + (name or "x").replace('"', '""') + '"'


def test_no_name_changes_what_a_tree_says(world: World) -> None:
    """Structure in names, folded anywhere: attested as it is, or refused."""
    chance = random.Random(7)
    attested = 0
    for _ in range(300):
        name, other, third = strange(chance), strange(chance), strange(chance)
        sql = (
            f"WITH {name} AS (SELECT ssn AS {other}, id AS plain FROM customers AS {third})"
            f" SELECT one.{other} AS {third}, one.plain AS {name} FROM {name} AS one, orders AS {third}"
        )
        own = at_parse(world.trees.parse(sql)).own
        assert own is not None
        try:
            tree = unfold(own)
        except Unattestable:
            assert "\n" in sql or len(max(name, other, third, key=len)) > 40
            continue
        attested += 1
        shown = [world.labels.output(output).shown for output in attest(tree, world.trees.major).outputs]
        assert shown == [Shown.BARE, Shown.CLEAN], sql
    assert attested > 100


def test_virtual_columns_are_columns_and_the_closures_business(world: World) -> None:
    """18 expands them in the planner, after the tree was sent: their labels come from the catalog."""
    if world.trees.major < 18:
        pytest.skip("virtual generated columns came with 18")
    with world.trees.connection.transaction(force_rollback=True):
        world.trees.connection.execute("CREATE TABLE v(s text, g text GENERATED ALWAYS AS (s || 'x') VIRTUAL)")
        (output,) = world.attest("SELECT g FROM v").outputs
        assert [number for _, number in output.bare] == [2]
        assert world.labels.output(output).shown is Shown.UNKNOWN
