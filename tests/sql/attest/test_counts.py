"""Where IS [NOT] NULL leaves rows whose order may show, in trees of real servers."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.attest.attestation import Attestation
from pgmaskproxy.sql.attest.notice import at_parse
from pgmaskproxy.sql.attest.reader import unfold
from pgmaskproxy.sql.attest.taint import attest
from tests.sql.attest.server import Trees


def of(trees: Trees, sql: str) -> Attestation:
    own = at_parse(trees.parse(sql)).own
    assert own is not None
    return attest(unfold(own), trees.major)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM customers WHERE ssn IS NOT NULL LIMIT 3",
        "SELECT id FROM customers WHERE NOT ssn IS NULL",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL GROUP BY id",
        "SELECT name FROM customers c WHERE EXISTS (SELECT 1 FROM customers d WHERE d.ssn IS NOT NULL AND d.id = c.id)",
        "SELECT string_agg(name, ',') FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*), array_agg(id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT sum(id::float8) FROM customers WHERE ssn IS NOT NULL",
        "SELECT min(name) FROM customers WHERE ssn IS NOT NULL",
        "SELECT sum(DISTINCT id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT sum(id ORDER BY name) FROM customers WHERE ssn IS NOT NULL",
        "SELECT (SELECT array_agg(c.id)), count(*) FROM customers c WHERE ssn IS NULL",
        "SELECT count(1 / id) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL AND 1 / id = 1",
        "SELECT count(random()) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*) FROM (SELECT ssn, nextval('s') FROM customers) s WHERE ssn IS NOT NULL",
        "SELECT count(id) FROM customers TABLESAMPLE system (50) WHERE ssn IS NOT NULL",
        "SELECT count(*) FROM customers, generate_series(1, id) WHERE ssn IS NOT NULL",
        "SELECT count(*) OVER () FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*), generate_series(1, 2) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(id) FROM (SELECT id FROM customers WHERE ssn IS NOT NULL LIMIT 3) s",
        "SELECT id FROM (SELECT id, ssn IS NOT NULL AS given FROM customers) s WHERE given",
        "WITH s AS (SELECT id FROM customers WHERE ssn IS NOT NULL) SELECT count(*) FROM s",
        "SELECT id FROM customers WHERE ssn IS NULL UNION ALL SELECT 1",
        "SELECT array_agg(id) FROM customers GROUP BY ssn IS NULL HAVING ssn IS NULL",
        "SELECT 1 UNION ALL SELECT 1 FROM customers WHERE ssn IS NULL",
    ],
)
def test_the_order_may_show(trees: Trees, sql: str) -> None:
    with trees.connection.transaction(force_rollback=True):
        trees.connection.execute("RESET ROLE")
        trees.connection.execute("CREATE TEMPORARY SEQUENCE s")
        assert len(of(trees, sql).null_tests) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, ssn IS NULL FROM customers ORDER BY id LIMIT 3",
        "SELECT ssn IS NULL, count(*) FROM customers GROUP BY 1 ORDER BY 1",
        "SELECT count(*) FILTER (WHERE ssn IS NOT NULL), name FROM customers GROUP BY name",
        "SELECT count(*) FROM customers WHERE ssn IS NOT NULL AND name = 'x' AND id IN (1, 2)",
        "SELECT count(DISTINCT name), max(id) + 1, round(avg(id), 2) FROM customers WHERE ssn IS NOT NULL",
        "SELECT count(*) FROM customers c JOIN customers d ON d.id = c.id WHERE c.ssn IS NULL HAVING count(*) > 1",
        "SELECT count(*) FROM (SELECT id, ssn FROM customers WHERE id > 3) s WHERE s.ssn IS NULL",
    ],
)
def test_it_does_not(trees: Trees, sql: str) -> None:
    assert of(trees, sql).null_tests == frozenset()
