"""`pgmaskproxy harden`: its SQL runs, and after it `check` finds nothing, however bad the role was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.conftest import Invoke
from tests.cli.files import POLICY, write
from tests.harness.servers import PASSWORD, Database

READS_AND_WRITES = (
    POLICY
    + """\
  - {id: writes, effects: [WRITE], relations: ["shop.orders", "shop.products", "shop.customers"], decide: allow}
"""
)
ROLE = "tested upstream"


@pytest.fixture
def bad(shop_database: Database) -> Iterator[Database]:
    """A database with a role that may do everything, and a function that PUBLIC may execute as its owner."""
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE \"{ROLE}\" LOGIN SUPERUSER REPLICATION PASSWORD '{PASSWORD}'".encode())
        admin.execute(f'GRANT pg_monitor, pg_read_all_data TO "{ROLE}"'.encode())
        admin.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA shop TO "{ROLE}"'.encode())
        admin.execute("CREATE FUNCTION shop.reveal() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT 1::text'")
    yield Database(shop_database.server, shop_database.name, ROLE)
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        admin.execute(f'DROP OWNED BY "{ROLE}"'.encode())
        admin.execute(f'DROP ROLE "{ROLE}"'.encode())


def hardened(invoke: Invoke, database: Database, *arguments: str) -> str:
    answer = invoke("harden", "--dsn", database.admin, *arguments)
    assert answer.exit_code == 0, answer.output
    with psycopg.connect(database.admin, autocommit=True) as admin:
        admin.execute(answer.stdout.encode())
    return answer.stdout


def levels(invoke: Invoke) -> set[tuple[str, str]]:
    """Of what `check` says about the server; errors make it fail."""
    answer = invoke("check", "--format", "json")
    found = [each for each in json.loads(answer.stdout)["findings"] if each["area"] == "upstream"]
    return {(each["level"], each["message"]) for each in found if each["level"] != "ok"}


def may(database: Database, statement: str) -> bool:
    with psycopg.connect(database.upstream) as connection:
        try:
            connection.execute(statement.encode())
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True


def test_after_it_check_is_clean(invoke: Invoke, tmp_path: Path, bad: Database) -> None:
    write(tmp_path, database=bad, policy=READS_AND_WRITES)
    config = (tmp_path / "pgmaskproxy.yaml").read_text().replace(f"user: {ROLE}", f'user: "{ROLE}"')
    (tmp_path / "pgmaskproxy.yaml").write_text(config)
    assert {level for level, _ in levels(invoke)} >= {"error"}
    text = hardened(invoke, bad, "--public")
    assert "log_statement" in text
    assert levels(invoke) == set()
    assert may(bad, "SELECT ssn FROM shop.customers LIMIT 1")
    assert may(bad, "UPDATE shop.orders SET quantity = quantity WHERE false")
    assert may(bad, "INSERT INTO shop.products (name, price, stock) VALUES ('x', 1, 1)")
    for statement in (
        "UPDATE shop.employees SET name = name WHERE false",
        "TRUNCATE shop.orders",
        "CREATE TABLE shop.mine ()",
        "CREATE SCHEMA mine",
        "CREATE TEMPORARY TABLE mine ()",
        "SELECT shop.reveal()",
        "SELECT pg_read_file('PG_VERSION')",
        "SELECT passwd FROM pg_shadow",
        "SET log_min_messages = debug1",
        "CREATE ROLE another",
    ):
        assert not may(bad, statement), statement
    assert hardened(invoke, bad, "--public").count("REVOKE") < text.count("REVOKE"), "there is nothing left to revoke"
    assert levels(invoke) == set()


def test_without_public_what_others_would_feel_is_a_comment(invoke: Invoke, tmp_path: Path, bad: Database) -> None:
    write(tmp_path, database=bad)
    text = hardened(invoke, bad, "--role", ROLE)
    assert "-- REVOKE EXECUTE ON FUNCTION shop.reveal() FROM PUBLIC;" in text
    assert may(bad, "SELECT shop.reveal()")


def test_columns_with_labels_are_left_out(invoke: Invoke, tmp_path: Path, bad: Database) -> None:
    write(tmp_path, database=bad, policy=READS_AND_WRITES)
    hardened(invoke, bad, "--columns", "--role", ROLE)
    assert may(bad, "SELECT id, name, city FROM shop.customers LIMIT 1")
    assert may(bad, "SELECT count(*) FROM shop.customers")
    assert may(bad, "SELECT * FROM shop.products LIMIT 1")
    assert may(bad, "UPDATE shop.customers SET name = name WHERE id = 1")
    for statement in (
        "SELECT * FROM shop.customers",
        "SELECT ssn FROM shop.customers",
        "SELECT c FROM shop.customers c",
        "SELECT 1 FROM shop.customers WHERE ssn > '5'",
        "UPDATE shop.customers SET ssn = ssn",
        "UPDATE shop.customers SET name = ssn",
        "SELECT contact FROM shop.customer_contacts",
        "SELECT email FROM shop.customer_totals",
    ):
        assert not may(bad, statement), statement


def test_a_role_that_does_not_exist_yet(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    write(tmp_path, database=shop18)
    text = hardened(invoke, shop18, "--role", "quite new")
    assert 'CREATE ROLE "quite new" LOGIN NOSUPERUSER' in text
    with psycopg.connect(shop18.admin, autocommit=True) as admin:
        admin.execute('DROP OWNED BY "quite new"')
        admin.execute('DROP ROLE "quite new"')


def test_somebody_who_is_cleared_loses_it_with_columns(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    cleared = POLICY.replace("mask: {kind: redact}", 'mask: {kind: redact}, clear_for: ["group:fraud"]')
    write(tmp_path, database=shop18, policy=cleared)
    assert "nobody sees pii.ssn" in invoke("harden", "--columns").stderr
    assert invoke("harden").stderr == ""


def test_wrong_usage(invoke: Invoke, tmp_path: Path, shop18: Database) -> None:
    write(tmp_path, database=shop18)
    assert invoke("harden", "--database", "nowhere").exit_code == 2
    elsewhere = invoke("harden", "--dsn", make_conninfo(shop18.admin, dbname="postgres"))
    assert elsewhere.exit_code == 2
    assert "of database postgres" in elsewhere.stderr
    assert invoke("harden", "--dsn", "host=127.0.0.1 port=1").exit_code == 69
