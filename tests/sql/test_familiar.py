"""What sqlglot has no grammar for is written as something it knows, and nothing else is touched."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.agree import Second, second_reading
from pgmaskproxy.sql.familiar import familiar
from pgmaskproxy.sql.grammar import parse
from tests.sql.conftest import deep

STRANGE = [
    "SELECT @#@ 24, 4 !=- 3, |/ 2 FROM customers",
    "SELECT 1 FROM point_tbl p WHERE p.f1 <<| '(0,0)' AND p.f1 <@ '((0,0),(1,1))'",
    "SELECT 1 FROM customers WHERE name OPERATOR(pg_catalog.~~*) 'a%'",
    "SELECT 1 FROM customers WHERE name ~~ ANY (ARRAY['a', 'b']) OR name !~~* ALL (SELECT name FROM people)",
    "SELECT id FROM customers ORDER BY id USING <, name USING >, email USING ~<~",
    "SELECT array_agg(id ORDER BY id USING <) FROM customers",
    "SELECT j.id FROM customers JOIN orders USING (id) AS j WHERE j.id = 1",
    "SELECT q.id FROM (customers JOIN orders USING (id) AS j) q",
    "INSERT INTO customers OVERRIDING SYSTEM VALUE VALUES (1)",
    "INSERT INTO customers (id) OVERRIDING USER VALUE SELECT 1 FROM orders",
    "INSERT INTO customers AS c (a[1:5], b[1][c.d[2]], f.if2[1], id) VALUES (1, 2, 3, 4)",
    "INSERT INTO public.customers (f3.if1, f3.if2) SELECT 3, '{baz,quux}' FROM orders RETURNING id",
    "DELETE FROM customers WHERE CURRENT OF c RETURNING *",
    "WITH d AS (UPDATE customers SET id = 1 WHERE CURRENT OF c) SELECT 1 FROM orders",
    "UPDATE customers SET id = 1 FROM orders RETURNING WITH (OLD AS before, NEW AS after) before.id, after.id",
    "SELECT NULL::oid[], NULL::public.mood[][], '{}'::text[] FROM customers",
]


@pytest.mark.parametrize("sql", STRANGE)
def test_sqlglot_reads_it(sql: str) -> None:
    def ask() -> tuple[Second, str]:
        raw = parse(sql)[0]
        return second_reading(raw.kind, raw.node, raw.canonical)

    assert deep(ask) == (Second.AGREES, "")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a, b FROM c WHERE d = 1",
        "SELECT 'a ~ b [1] using <' FROM c",
        'SELECT "a ~ b", (c.d)[1] FROM "using"',
        "SELECT a FROM b JOIN c USING (a) WHERE a > b",
        "INSERT INTO a.b (c, d) VALUES (1.5, 'x.y[1]')",
        "SELECT current_user, a.current FROM a",
        "SELECT operator FROM overriding",
    ],
)
def test_what_it_knows_stays(sql: str) -> None:
    assert familiar(sql) == sql


@pytest.mark.parametrize(
    "sql", ["SELECT (", "INSERT INTO a (b[1", "SELECT a USING", "x::", "current of", "a OPERATOR("]
)
def test_nothing_is_expected_of_the_text(sql: str) -> None:
    assert isinstance(familiar(sql), str)
