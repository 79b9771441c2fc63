"""Who says nothing for too long between two statements is ended, and nobody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.wire.frontend import Query
from tests.e2e.commands import eventually
from tests.e2e.raw import logged_in, sqlstate
from tests.e2e.waiting import Waiting
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

HELD = "UPDATE shop.customers SET name = 'x'"
BUSY = "SELECT count(*) FROM generate_series(1, 8000000)"


@pytest.fixture
def impatient(shop18: Database, tmp_path: Path) -> Iterator[Proxy]:
    overrides: dict[str, str | int | bool] = {"limits.idle_seconds": "1s", "limits.idle_in_transaction_seconds": "1s"}
    with proxies.in_process(shop18, tmp_path, overrides=overrides) as proxy:
        yield proxy
        proxy.check_bytes()


@pytest.mark.parametrize(
    ("said", "state"), [(b"SELECT 1", "57P05"), (b"BEGIN", "25P03"), (b"BEGIN; SELECT 1/0", "25P03")]
)
def test_silence_between_statements(impatient: Proxy, said: bytes, state: str) -> None:
    with logged_in(impatient.conninfo()) as raw:
        raw.send(Query(said).encode())
        raw.until_ready()
        (error,) = raw.until_closed()
        assert sqlstate(error) == ("FATAL", state)
    with psycopg.connect(impatient.database.admin, autocommit=True) as admin:
        left = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND application_name LIKE '%%[pgmaskproxy]'"

        def gone() -> bool:
            return admin.execute(left, [impatient.database.role]).fetchone() == (0,)

        eventually(gone, "its server process is gone")


def test_a_statement_under_way_takes_as_long_as_it_takes(impatient: Proxy) -> None:
    with impatient.connect() as connection:
        assert connection.execute(BUSY).fetchone() == (8_000_000,)


def test_a_statement_that_waits_for_a_person_is_not_idle(impatient: Proxy) -> None:
    with impatient.connect() as connection, impatient.person() as bob:
        waiting = Waiting(connection, lambda: connection.execute(HELD))
        request = waiting.request()
        time.sleep(2.5)
        assert bob.reject(request, "seen").status == 200
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            waiting.result()
