"""Tasks that write: transactions and savepoints, batches, COPY; what arrived is looked at by a superuser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.drivers.bench import Bench, failing
from tests.drivers.reading import REFUSED

COUNT: Final = "SELECT count(*) FROM shop.products WHERE id >= 5000"


def _insert(number: int) -> str:
    return f"INSERT INTO products (id, name, price, stock) VALUES ({number}, 'made {number}', 1.5, 1)"


@contextmanager
def _tidied(bench: Bench) -> Iterator[None]:
    """What was made is gone afterwards: others read the same table."""
    try:
        yield
    finally:
        bench.change("DELETE FROM shop.products WHERE id >= 5000")


def transaction(bench: Bench) -> None:
    """Committed it is there, rolled back it is not, and before that nobody else sees it."""
    with _tidied(bench), bench.through() as session:
        with session.block():
            session.query(_insert(5001))
            assert bench.truth(COUNT) == 0
        assert bench.truth(COUNT) == 1
        with failing("22012"), session.block():
            session.query(_insert(5002))
            assert len(session.query("SELECT id FROM products WHERE id >= 5000").rows) == 2
            session.query("SELECT 1/0 AS x")
        assert bench.truth(COUNT) == 1
        session.query(_insert(5003))
        assert bench.truth(COUNT) == 2


def savepoint(bench: Bench) -> None:
    """A refusal inside a savepoint undoes that much; without one the block is lost, as by any error."""
    with _tidied(bench), bench.through() as session:
        with session.block():
            session.query(_insert(5001))
            with failing("42501"), session.block():
                session.query(_insert(5002))
                session.query(REFUSED)
            with session.block():
                session.query(_insert(5003))
            session.query("SELECT ssn FROM customers WHERE id = 1")
        assert bench.truth("SELECT array_agg(id ORDER BY id) FROM shop.products WHERE id >= 5000") == [5001, 5003]
        with failing("25P02"), session.block():
            session.query(_insert(5004))
            assert bench.fails(session, REFUSED).sqlstate == "42501"
            session.query("SELECT 1 AS one")
        assert bench.truth(COUNT) == 2
        assert session.query("SELECT 1 AS one").rows


def batch(bench: Bench) -> None:
    """Hundreds of rows by the driver's way of sending many; one that fails takes the rest with it."""
    statement = "INSERT INTO products (id, name, price, stock) VALUES ($1, $2, $3, $4)"
    with _tidied(bench), bench.through() as session:
        rows = [(number, f"made {number}", 2, number % 7) for number in range(5000, 5100)]
        with session.block():
            session.batch(statement, rows)
        assert bench.truth(COUNT) == 100
        bad = [(number, f"made {number}", -1 if number == 5450 else 2, 1) for number in range(5400, 5460)]
        with failing("23514"), session.block():
            session.batch(statement, bad)
        assert bench.truth(COUNT) == 100
        assert session.query("SELECT 1 AS one").rows


def copy_in(bench: Bench) -> None:
    """COPY FROM STDIN arrives whole, or not at all."""
    statement = "COPY products (id, name, price, stock) FROM STDIN"
    with _tidied(bench), bench.through() as session:
        session.copy_in(
            statement, "".join(f"{number}\tmäde {number}\t1.5\t1\n" for number in range(5000, 5200)).encode()
        )
        assert bench.truth(COUNT) == 200
        assert bench.truth("SELECT name FROM shop.products WHERE id = 5199") == "mäde 5199"
        with failing("22P02"):
            session.copy_in(statement, b"5300\tmade\t1.5\t1\n5301\tmade\tcheap\t1\n")
        assert bench.truth(COUNT) == 200
        assert session.query("SELECT 1 AS one").rows
