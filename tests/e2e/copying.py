"""COPY TO STDOUT in every format: statements, how a driver's bytes become rows, and which cells are masked."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import psycopg

from tests.e2e.shapes import EVERY_CUSTOMER, Masker, card, email, null, redacted

Cells = list[list[bytes | None]]

SOURCES: Final[Mapping[str, Mapping[int, Masker]]] = {
    "customers": EVERY_CUSTOMER,
    "shop.customers (ssn, id, name)": {0: redacted},
    "employees (name, salary, email)": {1: null, 2: email},
    "payments_2024": {3: card},
    "orders": {},
    "(SELECT id, ssn AS harmless, city FROM customers ORDER BY id)": {1: redacted},
    "(WITH c AS (SELECT * FROM customers) SELECT name, card FROM c ORDER BY id)": {1: card},
    "(SELECT * FROM customer_contacts ORDER BY id)": {2: email},
    "(TABLE payments)": {3: card},
    "(SELECT ssn FROM customers ORDER BY id)": {0: redacted},
    "(SELECT email, ssn, card FROM customers WHERE id = 1 UNION ALL SELECT email, ssn, card FROM customers)": {
        0: email,
        1: redacted,
        2: card,
    },
    "(UPDATE customers SET city = city WHERE id = 1 RETURNING city, ssn)": {1: redacted},
    "(INSERT INTO products (id, name, price, stock) VALUES (4000, E'a\"b,\\n''\\t\\\\', 1, 1) RETURNING *)": {},
    "(DELETE FROM orders USING customers c WHERE c.id = orders.customer_id AND orders.status = 'new' AND orders.id < 99"
    " RETURNING c.email)": {0: email},
    r"(SELECT E'a\tb\\c\nd\r\n', NULL, '\N', '', '\.', '" ", ''', 'é😀')": {},
    "(SELECT id, ssn FROM customers WHERE false)": {1: redacted},
}
"""What can be copied, and the masks by output."""

FORMATS: Final[Mapping[str, str]] = {
    "text": "",
    "text, old": " WITH DELIMITER AS '|'",
    "text, headed": r" (DELIMITER E'\x01', NULL '~', HEADER)",
    "csv": " (FORMAT csv)",
    "csv, old": " CSV HEADER QUOTE AS '''' FORCE QUOTE *",
    "csv, odd": r" (FORMAT csv, HEADER true, DELIMITER ';', NULL 'NULL', QUOTE '~', ESCAPE '\')",
    "binary": " (FORMAT binary)",
}

ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def copied(conninfo: str, statements: Sequence[str]) -> list[bytes]:
    """Everything that came, in one transaction that is rolled back."""
    with psycopg.connect(conninfo) as connection:
        found = []
        for statement in statements:
            with connection.cursor().copy(statement.encode()) as copy:
                found.append(b"".join(bytes(block) for block in copy))
        connection.rollback()
    return found


def _text(data: bytes, delimiter: str, null_as: str) -> Cells:
    rows: Cells = []
    for line in data.decode().replace("\n", f"{delimiter}\n").split("\n")[:-1]:
        row: list[bytes | None] = []
        cell, at, escaped = "", 0, False
        while at < len(line):
            if line[at] == delimiter:
                row.append(None if cell == null_as and not escaped else cell.encode())
                cell, escaped = "", False
            elif line[at] == "\\" and line[at + 1] != "N":
                at += 1
                cell += ESCAPES.get(line[at], line[at])
                escaped = True
            else:
                cell += line[at]
            at += 1
        rows.append(row)
    return rows


def _csv(data: bytes, delimiter: str, quote: str, escape: str | None, null_as: str) -> Cells:
    """By Python's reader, which cannot tell NULL from the same letters in quotes: those compare equal here."""
    reader = csv.reader(
        io.StringIO(data.decode(), newline=""),
        delimiter=delimiter,
        quotechar=quote,
        doublequote=escape is None,
        escapechar=escape,
        strict=True,
    )
    return [[None if cell == null_as else cell.encode() for cell in row or [""]] for row in reader]


def _binary(data: bytes) -> Cells:
    assert data.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    at, rows = 19, []
    while (count := struct.unpack_from("!h", data, at)[0]) != -1:
        at += 2
        row: list[bytes | None] = []
        for _ in range(count):
            width = struct.unpack_from("!i", data, at)[0]
            at += 4
            row.append(None if width < 0 else data[at : at + width])
            at += max(width, 0)
        rows.append(row)
    assert at + 2 == len(data)
    return rows


READERS: Final[Mapping[str, Callable[[bytes], Cells]]] = {
    "text": lambda data: _text(data, "\t", r"\N"),
    "text, old": lambda data: _text(data, "|", r"\N"),
    "text, headed": lambda data: _text(data, "\x01", "~"),
    "csv": lambda data: _csv(data, ",", '"', None, ""),
    "csv, old": lambda data: _csv(data, ",", "'", None, ""),
    "csv, odd": lambda data: _csv(data, ";", "~", "\\", "NULL"),
    "binary": _binary,
}


def masked(rows: Cells, masks: Mapping[int, Masker], form: str) -> Cells:
    """The rows as an agent is to read them. In the one layout where NULL may be a value, it is masked like one."""
    uncertain = form == "text, headed"
    head, body = (rows[:1], rows[1:]) if form in {"text, headed", "csv, old", "csv, odd"} else ([], rows)
    return head + [[_cell(cell, masks.get(at), uncertain=uncertain) for at, cell in enumerate(row)] for row in body]


def _cell(cell: bytes | None, mask: Masker | None, *, uncertain: bool) -> bytes | None:
    if mask is None or mask is null:
        return None if mask is null else cell
    if cell is None and not uncertain:
        return None
    shown = mask(cell.decode() if cell is not None else "~")
    return shown.encode() if shown is not None else None
