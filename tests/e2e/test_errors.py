"""An agent gets every error that holds only its own text, and of any other what no value can hide in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.harness import proxy as proxies
from tests.harness.proxy import Proxy
from tests.harness.servers import Database

POLICY = """
apiVersion: pgmaskproxy/v1
kind: Policy
name: errors
labels:
  pii: {columns: ["shop.customers.ssn", "shop.customers.email", "shop.customers.notes"], mask: {kind: redact}}
rules:
  - {id: all, effects: [READ, WRITE, DDL], decide: allow}
"""
SETUP = """
GRANT ALL ON SCHEMA shop TO {role};
ALTER TABLE shop.products OWNER TO {role};
ALTER TABLE shop.orders OWNER TO {role};
GRANT ALL ON ALL TABLES IN SCHEMA shop TO {role};
CREATE TABLE shop.loud (id int PRIMARY KEY);
CREATE TABLE shop.late (id int PRIMARY KEY);
CREATE TABLE shop.part_of (id int REFERENCES shop.late ON DELETE CASCADE, note text NOT NULL);
CREATE FUNCTION shop.shout() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE said text := (SELECT ssn FROM shop.customers WHERE id = 1);
BEGIN
  RAISE NOTICE 'notice %', said;
  RAISE WARNING USING MESSAGE = said, TABLE = said;
  RAISE EXCEPTION USING MESSAGE = said, DETAIL = said, HINT = said, TABLE = said, COLUMN = said, CONSTRAINT = said,
    SCHEMA = said, DATATYPE = said, ERRCODE = 'P0123';
END $$;
CREATE TRIGGER shout BEFORE INSERT ON shop.loud FOR EACH ROW EXECUTE FUNCTION shop.shout();
CREATE CONSTRAINT TRIGGER shout AFTER INSERT ON shop.late DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION shop.shout();
CREATE TRIGGER shout BEFORE DELETE ON shop.part_of FOR EACH ROW EXECUTE FUNCTION shop.shout();
GRANT ALL ON shop.loud, shop.late, shop.part_of TO {role};
"""
FIELDS = (
    "severity", "sqlstate", "message_primary", "message_detail", "message_hint", "statement_position", "schema_name",
    "table_name", "column_name", "datatype_name", "constraint_name",
)  # fmt: skip


@pytest.fixture
def proxy(shop_database: Database, tmp_path: Path) -> Iterator[Proxy]:
    with psycopg.connect(shop_database.admin, autocommit=True) as admin:
        admin.execute(SETUP.replace("{role}", shop_database.role).encode())
        with psycopg.connect(shop_database.admin, autocommit=True) as setup:
            setup.execute("SET session_replication_role = replica")  # nobody shouts yet
            setup.execute("INSERT INTO shop.late VALUES (7); INSERT INTO shop.part_of VALUES (7, '')")
    with proxies.in_process(shop_database, tmp_path, policy=POLICY) as running:
        yield running
        running.check_bytes()


def fails(connection: psycopg.Connection, statement: str) -> dict[str, str | None]:
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(statement.encode())
    return {name: getattr(raised.value.diag, name) for name in FIELDS}


OWN = [
    "INSERT INTO products (id, name, price, stock) VALUES (1, 'x', 1, 1)",
    "INSERT INTO products (id, name, price, stock) VALUES (91, NULL, 1, 1)",
    "INSERT INTO products (id, name, price, stock) VALUES (92, 'x', -1, 1)",
    "UPDATE products SET price = 'cheap'",
    "UPDATE products SET stock = 2147483647 + id",
    "DELETE FROM products",
    "INSERT INTO orders VALUES (9999, 1, 9999, 1, 'new', now())",
    "SELECT price / 0 FROM products",
    "SELECT name::int FROM products WHERE id = 1",
    "SELECT '{'::jsonb",
    "SELECT nope FROM customers",
    "SELECT * FROM customers JOIN nope USING (id)",
    "SELEKT 1",
    "SELECT id FROM customers WHERE id = 'seven'",
    "CREATE TABLE shop.products (id int)",
    "ALTER TABLE shop.products ADD CHECK (stock < 0)",
    "CREATE UNIQUE INDEX ON shop.orders (status)",
    "DROP TABLE shop.nope",
]


def test_what_holds_only_its_own_text_is_as_directly(proxy: Proxy) -> None:
    with (
        proxy.connect() as through,
        psycopg.connect(proxy.database.upstream, autocommit=True) as directly,
    ):
        for statement in OWN:
            assert fails(through, statement) == fails(directly, statement), statement


QUOTING = [
    # (what is run, the state, the message, fields)
    ("UPDATE customers SET name = NULL WHERE id = 1", "23502",
     'null value in column "name" of relation "customers" violates not-null constraint',
     {"table_name": "customers", "column_name": "name"}),
    ("INSERT INTO customers (id, name, email, ssn, card, birth_date, city)"
     " SELECT 1, '', '', '000-00-0000', '', now(), ''", "23505",
     'duplicate key value violates unique constraint "customers_pkey"', {"constraint_name": "customers_pkey"}),
    ("UPDATE customers SET city = 1 / (id - 1)::text::int", "22012", "division by zero", {}),
    ("DELETE FROM customers WHERE id = 1", "23503",
     'update or delete on table "customers" violates foreign key constraint "orders_customer_id_fkey" on table'
     ' "orders"', {"constraint_name": "orders_customer_id_fkey"}),
    ("ALTER TABLE customers ADD CHECK (id < 0)", "23514",
     'check constraint "customers_id_check" of relation "customers" is violated by some row', {}),
    ("ALTER TABLE customers ADD COLUMN name text", "42701",
     'column "name" of relation "customers" already exists', {}),
    ("SELECT name::int FROM customers WHERE id = 1", "22P02", "invalid input syntax for type integer", {}),
    ("INSERT INTO loud VALUES (1)", "P0123", "plpgsql error", {}),
    ("INSERT INTO late VALUES (1)", "P0123", "plpgsql error", {}),
    ("DELETE FROM late WHERE id = 7", "P0123", "plpgsql error", {}),
]  # fmt: skip


def test_what_could_quote_a_value_says_its_state_names_and_reviewed_words(proxy: Proxy) -> None:
    notices: list[str | None] = []
    with psycopg.connect(proxy.database.admin, autocommit=True) as admin:
        admin.execute(f"ALTER TABLE shop.customers OWNER TO {proxy.database.role}".encode())
    with proxy.connect() as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        for statement, state, message, named in QUOTING:
            said = fails(connection, statement)
            assert (said["sqlstate"], said["message_primary"]) == (state, message), statement
            expected = dict.fromkeys(FIELDS[6:]) | named
            given = {name: said[name] for name in FIELDS[6:]}
            assert all(given[name] == value for name, value in expected.items() if value is not None), statement
            if state == "P0123":
                assert not any(given.values()), statement
    assert notices == []


def test_what_was_deferred_is_said_at_commit_without_its_text(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        for last in ("COMMIT", "SET CONSTRAINTS ALL IMMEDIATE"):
            connection.execute("BEGIN")
            connection.execute("INSERT INTO late VALUES (2)")
            assert fails(connection, last)["sqlstate"] == "P0123"
            connection.execute("ROLLBACK")


def test_warnings_of_transactions_are_still_said(proxy: Proxy) -> None:
    notices: list[str | None] = []
    with proxy.connect() as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.execute("COMMIT")
        connection.execute("ROLLBACK")
    assert notices == ["there is no transaction in progress"] * 2
