"""What the agent asks on the tour, what must come back, and how the two are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import psycopg

from pgmaskproxy.demo.agent import Reply

INSUFFICIENT_PRIVILEGE: Final = "42501"

PLAIN: Final = (
    ("orders of a city, counted", "SELECT city, orders, revenue FROM sales_by_city ORDER BY city"),
    (
        "a join and an aggregate",
        "SELECT p.name, sum(o.quantity) AS sold FROM orders o JOIN products p ON p.id = o.product_id"
        " GROUP BY p.name ORDER BY sold DESC, p.name LIMIT 3",
    ),
)
MASKED: Final[Sequence[tuple[str, str, Sequence[Sequence[object]]]]] = (
    (
        "names stay, secrets do not",
        "SELECT name, email, ssn, card, birth_date, profile FROM customers ORDER BY id LIMIT 2",
        (
            ("Bram Abbott", "b***@post.example", "***", "***7294", None, None),
            ("Chloe Abbott", "c***@letters.example", "***", "***4584", None, None),
        ),
    ),
    (
        "another name does not help",
        "WITH c AS (SELECT id, ssn AS harmless FROM customers) SELECT harmless FROM c ORDER BY id LIMIT 1",
        (("***",),),
    ),
    (
        "nor does a view, or a materialized one",
        "SELECT v.contact, m.email FROM customer_contacts v JOIN customer_totals m ON m.id = v.id"
        " ORDER BY v.id LIMIT 1",
        (("b***@post.example", "b***@post.example"),),
    ),
    ("nor a partition", "SELECT card FROM payments_2024 ORDER BY id LIMIT 1", (("***3581",),)),
)
REFUSED: Final = (
    ("guessing", "SELECT name FROM customers WHERE ssn LIKE '9%'"),
    ("sorting", "SELECT name FROM customers ORDER BY birth_date LIMIT 1"),
    ("computing", "SELECT lower(ssn) FROM customers"),
    ("converting", "SELECT replace(ssn, '-', '')::int FROM customers"),
    ("packing a row into JSON", "SELECT row_to_json(c) FROM customers c"),
    ("comparing with values of its own", "SELECT ssn FROM customers UNION SELECT '937-63-8919'"),
    ("copying it to where nothing masks it", "CREATE TABLE shop.copied AS SELECT name, ssn FROM customers"),
)


def truth(conninfo: str, statement: str) -> tuple[tuple[Any, ...], ...]:
    """What the server itself answers to somebody who may see everything."""
    with psycopg.connect(conninfo) as connection:
        return tuple(connection.execute(statement.encode()).fetchall())


def differs(reply: Reply, expected: Sequence[Sequence[object]]) -> list[str]:
    """Nothing where the rows are exactly as expected, else what came instead."""
    if reply.error is not None or reply.rows != tuple(map(tuple, expected)):
        return [describe(reply)]
    return []


def not_refused(reply: Reply, *, hint: bool = True) -> list[str]:
    """Nothing where it was refused by 42501 (with a hint at what would work), else what came instead."""
    error = reply.error
    if error is None or error.sqlstate != INSUFFICIENT_PRIVILEGE or (hint and not error.hint):
        return [describe(reply)]
    return []


def describe(reply: Reply) -> str:
    """What a reply was, for the line that says it is wrong; rows are shown above already."""
    if reply.error is not None:
        return f"{reply.error.sqlstate} {reply.error.message}; {reply.error.detail}; {reply.error.hint}"
    return f"{len(reply.rows)} rows, {reply.tag or 'no tag'}"
