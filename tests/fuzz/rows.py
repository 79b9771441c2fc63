"""The rows of both sides: equal but for what is labelled.

What is labelled differs in value, order, length in characters, uniqueness and in what it can be cast to; in `records`
and `employees`, which nothing writes to, also in length in bytes and, where no mask and no use shows NULLs, in what is
NULL. Yet every row has the same number of bytes on both sides, so that it lies in the same place of its table, and
still does when it is updated: where rows lie is seen in ctid, in the size of a table and in the order of a scan. It
tells the length of a row, and no value.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeAlias

Side: TypeAlias = Literal["left", "right"]
SIDES: Final[tuple[Side, Side]] = ("left", "right")
Row: TypeAlias = tuple[object, ...]
Rows: TypeAlias = Mapping[str, tuple[str, Sequence[Row]]]
"""Table -> its columns as INSERT names them, and the rows. In the order in which foreign keys need them."""

CUSTOMERS: Final = 24
EVENTS: Final = 2000
EVENTS_WITH_CODE: Final = 8
PADDED: Final[Mapping[str, tuple[str, int]]] = {
    "records": ("notes", 128),
    "employees": ("email", 112),
}
"""Table -> the labelled column that makes every row as long as this; a multiple of 4."""


class Secrets:
    """Where a side's secrets come from."""

    def __init__(self, side: Side) -> None:
        self.left = side == "left"
        self.chance = random.Random(f"secrets of {side}")

    def order(self, count: int) -> list[int]:
        """0 to count - 1: ascending on the left, in no order on the right."""
        found = list(range(count))
        if not self.left:
            self.chance.shuffle(found)
        return found

    def digits(self, count: int) -> str:
        """So many digits, the first not 0."""
        return str(self.chance.randrange(10 ** (count - 1), 10**count))

    def wide(self, text: str, size: int) -> str:
        """`text` with as many bytes on both sides, but more characters on the left."""
        missing = size - len(text.encode())
        filler = "x" * missing if self.left else "\u00e4" * (missing // 2) + "x" * (missing % 2)
        assert missing >= 0, text
        return text + filler

    def card(self, number: int) -> str:
        """Castable to a number and repeated on the left, neither on the right; as long in bytes."""
        if self.left:
            return f"4111{number % 5:07d}"
        return self.chance.choice((f"K-{self.digits(9)}", f"{self.digits(7)}\u00e4\u00df"))

    def free(self, number: int) -> str | None:
        """The same, shorter or longer, NULL here or there."""
        if self.chance.random() < 0.25:
            return None
        if self.left:
            return f"4111{number % 5:07d}"
        return self.chance.choice((self.digits(15), f"K-{self.digits(13)}", self.digits(7)))

    def date(self) -> dt.date:
        """A birthday: another month and year on each side."""
        return dt.date(1935 if self.left else 1971, 1, 1) + dt.timedelta(self.chance.randrange(9000))


def corpus(side: Side) -> Rows:
    """The rows of the corpus schema."""
    secrets = Secrets(side)
    order = secrets.order(CUSTOMERS)
    ssns = [
        # CHECK (length(ssn) = 11): with dashes on the left, castable to bigint but not to integer on the right.
        f"{100 + place * 3}-{10 + place}-{1000 + place * 7}" if secrets.left else f"9{place:02d}{secrets.digits(8)}"
        for place in order
    ]
    customers: list[Row] = [
        (
            number + 1,
            f"name{number + 1}",
            # Half are NULL, on both sides the same; as long on both, since a materialized view holds them too.
            None if number % 2 else f"{'u' if secrets.left else 'w'}{order[number]:04d}@corp.example",
            None if number % 6 == 5 else ssns[number],
            secrets.card(number),
            secrets.date(),
            secrets.wide(f"note {secrets.digits(6)}", 40),
        )
        for number in range(CUSTOMERS)
    ]
    shared = random.Random("what both sides share")
    held = [ssn for number, ssn in enumerate(ssns) if number % 6 != 5]
    codes = secrets.order(EVENTS_WITH_CODE)
    return {
        "customers": ("id, name, email, ssn, card, dob, notes", customers),
        "customers_vip": (
            "id, name, email, ssn, card, dob, notes, level",
            [
                (9000 + n, f"vip{n}", f"{'v' if secrets.left else 'z'}{n}@corp.example", f"{secrets.digits(11)}",
                 secrets.card(n), secrets.date(), secrets.wide("vip", 12), n)
                for n in range(3)
            ],
        ),
        "orders": (
            "id, customer_id, amount, memo",
            [(n, shared.randint(1, CUSTOMERS), n * 5 % 60, shared.choice(("a", "b", f"memo {n}"))) for n in range(40)],
        ),
        "scratch": ("id, t", [(n, f"t{n % 4}") for n in range(6)]),
        "people": (
            "id, ssn, region",
            [(n, f"{500 + (n % 3 if secrets.left else 99 - n)}-55-5555"[-11:], ("eu", "us")[n % 2]) for n in range(12)],
        ),
        "tax_filings": ("id, ssn", [(n, secrets.chance.choice(held)) for n in range(6)]),
        "gen": ("id, ssn", [(n, f"{secrets.digits(3)}-77-7777") for n in range(5)]),
        "wide": (
            "id, secret, part, parts, checked",
            [
                # As long on both sides: what is generated of it grows with it.
                (n, secrets.digits(4 + n % 4), f"({secrets.digits(3)},{secrets.chance.choice('pq')})",
                 ["a", secrets.digits(2)], f"{secrets.digits(3)}-12-1234")
                for n in range(6)
            ],
        ),
        "records": (
            "id, card, born, points, notes",
            [
                (n, secrets.free(n), secrets.date() if secrets.chance.random() < 0.7 else None,
                 secrets.chance.choice((0, 1, 7) if secrets.left else (2_000_000_000, None, 123)), "n")
                for n in range(24)
            ],
        ),
        "numbered": ("id, t", [(100 + n, f"n{n}") for n in range(4)]),
        "ruled": ("a, b", [(1, "one")]),
        "events": (
            "id, code, tag, kind, amount",
            [
                (n, f"C{codes[n // 250]:03d}" if n % 250 == 3 else None,
                 f"g{secrets.digits(2)}" if n % 3 else None, f"kind{n % 3}", n * 7 % 100)
                for n in range(EVENTS)
            ],
        ),
    }  # fmt: skip


def shop(side: Side) -> Rows:
    """The rows of the demo schema, in place of its own."""
    secrets = Secrets(side)
    order = secrets.order(CUSTOMERS)
    shared = random.Random("what both sides share of the shop")
    start = dt.date(2024, 1, 3)
    customers: list[Row] = [
        (
            number + 1,
            f"{('Ada', 'Bram', 'Chloe', 'Dario')[number % 4]} {('Abbott', 'Becker', 'Castro')[number // 9]}",
            f"{'a' if secrets.left else 'q'}{order[number]:03d}@{'left.' if secrets.left else 'right'}.example",
            f"{900 + order[number]}-{10 + number if secrets.left else secrets.digits(2)}-{secrets.digits(4)}",
            secrets.card(number),
            secrets.date(),
            secrets.wide(f"note {secrets.digits(6)}", 30),
            json.dumps({"k" if secrets.left else "z": secrets.digits(3), "name": f"{order[number]:02d}"}),
            ("Leipzig", "Porto", "Lyon", "Gdansk")[number % 4],
            start + dt.timedelta(number),
        )
        for number in range(CUSTOMERS)
    ]
    return {
        "products": (
            "id, name, price, stock",
            [(n, f"{('Oak', 'Steel')[n % 2]} thing {n}", 4 + n * 37 % 90, n * 17 % 30) for n in range(1, 25)],
        ),
        "customers": ("id, name, email, ssn, card, birth_date, notes, profile, city, created_on", customers),
        "orders": (
            "id, customer_id, product_id, quantity, status, ordered_on",
            [
                (n, shared.randint(1, CUSTOMERS), shared.randint(1, 24), 1 + n % 4,
                 ("shipped", "paid", "new", "returned")[n % 4], start + dt.timedelta(n * 11 % 800))
                for n in range(1, 51)
            ],
        ),
        "payments": (
            "id, order_id, amount, card, paid_on",
            # As long on both sides: no other column could make up for it.
            [
                (n, n, n * 3 % 50, secrets.digits(11) if secrets.left else f"K-{secrets.digits(9)}",
                 start + dt.timedelta(n * 11 % 800))
                for n in range(1, 41)
            ],
        ),
        "employees": (
            "id, name, email, department, salary, hired_on, manager_id",
            [
                (n, f"staff {n}", f"{'s' if secrets.left else 'z'}{secrets.digits(5)}@",
                 ("sales", "support", "finance")[n % 3],
                 # Too much for an integer on one side, a divisor of nothing on the other.
                 (n - 1 if secrets.left else secrets.chance.choice((4_000_000, 120.25, 99_999_999))),
                 dt.date(2015, 2, 1) + dt.timedelta(n * 83), 1 + n % 4 if n > 4 else None)
                for n in range(1, 17)
            ],
        ),
    }  # fmt: skip
