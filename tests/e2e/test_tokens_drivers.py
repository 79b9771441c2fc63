"""Working with tokens by other drivers, and with people: asyncpg in binary and pg8000 in text; holds, records, logs."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import asyncpg
import pg8000.dbapi
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.e2e.tokens import POLICY, facts, token, tokenised, truth
from tests.e2e.waiting import Waiting
from tests.harness import servers
from tests.harness.proxy import Proxy

BY_TOKEN = "SELECT id, email FROM customers WHERE email = $1"


@pytest.fixture(scope="module")
def standing(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with servers.fresh_shop(server) as database, tokenised(database, tmp_path_factory.mktemp("tokens")) as proxy:
        yield proxy


async def _asyncpg(proxy: Proxy) -> None:
    connection = await asyncpg.connect(**proxy.asyncpg_arguments())
    try:
        one, two = [
            row["email"] for row in await connection.fetch("SELECT email FROM customers WHERE id < 3 ORDER BY id")
        ]
        assert one.startswith("tok_")
        assert [tuple(row) for row in await connection.fetch(BY_TOKEN, one)] == [(1, one)]
        assert [tuple(row) for row in await connection.fetch(BY_TOKEN, two)] == [(2, two)], "the same statement again"
        by_list = "SELECT id FROM customers WHERE email = ANY($1) ORDER BY id"
        assert [row["id"] for row in await connection.fetch(by_list, [one, two])] == [1, 2]
        assert [row["id"] for row in await connection.fetch(by_list.replace("$1", "$1::text[]"), [two, None])] == [2]
        joined = "SELECT n.topic FROM customers c JOIN newsletter n ON n.email = c.email WHERE c.email = $1"
        assert await connection.fetchval(joined, one) == "offers"
        prepared = await connection.prepare(BY_TOKEN)
        for value, expected in ((one, 1), ("a guess", None), (two, 2)):
            if expected is None:
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="tokens only"):
                    await prepared.fetch(value)
            else:
                assert (await prepared.fetch(value))[0]["id"] == expected
        await connection.execute("INSERT INTO newsletter VALUES (800, $1, 'asyncpg')", two)
        await connection.executemany("INSERT INTO raw VALUES ($1, $2)", [(801, one.encode()), (802, None)])
        await connection.executemany("INSERT INTO several VALUES ($1, $2)", [(803, [one, None, two])])
        for statement, value in (
            ("INSERT INTO newsletter VALUES (809, $1, 'x')", one[:-2] + "AA"),
            ("UPDATE customers SET ssn = $1 WHERE id = 1", "***"),
        ):
            with pytest.raises(asyncpg.InvalidParameterValueError) as caught:
                await connection.execute(statement, value)
            assert caught.value.hint
        async with connection.transaction():
            assert [row["id"] async for row in connection.cursor(BY_TOKEN, one)] == [1]
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.copy_records_to_table("newsletter", records=[(810, one, "x")])
        with pytest.raises(asyncpg.InvalidParameterValueError):
            await connection.copy_records_to_table("customers", records=[(811, "***")], columns=["id", "ssn"])
    finally:
        await connection.close()


def test_asyncpg(standing: Proxy) -> None:
    asyncio.run(_asyncpg(standing))
    one, two = (row[0] for row in truth(standing, "SELECT email FROM customers WHERE id < 3 ORDER BY id"))
    assert truth(standing, "SELECT email FROM newsletter WHERE id = 800") == [(two,)]
    assert truth(standing, "SELECT convert_from(email, 'UTF8') FROM raw WHERE id > 800 ORDER BY id") == [
        (one,),
        (None,),
    ]
    assert truth(standing, "SELECT email FROM several WHERE id = 803") == [([one, None, two],)]
    assert truth(standing, "SELECT count(*) FROM newsletter WHERE id > 800") == [(0,)]


def test_pg8000(standing: Proxy) -> None:
    known = conninfo_to_dict(standing.conninfo())
    connection = pg8000.dbapi.connect(
        user=str(known["user"]),
        password=str(known["password"]),
        host=str(known["host"]),
        port=int(str(known["port"])),
        database=str(known["dbname"]),
    )
    try:
        connection.autocommit = True
        cursor = connection.cursor()

        def rows(statement: str, *values: Any) -> list[Any]:
            cursor.execute(statement, values)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

        ((one,), (two,)) = rows("SELECT email FROM customers WHERE id < 3 ORDER BY id")
        assert rows("SELECT id FROM customers WHERE email = %s", one) == [(1,)]
        assert rows("SELECT id FROM customers WHERE email = ANY(%s) ORDER BY id", [one, two]) == [(1,), (2,)]
        rows("UPDATE newsletter SET email = %s WHERE email = %s", two, two)
        rows("INSERT INTO newsletter VALUES (850, %s, 'pg8000')", one)
        for statement, value, state in (
            ("SELECT id FROM customers WHERE email = %s", "a guess", "42501"),
            ("SELECT id FROM customers WHERE email = %s", one[:-2] + "AA", "22023"),
            ("UPDATE customers SET card = %s WHERE id = 1", "***1234", "22023"),
        ):
            with pytest.raises(pg8000.dbapi.DatabaseError) as caught:
                rows(statement, value)
            assert caught.value.args[0]["C"] == state
    finally:
        connection.close()
    written, known_one = (
        truth(standing, "SELECT email FROM newsletter WHERE id = 850"),
        truth(standing, "SELECT email FROM customers WHERE id = 1"),
    )
    assert written == known_one


def test_people_see_the_token_and_nobody_sees_the_value(standing: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with standing.connect() as agent:
        given = token(agent, 5)
        insert = "INSERT INTO archive VALUES (1, %s)"
        waiting = Waiting(agent, lambda: agent.execute(insert.encode(), [given]))
        request = waiting.request()
        with standing.person() as bob:
            shown = json.dumps(bob.request(request).body)
            assert given in shown
            assert bob.approve(request, "as discussed").status == 200
        waiting.result()
        ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 5")
        assert truth(standing, "SELECT email FROM archive") == [(address,)]
        assert address not in shown
        assert address not in caplog.text
        assert address.encode() not in standing.audit_records()
        # What is held is not held for a forged one.
        with pytest.raises(psycopg.Error) as caught:
            agent.execute(insert.encode(), ["tok_" + "A" * 48])
        assert facts(caught.value)["why"] == "forged_token"


def test_errors_do_not_quote_what_stands_for_a_token(standing: Proxy) -> None:
    with psycopg.connect(standing.database.admin, autocommit=True) as admin:
        admin.execute("ALTER TABLE shop.archive ADD CONSTRAINT long CHECK (length(email) < 3 OR id < 100) NOT VALID")
    with standing.connect() as agent:
        given = token(agent, 6)
        ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 6")
        for statement in (
            "INSERT INTO customers (id, name, email, ssn, card, birth_date, city)"
            " VALUES (9001, 'a', %s, '987-65-4321', 'b', 'today', 'c')",
            "UPDATE customers SET email = %s WHERE id = 7",
            "INSERT INTO short VALUES (1 / 0, %s)",
            "WITH w AS (INSERT INTO short (id, email) VALUES (1, %s) RETURNING id) SELECT 1 / (id - 1) FROM w",
        ):
            with pytest.raises(psycopg.Error) as caught:
                agent.execute(statement.encode(), [given])
            said = repr(
                [getattr(caught.value.diag, name) for name in dir(caught.value.diag) if not name.startswith("_")]
            )
            assert address not in said
            assert address.partition("@")[0] not in said


@pytest.mark.parametrize("attestation", ["off"])
def test_without_the_servers_trees_a_token_is_none(
    attestation: str, shop18: servers.Database, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("unattested")
    more = {"upstream.attestation": attestation}
    with tokenised(shop18, directory, POLICY, more) as proxy, proxy.connect() as agent:
        given = token(agent)
        for statement in (
            "SELECT id FROM customers WHERE email = %s",
            "INSERT INTO newsletter (id, email) VALUES (1, %s)",
        ):
            with pytest.raises(psycopg.Error) as caught:
                agent.execute(statement.encode(), [given])
            assert facts(caught.value)["why"] == "token_not_here"
        for statement in (
            "UPDATE customers SET ssn = %s WHERE id = 1",
            "UPDATE customers SET ssn = '***' WHERE id = 1",
        ):
            with pytest.raises(psycopg.Error) as caught:
                agent.execute(statement.encode(), ["***"] if "%s" in statement else None)
            assert facts(caught.value)["why"] == "masked_value"
        with pytest.raises(psycopg.Error) as caught:
            agent.execute("SELECT id FROM customers WHERE email = %b", ["a guess"])
        assert facts(caught.value)["why"] == "token_needed"
