"""Statements that carry labelled columns to an output, and which of their outputs are to be masked how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from tests.e2e.drivers import Result

Masker = Callable[[str], str | None]


def redacted(_: str) -> str:
    """policies/default.yaml's `redact`."""
    return "***"


def card(value: str) -> str:
    """`partial` with the last four."""
    return "***" + value[-4:]


def email(value: str) -> str:
    """`email`: the first letter and the domain."""
    return value[0] + "***@" + value.partition("@")[2]


def null(_: str) -> None:
    """`null`."""


EVERY_CUSTOMER: Final[Mapping[int, Masker]] = {2: email, 3: redacted, 4: card, 5: null, 6: redacted, 7: null}
"""customers.*"""

SHAPES: Final[Mapping[str, Mapping[int, Masker]]] = {
    "SELECT * FROM customers ORDER BY id": EVERY_CUSTOMER,
    "TABLE customers": EVERY_CUSTOMER,
    "SELECT c.* FROM customers AS c WHERE c.id < 9 ORDER BY c.id": EVERY_CUSTOMER,
    "SELECT (c).* FROM customers c WHERE id < 4 ORDER BY id": EVERY_CUSTOMER,
    # Names
    "SELECT ssn AS harmless, name AS ssn FROM customers ORDER BY id": {0: redacted},
    "SELECT ssn, name, ssn, name FROM customers ORDER BY id LIMIT 5": {0: redacted, 2: redacted},
    "SELECT t.a, t.d FROM customers AS t(a, b, c, d) WHERE a < 9 ORDER BY a": {1: redacted},
    "SELECT name FROM customers AS t(id, ssn, email, name) WHERE id < 9 ORDER BY id": {0: redacted},
    'SELECT U&"\\0073sn" FROM customers WHERE id < 9 ORDER BY id': {0: redacted},
    "SELECT (c).ssn, ssn(c), c.ssn FROM customers c WHERE id < 9 ORDER BY id": {0: redacted, 1: redacted, 2: redacted},
    # CTEs, subqueries, joins
    "WITH c AS (SELECT id, ssn AS harmless FROM customers) SELECT harmless FROM c ORDER BY id LIMIT 9": {0: redacted},
    "WITH a AS MATERIALIZED (SELECT * FROM customers), b AS (SELECT card AS x, id FROM a)"
    " SELECT x FROM b ORDER BY id": {0: card},
    "WITH RECURSIVE c(n, s) AS (SELECT 1, ssn FROM customers WHERE id = 1 UNION ALL SELECT n + 1, s FROM c WHERE n < 3)"
    " SELECT * FROM c": {1: redacted},
    "SELECT x.s FROM (SELECT ssn s, id FROM customers) x WHERE x.id < 9 ORDER BY x.id": {0: redacted},
    "SELECT (SELECT ssn FROM customers WHERE id = 1), 7": {0: redacted},
    "SELECT c.name, c.email, o.id FROM customers c JOIN orders o ON o.customer_id = c.id ORDER BY o.id LIMIT 9": {
        1: email
    },
    "SELECT c.ssn, p.* FROM customers c JOIN orders o ON o.customer_id = c.id JOIN payments p ON p.order_id = o.id"
    " ORDER BY p.id LIMIT 9": {0: redacted, 4: card},
    "SELECT c.name, l.x, l.y FROM customers c, LATERAL (SELECT c.card AS x, c.city AS y) l"
    " WHERE c.id < 9 ORDER BY c.id": {1: card},
    "SELECT e.name, m.name, m.salary, m.email FROM employees e LEFT JOIN employees m ON m.id = e.manager_id"
    " ORDER BY e.id": {2: null, 3: email},
    "SELECT name, ssn FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id) ORDER BY id": {
        1: redacted
    },
    "SELECT row_number() OVER (ORDER BY id), ssn, lag(name) OVER (ORDER BY id) FROM customers ORDER BY id": {
        1: redacted
    },
    "SELECT name, birth_date, profile, notes FROM shop.customers ORDER BY name, id LIMIT 9": {
        1: null,
        2: null,
        3: redacted,
    },
    # Unions of columns
    "SELECT id, ssn FROM customers WHERE id < 3 UNION ALL SELECT id, ssn FROM customers WHERE id = 4": {1: redacted},
    "SELECT email FROM customers WHERE id < 3 UNION ALL SELECT email FROM employees WHERE id < 3": {0: email},
    # Views, partitions, what is derived
    "SELECT * FROM customer_contacts WHERE id < 9 ORDER BY id": {2: email},
    "SELECT contact AS name FROM customer_contacts ORDER BY id": {0: email},
    "SELECT * FROM customer_totals WHERE id < 9 ORDER BY id": {2: email},
    "SELECT * FROM payments ORDER BY id LIMIT 20": {3: card},
    "SELECT * FROM payments_2024 ORDER BY id LIMIT 20": {3: card},
    "SELECT tableoid, card, ctid FROM payments ORDER BY id LIMIT 9": {1: card},
    # Labelled columns where policy lets them be used
    "SELECT name, email FROM customers WHERE email = 'bram.abbott1@post.example'": {1: email},
    "SELECT count(*), count(ssn), count(email) FROM customers": {},
    "SELECT count(*), max(id) FROM customers WHERE ssn IS NOT NULL AND birth_date IS NOT NULL": {},
    "SELECT ssn IS NULL, ssn FROM customers WHERE birth_date IS NOT NULL ORDER BY id LIMIT 3": {1: redacted},
}

RETURNING: Final[Mapping[str, Mapping[int, Masker]]] = {
    "UPDATE customers SET city = 'Bergen' WHERE id = 1 RETURNING *": EVERY_CUSTOMER,
    "UPDATE customers SET city = 'Bergen' WHERE id = 2 RETURNING city, ssn AS x, name": {1: redacted},
    "UPDATE products SET stock = 1 FROM customers c WHERE c.id = products.id AND products.id = 2"
    " RETURNING products.stock, c.card": {1: card},
    "DELETE FROM orders USING customers c WHERE c.id = orders.customer_id AND orders.status = 'new' AND orders.id < 99"
    " RETURNING orders.id, c.email": {1: email},
    "INSERT INTO products (id, name, price, stock) VALUES (900, 'Glass bell', 3, 1) RETURNING *": {},
    "WITH u AS (UPDATE customers SET city = 'Oslo' WHERE id = 3 RETURNING id, ssn) SELECT * FROM u": {1: redacted},
}

CLEAN: Final[Sequence[str]] = (
    "SELECT * FROM orders ORDER BY id",
    "SELECT * FROM products ORDER BY id",
    "SELECT * FROM sales_by_city ORDER BY city",
    "SELECT id, order_id, amount, paid_on FROM payments ORDER BY id",
    "SELECT status, count(*), min(ordered_on) FROM orders GROUP BY status HAVING count(*) > 1 ORDER BY 2, 1",
    "SELECT id, row_number() OVER (PARTITION BY status ORDER BY id) FROM orders ORDER BY id LIMIT 20",
    "SELECT o.*, p.name FROM orders o JOIN products p ON p.id = o.product_id ORDER BY o.id LIMIT 40",
    "SELECT upper(city), count(*), array_agg(id ORDER BY id) FROM customers GROUP BY 1 ORDER BY 1",
    "SELECT DISTINCT city FROM customers ORDER BY city",
    "VALUES (1, 'a', NULL), (2, 'b', 3.5)",
    "SELECT 1::smallint, 2::bigint, 1.5::real, 2.5::float8, true, 'x'::varchar(3), '\\xdeadbeef'::bytea,"
    " '2024-02-29'::date, '{1,2}'::int[], '{\"a\": 1}'::jsonb, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
    "SELECT repeat('x', 100000), NULL, ''",
    "SELECT 1 WHERE false",
    "SELECT current_schema, current_setting('TimeZone'), current_database()",
    "SELECT relname, relkind FROM pg_catalog.pg_class WHERE relnamespace = 'shop'::regnamespace ORDER BY 1",
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'shop' ORDER BY 1, 2",
    "EXPLAIN (COSTS OFF) SELECT * FROM orders WHERE id = 1",
    "SHOW server_version",
)


def masked(truth: Result, masks: Mapping[int, Masker], *, null_as: str | None = None) -> Result:
    """What the agent is to see where the server itself would say `truth`; `null_as` is how the driver shows NULL."""
    rows = [tuple(_cell(value, masks.get(ordinal), null_as) for ordinal, value in enumerate(row)) for row in truth.rows]
    return Result(truth.columns, rows, truth.tag)


def _cell(value: Any, mask: Masker | None, null_as: str | None) -> Any:
    """NULL stays NULL under every mask, and bytes stay bytes."""
    if mask is None or value == null_as:
        return value
    if mask is null:
        return null_as
    if isinstance(value, bytes):
        shown = mask(value.decode())
        return None if shown is None else shown.encode()
    return mask(value)
