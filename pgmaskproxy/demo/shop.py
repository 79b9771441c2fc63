"""The demo's data: loading it, and every value in it that an agent must never be sent.

`seeded_values` reads the secrets out of a loaded shop with a superuser's eyes, in each form they
could take on the wire, and `leaks` looks for them in bytes: the oracle of the demo's tour and of
every end-to-end test.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Final

import psycopg
from psycopg import sql

ROLE: Final = "pgmaskproxy"
"""The login the proxy uses upstream: shop.sql makes it, without a password."""
OWNER: Final = "shop_owner"
"""Owns the shop and cannot log in; shop.sql makes it too."""
DATABASE: Final = "shop"

_EPOCH: Final = date(2000, 1, 1)
_SOURCES: Final = (
    ("ssn", "customers", "ssn"),
    ("card", "customers", "card"),
    ("email", "customers", "email"),
    ("birth_date", "customers", "birth_date"),
    ("notes", "customers", "notes"),
    ("phone", "customers", "profile->>'phone'"),
    ("email", "employees", "email"),
    ("salary", "employees", "salary"),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """One sensitive value: what it is, whose, and the byte strings that would give it away."""

    label: str
    owner: str
    """`customers 17`: fit to be printed, unlike the value."""
    forms: tuple[bytes, ...]


def load(connection: psycopg.Connection) -> None:
    """Run shop.sql, as a superuser in an empty database, and make `shop` the database's search_path."""
    script = resources.files(__package__).joinpath("shop.sql").read_text(encoding="utf-8")
    connection.execute(script.encode())
    set_search_path(connection, connection.info.dbname)


def set_search_path(connection: psycopg.Connection, database: str) -> None:
    """New sessions in `database` find the shop's tables unqualified."""
    connection.execute(sql.SQL("ALTER DATABASE {} SET search_path = shop, public").format(sql.Identifier(database)))


def set_password(connection: psycopg.Connection, password: str) -> None:
    """Let the proxy's upstream login use `password`."""
    connection.execute(
        sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password)),
    )


def seeded_values(connection: psycopg.Connection) -> list[Secret]:
    """Every sensitive value of the shop, in text and useful binary forms. Needs a login that may read everything."""
    secrets = []
    for label, table, expression in _SOURCES:
        query = f"SELECT id, {expression} FROM shop.{table} WHERE {expression} IS NOT NULL ORDER BY id"  # noqa: S608
        for row, value in connection.execute(query.encode()):
            secrets.append(Secret(label, f"{table} {row}", tuple(_forms(label, value))))
    return secrets


def leaks(data: bytes, secrets: Iterable[Secret]) -> list[str]:
    """What of `secrets` occurs in `data`, as `ssn of customers 17`: never the value itself."""
    return [f"{secret.label} of {secret.owner}" for secret in secrets if any(form in data for form in secret.forms)]


def _forms(label: str, value: str | date | Decimal) -> Iterable[bytes]:
    text = str(value).encode()
    yield text
    yield text.hex().encode()  # bytea's text output, encode(..., 'hex')
    if isinstance(value, date):
        yield _cell(struct.pack("!i", (value - _EPOCH).days))
        return
    if isinstance(value, Decimal):
        yield _cell(_binary_numeric(value))
        yield struct.pack("!d", float(value))
        return
    if label in {"ssn", "phone"}:
        yield bytes(character for character in text if chr(character).isdigit())
    elif label == "card":
        yield b" ".join(text[start : start + 4] for start in range(0, 16, 4))
    elif label == "email":
        yield text.upper()
        yield text.partition(b"@")[0]
    elif label == "notes":
        yield text.rpartition(b" ")[2]  # the file's number, when only a part of the note gets out


def _cell(binary: bytes) -> bytes:
    """A binary value with its length before it: four bytes alone would be found by accident."""
    return struct.pack("!i", len(binary)) + binary


def _binary_numeric(value: Decimal) -> bytes:
    """`numeric_send`'s form of a positive number with two decimals (src/backend/utils/adt/numeric.c)."""
    whole, cents = divmod(int(value * 100), 100)
    digits = [cents * 100] if cents else []
    weight = -1
    while whole:
        whole, digit = divmod(whole, 10000)
        digits.insert(0, digit)
        weight += 1
    while digits and digits[-1] == 0:
        digits.pop()
    return struct.pack(f"!hhHh{len(digits)}h", len(digits), weight, 0, 2, *digits)
