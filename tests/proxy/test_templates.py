"""One ruling for every text of a skeleton: equal in everything to what each would be told by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pgmaskproxy.metrics import Metrics
from pgmaskproxy.model import Outcome, Principal, Statement
from pgmaskproxy.proxy import templates as keeping
from pgmaskproxy.proxy.deep import DeepThread
from pgmaskproxy.proxy.judge import Judge, Judgement, _judge
from pgmaskproxy.proxy.knowledge import Knowledge, label
from pgmaskproxy.sql.catalog import Catalog
from tests.proxy import known
from tests.sql.conftest import SNAPSHOTS, deep
from tests.sql.constants import exchanged
from tests.sql.test_skeleton import texts

AGENT, FRAUD = known.principal(), known.principal("carol")
POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: test
labels:
  pii.ssn: {columns: ["*.*.ssn"], mask: {kind: redact}, clear_for: ["group:fraud"]}
  pii.email: {columns: ["*.*.email"], mask: {kind: hash}, uses: {equality: allow}}
rules:
  - {id: reads, effects: [READ], relations: ["*.*"], decide: allow}
  - {id: writes, effects: [WRITE], relations: ["*.*"], decide: allow}
"""
CUSTOMERS = known.table(20001, "customers", ["id", "name", "ssn", "email"])


@pytest.fixture
def judge() -> Iterator[Judge]:
    async def read(_database: str) -> Catalog:
        return known.catalog(CUSTOMERS)

    policy = known.policy(POLICY)
    knowledge = Knowledge(policy, known.directory(), {"shop": label(policy, known.catalog(CUSTOMERS))})
    thread = DeepThread()
    yield Judge(knowledge, thread, Metrics(process=False), read)
    thread.close()


async def alone(judge: Judge, statement: Statement, principal: Principal = AGENT) -> Judgement:
    """What the statement is told when nothing was judged before it."""
    return await judge.deeply(lambda: _judge(judge.knowledge.now, statement, principal))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT name FROM customers WHERE id = 12345", "SELECT name FROM customers WHERE id = 7"),
        ("SELECT ssn FROM customers WHERE name = 'a';", "SELECT ssn FROM customers WHERE name = 'O''Brien';"),
        ("SELECT id FROM customers WHERE name IN ('a', 'a')", "SELECT id FROM customers WHERE name IN ('b', 'ssn')"),
        ("/* x */ SELECT id FROM customers LIMIT 1 -- y\n;", "/* x */ SELECT id FROM customers LIMIT 99 -- y\n;"),
        ("UPDATE customers SET name = 'é' WHERE id = 1", "UPDATE customers SET name = 'ssn' WHERE id = 40"),
        ("INSERT INTO customers (id, name) VALUES (1, 'a')", "INSERT INTO customers (id, name) VALUES (2, 'bb')"),
        ("DELETE FROM customers WHERE id = 5", "DELETE FROM customers WHERE id = 50000"),
        ("SELECT upper(name) || '!' FROM customers", "SELECT upper(name) || '' FROM customers"),
    ],
)  # fmt: skip
async def test_a_text_like_one_that_was_judged_is_told_the_same(judge: Judge, one: str, other: str) -> None:
    first = await judge.judge(known.statement(one), AGENT)
    assert first.rulings[0].decision.outcome is Outcome.ALLOW
    found = judge.cached(known.statement(other), AGENT)
    assert found == await alone(judge, known.statement(other))
    assert found is not None
    assert found.rulings[0].sql == other.rstrip(";")
    assert found.rulings[0].analysis is first.rulings[0].analysis


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # What a constant says is what is done.
        ("SELECT name, id FROM customers ORDER BY 1", "SELECT name, id FROM customers ORDER BY 2"),
        ("SELECT id, count(*) FROM customers GROUP BY 1", "SELECT id, count(*) FROM customers GROUP BY 2"),
        ("SELECT DISTINCT ON (1) id, ssn FROM customers", "SELECT DISTINCT ON (2) id, ssn FROM customers"),
        ("SELECT set_config('work_mem', '1', true)", "SELECT set_config('search_path', '1', true)"),
        ("SELECT set_config('role', '1', true)", "SELECT set_config('a.b', '1', true)"),
        ("SELECT replace(name, 'aa', 'b') FROM customers", "SELECT replace(name, 'a', 'bb') FROM customers"),
        ("SELECT replace(name, 'a', 'bb') FROM customers", "SELECT replace(name, 'aa', 'b') FROM customers"),
        ("SELECT left(name, -1) FROM customers", "SELECT left(name, -0) FROM customers"),
        ("SELECT id::float(24) FROM customers", "SELECT id::float(25) FROM customers"),
        # It stands beside a column that is masked: a token may be, and what a mask has shown is not to be written.
        ("SELECT id FROM customers WHERE email = 'a'", "SELECT id FROM customers WHERE email = 'b'"),
        ("UPDATE customers SET email = 'a' WHERE id = 1", "UPDATE customers SET email = 'b' WHERE id = 1"),
        ("UPDATE customers SET ssn = name || 'a' WHERE id = 1", "UPDATE customers SET ssn = name || 'b' WHERE id = 1"),
        ("UPDATE customers SET name = upper('a') WHERE id = 1", "UPDATE customers SET name = upper('b') WHERE id = 1"),
        # It is not allowed as it is.
        ("SELECT id FROM customers WHERE ssn = 'a'", "SELECT id FROM customers WHERE ssn = 'b'"),
        ("CREATE TABLE a AS SELECT 1", "CREATE TABLE a AS SELECT 2"),
        ("SELECT unheard_of(1)", "SELECT unheard_of(2)"),
        # Of another kind, or more than constants.
        ("SET work_mem = '1MB'", "SET work_mem = '2MB'"),
        ("EXPLAIN SELECT 1", "EXPLAIN SELECT 2"),
        ("SELECT id FROM customers WHERE id > $1 AND id = 1", "SELECT id FROM customers WHERE id > $1 AND id = 2"),
        ("SELECT 1; SELECT 2", "SELECT 1; SELECT 3"),
        ("SELECT 1", "SELECT 2147483648"),
        ("SELECT 1", "SELECT 1.0"),
        ("SELECT 1", "SELECT '1'"),
        ("SELECT 1", "SELECT  1"),
        ("SELECT 'a'", "SELECT E'a'"),
        ("SELECT 1 /* 1 */", "SELECT 1 /* 2 */"),
    ],
)  # fmt: skip
async def test_where_a_constant_counts_each_is_judged(judge: Judge, one: str, other: str) -> None:
    await judge.judge(known.statement(one), AGENT)
    assert judge.cached(known.statement(other), AGENT) is None


async def test_a_ruling_is_for_who_asked_as_he_asked(judge: Judge) -> None:
    one = known.statement("SELECT ssn FROM customers WHERE id = 1")
    await judge.judge(one, AGENT)
    other = replace(one, sql="SELECT ssn FROM customers WHERE id = 2")
    assert judge.cached(other, AGENT) is not None
    assert judge.cached(other, FRAUD) is None
    assert judge.cached(replace(other, search_path=("pg_catalog",)), AGENT) is None
    assert judge.cached(replace(other, role="somebody"), AGENT) is None
    assert judge.cached(replace(other, extended=True), AGENT) is None
    assert judge.cached(replace(other, unmask="ssn"), AGENT) is None
    judge.outdated("shop")
    assert judge.cached(other, AGENT) is None
    await judge.catch_up("shop")
    judge.knowledge.reload(known.policy(POLICY), known.directory(), judge.knowledge.now.databases)
    assert judge.cached(other, AGENT) is None


async def test_a_wish_to_see_is_judged_by_itself(judge: Judge) -> None:
    one = known.statement("SELECT name FROM customers WHERE id = 1", unmask="ssn")
    await judge.judge(one, AGENT)
    assert judge.cached(replace(one, sql="SELECT name FROM customers WHERE id = 2"), AGENT) is None


async def test_so_many_are_kept(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "CACHED", 4)
    for number in range(10):
        await judge.judge(known.statement(f"SELECT 1 AS c{number}"), AGENT)
        await judge.judge(known.statement("SELECT 2 AS c0"), AGENT)
        assert judge.cached(known.statement("SELECT 3 AS c0"), AGENT) is not None
    assert judge.cached(known.statement("SELECT 2 AS c9"), AGENT) is not None
    assert judge.cached(known.statement("SELECT 2 AS c1"), AGENT) is None


def test_over_the_corpora_every_ruling_is_the_one_that_the_text_would_have_had() -> None:
    catalog = Catalog.from_json((SNAPSHOTS / "corpus18.jsonl").read_text())
    policy = known.policy(POLICY)

    def run() -> tuple[int, int]:
        knowledge = Knowledge(policy, known.directory(), {"shop": label(policy, catalog)})
        general = several = 0
        for number, sql in enumerate(texts()):
            statement = Statement(sql, "shop", "pgmaskproxy", ("pg_catalog", "public"))
            first = _judge(knowledge.now, statement, AGENT)
            if len(first.rulings) != 1 or not first.rulings[0].general:
                continue
            general += 1
            kept = keeping.Templates()
            kept.keep(statement, AGENT, first.rulings[0], first.visibility)
            for turn in range(3):
                other = replace(
                    statement,
                    sql=exchanged(sql, lambda at, among, k=number + 11 * turn: among[(at * 5 + k) % len(among)]),  # type: ignore[misc]
                )
                found = kept.find(other, AGENT, knowledge.now.epoch)
                if found is None:
                    continue  # it has no skeleton, or no constant that is in it
                several += 1
                assert Judgement((found[0],), found[1]) == _judge(knowledge.now, other, AGENT), other.sql
        return general, several

    general, several = deep(run)
    assert general > 300
    assert several > 300
