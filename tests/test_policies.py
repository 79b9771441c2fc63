"""The default policy over real statements, read with a real server's catalog (the leak corpus's schema)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pgmaskproxy.mask.kinds import kinds
from pgmaskproxy.model import Decision, Principal, PrincipalKind, Statement
from pgmaskproxy.policy.engine import decide, declared_labels
from pgmaskproxy.policy.loader import load_policies
from pgmaskproxy.sql.catalog import Catalog
from pgmaskproxy.sql.closure import close_labels
from pgmaskproxy.sql.reader import read
from tests.sql.conftest import SNAPSHOTS, deep

DEFAULT = Path(__file__).parents[1] / "policies" / "default.yaml"
SEARCH_PATH = ("pg_catalog", "public")
AGENT = Principal("bot", PrincipalKind.AGENT, frozenset({"agents"}), owner="alice")
SUPPORT = Principal("sue", PrincipalKind.HUMAN, frozenset({"support"}), person="sue")

Judge = Callable[..., tuple[Decision, ...]]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """Statements -> what the default policy says of each."""
    policy = load_policies([("default.yaml", DEFAULT.read_text(encoding="utf-8"))], kinds())
    catalog = Catalog.from_json((SNAPSHOTS / "corpus15.jsonl").read_text(encoding="utf-8"))
    labelling = deep(lambda: close_labels(catalog, declared_labels(policy, catalog.column_refs().values())))

    def decisions(sql: str, principal: Principal = AGENT) -> tuple[Decision, ...]:
        statements = deep(lambda: read(sql, catalog, SEARCH_PATH))
        return tuple(
            decide(policy, principal, Statement(one.text, "leak", "bot", SEARCH_PATH), one.analysis, labelling)
            for one in statements
        )

    return decisions


@pytest.mark.parametrize(
    ("sql", "masks"),
    [
        ("SELECT 1", "-"),
        ("SELECT * FROM customers", "- - email redact partial null redact"),
        ("SELECT c.ssn AS x, o.amount FROM customers c JOIN orders o ON o.customer_id = c.id", "redact -"),
        ("WITH a AS (SELECT email FROM customers) SELECT * FROM a", "email"),
        ("SELECT c FROM customers c", "null"),
        ("SELECT email FROM customers UNION ALL SELECT email FROM customers", "email"),
        ("SELECT * FROM people_eu", "- redact -"),
        ("SELECT count(*), count(ssn) FROM customers WHERE dob IS NULL", "- -"),
        ("SELECT name FROM customers WHERE email = 'a@example.com'", "-"),
        ("INSERT INTO orders VALUES (1, 2, 3, 'x') RETURNING *", "- - - -"),
        ("UPDATE customers SET name = 'x' WHERE id = 1 RETURNING email", "email"),
        ("DELETE FROM orders WHERE id = 1", ""),
        ("COPY customers TO STDOUT", "- - email redact partial null redact"),
        ("SHOW search_path", "-"),
        ("EXPLAIN SELECT * FROM scratch", "-"),
        ("SELECT nspname FROM pg_catalog.pg_namespace", "-"),
        ("BEGIN", ""),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", ""),
        ("SET search_path = public", ""),
        ("RESET ALL", ""),
        ("DISCARD ALL", ""),
    ],
)
def test_ordinary_work_is_allowed_and_masked(judge: Judge, sql: str, masks: str) -> None:
    (found,) = judge(sql)
    assert found.refusal is None
    assert found.outcome.value == "allow"
    assert found.masks is not None
    assert " ".join(mask.kind if mask is not None else "-" for mask in found.masks) == masks


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE customers SET email = 'x' WHERE id = 1", "labelled-writes"),
        ("INSERT INTO customers VALUES (1, 'a')", "labelled-writes"),
        ("WITH x AS (UPDATE customers SET dob = NULL WHERE id = 1 RETURNING id) SELECT * FROM x", "labelled-writes"),
        ("UPDATE orders SET memo = ''", "mass-changes"),
        ("DELETE FROM orders", "mass-changes"),
        ("INSERT INTO tax_filings SELECT id, ssn FROM customers", "exports"),
        ("CREATE TABLE copy AS SELECT id FROM customers", "exports"),
        ("ALTER TABLE orders ADD x int", "schema-changes"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "schema-changes"),
        ("DO 'BEGIN END'", "schema-changes"),
        ("SELECT f_sql(1)", "schema-changes"),
        ("GRANT SELECT ON orders TO agent", "privileges"),
    ],
)
def test_what_needs_a_person_is_held(judge: Judge, sql: str, rule: str) -> None:
    (found,) = judge(sql)
    assert found.outcome.value == "hold"
    assert rule in [ref.id for ref in found.rules]
    assert {term.groups for term in found.terms} == {("dba",)}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_to_json(c) FROM customers c",
        "SELECT lower(ssn) FROM customers",
        "SELECT id FROM customers WHERE ssn LIKE '1%'",
        "SELECT id FROM customers ORDER BY ssn",
        "SELECT ssn::int FROM customers",
        "SELECT ssn FROM customers UNION SELECT '1'",
        "SELECT ssn FROM customers UNION ALL SELECT '1'",
        "UPDATE customers SET name = ssn",
        "INSERT INTO scratch SELECT id, ssn FROM customers",
        "CREATE TABLE copy AS SELECT ssn FROM customers",
        "SELECT id FROM customers WHERE email = 'a' OR email = 'b'",
        "SELECT max(email) FROM customers",
        "EXPLAIN SELECT * FROM customers",
        "SELECT * FROM nothing",
        "SELECT * FROM pg_stats",
        "SELECT query FROM pg_stat_activity",
        # The foreign key of tax_filings would tell whether the number is on file: more than writing it.
        "UPDATE customers SET ssn = 'x' WHERE id = 1",
        "UPDATE pg_settings SET setting = 'x' WHERE name = 'a'",
        "SET ROLE postgres",
        "SET enable_seqscan = off",
        "SET pgmaskproxy.principal = 'x'",
        "SELECT set_config('role', 'x', false)",
        "SELECT pg_sleep(1)",
        "VACUUM orders",
        "SELECT lo_get(1)",
        "SELECT pg_read_file('/srv/a')",
        "COPY orders TO PROGRAM 'cat'",
        "SELECT lo_export(1, '/srv/a')",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "PREPARE TRANSACTION 'x'",
    ],
)
def test_what_nobody_may_do_is_refused_and_says_what_would_work(judge: Judge, sql: str) -> None:
    (found,) = judge(sql)
    assert found.outcome.value == "deny"
    assert found.refusal is not None
    assert found.refusal.hint or found.refusal.rule is not None
    assert found.scrub or not found.labels


def test_support_sees_addresses_and_nothing_else(judge: Judge) -> None:
    (found,) = judge("SELECT email, ssn FROM customers ORDER BY email", SUPPORT)
    assert [mask.kind if mask is not None else "-" for mask in found.masks or ()] == ["-", "redact"]
    assert [str(column) for column in found.cleared] == ["public.customers.email"]


def test_the_default_policy_fits_on_a_screen() -> None:
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 70
    assert max(map(len, lines)) <= 130
