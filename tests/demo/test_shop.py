from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from pgmaskproxy.demo import shop
from tests.harness.servers import Database

CLEAN = (
    "SELECT id, name, city, created_on FROM customers",
    "SELECT * FROM orders",
    "SELECT * FROM products",
    "SELECT id, order_id, amount, paid_on FROM payments",
    "SELECT id, name, department, hired_on, manager_id FROM employees",
    "SELECT * FROM sales_by_city",
    "SELECT id, name, orders, revenue FROM customer_totals",
)


def test_the_proxys_login_is_nobody_special(shop_database: Database) -> None:
    with psycopg.connect(shop_database.upstream) as connection:
        special = connection.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid),"
            " EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)"
            " FROM pg_roles r WHERE rolname = current_user"
        ).fetchone()
        assert special == (False, False, False)
        assert connection.execute("SELECT current_schemas(false)").fetchone() == (["shop", "public"],)
        assert connection.execute("SHOW log_min_messages").fetchone() == ("panic",)


def test_the_shop_has_every_kind_of_relation_and_function(shop_database: Database) -> None:
    with psycopg.connect(shop_database.upstream) as connection:
        kinds = Counter(
            row[0]
            for row in connection.execute("SELECT relkind FROM pg_class WHERE relnamespace = 'shop'::regnamespace")
        )
        assert kinds["v"] == 2
        assert kinds["m"] == 1
        assert kinds["p"] == 1
        languages = connection.execute(
            "SELECT array_agg(lanname ORDER BY lanname) FROM pg_proc p JOIN pg_language l ON l.oid = prolang"
            " WHERE pronamespace = 'shop'::regnamespace"
        ).fetchone()
        assert languages == (["plpgsql", "sql"],)
        assert connection.execute(
            "SELECT customer_tax_id(7) = (SELECT ssn FROM customers WHERE id = 7)"
        ).fetchone() == (True,)
        # New rows take their numbers from where the seeded ones end.
        inserted = connection.execute(
            "INSERT INTO products (name, price, stock) VALUES ('x', 1, 1) RETURNING id"
        ).fetchone()
        assert inserted == (25,)


def test_the_data_are_the_same_each_time(shop_database: Database) -> None:
    with psycopg.connect(shop_database.admin) as connection:
        row = connection.execute("SELECT name, email, ssn, card, notes FROM customers WHERE id = 1").fetchone()
    assert row == (
        "Bram Abbott",
        "bram.abbott1@post.example",
        "937-63-8919",
        "4111110001047294",
        "Refund agreed after the parcel was left in the rain; file NB-1F30EB",
    )


@pytest.mark.parametrize("query", CLEAN)
@pytest.mark.parametrize("binary", [False, True])
def test_clean_columns_hold_no_secret(shop18: Database, query: str, binary: bool) -> None:
    with psycopg.connect(shop18.admin) as connection:
        secrets = shop.seeded_values(connection)
        assert shop.leaks(_copied(connection, query, binary=binary), secrets) == []


@pytest.mark.parametrize("binary", [False, True])
def test_every_secret_is_found_where_it_is(shop_database: Database, binary: bool) -> None:
    with psycopg.connect(shop_database.admin) as connection:
        secrets = shop.seeded_values(connection)
        assert Counter(secret.label for secret in secrets) == {
            "ssn": 239,
            "card": 239,
            "email": 279,
            "birth_date": 239,
            "notes": 239,
            "phone": 239,
            "salary": 40,
        }
        data = _copied(connection, "SELECT * FROM customers", binary=binary)
        data += _copied(connection, "SELECT * FROM employees", binary=binary)
        assert len(shop.leaks(data, secrets)) == len(secrets)


@pytest.mark.parametrize(
    ("label", "expression"),
    [
        ("ssn", "replace(ssn, '-', '')"),
        ("ssn", "encode(ssn::bytea, 'hex')"),
        ("ssn", "customers::text"),
        (
            "card",
            "substr(card, 1, 4) || ' ' || substr(card, 5, 4) || ' ' || substr(card, 9, 4) || ' ' || substr(card, 13)",
        ),
        ("email", "upper(email)"),
        ("email", "split_part(email, '@', 1)"),
        ("notes", "right(notes, 12)"),
        ("phone", "profile::text"),
        ("birth_date", "row_to_json(customers)::text"),
    ],
)
def test_a_disguised_secret_is_found(shop18: Database, label: str, expression: str) -> None:
    with psycopg.connect(shop18.admin) as connection:
        secrets = shop.seeded_values(connection)
        row = connection.execute(f"SELECT {expression} FROM customers WHERE id = 239".encode()).fetchone()
    assert row is not None
    assert f"{label} of customers 239" in shop.leaks(row[0].encode(), secrets)


def test_a_leak_is_named_without_the_value(shop18: Database) -> None:
    with psycopg.connect(shop18.admin) as connection:
        secrets = shop.seeded_values(connection)
    one = secrets[0]
    assert shop.leaks(b"x" + one.forms[0], secrets) == ["ssn of customers 1"]


def _copied(connection: psycopg.Connection, query: str, *, binary: bool) -> bytes:
    form = "BINARY" if binary else "TEXT"
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT {form})".encode()) as copy:
        return b"".join(bytes(data) for data in copy)
