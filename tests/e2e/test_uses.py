"""Uses that a label opts in to, through the proxy and by the servers' own trees: run, held or refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.e2e.waiting import ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: uses
labels:
  pii.email:
    columns: ["*.customers.email"]
    mask: {kind: email}
    uses:
      null_test: allow
      count: allow
      join: ["shop.customers.email = shop.employees.email"]
      predicate: hold
      written: hold
    approvers: {groups: [dba]}
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}, uses: {expression: hold}, approvers: {groups: [dba]}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], relations: ["*.*"], decide: allow}
"""


@contextmanager
def using(database: servers.Database, directory: Path) -> Iterator[Proxy]:
    with proxies.in_process(database, directory, policy=POLICY) as proxy:
        yield proxy


JOINED = [
    "SELECT c.id, e.id FROM customers c JOIN employees e ON c.email = e.email",
    "SELECT c.id, c.email, e.email, c.email IS NULL FROM customers c JOIN employees e ON e.email = c.email",
    "SELECT c.id FROM customers c WHERE EXISTS (SELECT FROM employees e WHERE e.email = c.email)",
    "SELECT count(e.email) FROM customers c LEFT JOIN employees e USING (email)",
]
NOT_JOINED = [
    "SELECT a.id FROM customers a JOIN customers b ON a.email = b.email AND a.id <> b.id",
    "SELECT c.id FROM customers c JOIN employees e ON c.email = e.email WHERE e.email = 'x'",
    "SELECT c.id FROM customers c JOIN employees e ON c.email = e.email AND c.email < 'm'",
    "SELECT c.id FROM customers c JOIN (VALUES ('x')) v(email) ON v.email = c.email",
    "SELECT c.id FROM customers c JOIN (SELECT email FROM employees UNION ALL SELECT 'x') v ON v.email = c.email",
]


def test_a_declared_pair_is_joined_and_both_sides_are_masked(shop_database: servers.Database, tmp_path: Path) -> None:
    with using(shop_database, tmp_path) as proxy, proxy.connect() as connection:
        for statement in JOINED:
            connection.execute(statement.encode()).fetchall()
        shown = [row[0] for row in connection.execute("SELECT email FROM employees").fetchall()]
        assert shown
        assert all(value is None or "***" in value for value in shown), "what may be joined is as secret"
        for statement in NOT_JOINED:
            waiting = ask(connection, statement)
            waiting.request()
            connection.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                waiting.result()
        proxy.check_bytes()


def test_who_agrees_to_a_use_reads_which_and_it_runs(shop_database: servers.Database, tmp_path: Path) -> None:
    with using(shop_database, tmp_path) as proxy, proxy.connect() as connection, proxy.person() as bob:
        waiting = ask(connection, "SELECT id FROM customers WHERE email LIKE 'b%' ORDER BY id")
        request = waiting.request()
        assert bob.request(request).body["card"] == "Uses shop.customers.email (pii.email) in WHERE"
        bob.approve(request)
        tag, rows = waiting.result()
        assert rows
        assert tag == f"SELECT {len(rows)}"
        waiting = ask(connection, "SELECT substr(ssn, 8) FROM customers WHERE id = 1")
        bob.approve(waiting.request())
        _, rows = waiting.result()
        assert rows is not None
        assert [len(value) for (value,) in rows] == [4], "a person agreed to these four digits"
        waiting = ask(connection, "UPDATE customers SET email = 'x@example.com' WHERE id = 1")
        request = waiting.request()
        assert bob.request(request).body["card"] == "Writes shop.customers.email (pii.email) in UPDATE"
        bob.reject(request, "no")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            waiting.result()


def test_what_no_label_allows_is_refused_and_the_rest_is_offered(
    shop_database: servers.Database, tmp_path: Path
) -> None:
    with using(shop_database, tmp_path) as proxy, proxy.connect() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute("SELECT id FROM customers ORDER BY email")
        facts = json.loads((caught.value.diag.message_detail or "").splitlines()[-1].removeprefix("pgmaskproxy:"))
        assert (facts["column"], facts["use"], facts["where"]) == ("shop.customers.email", "ordering", "ORDER BY")
        assert facts["allowed"] == ["output", "count", "join", "null_test"]
        assert facts["held"] == ["equality", "predicate"]
        assert "a join on shop.customers.email = shop.employees.email" in (caught.value.diag.message_hint or "")
        proxy.check_bytes()
