"""Statements that pgbench sends: as agents write them, new each time, and one again and again.

In the simple protocol pgbench puts a variable wherever `:n` stands, whatever is around it: so a literal is new each
time, and so can a name be, which makes a text that nobody has seen the like of.
"""

from __future__ import annotations

REPEATED = "SELECT id, name, email, city FROM people WHERE id = 42;\n"
"""The same bytes each time."""

ANEW = r"\set n random(1, 2000000000)" + "\n"
SHAPES = (
    "SELECT id, name, email FROM people WHERE id = :a;",
    "SELECT name, city, ssn FROM people WHERE id BETWEEN :a AND :a + 5;",
    "SELECT count(*) FROM orders WHERE person_id = :b;",
    "SELECT o.id, o.status, p.name, p.price FROM orders o JOIN products p ON p.id = o.product_id"
    " WHERE o.person_id = :b;",
    "SELECT status, sum(quantity) AS pieces FROM orders WHERE person_id = :b GROUP BY status ORDER BY pieces DESC;",
    "SELECT p.name, p.email, o.ordered FROM people p JOIN orders o ON o.person_id = p.id"
    " WHERE p.id = :b AND o.status IN ('paid', 'shipped') LIMIT 10;",
    "SELECT id, name, price FROM products WHERE id = :c OR (id > :c AND stock = 7) ORDER BY id LIMIT 5;",
    "SELECT y.amount, y.card FROM payments y WHERE y.order_id = :d;",
    "SELECT s.city, s.opened FROM shops s WHERE s.id = :e AND s.opened > date '2010-01-01';",
    "SELECT o.id, CASE WHEN o.quantity > :e THEN 'many' ELSE 'few' END AS size FROM orders o WHERE o.id = :d;",
    "WITH mine AS (SELECT id, quantity FROM orders WHERE person_id = :b) SELECT max(quantity), count(*) FROM mine;",
    "SELECT name, 'note :n' AS note FROM products WHERE id = :c;",
)
"""A dozen, over five tables; every literal is drawn anew."""

DRAWN = (
    ANEW
    + r"\set a random(1, 20000)"
    + "\n"
    + r"\set b random(1, 5000)"
    + "\n"
    + r"\set c random(1, 1000)"
    + "\n"
    + r"\set d random(1, 20000)"
    + "\n"
    + r"\set e random(1, 200)"
    + "\n"
)

NEW_SHORT = ANEW + "SELECT id, name, email AS mail:n FROM people WHERE id = 42;\n"
"""Some 65 characters with a name that was never there before."""

_CASE = """
 CASE WHEN o.quantity > 5 THEN 'many' WHEN o.quantity > 1 THEN 'some' ELSE 'one' END AS size,
 coalesce(y.amount, 0) * 2 AS paid, upper(o.status) AS state, date_trunc('month', o.ordered) AS month,
 rank() OVER (PARTITION BY s.city ORDER BY o.ordered DESC, o.id) AS place,"""

NEW_LONG = (
    ANEW
    + f"""WITH recent AS (
  SELECT o.id, o.person_id, o.product_id, o.shop_id, o.quantity, o.status, o.ordered
    FROM orders o WHERE o.person_id = 42 AND o.ordered >= date '2024-01-01' AND o.status IN ('paid', 'shipped', 'new')
), priced AS (
  SELECT o.id, o.person_id, p.name AS product, o.quantity * p.price AS total FROM recent o JOIN products p
    ON p.id = o.product_id WHERE p.stock >= 0 AND p.price BETWEEN 0 AND 1000
)
SELECT o.id, c.name, c.email, r.product, r.total,{_CASE}
 (SELECT count(*) FROM orders z WHERE z.person_id = o.person_id AND z.status = 'paid') AS orders_paid
  FROM recent o JOIN people c ON c.id = o.person_id JOIN priced r ON r.id = o.id
  JOIN shops s ON s.id = o.shop_id LEFT JOIN payments y ON y.order_id = o.id
 WHERE EXISTS (SELECT 1 FROM payments q WHERE q.order_id = o.id AND q.amount > 0) AND r.total > 0
   AND o.quantity BETWEEN 1 AND 90 AND c.city IS NOT NULL AND s.opened > date '2000-01-01'
 ORDER BY r.total DESC, o.id LIMIT 20 OFFSET 0;
""".replace("AS orders_paid", "AS paid:n")
)
"""Some 1,200 characters, likewise."""

_MANY = ", ".join(str(number) for number in range(1, 38_500))

NEW_LARGEST = ANEW + f"SELECT id, name, email AS mail:n FROM people WHERE id = 42 AND id IN ({_MANY});\n"
"""Almost as long as a statement may be, likewise: what it does to everybody else is what counts."""


def literals() -> tuple[str, ...]:
    """pgbench's scripts of the dozen."""
    return tuple(DRAWN + shape + "\n" for shape in SHAPES)
