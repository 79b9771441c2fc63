"""Every kind of mask over a column of every type, in every format: what is shown is of the type, NULL only where it has
to be, the same in text and in binary, and nothing of what is hidden is in any byte."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any, Final

import asyncpg
import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus

from pgmaskproxy.demo.server import EmbeddedServer
from tests.e2e import masks
from tests.e2e.copying import FORMATS, READERS, copied
from tests.e2e.drivers import asyncpg_arguments, direct
from tests.e2e.masks import BEYOND, DETERMINISTIC, KINDS, SHOWN, hidden_of, is_null
from tests.harness.proxy import Proxy

ADDRESSES: Final = (
    *(ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Interface, ipaddress.IPv6Interface),
    *(ipaddress.IPv4Network, ipaddress.IPv6Network),
)
LIMITS: Final = {"c_varchar": 60, "c_short": 10, "c_char": 40, "d_varchar": 60}
PLAIN: Final = 8
"""Bytes from which a form is looked for as it is. A shorter one has its length before it, or is found by accident."""

Cells = list[dict[str, bytes | None]]


@pytest.fixture(scope="module")
def stand(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with masks.standing(server, tmp_path_factory.mktemp("masks")) as running:
        yield running


def wire(conninfo: str, kind: str, *, binary: bool) -> tuple[Cells, dict[str, int]]:
    """Every cell of a kind's table as it is sent, and the columns' types."""
    with psycopg.connect(conninfo) as connection, connection.cursor(binary=binary) as cursor:
        cursor.execute(f"SELECT * FROM kinds.{kind} ORDER BY id".encode())
        found = cursor.pgresult
        assert found is not None
        names = [(found.fname(at) or b"").decode() for at in range(found.nfields)]
        cells = [
            {name: found.get_value(row, at) for at, name in enumerate(names) if name != "id"}
            for row in range(found.ntuples)
        ]
        return cells, {name: found.ftype(at) for at, name in enumerate(names)}


def as_server_reads(
    own: psycopg.Connection, row: Mapping[str, bytes | None], types: Mapping[str, int], code: int
) -> list[bytes | None]:
    """A row given to the server in its columns' types, and what it writes of it: it takes nothing but values."""
    command = "SELECT " + ", ".join(f"${at}::pg_catalog.text" for at in range(1, len(row) + 1))
    found = own.pgconn.exec_params(
        command.encode(), list(row.values()), [types[name] for name in row], [code] * len(row)
    )
    assert found.status == ExecStatus.TUPLES_OK, found.error_message
    return [found.get_value(0, at) for at in range(found.nfields)]


def assert_values(stand: Proxy, kind: str, rows: int) -> None:
    """NULL where it must be, and else one value of the type in text and in binary format, by the server's own word."""
    raw, types = wire(direct(stand), kind, binary=False)
    text, _ = wire(stand.conninfo(), kind, binary=False)
    binary, _ = wire(stand.conninfo(), kind, binary=True)
    assert len(raw) == rows
    with psycopg.connect(direct(stand), autocommit=True) as own:
        for true, by_text, by_binary in zip(raw, text, binary, strict=True):
            expected = {name: is_null(kind, name, value) for name, value in true.items()}
            assert {name: value is None for name, value in by_text.items()} == expected
            assert {name: value is None for name, value in by_binary.items()} == expected
            one, other = as_server_reads(own, by_text, types, 0), as_server_reads(own, by_binary, types, 1)
            differ = {name: (a, b) for name, a, b in zip(true, one, other, strict=True) if a != b}
            assert not differ, "text and binary say two things"
            assert_limits(by_text)


def assert_limits(row: Mapping[str, bytes | None]) -> None:
    """No text is longer than its column takes, and what is padded is padded."""
    for name, limit in LIMITS.items():
        assert len((row[name] or b"").decode()) <= limit
    assert len(row["c_name"] or b"") <= 63
    assert row["c_char"] is None or len(row["c_char"].decode()) == LIMITS["c_char"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_value_is_null_where_it_must_be_and_else_one_of_its_type(stand: Proxy, kind: str) -> None:
    assert_values(stand, kind, masks.ROWS)


@pytest.mark.parametrize("kind", ["hash", "uuid", "token", "redact", "zero"])
def test_nothing_is_shown_as_it_is(stand: Proxy, kind: str) -> None:
    raw, _ = wire(direct(stand), kind, binary=False)
    text, _ = wire(stand.conninfo(), kind, binary=False)
    same = {(name, value) for name, value in raw[0].items() if value is not None and text[0][name] == value}
    assert same == set()


def kind_of(value: Any) -> object:
    """What a driver makes of a value: its type; that of addresses depends on their bits."""
    return "address" if isinstance(value, ADDRESSES) else type(value)


def assert_alike(masked: Any, true: Any, where: str) -> None:
    """The same Python types all the way in; NULL for any of them."""
    if masked is None or true is None:
        return
    assert kind_of(masked) == kind_of(true), where
    if isinstance(true, list):
        for each in leaves(masked):
            assert_alike(each, true[0], where)
    elif isinstance(true, tuple | asyncpg.Record):
        assert len(masked) == len(true), where
        for one, other in zip(masked, true, strict=True):
            assert_alike(one, other, where)


def leaves(array: list[Any]) -> Iterator[Any]:
    for each in array:
        if isinstance(each, list):
            yield from leaves(each)
        else:
            yield each


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_psycopg_decodes_what_it_always_did(stand: Proxy, kind: str, binary: bool) -> None:
    with psycopg.connect(direct(stand)) as own, own.cursor(binary=binary) as cursor:
        true = cursor.execute(f"SELECT * FROM kinds.{kind} WHERE id = 1".encode()).fetchone()
        assert true is not None
    with stand.connect() as connection, connection.cursor(binary=binary) as cursor:
        query = f"SELECT * FROM kinds.{kind} WHERE id <> {BEYOND} ORDER BY id"
        rows = cursor.execute(query.encode(), prepare=True).fetchall()
        names = [column.name for column in cursor.description or ()]
    assert len(rows) == masks.ROWS - 1
    for row in rows:
        for name, masked, value in zip(names, row, true, strict=True):
            if name not in {"c_json", "c_jsonb"}:  # a document is whatever it says
                assert_alike(masked, value, name)


@pytest.mark.parametrize("kind", KINDS)
async def test_asyncpg_decodes_what_it_always_did(stand: Proxy, kind: str) -> None:
    own = await asyncpg.connect(**asyncpg_arguments(direct(stand)))
    agent = await asyncpg.connect(**stand.asyncpg_arguments())
    try:
        true = await own.fetchrow(f"SELECT * FROM kinds.{kind} WHERE id = 1")
        assert true is not None
        rows = await agent.fetch(f"SELECT * FROM kinds.{kind} WHERE id <> {BEYOND} ORDER BY id")
        raw, _ = wire(direct(stand), kind, binary=False)
        assert len(rows) == masks.ROWS - 1
        for row, cells in zip(rows, [*raw[: BEYOND - 1], raw[-1]], strict=True):
            for name, masked in row.items():
                assert_alike(masked, true[name], name)
                assert name == "id" or (masked is None) == is_null(kind, name, cells[name]), name
    finally:
        await own.close()
        await agent.close()


@pytest.mark.parametrize("kind", KINDS)
def test_copy_has_what_a_query_has(stand: Proxy, kind: str) -> None:
    """In each format, from the table and from a query."""
    text, _ = wire(stand.conninfo(), kind, binary=False)
    binary, _ = wire(stand.conninfo(), kind, binary=True)
    columns = ", ".join(text[0])
    sources = [f"kinds.{kind} ({columns})", f"(SELECT {columns} FROM kinds.{kind} ORDER BY id)"]
    for form in ("text", "csv", "csv, old", "binary"):
        found = copied(stand.conninfo(), [f"COPY {source} TO STDOUT{FORMATS[form]}" for source in sources])
        expected = [list(row.values()) for row in (binary if form == "binary" else text)]
        if form.startswith("csv"):  # NULL and the empty text are one to the reader
            expected = [[cell or None for cell in row] for row in expected]
        for data in found:
            cells = READERS[form](data)
            assert (cells[1:] if form == "csv, old" else cells) == expected, form


def forms(value: bytes) -> set[bytes]:
    """The byte strings that would give a value away."""
    if len(value) < PLAIN:
        return {len(value).to_bytes(4, "big") + value}
    found = {value, value.hex().encode(), value.hex().upper().encode()}
    for skipped in range(3):  # base64, wherever in a longer text it begins
        coded = base64.b64encode(bytes(skipped) + value)
        found.add(coded[-(-skipped * 8 // 6) + (skipped > 0) : len(coded) // 4 * 4 - 4])
    return {form for form in found if len(form) >= PLAIN}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_byte_of_what_is_hidden_is_sent(stand: Proxy, kind: str) -> None:
    raw = {form: wire(direct(stand), kind, binary=form)[0][0] for form in (False, True)}
    sent = b"".join(
        len(cell or b"").to_bytes(4, "big") + (cell or b"") for row in raw.values() for cell in row.values()
    )
    needles: set[bytes] = set()
    for part in hidden_of(kind):
        needles |= forms(part.encode())
    scalars = [name for name in raw[False] if not name.startswith(("a_", "r_", "d_text", "d_varchar"))]
    for name in scalars:
        if name in SHOWN["partial"] | SHOWN["json"] | {"c_bool", "c_xml", "c_bytea"}:
            continue  # what is hidden of those is in `hidden_of`; a truth value is in every other byte
        for row in raw.values():
            value = row[name] or b""
            assert any(form in sent for form in forms(value)), name
            needles |= forms(value)
    assert any(form in sent for part in hidden_of(kind) for form in forms(part.encode()))
    assert len(needles) > 50

    stand.tap.clear()
    statements = [f"SELECT * FROM kinds.{kind} ORDER BY id", f"SELECT k FROM kinds.{kind} AS k ORDER BY id"]
    with stand.connect() as connection:
        for binary in (False, True):
            for statement in statements:
                with connection.cursor(binary=binary) as cursor:
                    assert cursor.execute(statement.encode(), prepare=True).rowcount == masks.ROWS
    agent = await asyncpg.connect(**stand.asyncpg_arguments())
    try:
        await agent.fetch(statements[0] + f" LIMIT {BEYOND - 1}")
    finally:
        await agent.close()
    copied(stand.conninfo(), [f"COPY kinds.{kind} TO STDOUT{FORMATS[form]}" for form in ("text", "csv", "binary")])
    got = stand.tap.to_client
    assert len(got) > 1000
    assert [needle for needle in needles if needle in got] == []
    assert [needle for needle in needles if needle in stand.audit_records()] == []


SAME: Final = ("c_text", "c_varchar", "c_name", "c_citext", "d_text", "d_varchar")
"""Columns with the same text in the first row."""


@pytest.mark.parametrize("kind", ["hash", "uuid", "token"])
def test_one_key_and_label_has_one_answer_and_another_has_another(stand: Proxy, kind: str) -> None:
    tables = [wire(stand.conninfo(), f"{kind}{other}", binary=False)[0] for other in ("", "_label", "_key")]
    assert tables[0] == wire(stand.conninfo(), kind, binary=False)[0]
    assert len({tables[0][0][name] for name in SAME}) == 1
    for row in range(masks.ROWS - 1):
        for name in SHOWN[kind]:
            found = [table[row].get(name) for table in tables]
            empty = name.startswith(("a_", "r_")) and not any(map(str.isalnum, (found[0] or b"").decode()))
            assert None in found or empty or len(set(found)) == 3, name


@pytest.mark.parametrize("kind", DETERMINISTIC)
def test_nobody_has_a_code_book_made(stand: Proxy, kind: str) -> None:
    """What depends on the value is neither beside values of one's own, nor of what one writes, nor under two labels."""
    table = f"kinds.{kind}"
    other = "kinds.hash" if kind != "hash" else "kinds.token"
    columns = {"c_jsonb": """'{"secret": "guess"}'"""} if kind == "json" else {"c_text": "'guess'"}
    if kind in {"hash", "generalize"}:
        columns["c_int4"] = "7"
    for column, guess in columns.items():
        refused = [
            f"SELECT {column} FROM {table} UNION ALL SELECT {guess}",
            f"SELECT {column} FROM {table} UNION ALL VALUES ({guess})",
            f"VALUES ({guess}) UNION SELECT {column} FROM {table}",
            f"SELECT x FROM (SELECT {column} AS x FROM {table} UNION ALL SELECT {guess}) AS s",
            f"WITH c AS (SELECT {column} AS x FROM {table} UNION ALL SELECT {guess}) SELECT x FROM c",
            f"SELECT coalesce({column}, {guess}) FROM {table}",
            f"SELECT CASE WHEN id = 1 THEN {column} ELSE {guess} END FROM {table}",
            f"COPY (SELECT {column} FROM {table} UNION ALL SELECT {guess}) TO STDOUT",
        ]
        null = [
            f"UPDATE {table} SET {column} = {guess} WHERE id = 1 RETURNING {column}",
            f"INSERT INTO {table} (id, {column}) VALUES (99, {guess}) RETURNING {column}",
            f"INSERT INTO {table} (id, {column}) VALUES (98, {guess}) RETURNING *",
            f"SELECT {column} FROM {table} UNION ALL SELECT {column} FROM {other}",
        ]
        with stand.connect() as connection:
            for statement in refused:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())
            for statement in null:
                connection.execute("BEGIN")
                cursor = connection.execute(statement.encode())
                names = [each.name for each in cursor.description or ()]
                rows = cursor.fetchall()
                assert rows, statement
                assert {row[names.index(column)] for row in rows} == {None}, statement
                connection.execute("ROLLBACK")


RECOGNISABLE: Final = ("redact", "hash", "uuid", "card", "phone", "email", "partial", "json", "scrub")


@pytest.mark.parametrize("kind", RECOGNISABLE)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_what_is_shown_is_not_written_back(stand: Proxy, kind: str, binary: bool) -> None:
    """Each value as it came, as a parameter beside its own column, in every type that it can be told in."""
    shown, _ = wire(stand.conninfo(), kind, binary=binary)
    written = []
    with stand.connect() as connection:
        for name, value in shown[0].items():
            untold = name in {"c_int4", "c_int8", "d_int", "a_int"} or (kind == "scrub" and name == "c_short")
            if value is None or untold or name == "c_citext":
                continue  # a hash in a number is a number, nothing was found in the short text, and citext runs code
            command = f"UPDATE kinds.{kind} SET {name} = $1 WHERE id = {masks.ROWS}".encode()
            found = connection.pgconn.exec_params(command, [value], [0], [int(binary)])
            if found.error_field(DiagnosticField.SQLSTATE) != b"22023":
                written.append(name)
    assert written == []


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_a_token_that_is_written_back_is_its_value(stand: Proxy, binary: bool) -> None:
    """In every type that shows one: a token stored as it is would have a token of its own."""
    shown, _ = wire(stand.conninfo(), "token", binary=binary)
    with stand.connect() as connection:
        for name in sorted(SHOWN["token"] - {"c_citext"}):
            connection.execute("BEGIN")
            command = f"UPDATE kinds.token SET {name} = $1 WHERE id = {masks.ROWS}".encode()
            found = connection.pgconn.exec_params(command, [shown[0][name]], [0], [int(binary)])
            assert found.status == ExecStatus.COMMAND_OK, (name, found.error_message)
            query = f"SELECT {name} FROM kinds.token WHERE id = {masks.ROWS}".encode()
            found = connection.pgconn.exec_params(query, [], result_format=int(binary))
            assert found.get_value(0, 0) == shown[0][name], name
            connection.execute("ROLLBACK")
