"""Kill -9 and hang-ups at any moment: nothing ran that was not released, and no backend outlives its client."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from pgmaskproxy.audit.verify import verify
from pgmaskproxy.demo.server import HOST
from tests.e2e.commands import eventually
from tests.e2e.waiting import SECONDS, ask
from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

SLOW: Final = "SELECT count(*) FROM generate_series(1, 3000000000)"
LEDGER: Final = "CREATE TABLE shop.ledger (worker int, n int); GRANT ALL ON shop.ledger TO pgmaskproxy"
WRITERS: Final = 4
ENOUGH: Final = 40
"""Rows that have been committed before the kill."""


@pytest.fixture
def writing(shop_database: Database, tmp_path: Path) -> Iterator[Proxy]:
    """`pgmaskproxy serve`, on every supported server in turn, with a table that anybody may write."""
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        admin.execute(LEDGER)
    with proxies.as_process(shop_database, tmp_path) as running:
        yield running
        running.check_bytes()


class Writer(threading.Thread):
    """Writes one row after the other, by one protocol or the other, alone or in a transaction, until it cannot."""

    def __init__(self, proxy: Proxy, number: int) -> None:
        super().__init__(daemon=True)
        self._proxy = proxy
        self._number = number
        self.confirmed = 0
        """The last row whose transaction is known to have been committed."""

    def run(self) -> None:
        insert = "INSERT INTO ledger VALUES (%s, %s)"
        with contextlib.suppress(psycopg.OperationalError), self._proxy.connect(port=self._proxy.port) as connection:
            for n in range(1, 1_000_000):
                if n % 3 == 0:
                    connection.execute("BEGIN")
                    connection.execute(insert, [self._number, n])
                    connection.execute("SELECT ssn FROM customers WHERE id = 1")
                    connection.execute("COMMIT")
                elif n % 3 == 1:
                    connection.execute(f"INSERT INTO ledger VALUES ({self._number}, {n})".encode(), prepare=False)
                else:
                    connection.execute(insert, [self._number, n], prepare=True)
                self.confirmed = n


def backends(admin: psycopg.Connection) -> int:
    """How many the proxy has in this database."""
    row = admin.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'pgmaskproxy'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def executed(proxy: Proxy, words: str) -> int:
    """How many statements with these words were written down as about to run."""
    records = [json.loads(line) for line in proxy.audit_records().splitlines()]
    texts = {
        record["ids"]["statement"]
        for record in records
        if record["kind"] != "statement.executing" and words in json.dumps(record).lower()
        if "statement" in record["ids"]
    }
    return sum(record["kind"] == "statement.executing" and record["ids"]["statement"] in texts for record in records)


def test_killed_in_every_state_at_once(writing: Proxy) -> None:
    """Writers in the midst of it, one held outside and one inside a block, one in a block that waits, one that runs."""
    assert writing.process is not None
    writers = [Writer(writing, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    with contextlib.ExitStack() as stack:
        admin = stack.enter_context(psycopg.connect(writing.database.admin, autocommit=True))
        held, block, open_block, running = (writing.connect(port=writing.port) for _ in range(4))
        for connection in (held, block, open_block, running):
            stack.callback(connection.close)
        waiting = [ask(held, "DELETE FROM payments")]
        block.execute("BEGIN")
        block.execute("INSERT INTO ledger VALUES (100, 1)")
        waiting.append(ask(block, "DELETE FROM ledger"))
        open_block.execute("BEGIN")
        open_block.execute("INSERT INTO ledger VALUES (101, 1)")
        for each in waiting:
            each.request()
        waiting.append(ask(running, SLOW))
        eventually(lambda: min(writer.confirmed for writer in writers) > ENOUGH // WRITERS, "nobody writes")
        writing.process.kill()
        writing.process.wait()
        for each in waiting:
            with pytest.raises(psycopg.OperationalError):
                each.result()
        for writer in writers:
            writer.join(SECONDS)
        eventually(lambda: backends(admin) == 0, "a backend works on for nobody")
        rows = admin.execute("SELECT worker, array_agg(n ORDER BY n) FROM shop.ledger GROUP BY 1 ORDER BY 1").fetchall()
        assert admin.execute("SELECT count(*) FROM shop.payments").fetchone() == (500,)
    written, deleted = executed(writing, "insert into"), executed(writing, "delete from")
    assert deleted == 0
    # Each row has its record; a record may have no row: it was written down first.
    assert [worker for worker, _ in rows] == list(range(WRITERS)), "of an open block there is nothing"
    assert sum(len(numbers) for _, numbers in rows) <= written
    for (_, numbers), writer in zip(rows, writers, strict=True):
        assert numbers == list(range(1, len(numbers) + 1))
        assert writer.confirmed <= len(numbers) <= writer.confirmed + 1
    report = verify([writing.config.audit.directory])
    assert report.ok, report.problems


def test_a_hang_up_ends_what_runs_on_the_server(shared_proxy: Proxy) -> None:
    """However long it would take."""
    with psycopg.connect(shared_proxy.database.admin, autocommit=True) as admin:
        eventually(lambda: backends(admin) <= 1, "others are connected")
        before = backends(admin)
        connection = shared_proxy.connect()
        connection.pgconn.send_query(SLOW.encode())
        running = "SELECT 1 FROM pg_stat_activity WHERE query = %s AND state = 'active'"
        eventually(lambda: admin.execute(running, [SLOW]).rowcount == 1, "it does not run")
        connection.close()
        eventually(lambda: backends(admin) == before, "its backend is still there")


def test_a_half_open_client_is_not_kept(shared_proxy: Proxy) -> None:
    """It has said that it says nothing more, and everything it asked for has been answered: so it is over."""
    with socket.create_connection((HOST, shared_proxy.port), SECONDS) as half:
        half.shutdown(socket.SHUT_WR)
        half.settimeout(SECONDS)
        assert half.recv(1) == b""
