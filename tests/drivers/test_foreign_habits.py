"""What these drivers do by themselves, which the matrix's tasks do not ask for: each by a driver that has the habit."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
import pytest

from tests.drivers.bench import SECONDS, Bench
from tests.drivers.driver import Failed
from tests.drivers.foreign.by_jdbc import Jdbc
from tests.drivers.foreign.by_node import PostgresJs
from tests.drivers.foreign.by_odbc import Odbc
from tests.drivers.foreign.by_program import ForeignDriver, ForeignSession
from tests.drivers.matrix import Cell
from tests.drivers.reading import FOREVER, REFUSED
from tests.harness.proxy import Proxy

INSERT = "INSERT INTO products (id, name, price, stock) VALUES ($1, $2, $3, $4)"
MADE = "SELECT array_agg(id ORDER BY id) FROM shop.products WHERE id >= 6000"

HABITS: Mapping[str, tuple[type[ForeignDriver], str]] = {
    "test_jdbc_saves_a_point_before_each_statement": (Jdbc, "autosave=always around a refusal"),
    "test_jdbc_rewrites_a_batch_to_many_rows_in_a_statement": (Jdbc, "reWriteBatchedInserts"),
    "test_jdbc_asks_for_the_keys_that_were_made": (Jdbc, "generated keys of a held insertion"),
    "test_jdbc_limits_a_query_s_time_by_a_cancel": (Jdbc, "setQueryTimeout"),
    "test_jdbc_says_settings_when_it_connects": (Jdbc, "settings when it connects"),
    "test_jdbc_goes_on_when_a_table_changed_under_what_it_has_prepared": (Jdbc, "a table that changes meanwhile"),
    "test_odbc_saves_a_point_before_each_statement": (Odbc, "its own savepoints around a refusal"),
    "test_postgres_js_writes_a_copy": (PostgresJs, "COPY FROM STDIN that succeeds"),
}

pytestmark = pytest.mark.parametrize("matrix_proxy", ["18"], indirect=True)


@pytest.fixture(autouse=True)
def _noted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    driver, does = HABITS[request.node.originalname]
    made = driver()
    record_property("cell", Cell(made.name, made.version, does, "18").said())


@contextmanager
def _bench(proxy: Proxy, driver: ForeignDriver) -> Iterator[Bench]:
    bench = Bench(driver, proxy)
    try:
        yield bench
    finally:
        driver.stop()
        bench.change("DELETE FROM shop.products WHERE id >= 6000")
        bench.change("DELETE FROM shop.customers WHERE id >= 6000")


@contextmanager
def _session(bench: Bench, mode: str) -> Iterator[ForeignSession]:
    assert isinstance(bench.driver, ForeignDriver)
    with ForeignSession(bench.driver, bench.proxy.conninfo(), mode) as session:
        assert isinstance(session, ForeignSession)
        yield session


def _inserted(number: int) -> tuple[object, ...]:
    return number, f"made {number}", 2, 1


def test_jdbc_saves_a_point_before_each_statement(matrix_proxy: Proxy) -> None:
    """autosave=always: a refusal costs one statement, not the transaction."""
    with _bench(matrix_proxy, Jdbc()) as bench, _session(bench, "autosave") as session:
        with session.block():
            session.query(INSERT, _inserted(6001))
            assert bench.fails(session, REFUSED).sqlstate == "42501"
            assert bench.fails(session, "SELECT 1/0 AS x").sqlstate == "22012"
            session.query(INSERT, _inserted(6002))
        assert bench.truth(MADE) == [6001, 6002]


def test_jdbc_rewrites_a_batch_to_many_rows_in_a_statement(matrix_proxy: Proxy) -> None:
    with _bench(matrix_proxy, Jdbc()) as bench, _session(bench, "rewriting") as session:
        with session.block():
            session.batch(INSERT, [_inserted(number) for number in range(6000, 6300)])
        assert bench.truth("SELECT count(*) FROM shop.products WHERE id >= 6000") == 300


def test_jdbc_asks_for_the_keys_that_were_made(matrix_proxy: Proxy) -> None:
    """By RETURNING *: of a table with labels it shows masks, once a person has agreed to the insertion."""
    statement = (
        "INSERT INTO shop.customers (id, name, email, ssn, card, birth_date, city)"
        " VALUES (6001, 'New', 'new@one.example', '999-88-7777', '4111111111111111', '1990-01-01', 'Lyon')"
    )
    with _bench(matrix_proxy, Jdbc()) as bench, _session(bench, "default") as session:
        work, request = bench.held(lambda: session.call("keys", statement))
        bench.decide(request, approve=True)
        (row,) = work.result()["rows"]
        assert row[:6] == [6001, "New", None, "***", None, None], "nothing of what a mask would leave of a new value"


def test_jdbc_limits_a_query_s_time_by_a_cancel(matrix_proxy: Proxy) -> None:
    with _bench(matrix_proxy, Jdbc()) as bench, _session(bench, "default") as session:
        with pytest.raises(Failed) as raised:
            session.call("limited", FOREVER, 1)
        assert raised.value.sqlstate == "57014"
        assert session.query("SELECT 1 AS one").rows == [(1,)]


def test_jdbc_says_settings_when_it_connects(matrix_proxy: Proxy) -> None:
    with _bench(matrix_proxy, Jdbc()) as bench, _session(bench, "set up") as session:
        assert bench.fails(session, FOREVER).message == "canceling statement due to statement timeout"
        assert session.query("SHOW search_path").rows == [("shop",)]
        assert session.query("SHOW application_name").rows[0][0].startswith("a report")
        assert session.query("SHOW pgmaskproxy.reason").rows == [("INC-4711",)]


UNKNOWN = (psycopg.errors.AdminShutdown, psycopg.errors.FeatureNotSupported)
CHANGING = "SELECT * FROM shop.changing WHERE id = $1"


def test_jdbc_goes_on_when_a_table_changed_under_what_it_has_prepared(matrix_proxy: Proxy) -> None:
    """The fifth execution names the statement, the sixth is by that name; then its result has another type."""
    with _bench(matrix_proxy, Jdbc()) as bench:
        bench.change("CREATE TABLE shop.changing AS SELECT 1 AS id, 'a' AS a")
        bench.change("GRANT SELECT ON shop.changing TO pgmaskproxy")
        try:
            with bench.through() as session, bench.direct() as direct:
                for each in (session, direct):
                    rows = [found.rows for found in each.prepared(CHANGING, [[1]] * 7)]
                    assert rows == [[(1, "a")]] * 7
                bench.change("ALTER TABLE shop.changing ADD COLUMN b int DEFAULT 3")
                _until_known(bench, (1, "a", 3))
                for each in (session, direct):
                    rows = [found.rows for found in each.prepared(CHANGING, [[1]] * 7)]
                    assert rows == [[(1, "a", 3)]] * 7
        finally:
            bench.change("DROP TABLE shop.changing")


def _until_known(bench: Bench, row: tuple[object, ...]) -> None:
    """Until then, what cannot be proven is refused, and what was on its way already ends its session."""
    until = time.monotonic() + SECONDS
    while True:
        with contextlib.suppress(*UNKNOWN), bench.proxy.connect() as other:
            if other.execute(CHANGING.replace("$1", "%s").encode(), [1]).fetchall() == [row]:
                return
        assert time.monotonic() < until, "the proxy does not know of it"
        time.sleep(0.1)


def test_odbc_saves_a_point_before_each_statement(matrix_proxy: Proxy) -> None:
    """Its default: what fails inside a transaction is undone by itself."""
    with _bench(matrix_proxy, Odbc()) as bench, _session(bench, "UseServerSidePrepare=1") as session:
        with session.block():
            session.query(INSERT, _inserted(6001))
            error = bench.fails(session, REFUSED)
            assert error.sqlstate == "42501"
            assert "permission denied by policy" in error.message
            assert (error.detail or "").endswith("}"), "what is for a machine is shown, where a HINT is not"
            session.query(INSERT, _inserted(6002))
        assert bench.truth(MADE) == [6001, 6002]


def test_postgres_js_writes_a_copy(matrix_proxy: Proxy) -> None:
    """The half of the matrix's task that it can do directly."""
    with _bench(matrix_proxy, PostgresJs()) as bench, bench.through() as session:
        session.copy_in(
            "COPY products (id, name, price, stock) FROM STDIN", b"6001\tm\xc3\xa4de\t1.5\t1\n6002\tmore\t2\t0\n"
        )
        assert bench.truth(MADE) == [6001, 6002]
        assert session.query("SELECT name FROM products WHERE id = 6001").rows == [("mäde",)]
