"""Look-ups that a label counts: so many and no more, whatever becomes of them and of the proxy."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgmaskproxy.wire.frontend import Bind, Execute, Parse, Query, Sync
from tests.e2e.raw import logged_in
from tests.e2e.waiting import SECONDS, ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: counted
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}}
  pii.email:
    columns: ["*.*.email"]
    mask: {kind: email}
    uses: {equality: {budget: 3, per: 1h}, ordering: hold, expression: null}
    approvers: {groups: [dba]}
rules:
  - {id: reads, effects: [READ, ROUTINE], relations: ["*.*"], decide: allow}
"""
FOUND = "bram.abbott1@post.example"
LOOK_UP = "SELECT name FROM customers WHERE email = %s"


@contextmanager
def counting(database: servers.Database, directory: Path, *, state: Path | None = None) -> Iterator[Proxy]:
    directory.mkdir(exist_ok=True)
    overrides: dict[str, str | int | bool] = {"state": f"sqlite:///{state or directory}/state.db"}
    with proxies.in_process(database, directory, policy=POLICY, overrides=overrides) as proxy:
        yield proxy
        proxy.check_bytes()


def refused(connection: psycopg.Connection, statement: str = LOOK_UP, parameters: tuple[str, ...] = (FOUND,)) -> str:
    """The look-up is over the budget; the error's DETAIL."""
    with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as caught:
        connection.execute(statement.encode(), parameters or None)
    assert "budget for look-ups of column shop.customers.email is used up: 3 per 1h" in str(caught.value)
    return caught.value.diag.message_detail or ""


def test_three_look_ups_and_not_a_fourth(shop18: servers.Database, tmp_path: Path) -> None:
    with counting(shop18, tmp_path) as proxy, proxy.connect() as connection:
        assert connection.execute(LOOK_UP, [FOUND]).fetchone() is not None
        assert connection.execute(LOOK_UP, ["nobody@post.example"]).fetchone() is None
        assert connection.execute(f"SELECT name FROM customers WHERE email = '{FOUND}'").fetchone() is not None
        facts = json.loads(refused(connection).splitlines()[-1].removeprefix("pgmaskproxy:"))
        assert (facts["use"], facts["column"], facts["budget"]) == ("equality", "shop.customers.email", 3)
        assert 3500 < facts["retry_after"] <= 3600
        assert connection.execute("SELECT count(*) FROM customers").fetchone() is not None, "the session goes on"
        with proxy.connect() as other:
            refused(other)
        decided = [json.loads(line) for line in proxy.audit_records().splitlines()]
        sqlstates = [each["data"].get("sqlstate") for each in decided if each["kind"] == "statement.decided"]
        assert sqlstates.count("53400") == 2


def test_a_restart_forgets_nothing(shop18: servers.Database, tmp_path: Path) -> None:
    for run in range(3):
        with counting(shop18, tmp_path / f"run{run}", state=tmp_path) as proxy, proxy.connect() as connection:
            connection.execute(LOOK_UP, [FOUND])
    with counting(shop18, tmp_path / "last", state=tmp_path) as proxy, proxy.connect() as connection:
        refused(connection)


def test_what_fails_or_is_rolled_back_counts_and_what_is_only_parsed_does_not(
    shop18: servers.Database, tmp_path: Path
) -> None:
    with counting(shop18, tmp_path) as proxy, proxy.connect() as connection:
        for number in range(5):
            connection.execute(f"PREPARE p{number}(text) AS SELECT 1 / (id - id) FROM customers WHERE email = $1")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute(f"EXECUTE p0('{FOUND}')")
        connection.execute("BEGIN")
        connection.execute(LOOK_UP, [FOUND])
        connection.execute("ROLLBACK")
        connection.execute("EXECUTE p1('nobody@post.example')")
        refused(connection)
        refused(connection, f"EXECUTE p2('{FOUND}')", ())


def test_many_at_once_are_no_more(shop18: servers.Database, tmp_path: Path) -> None:
    with counting(shop18, tmp_path) as proxy, contextlib.ExitStack() as stack:
        connections = [stack.enter_context(proxy.connect()) for _ in range(6)]
        start = threading.Barrier(len(connections))

        def look_up(connection: psycopg.Connection) -> bool:
            start.wait(SECONDS)
            try:
                connection.execute(LOOK_UP, [FOUND])
            except psycopg.errors.ConfigurationLimitExceeded:
                return False
            return True

        with ThreadPoolExecutor(len(connections)) as pool:
            assert sum(pool.map(look_up, connections)) == 3


def test_a_look_up_that_a_person_agreed_to_is_charged_too(shop18: servers.Database, tmp_path: Path) -> None:
    ordered = LOOK_UP.replace("%s", f"'{FOUND}'") + " ORDER BY email"
    with counting(shop18, tmp_path) as proxy, proxy.connect() as connection, proxy.person() as bob:
        waiting = ask(connection, ordered)
        request = waiting.request()
        assert "ORDER BY" in str(bob.request(request).body["card"])
        bob.approve(request)
        waiting.result()
        for _ in range(2):
            connection.execute(LOOK_UP, [FOUND])
        refused(connection)
        refused(connection, ordered, ())


def test_the_rest_of_what_was_charged_costs_nothing(shop18: servers.Database, tmp_path: Path) -> None:
    with counting(shop18, tmp_path) as proxy:
        with proxy.connect() as connection:
            connection.execute("BEGIN")
            connection.execute(f"DECLARE c CURSOR FOR SELECT id FROM customers WHERE email = '{FOUND}'")
            for _ in range(5):
                connection.execute("FETCH 1 FROM c")
            connection.execute("COMMIT")
        with logged_in(proxy.conninfo()) as raw:
            text = f"SELECT generate_series(1, 5) FROM customers WHERE email = '{FOUND}'"
            raw.send(Parse(b"", text.encode()).encode(), Bind(b"", b"", (), (), ()).encode())
            for _ in range(5):
                raw.send(Execute(b"", 1).encode())
            raw.send(Sync().encode())
            assert not any("ERROR" in said for said in raw.until_ready())
            # A name that the rows are fetched by is no way around it: this portal has not run yet.
            fetched = b"FETCH ALL FROM p"
            raw.send(Query(b"BEGIN").encode())
            raw.until_ready()
            raw.send(Parse(b"", text.encode()).encode(), Bind(b"p", b"", (), (), ()).encode(), Sync().encode())
            raw.until_ready()
            raw.send(Query(fetched).encode())
            assert not any("ERROR" in said for said in raw.until_ready())
        with proxy.connect() as connection:
            refused(connection)


def test_a_total_expression_is_null(shop18: servers.Database, tmp_path: Path) -> None:
    made = "upper(left(email, 3)) || 'x' AS made, length(email), left(name, 0)"
    with counting(shop18, tmp_path) as proxy, proxy.connect() as connection:
        row = connection.execute(f"SELECT {made} FROM customers".encode()).fetchone()
        assert row == (None, None, "")
        for refused_too in (
            "SELECT email::int FROM customers",
            "SELECT replace(email, 'a', 'aaaaaaaaaa') FROM customers",
            "SELECT substr(email, 1, -1) FROM customers",
            "SELECT id FROM customers WHERE upper(email) = 'X'",
            "INSERT INTO customers (name) SELECT upper(email) FROM customers",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused_too.encode())
