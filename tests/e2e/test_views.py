"""Views and row security that hold labelled columns against data which the agent may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: views
labels:
  hr.pay: {columns: ["hr.emp.salary", "hr.emp.ssn", "hr.limits.*", "hr.*.cap"], mask: {kind: "null"}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], relations: ["*.*"], decide: allow}
  - {id: labelled-writes, effects: [WRITE], labels: ["*"], decide: deny}
"""
OBJECTS = """
CREATE SCHEMA hr;
CREATE TABLE hr.emp(id int PRIMARY KEY, name text, salary numeric, ssn text, advance numeric DEFAULT 0);
INSERT INTO hr.emp SELECT i, 'n' || i, 40000 + i * 1234.5, (900 + i) || '-12-3456' FROM generate_series(1, 20) i;
CREATE TABLE hr.bands(name text, lo numeric, hi numeric);
INSERT INTO hr.bands VALUES ('low', 0, 50000), ('high', 50000, 1e6);
CREATE TABLE hr.limits(name text, lo numeric, hi numeric);
INSERT INTO hr.limits SELECT * FROM hr.bands;
CREATE TABLE hr.blocked(value text);
CREATE TABLE hr.orders(id int, emp_id int, amount numeric);
INSERT INTO hr.orders VALUES (1, 1, 10), (2, 2, 20);
CREATE VIEW hr.emp_bands AS
  SELECT e.id, e.name, b.name AS band FROM hr.emp e JOIN hr.bands b ON e.salary >= b.lo AND e.salary < b.hi;
CREATE VIEW hr.emp_bands_again AS SELECT id, band FROM hr.emp_bands WHERE id < 10;
CREATE MATERIALIZED VIEW hr.emp_bands_kept AS SELECT * FROM hr.emp_bands;
CREATE VIEW hr.emp_limits AS
  SELECT e.id, e.name FROM hr.emp e JOIN hr.limits b ON e.salary >= b.lo AND e.salary < b.hi;
CREATE VIEW hr.blocked_emp AS SELECT e.id FROM hr.emp e JOIN hr.blocked b ON e.ssn = b.value;
CREATE VIEW hr.rich AS SELECT id, name, salary FROM hr.emp WHERE salary > 50000 AND ssn LIKE '9%';
CREATE VIEW hr.emp_orders AS SELECT o.id, o.amount, e.name, e.salary FROM hr.orders o JOIN hr.emp e ON e.id = o.emp_id;
CREATE VIEW hr.levels AS
  SELECT e.id, CASE WHEN e.salary > b.hi THEN 'above' ELSE 'below' END AS level, sum(e.salary) OVER () AS total
  FROM hr.emp e JOIN hr.bands b ON b.name = 'low';
CREATE TABLE hr.own(id int, owner text DEFAULT current_user, cap numeric, used numeric);
INSERT INTO hr.own(id, owner, cap, used) SELECT i, 'pgmaskproxy', i, 0 FROM generate_series(1, 5) i;
CREATE TABLE hr.capped(LIKE hr.own INCLUDING DEFAULTS);
INSERT INTO hr.capped SELECT * FROM hr.own;
ALTER TABLE hr.own ENABLE ROW LEVEL SECURITY;
ALTER TABLE hr.capped ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON hr.own USING (owner = current_user AND cap > 0);
CREATE POLICY capped ON hr.capped USING (used < cap);
GRANT USAGE ON SCHEMA hr TO PUBLIC;
GRANT ALL ON ALL TABLES IN SCHEMA hr TO PUBLIC;
"""
ORACLES = [
    "SELECT id, band FROM hr.emp_bands",
    "SELECT count(*) FROM hr.emp_bands_again",
    "SELECT id, band FROM hr.emp_bands_kept",
    "SELECT id FROM hr.blocked_emp",
    "SELECT id FROM hr.capped",
    "UPDATE hr.capped SET used = 2 WHERE id = 3",
    "WITH b AS (INSERT INTO hr.bands VALUES ('x', 41234.5, 41235) RETURNING 1) SELECT band FROM hr.emp_bands",
]


@contextmanager
def looking(database: servers.Database, directory: Path, **overrides: str) -> Iterator[Proxy]:
    with psycopg.connect(database.admin, autocommit=True) as connection:
        connection.execute(OBJECTS)
    with proxies.in_process(
        database,
        directory,
        policy=POLICY,
        overrides={key.replace("__", "."): value for key, value in overrides.items()},
    ) as proxy:
        yield proxy
        proxy.check_bytes()


def rows(connection: psycopg.Connection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement.encode()).fetchall()


@pytest.mark.parametrize("attestation", ["required", "off"])
def test_a_view_is_no_oracle(shop_database: servers.Database, tmp_path: Path, attestation: str) -> None:
    with looking(shop_database, tmp_path, upstream__attestation=attestation) as proxy, proxy.connect() as connection:
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO hr.bands SELECT g::text, g/2.0, (g + 1)/2.0 FROM generate_series(80000, 90000) g"
        )
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"hr\.emp\.salary .* of view hr\.emp_bands"):
            connection.execute("SELECT id, band FROM hr.emp_bands WHERE band ~ '^[0-9]+$'")
        connection.execute("ROLLBACK")
        for statement in ORACLES:
            if attestation == "required" or "capped" not in statement:  # no text tells what a policy does
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement.encode())


@pytest.mark.parametrize("attestation", ["required", "off"])
def test_ordinary_views_need_no_ceremony(shop_database: servers.Database, tmp_path: Path, attestation: str) -> None:
    with looking(shop_database, tmp_path, upstream__attestation=attestation) as proxy, proxy.connect() as connection:
        assert rows(connection, "SELECT id, amount, name, salary FROM hr.emp_orders ORDER BY id")[0][2:] == ("n1", None)
        assert rows(connection, "SELECT count(*) FROM hr.rich") == [(12,)]
        assert rows(connection, "SELECT count(*) FROM hr.emp_limits") == [(20,)], "what is labelled nobody writes"
        assert rows(connection, "SELECT id, level, total FROM hr.levels WHERE id = 3") == [(3, None, None)]
        assert rows(connection, "SELECT id, cap FROM hr.own WHERE id = 1") == [(1, None)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO hr.limits VALUES ('x', 41234.5, 41235)")


@pytest.mark.parametrize("attestation", ["required", "off"])
def test_the_operator_vouches_for_a_view_as_it_is(
    shop_database: servers.Database, tmp_path: Path, attestation: str
) -> None:
    vouched = {"upstream__attestation": attestation, "trust__views": "hr.emp_bands"}
    with looking(shop_database, tmp_path, **vouched) as proxy, proxy.connect() as connection:
        assert rows(connection, "SELECT band FROM hr.emp_bands WHERE id = 1") == [("low",)]
        assert rows(connection, "SELECT id, band FROM hr.emp_bands_again WHERE id = 9") == [(9, "high")]
        assert rows(connection, "SELECT band FROM hr.emp_bands_kept WHERE id = 1") == [("low",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT id FROM hr.blocked_emp")
    again = tmp_path / "again"
    again.mkdir()
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        admin.execute(
            "CREATE OR REPLACE VIEW hr.emp_bands AS SELECT e.id, e.name, b.name AS band FROM hr.emp e "
            "JOIN hr.bands b ON e.salary > b.lo AND e.salary <= b.hi"
        )
    lock = {"trust.views": "hr.emp_bands", "trust.lock": str(tmp_path / "trust.lock")}
    with (
        proxies.in_process(shop_database, again, policy=POLICY, overrides=lock) as proxy,
        proxy.connect() as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT band FROM hr.emp_bands WHERE id = 1")
