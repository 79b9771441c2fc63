"""COPY FROM STDIN in every format: it arrives whole or not at all, and the session goes on whatever happens midway."""

from __future__ import annotations

import io
import struct
from decimal import Decimal

import asyncpg
import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgmaskproxy.wire.copy import CopyData, CopyDone, CopyFail
from pgmaskproxy.wire.frontend import Query, Sync
from tests.e2e.commands import eventually
from tests.e2e.raw import Raw, logged_in, sqlstate
from tests.e2e.waiting import Waiting, ask, status
from tests.harness.proxy import Proxy

COLUMNS = "products (id, name, price, stock)"
BINARY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
FORMATS = {"text": "", "csv": " (FORMAT csv)", "binary": " (FORMAT binary)"}


def _lines(form: str, numbers: range, *, bad: int = -1) -> bytes:
    """Rows of `form`; the one numbered `bad` is none that the server can read."""
    if form == "binary":
        rows = [
            struct.pack("!hi", 2, 4)
            + struct.pack("!i", number)
            + struct.pack("!i", 3 if number == bad else -1)
            + (b"abc" if number == bad else b"")
            for number in numbers
        ]
        return BINARY_HEAD + b"".join(rows) + b"\xff\xff"
    delimiter = "," if form == "csv" else "\t"
    rows_of_text = ((str(number), "cheap" if number == bad else "") for number in numbers)
    null = "" if form == "csv" else r"\N"
    return "".join(f"{number}{delimiter}{price or null}\n" for number, price in rows_of_text).encode()


@pytest.fixture
def loading(proxy: Proxy) -> Proxy:
    """With a table that nothing is sensitive about."""
    with psycopg.connect(proxy.database.admin, autocommit=True) as admin:
        admin.execute("ALTER TABLE shop.products ALTER name DROP NOT NULL, ALTER price DROP NOT NULL")
        admin.execute("ALTER TABLE shop.products ALTER stock SET DEFAULT 1")
    return proxy


def _count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM products WHERE id >= 1000").fetchone()
    assert row is not None
    return int(row[0])


def test_every_format_arrives_whole_by_psycopg(loading: Proxy) -> None:
    value = "thing\t\",'\\\r\né😀"
    with loading.connect() as connection:
        with connection.cursor().copy(f"COPY {COLUMNS} FROM STDIN".encode()) as copy:
            for number in range(1000, 3000):
                copy.write_row((number, f"{value}{number}", 1.5, 3))
        with connection.cursor().copy(f"COPY {COLUMNS} FROM STDIN (FORMAT binary)".encode()) as copy:
            copy.set_types(["int4", "text", "numeric", "int4"])
            for number in range(3000, 5000):
                copy.write_row((number, f"{value}{number}", Decimal("1.5"), 3))
        with connection.cursor().copy(f"COPY {COLUMNS} FROM STDIN WITH CSV HEADER".encode()) as copy:
            copy.write(b"id,name,price,stock\n")
            for number in range(5000, 7000):
                copy.write(f'{number},"{value.replace(chr(34), chr(34) * 2)}{number}",1.5,3\n'.encode())
        assert _count(connection) == 6000
        names = connection.execute("SELECT name FROM products WHERE id IN (1001, 3001, 5001) ORDER BY id").fetchall()
        assert names == [(f"{value}{number}",) for number in (1001, 3001, 5001)]


async def test_every_format_arrives_whole_by_asyncpg(loading: Proxy) -> None:
    agent = await asyncpg.connect(**loading.asyncpg_arguments())
    try:
        done = await agent.copy_records_to_table(
            "products",
            records=[(number, f"record {number}", Decimal("1.5"), 3) for number in range(1000, 2000)],
            columns=["id", "name", "price", "stock"],
        )
        assert done == "COPY 1000"
        for base, form in ((2000, "text"), (3000, "csv"), (4000, "binary")):
            source = io.BytesIO(_lines(form, range(base, base + 1000)))
            await agent.copy_to_table("products", source=source, columns=["id", "price"], format=form)
        assert await agent.fetchval("SELECT count(*) FROM products WHERE id >= 1000") == 4000
        with pytest.raises(asyncpg.UniqueViolationError):
            await agent.copy_records_to_table("products", records=[(1000, None, None, 1)])
        assert await agent.fetchval("SELECT 1") == 1
    finally:
        await agent.close()


@pytest.mark.parametrize("form", FORMATS)
def test_a_bad_row_midway_leaves_nothing_and_the_session_goes_on(loading: Proxy, form: str) -> None:
    """Much is still to come when the server gives up: the error is its own, and what comes late is nobody's."""
    statement = f"COPY products (id, price) FROM STDIN{FORMATS[form]}"
    data = _lines(form, range(1000, 60_000), bad=3000)
    with loading.connect() as connection:
        for block, after in ((False, TransactionStatus.IDLE), (True, TransactionStatus.INERROR)):
            if block:
                connection.execute("BEGIN")
            with pytest.raises(psycopg.Error) as raised, connection.cursor().copy(statement.encode()) as copy:
                copy.write(data)
            assert raised.value.sqlstate in {"22P02", "22P03", "08P01", "22003"}, raised.value
            assert status(connection) == after
            if block:
                connection.execute("ROLLBACK")
            assert _count(connection) == 0


def test_a_client_that_gives_up_leaves_nothing(loading: Proxy) -> None:
    with loading.connect() as connection:
        for form, option in FORMATS.items():

            def give_up(option: str = option, data: bytes = _lines(form, range(1000, 3000))[:-2]) -> None:
                with connection.cursor().copy(f"COPY products (id, price) FROM STDIN{option}".encode()) as copy:
                    copy.write(data)
                    raise ZeroDivisionError

            with pytest.raises(ZeroDivisionError):
                give_up()
            assert status(connection) == TransactionStatus.IDLE
            assert _count(connection) == 0


def _copying(client: Raw, option: str) -> None:
    client.send(Query(f"COPY products (id, price) FROM STDIN{option}".encode()).encode())
    frame = client.frame()
    assert frame is not None
    assert frame.type == ord("G")


@pytest.mark.parametrize("form", FORMATS)
def test_a_client_that_vanishes_or_sends_garbage_leaves_nothing(loading: Proxy, form: str) -> None:
    half = CopyData(_lines(form, range(1000, 2000))[:-5]).encode()
    for garbage in (b"", b"\x7fgarbage", Query(b"SELECT 1").encode(), b"d\xff\xff\xff\xff", b"d\0\0\0\1"):
        with logged_in(loading.conninfo()) as client:
            _copying(client, FORMATS[form])
            client.send(half, garbage)
            if garbage:
                last = [each for each in client.until_closed() if each.type == ord("E")]
                assert sqlstate(last[-1]) == ("FATAL", "08P01")
    with psycopg.connect(loading.database.admin) as admin:
        count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY products%' AND state = 'active'"
        eventually(lambda: admin.execute(count).fetchone() == (0,), "a COPY outlived its client")
        assert admin.execute("SELECT count(*) FROM shop.products WHERE id >= 1000").fetchone() == (0,)


def test_a_session_stays_in_step_whatever_the_client_sends_after_its_copy(loading: Proxy) -> None:
    """CopyFail, an error of the server's at the end and late data: each ends in one ReadyForQuery, and no more."""
    with logged_in(loading.conninfo()) as client:
        for frames, expected in (
            ([CopyData(b"1000\t1\n"), CopyFail(b"enough")], "ERROR 57014"),
            ([CopyData(b"1000\tx\n"), CopyData(b"1001\t1\n"), CopyDone()], "ERROR 22P02"),
            ([CopyData(b"1000\n"), CopyDone(), CopyDone(), CopyData(b"x")], "ERROR 22P04"),
            ([Sync(), CopyData(b"1000"), CopyData(b"\t1\n"), Sync(), CopyDone()], "CommandComplete"),
        ):
            _copying(client, "")
            client.send(*(frame.encode() for frame in frames))
            said = client.until_ready()
            assert [each.split("\t")[0].startswith(expected) or expected in each for each in said] == [True, False], (
                said
            )
            assert "I" in said[-1]
            client.send(Query(b"SELECT count(*) FROM products WHERE id = 1000").encode())
            assert len(client.until_ready()) == 4


def test_where_and_columns_that_are_left_out(loading: Proxy) -> None:
    with loading.connect() as connection:
        with connection.cursor().copy(b"COPY products (id, price) FROM STDIN WHERE price > 5") as copy:
            copy.write(b"1000\t1\n1001\t10\n")
        found = connection.execute("SELECT id, name, price, stock FROM products WHERE id >= 1000").fetchall()
        assert found == [(1001, None, Decimal(10), 1)]
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            connection.cursor().copy(b"COPY customers (name, ssn) FROM STDIN WHERE ssn > '5'") as copy,
        ):
            copy.write(b"a\tb\n")


def test_rows_that_are_skipped_are_told_of(proxy18: Proxy) -> None:
    """ON_ERROR: of a table with labelled columns the notices quote no value, of another they are the server's own."""
    with proxy18.connect() as connection, proxy18.person() as bob:
        seen: list[str] = []
        connection.add_notice_handler(lambda said: seen.append(said.message_primary or ""))
        options = "(ON_ERROR ignore, LOG_VERBOSITY verbose, REJECT_LIMIT 2)"
        with connection.cursor().copy(f"COPY {COLUMNS} FROM STDIN {options}".encode()) as copy:
            copy.write(b"1000\ta\tcheap\t1\n1001\tb\t1\t1\n")
        assert seen == [
            'skipping row due to data type incompatibility at line 1 for column "price": "cheap"',
            "1 row was skipped due to data type incompatibility",
        ]
        statement = f"COPY customers (name, email, ssn, card, birth_date, city) FROM STDIN {options}"
        row = b"a\ta{}@b.example\t000-00-000{}\t1\t{}\tc\n"

        def load(dates: list[bytes]) -> None:
            with connection.cursor().copy(statement.encode()) as copy:
                for number, date in enumerate(dates):
                    copy.write(row.replace(b"{}", b"%d" % number, 2).replace(b"{}", date))

        waiting = Waiting(connection, lambda: load([b"tomorrowish", b"2000-01-01"]))
        assert bob.approve(waiting.request()).status == 200
        waiting.result()
        assert [text for text in seen[2:] if "held" not in text] == [
            'skipping row due to data type incompatibility at line 1 for column "birth_date"',
            "1 row was skipped due to data type incompatibility",
        ]
        waiting = Waiting(connection, lambda: load([b"x", b"y", b"z"]))
        assert bob.approve(waiting.request()).status == 200
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match=r"more than REJECT_LIMIT \(2\)"):
            waiting.result()


def test_into_labelled_columns_is_held_and_fails_without_a_value(shared_proxy: Proxy) -> None:
    """CONTEXT would quote the whole line; what is approved still has to be a row."""
    statement = "COPY customers (name, email, ssn, card, birth_date, city) FROM STDIN"
    with shared_proxy.connect() as connection, shared_proxy.person() as bob:
        waiting = ask(connection, statement)
        assert bob.reject(waiting.request(), "by hand, please").status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
            waiting.result()

        def load() -> None:
            with connection.cursor().copy(statement.encode()) as copy:
                copy.write(b"a\tb@c.example\t999-99-9999\n")

        waiting = Waiting(connection, load)
        assert bob.approve(waiting.request()).status == 200
        with pytest.raises(psycopg.errors.BadCopyFileFormat) as raised:
            waiting.result()
        assert raised.value.diag.message_primary == 'missing data for column "card"'
        assert "999-99-9999" not in str(raised.value.diag.context) + str(raised.value.diag.message_detail)
        assert connection.execute("SELECT count(*) FROM customers").fetchone() == (239,)
