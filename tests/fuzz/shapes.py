"""What the statements of the fuzz are about: tables, their columns by kind of type, and which of them are labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["i", "n", "t", "d", "j", "a", "r"]
"""Of a type: integer, numeric, text, date, jsonb, text[], composite."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that a statement can name."""

    name: str
    kind: Kind
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A relation that a statement can read, and about how many rows it has."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    writable: bool = False


def table(name: str, rows: int, columns: str, *, writable: bool = False) -> Table:
    """`columns` is `name:kind` each, with a `*` behind what is labelled."""
    found = []
    for word in columns.split():
        column, _, kind = word.partition(":")
        known = next(known for known in KINDS if known == kind.rstrip("*"))
        found.append(Column(column, known, kind.endswith("*")))
    return Table(name, tuple(found), rows, writable)


CORPUS: Final = (
    table("customers", 24, "id:i name:t email:t* ssn:t* card:t* dob:d* notes:t*", writable=True),
    table("customers_vip", 3, "id:i name:t email:t* ssn:t* card:t* dob:d* notes:t* level:i"),
    table("orders", 40, "id:i customer_id:i amount:n memo:t", writable=True),
    table("scratch", 6, "id:i t:t", writable=True),
    table("v_customers", 24, "id:i name:t tax_no:t* uemail:t*"),
    table("mv_customers", 24, "id:i s:t* email:t*"),
    table("people", 12, "id:i ssn:t* region:t", writable=True),
    table("people_eu", 6, "id:i ssn:t* region:t"),
    table("triggered", 24, "id:i ssn:t*", writable=True),
    table("tax_filings", 6, "id:i ssn:t*"),
    table("gen", 5, "id:i ssn:t* ssn_copy:t*"),
    table("wide", 6, "id:i secret:t* part:r* parts:a* checked:t* made:t*", writable=True),
    table("twice", 20, "id:i tax_no:t*"),
    table("records", 24, "id:i card:t* born:d* points:i* notes:t*"),
    table("events", 2000, "id:i code:t* tag:t* kind:t amount:i"),
)
FILTERED: Final = (
    table("plain", 12, "id:i name:t email:t*"),
    table("barrier", 12, "id:i name:t email:t*"),
)
"""Views that compare a labelled column themselves: which rows they have is what it says. See `tables`."""
SHOP: Final = (
    table(
        "customers", 24,
        "id:i name:t email:t* ssn:t* card:t* birth_date:d* notes:t* profile:j* city:t created_on:d", writable=True,
    ),
    table("products", 24, "id:i name:t price:n stock:i", writable=True),
    table("orders", 50, "id:i customer_id:i product_id:i quantity:i status:t ordered_on:d", writable=True),
    table("payments", 40, "id:i order_id:i amount:n card:t* paid_on:d", writable=True),
    table("payments_2024", 20, "id:i order_id:i amount:n card:t* paid_on:d"),
    table("employees", 16, "id:i name:t email:t* department:t salary:n* hired_on:d manager_id:i"),
    table("customer_contacts", 24, "id:i name:t contact:t* city:t"),
    table("sales_by_city", 6, "city:t orders:i revenue:n"),
    table("customer_totals", 24, "id:i name:t email:t* orders:i revenue:n"),
)  # fmt: skip
DATABASES: Final = ("corpus", "shop")


def tables(database: str, *, beyond: bool = False) -> tuple[Table, ...]:
    """What statements in a database name, unqualified; `beyond` what is promised too (see `stage`)."""
    if database == "shop":
        return SHOP
    return (*CORPUS, *FILTERED) if beyond else CORPUS
