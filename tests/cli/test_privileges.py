"""What a real server says of a role."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from pgmaskproxy.cli.privileges import Privileges, read_privileges
from pgmaskproxy.proxy.catalog import quiet_connection
from tests.harness.servers import Database


@pytest.fixture
async def admin(shop_database: Database) -> AsyncIterator[psycopg.AsyncConnection]:
    """The superuser, whose roles are gone at the end."""
    connection = await psycopg.AsyncConnection.connect(shop_database.admin, autocommit=True)
    async with connection:
        yield connection
        await connection.execute("DROP OWNED BY mighty CASCADE; DROP ROLE IF EXISTS mighty")


async def asked(conninfo: str, role: str = "") -> Privileges:
    async with await quiet_connection(conninfo) as connection:
        if role:
            await connection.execute(f"SET ROLE {role}".encode())
        return await read_privileges(connection)


async def test_the_role_of_the_shop_has_no_powers(shop_database: Database) -> None:
    found = await asked(shop_database.upstream)
    assert found.attributes == frozenset()
    assert found.inherited == ()
    assert found.predefined == ()
    assert found.log_min_messages == "panic"
    assert not found.creates_schemas
    assert found.languages == ()
    assert found.definers == ()
    assert found.large_objects == 0
    led = {index.columns[0] for index in found.indexes if index.table == "customers"}
    assert led == {"id", "email", "ssn"}


async def test_a_superuser_is_that_and_nothing_else(shop_database: Database) -> None:
    found = await asked(shop_database.admin)
    assert "superuser" in found.attributes
    assert found.predefined == ()


async def test_powers_however_they_are_come_by(shop_database: Database, admin: psycopg.AsyncConnection) -> None:
    await admin.execute("CREATE ROLE mighty CREATEROLE REPLICATION BYPASSRLS")
    await admin.execute("CREATE ROLE between; GRANT mighty, pg_read_server_files TO between; CREATE ROLE humble")
    await admin.execute("GRANT between TO humble")
    try:
        found = await asked(shop_database.admin, "humble")
        assert found.attributes == frozenset()
        assert found.inherited == (("mighty", "bypassrls"), ("mighty", "createrole"), ("mighty", "replication"))
        assert found.predefined == ("pg_read_server_files",)
        assert (await asked(shop_database.admin, "mighty")).attributes == {"createrole", "replication", "bypassrls"}
        await admin.execute("GRANT pg_use_reserved_connections TO humble" if await _is_18(admin) else "SELECT 1")
        assert (await asked(shop_database.admin, "humble")).predefined == ("pg_read_server_files",)
    finally:
        await admin.execute("DROP ROLE humble; DROP ROLE between")


async def test_the_owner_of_the_database(shop_database: Database, admin: psycopg.AsyncConnection) -> None:
    await admin.execute("CREATE ROLE mighty")
    await admin.execute(f"ALTER DATABASE {shop_database.name} OWNER TO mighty".encode())
    found = await asked(shop_database.admin, "mighty")
    assert found.predefined == ("pg_database_owner",)
    assert found.creates_schemas
    await admin.execute(f"ALTER DATABASE {shop_database.name} OWNER TO postgres".encode())


async def test_what_surrounds_it(shop_database: Database, admin: psycopg.AsyncConnection) -> None:
    await admin.execute("CREATE ROLE mighty")
    await admin.execute("GRANT USAGE ON SCHEMA shop TO mighty")
    for statement in (
        "CREATE INDEX covering ON shop.customers (ssn) INCLUDE (name)",
        "CREATE INDEX computed ON shop.customers (lower(email), city)",
        "CLUSTER shop.customers USING customers_ssn_key",
        "CREATE FUNCTION shop.defined() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT ssn FROM shop.customers'",
        "CREATE FUNCTION shop.closed() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT 1::text'",
        "REVOKE EXECUTE ON FUNCTION shop.closed FROM PUBLIC",
        "SELECT lo_create(4711)",
        "SELECT lo_create(4712)",
        "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
    ):
        await admin.execute(statement.encode())
    found = await asked(shop_database.admin, "mighty")
    indexes = {index.name.removeprefix("shop."): index for index in found.indexes}
    assert indexes["covering"].columns == ("ssn", "name")
    assert indexes["covering"].computed_from == ()
    assert indexes["covering"].keys == 1
    assert indexes["computed"].columns == ("city",)
    assert indexes["computed"].computed_from == ("email", "city")
    assert [str(column) for column in indexes["computed"].ordering] == ["shop.customers.city", "shop.customers.email"]
    assert indexes["customers_ssn_key"].clustered
    assert not indexes["covering"].clustered
    assert found.definers == ("shop.defined()",)
    assert found.large_objects == 1
    assert "plpgsql" in found.extensions


async def _is_18(admin: psycopg.AsyncConnection) -> bool:
    return admin.info.server_version >= 160000
