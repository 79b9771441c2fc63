"""Tasks that read: the same rows as directly but for the masks, whatever the format and however they are fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from tests.drivers.bench import Bench, failing
from tests.drivers.driver import BINARY, TEXT, Failed
from tests.e2e.drivers import Result
from tests.e2e.shapes import EVERY_CUSTOMER, Masker, card, email, masked, null, redacted

SHAPES: Final[Mapping[str, Mapping[int, Masker]]] = {
    "SELECT * FROM customers WHERE id < 20 ORDER BY id": EVERY_CUSTOMER,
    "SELECT ssn AS harmless, name AS ssn FROM customers WHERE id < 9 ORDER BY id": {0: redacted},
    "SELECT o.*, c.card FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id < 9 ORDER BY o.id": {6: card},
    "SELECT * FROM customer_contacts WHERE id < 9 ORDER BY id": {2: email},
    "SELECT * FROM payments WHERE id < 9 ORDER BY id": {3: card},
    "SELECT name, salary, email, hired_on, manager_id FROM employees WHERE id < 9 ORDER BY id": {1: null, 2: email},
    "SELECT * FROM products ORDER BY id": {},
    "SELECT city, count(*) AS n, array_agg(id ORDER BY id) AS ids FROM customers GROUP BY city ORDER BY city": {},
    "SELECT true AS b, 1.5::float8 AS f, '2024-02-29 12:00+02'::timestamptz AS t, '{\"a\": [1]}'::jsonb AS j,"
    " '\\xdead'::bytea AS y, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, 'é😀' AS w, '' AS e": {},
    "SELECT id FROM customers WHERE false": {},
}
"""Statements, and which of their outputs are masked how."""

NULLS: Final = "SELECT id, notes, NULL AS n, '' AS e FROM customers WHERE id < 12 ORDER BY id"
"""`PREPARATION` makes some of the notes NULL."""

PREPARATION: Final = "UPDATE shop.customers SET notes = NULL WHERE id % 5 = 2"


def _same(bench: Bench, form: str) -> None:
    with bench.through() as session, bench.direct() as direct:
        wrong = {}
        for statement, masks in SHAPES.items():
            found, truth = session.query(statement, form=form), direct.query(statement, form=form)
            if found != (expected := masked(truth, masks, null_as=session.null)):
                rows = [pair for pair in zip(found.rows, expected.rows, strict=False) if pair[0] != pair[1]]
                wrong[statement] = rows[:1] or (found.columns, expected.columns, found.tag, expected.tag)
            assert truth.columns, statement
        assert not wrong


def text(bench: Bench) -> None:
    """Every shape in text format."""
    _same(bench, TEXT)


def binary(bench: Bench) -> None:
    """Every shape in binary format."""
    _same(bench, BINARY)


def nulls(bench: Bench) -> None:
    """NULL stays NULL and the empty string empty, masked or not."""
    with bench.through() as session, bench.direct() as direct:
        found, truth = session.query(NULLS), direct.query(NULLS)
        assert found == masked(truth, {1: redacted}, null_as=session.null)
        assert {row[1] for row in found.rows} == {"***", session.null}
        assert {row[2:] for row in found.rows} == {(session.null, "")}


ECHO: Final = (
    "SELECT CAST($1 AS integer) AS i, CAST($2 AS text) AS t, CAST($3 AS numeric) AS n, CAST($4 AS date) AS d,"
    " CAST($5 AS boolean) AS b, CAST($6 AS integer[]) AS a, CAST($7 AS bigint) AS g"
)
VALUES: Final = (-7, "é'😀\\ 100 percent; --", Decimal("12.50"), date(2024, 2, 29), True, [1, 2, 3], 2**40)
FILTER: Final = "SELECT id, name, ssn, email, birth_date FROM customers WHERE id = $1 OR name = $2 ORDER BY id"


def parameters(bench: Bench) -> None:
    """Parameters of many types go there and back, and choose rows whose cells are masked."""
    with bench.through() as session, bench.direct() as direct:
        assert session.query(ECHO, VALUES) == direct.query(ECHO, VALUES)
        chosen = (2, "Chloe Abbott"), (3, "nobody; DROP TABLE customers"), (0, "")
        for each in chosen:
            truth = direct.query(FILTER, each)
            assert session.query(FILTER, each) == masked(truth, {2: redacted, 3: email, 4: null}, null_as=session.null)


PREPARED: Final = "SELECT id, ssn, email, city FROM customers WHERE id = $1"


def prepared(bench: Bench) -> None:
    """One statement, prepared once and executed often, with another between."""
    numbers = [[number] for number in (1, 2, 3, 2, 1, 5, 8, 13, 0)]
    with bench.through() as session, bench.direct() as direct:
        for _ in range(2):
            found, truth = session.prepared(PREPARED, numbers), direct.prepared(PREPARED, numbers)
            assert found == [masked(one, {1: redacted, 2: email}, null_as=session.null) for one in truth]
            assert [len(one.rows) for one in found] == [1] * 8 + [0]
            session.query("SELECT 1 AS another")


def stream(bench: Bench) -> None:
    """By a cursor, a few rows at a time."""
    statement = "SELECT id, name, ssn, card FROM customers WHERE id < 60 ORDER BY id"
    with bench.through() as session, bench.direct() as direct:
        truth = Result((), direct.stream(statement, 7))
        assert len(truth.rows) == 59
        assert session.stream(statement, 7) == masked(truth, {2: redacted, 3: card}, null_as=session.null).rows
        assert session.query("SELECT 1 AS one").rows


MISTAKES: Final = (
    "SELEC 1",
    "SELECT nothing FROM products",
    "SELECT id,\n  nmae FROM products",
    "SELECT * FROM nowhere",
    "SELECT 1/0 AS x",
    "SELECT CAST('x' AS integer) AS x",
    "SELECT lower(1, 2) AS x",
    "INSERT INTO products (id, name, price, stock) VALUES (1, 'twice', 1, 1)",
    "INSERT INTO products (id, name, price, stock) VALUES (901, 'cheap', -1, 1)",
    "INSERT INTO orders (id, customer_id, product_id, quantity, status, ordered_on)"
    " VALUES (9999, 1, 9999, 1, 'new', '2024-01-01')",
)


def errors(bench: Bench) -> None:
    """The server's own errors are the server's own: SQLSTATE, words, detail, hint and position."""
    with bench.through() as session, bench.direct() as direct:
        for statement in MISTAKES:
            assert bench.fails(session, statement).whole == bench.fails(direct, statement).whole, statement
            assert session.query("SELECT 1 AS one").rows == direct.query("SELECT 1 AS one").rows


REFUSED: Final = "SELECT name FROM customers WHERE ssn > '9'"


def refusal(bench: Bench) -> None:
    """42501 with what would work, and the session goes on."""
    with bench.through() as session:
        for _ in range(2):
            error = bench.fails(session, REFUSED)
            assert error.sqlstate == "42501"
            assert "permission denied by policy" in error.message
            assert "comes back masked" in (error.hint or "")
            assert (error.detail or "").rstrip().endswith("}"), "the last line is for a machine"
            assert len(session.query("SELECT id FROM products ORDER BY id").rows) == 24


FOREVER: Final = "SELECT count(*) AS n FROM generate_series(1, 1000000000)"


def timeout(bench: Bench) -> None:
    """The server's own statement_timeout, as a client sets it."""
    with bench.through() as session, bench.direct() as direct:
        for each in (direct, session):
            each.query("SET statement_timeout = '400ms'")
        error = bench.fails(session, FOREVER)
        assert error.whole == bench.fails(direct, FOREVER).whole
        assert error.sqlstate == "57014"
        for _ in range(50):  # where everything is slow, this may be too slow itself
            try:
                session.query("SET statement_timeout = 0")
            except Failed as late:
                if late.sqlstate != "57014":
                    raise
            else:
                break
        assert session.query("SELECT 2 AS two").rows


def copy_out(bench: Bench) -> None:
    """COPY TO STDOUT in text format."""
    statement = "COPY (SELECT id, name, notes, ssn, email FROM customers WHERE id < 30 ORDER BY id) TO STDOUT"
    with bench.through() as session, bench.direct() as direct:
        rows = [tuple(line.split("\t")) for line in direct.copy_out(statement).decode().splitlines()]
        expected = masked(Result((), rows), {2: redacted, 3: redacted, 4: email}, null_as="\\N").rows
        assert len(expected) == 29
        found = [tuple(line.split("\t")) for line in session.copy_out(statement).decode().splitlines()]
        assert found == expected
        with failing("42501"):
            session.copy_out("COPY (SELECT id, upper(ssn) FROM customers) TO STDOUT")
        assert session.query("SELECT 1 AS one").rows
