"""The second reader: where it agrees, where it must not, and where it gives up."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Effect, Opaque
from pgmaskproxy.sql.agree import Second, second_reading
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.grammar import RawStatement, parse
from pgmaskproxy.sql.reader import analyse
from tests.sql.conftest import SEARCH_PATH, deep


def reading(sql: str, canonical: str | None = None) -> Second:
    def ask() -> Second:
        raw = parse(sql)[0]
        return second_reading(raw.kind, raw.node, raw.canonical if canonical is None else canonical)[0]

    return deep(ask)


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "Ssn" FROM "Public"."Customers"',
        "WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b, customers",
        "WITH customers AS (SELECT 1) SELECT * FROM public.customers",
        "VALUES (1), (2)",
        "TABLE customers",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT * FROM generate_series(1, 2) g, unnest(ARRAY[1]) u, LATERAL (SELECT 1) l",
        "SELECT NULL::oid[], NULL::public.mood[], '{}'::text[] FROM customers",
        "SELECT 1 FROM customers c FOR UPDATE OF c",
        "INSERT INTO a SELECT * FROM b ON CONFLICT DO NOTHING RETURNING *",
        "UPDATE a SET x = 1 FROM b WHERE a.id = b.id",
        "DELETE FROM a USING b WHERE a.id = b.id",
        "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE",
        "WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t",
        "SELECT * FROM JSON_TABLE('{}', '$' COLUMNS (a int PATH '$')) t",
    ],
)
def test_agrees(sql: str) -> None:
    assert reading(sql) is Second.AGREES


def test_other_relations_disagree() -> None:
    assert reading("SELECT 1 FROM customers", "SELECT 1 FROM orders") is Second.DISAGREES
    assert reading("SELECT 1 FROM customers", "SELECT 1 FROM customers, orders") is Second.DISAGREES


def test_another_kind_disagrees() -> None:
    assert reading("SELECT 1 FROM customers", "DELETE FROM customers") is Second.DISAGREES
    assert reading("DELETE FROM customers", "SELECT 1 FROM customers") is Second.DISAGREES


@pytest.mark.parametrize("canonical", ["", "SELECT (", "EXECUTE p", "SELECT 1; SELECT 2", "SELECT " + "(" * 300 + "1"])
def test_gives_up(canonical: str) -> None:
    assert reading("SELECT 1", canonical) is Second.GAVE_UP


def test_utility_statements_are_not_its_business() -> None:
    assert reading("LISTEN x") is Second.AGREES


def test_a_disagreement_is_unknown_and_opaque(catalog: Catalog) -> None:
    def ask(canonical: str) -> tuple[set[Effect], list[str]]:
        raw = parse("SELECT id FROM customers")[0]
        changed = RawStatement(raw.kind, raw.node, canonical, raw.offset)
        analysis = analyse(changed, catalog, SEARCH_PATH).analysis
        return set(analysis.effects), [type(origin).__name__ for origin in analysis.outputs or ()]

    assert deep(lambda: ask("SELECT id FROM orders")) == ({Effect.READ, Effect.UNKNOWN}, [Opaque.__name__])
    assert deep(lambda: ask("SELECT (")) == ({Effect.READ}, [Opaque.__name__])
