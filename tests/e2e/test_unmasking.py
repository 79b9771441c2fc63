"""Unmasking by approval, with real drivers and servers: what is shown, in how many rows, how often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from pgmaskproxy.demo import shop
from pgmaskproxy.demo.server import EmbeddedServer
from tests.e2e.waiting import Waiting, ask
from tests.harness import proxy as proxies
from tests.harness import servers
from tests.harness.proxy import Proxy

POLICY = (Path(__file__).parents[2] / "examples" / "unmasking.yaml").read_text(encoding="utf-8")
REASON = "SET pgmaskproxy.reason = 'INC-7: the tax office called'"
WISH = "SET pgmaskproxy.unmask = 'customers.ssn'"
SELECT = "SELECT id, ssn, email FROM customers WHERE id <= 2 ORDER BY id"


@dataclass
class Seen(Proxy):
    """A proxy that other tests have used: what was sent and recorded before this one does not count."""

    began: int = 0

    def since(self, kind: str) -> list[dict[str, Any]]:
        """The audit records of this kind."""
        found = [json.loads(line) for line in self.audit_records()[self.began :].splitlines()]
        return [each for each in found if each["kind"] == kind]


def seen(standing: Proxy) -> Seen:
    standing.tap.clear()
    return Seen(**vars(standing), began=len(standing.audit_records()))


@contextmanager
def standing(server: EmbeddedServer, directory: Path) -> Iterator[Proxy]:
    with (
        servers.fresh_shop(server) as database,
        proxies.in_process(database, directory, policy=POLICY) as proxy,
    ):
        yield proxy


@pytest.fixture(scope="module")
def _either(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with standing(server, tmp_path_factory.mktemp("unmasking")) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def _newest(pg18: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with standing(pg18, tmp_path_factory.mktemp("unmasking")) as proxy:
        yield proxy


@pytest.fixture
def proxy(_either: Proxy) -> Seen:
    """On every supported server in turn."""
    return seen(_either)


@pytest.fixture
def proxy18(_newest: Proxy) -> Seen:
    """The same on PostgreSQL 18 only."""
    return seen(_newest)


def truth(proxy: Proxy, column: str, *rows: int) -> list[Any]:
    with psycopg.connect(proxy.database.admin) as admin:
        found = admin.execute(f"SELECT {column} FROM shop.customers WHERE id = ANY(%s) ORDER BY id".encode(), [[*rows]])
        return [value for (value,) in found]


def leaked(proxy: Proxy) -> set[str]:
    """What of the shop's secrets any client has been sent."""
    return set(shop.leaks(proxy.tap.to_client, proxy.secrets))


def facts(error: psycopg.Error) -> dict[str, Any]:
    """What an agent reads in an error."""
    found = json.loads((error.diag.message_detail or "").splitlines()[-1].removeprefix("pgmaskproxy:"))
    assert isinstance(found, dict)
    return found


def granted(waiting: Waiting, proxy: Proxy) -> Any:
    """What it comes to once bob has agreed."""
    with proxy.person() as bob:
        assert bob.approve(waiting.request(), "for this once").status == 200
    return waiting.result()


@pytest.mark.parametrize("prepare", [False, True], ids=["simple", "extended"])
def test_named_columns_of_one_statement_are_shown_once(proxy: Seen, prepare: bool) -> None:
    with proxy.connect() as connection, proxy.person() as bob:
        connection.execute(REASON)
        for _ in range(2):  # it may be known to go early by now
            masked = connection.execute(SELECT, prepare=prepare).fetchall()
        connection.execute(WISH)
        waiting = ask(connection, SELECT, prepare=prepare)
        request = bob.request(waiting.request()).body
        assert (request["unmask"], request["unmask_rows"]) == (["shop.customers.ssn"], 3)
        assert request["reason"] == "INC-7: the tax office called"
        assert request["shown"][1] == "ssn: shop.customers.ssn AS IT IS in 3 rows at most, redact behind them"
        assert request["shown"][2] == "email: email (pii.email)"
        _, rows = granted(waiting, proxy)
        assert [row[1] for row in rows] == truth(proxy, "ssn", 1, 2)
        assert [(row[0], row[2]) for row in rows] == [(row[0], row[2]) for row in masked], "the rest is as ever"
        for _ in range(3):
            assert connection.execute(SELECT, prepare=prepare).fetchall() == masked, "the second run is masked"
        assert leaked(proxy) == {"ssn of customers 1", "ssn of customers 2"}
        executing = [each for each in proxy.since("statement.executing") if "request" in each["ids"]]
        assert [each["data"]["unmask"] for each in executing] == [["shop.customers.ssn"]]
        assert executing[0]["data"]["masks"][1] is None
        finished = [each for each in proxy.since("statement.finished") if "unmasked_rows" in each["data"]]
        assert [each["data"]["unmasked_rows"] for each in finished] == [2]
        asked = proxy.since("approval.requested")
        assert [(each["data"]["unmask"], each["data"]["unmask_rows"]) for each in asked] == [
            (["shop.customers.ssn"], 3)
        ]
        assert not shop.leaks(proxy.audit_records(), proxy.secrets)


@pytest.mark.parametrize("size", [1, 100_000], ids=["one by one", "at once"])
def test_rows_behind_the_last_one_granted_are_masked(proxy: Seen, size: int) -> None:
    with proxy.connect() as connection:
        connection.execute(REASON)
        connection.execute(WISH)
        # Long rows come in many pieces, short ones all in one.
        padding = "repeat('x', 20000)" if size == 1 else "''"
        waiting = ask(connection, f"SELECT ssn, {padding} FROM customers ORDER BY id LIMIT 8")
        _, rows = granted(waiting, proxy)
        assert [row[0] for row in rows] == [*truth(proxy, "ssn", 1, 2, 3), *["***"] * 5]
        told = waiting.notices[-1]
        assert (told.severity, told.sqlstate) == ("WARNING", "01000")
        assert "only the first 3 rows" in told.primary
        assert leaked(proxy) == {f"ssn of customers {number}" for number in (1, 2, 3)}


def test_in_a_transaction_until_its_end_and_by_a_query_of_several_statements(proxy: Seen) -> None:
    with proxy.connect() as connection:
        connection.execute(REASON)
        with connection.transaction():
            connection.execute("SET LOCAL pgmaskproxy.unmask = 'customers.ssn'")
            with connection.transaction():  # a savepoint
                assert granted(ask(connection, SELECT), proxy)[1][0][1] == truth(proxy, "ssn", 1)[0]
            assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example")
        with connection.transaction():
            connection.execute("SET LOCAL pgmaskproxy.unmask = 'customers.ssn'")
        assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example"), "it ended with its transaction"
        with connection.transaction():
            connection.execute("SAVEPOINT a")
            connection.execute("SET LOCAL pgmaskproxy.unmask = 'customers.ssn'")
            connection.execute("ROLLBACK TO a")
            assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example"), "it was taken back"
        connection.execute("BEGIN")
        connection.execute("SET pgmaskproxy.unmask = 'customers.ssn'")
        connection.execute("ROLLBACK")
        assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example"), "it was rolled back"
        for text in (
            f"SET LOCAL pgmaskproxy.unmask = 'customers.ssn'; {SELECT}; {SELECT}",
            f"BEGIN; SET LOCAL pgmaskproxy.unmask = 'customers.ssn'; {SELECT}; {SELECT}; COMMIT",
        ):

            def several(text: str = text) -> list[list[tuple[Any, ...]]]:
                cursor = connection.execute(text.encode())
                found = []
                while True:
                    if cursor.description:
                        found.append(cursor.fetchall())
                    if not cursor.nextset():
                        return found

            first, second = granted(Waiting(connection, several), proxy)
            assert [row[1] for row in first] == truth(proxy, "ssn", 1, 2)
            assert [row[1] for row in second] == ["***", "***"]
        assert leaked(proxy) == {"ssn of customers 1", "ssn of customers 2"}


REFUSED: list[tuple[str, str, str]] = [
    ("customers.ssn", "SELECT * FROM customers c, LATERAL (SELECT c.ssn || '') x", "column_use"),
    ("customers.ssn", "SELECT upper(ssn) FROM customers", "column_use"),
    ("customers.ssn", "SELECT ssn FROM customers ORDER BY ssn", "column_use"),
    ("customers.ssn", "SELECT ssn FROM customers WHERE ssn LIKE '9%'", "column_use"),
    ("customers.ssn", "SELECT name FROM customers", "unmask:no_output"),
    ("customers.ssn", "SELECT c FROM customers c", "unmask:no_output"),
    ("customers.ssn", "SELECT email AS ssn FROM customers", "unmask:no_output"),
    ("customers.ssn", "SELECT ssn FROM customers c(id, ssn, email, name)", "unmask:no_output"),
    ("customers.ssn", "SELECT ssn FROM customers UNION ALL SELECT card FROM customers", "unmask:no_output"),
    ("customers.ssn", "SELECT ssn FROM customers UNION ALL SELECT ssn FROM customers", "unmask:not_confirmed"),
    ("customers.email", SELECT, "unmask:not_covered"),
    ("customers.email", "SELECT contact FROM customer_contacts", "unmask:no_output"),
    ("customer_contacts.contact", "SELECT contact FROM customer_contacts", "unmask:no_output"),
    ("payments_2024.card", "SELECT card FROM payments_2024", "unmask:not_covered"),
    ("customers.ssn", "SELECT (SELECT ssn FROM customers WHERE id = 1)", "unmask:not_confirmed"),
    ("customers.ssn, customers.email", SELECT, "unmask:not_covered"),
    ("customers.ssn, customers.birth_date", SELECT, "unmask:no_output"),
    ("customers.id", SELECT, "unmask:not_masked"),
    ("customers.nothing", SELECT, "unmask:no_output"),
    ("public.customers.ssn, shop.customers.ssn", SELECT, "unmask:no_output"),
    ("customers.ssn", f"DECLARE c CURSOR FOR {SELECT}", "unmask:not_a_select"),
    ("customers.ssn", f"PREPARE p AS {SELECT}", "unmask:not_a_select"),
    ("customers.ssn", f"CREATE TEMP TABLE t AS {SELECT}", "not_covered"),
    ("customers.ssn", "COPY (SELECT ssn FROM customers) TO STDOUT", "unmask:not_a_select"),
    ("customers.ssn", "COPY customers (ssn) TO STDOUT", "unmask:not_a_select"),
    ("customers.ssn", "UPDATE customers SET name = name WHERE id = 1 RETURNING ssn", "unmask:not_a_select"),
    (
        "customers.ssn",
        "WITH u AS (UPDATE customers SET name = name RETURNING ssn) SELECT ssn FROM u",
        "unmask:not_a_select",
    ),
    ("customers.ssn", "SELECT ssn FROM customers WHERE id = 1 FOR UPDATE", "unmask:not_a_select"),
    ("customers.ssn", "SELECT ssn, customer_tax_id(1) FROM customers", "unproven"),
    ("customers.ssn", f"EXPLAIN {SELECT}", "column_use"),
]


def test_whatever_is_not_a_bare_output_of_a_plain_select_is_refused(proxy: Seen) -> None:
    with proxy.connect() as connection:
        connection.execute(REASON)
        found = []
        for wish, statement, _ in REFUSED:
            connection.execute(f"SET pgmaskproxy.unmask = '{wish}'")
            for prepare in (False, True):
                with pytest.raises(psycopg.Error) as caught:
                    connection.execute(statement.encode(), prepare=prepare)
                said = facts(caught.value)
                found.append((wish, statement, ":".join(filter(None, (said["why"], said.get("problem"))))))
        assert found == [each for each in REFUSED for _ in range(2)]
        assert not proxy.since("approval.requested")
        assert not leaked(proxy)
        # Nor does any of it stand in the way of what is not about these columns.
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (600,)
        connection.execute("RESET pgmaskproxy.unmask")
        assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example")


SHOWN: list[tuple[str, str]] = [
    ("customers.ssn", "SELECT x.s FROM (SELECT ssn AS s, email FROM customers WHERE id = 1) x"),
    ("customers.ssn", "WITH x AS (SELECT ssn FROM customers WHERE id = 1) SELECT ssn AS other FROM x"),
    ("shop.customers.ssn", "SELECT c.ssn, o.id FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.id = 1"),
    ("customers.ssn", "SELECT * FROM customers WHERE id = 1"),
    ("customers.ssn", "SELECT name FROM customers c(id, ssn, email, name) WHERE id = 1"),
    ("customers.ssn", "SELECT c, c.ssn FROM customers c WHERE id = 1"),
    ('"shop"."customers".SSN', "TABLE customers LIMIT 1"),
]


def test_a_column_is_itself_through_subqueries_joins_and_aliases(proxy: Seen) -> None:
    with proxy.connect() as connection:
        connection.execute(REASON)
        for wish, statement in SHOWN:
            connection.execute(f"SET pgmaskproxy.unmask = '{wish}'".encode())
            _, rows = granted(ask(connection, statement), proxy)
            assert truth(proxy, "ssn", 1)[0] in rows[0]
        assert leaked(proxy) == {"ssn of customers 1"}


def test_what_only_a_name_stands_for_stays_masked(proxy: Seen) -> None:
    with proxy.connect() as connection:
        connection.execute(REASON)
        connection.execute(f"PREPARE p AS {SELECT}")
        with connection.transaction():
            connection.execute(f"DECLARE c CURSOR FOR {SELECT}")
            connection.execute("SET LOCAL pgmaskproxy.unmask = 'customers.ssn'")
            assert connection.execute("FETCH c").fetchone() == (1, "***", "b***@post.example")
            assert connection.execute("EXECUTE p").fetchone() == (1, "***", "b***@post.example")
        assert not leaked(proxy)


def test_without_trees_the_text_and_the_description_must_agree(shop18: servers.Database, tmp_path: Path) -> None:
    overrides: dict[str, str | int | bool] = {"upstream.attestation": "off"}
    with (
        proxies.in_process(shop18, tmp_path, policy=POLICY, overrides=overrides) as proxy,
        proxy.connect() as connection,
    ):
        connection.execute(REASON)
        for statement, problem in (
            ("SELECT ssn FROM customers UNION ALL SELECT ssn FROM customers", "not_confirmed"),
            ("SELECT contact, ssn FROM customers JOIN customer_contacts USING (id)", ""),
            ("SELECT c.ssn FROM customers c WHERE c.id = 1", ""),
        ):
            connection.execute(WISH)
            if problem:
                with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                    connection.execute(statement.encode())
                assert facts(caught.value)["problem"] == problem
            else:
                granted(ask(connection, statement), proxy)
                assert "***" in connection.execute(statement.encode()).fetchall()[0]
        assert leaked(proxy) == {f"ssn of customers {number}" for number in (1, 2, 3)}


def test_the_document_shows_what_happens(proxy18: Seen) -> None:
    page = (Path(__file__).parents[2] / "docs" / "unmasking.md").read_text(encoding="utf-8")
    example = page.partition("```sql\n")[2].partition("```")[0].splitlines()
    rows: list[tuple[object, ...]] = []
    with proxy18.connect() as connection:
        for line in example:
            if line.startswith("SELECT") and not rows:
                rows += granted(ask(connection, line), proxy18)[1]
            elif not line.startswith("--"):
                cursor = connection.execute(line.encode())
                rows += cursor.fetchall() if cursor.description else []
    said = [line for line in example if line.startswith("--") and "NOTICE" not in line]
    assert [tuple(part.strip(" -") for part in line.split("|")) for line in said] == [
        tuple(map(str, row)) for row in rows
    ]


def test_without_a_reason_nobody_is_asked(proxy18: Seen) -> None:
    with proxy18.connect() as connection:
        connection.execute(WISH)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="a reason to ask for it") as caught:
            connection.execute(SELECT)
        assert facts(caught.value)["why"] == "reason_required"
        assert not proxy18.since("approval.requested")


def test_rejected_it_is_not_shown_and_the_next_is_asked_again(proxy18: Seen) -> None:
    with proxy18.connect() as connection, proxy18.person() as bob:
        connection.execute(REASON)
        connection.execute(WISH)
        waiting = ask(connection, SELECT)
        bob.reject(waiting.request(), "ask the customer")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="rejected"):
            waiting.result()
        again = ask(connection, SELECT)
        assert again.request() != waiting.request()
        granted(again, proxy18)
        assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example")


def test_the_owner_of_an_agent_does_not_unmask_for_it(proxy18: Seen) -> None:
    with proxy18.connect() as connection, proxy18.person("alice") as alice:
        connection.execute(REASON)
        connection.execute(WISH)
        waiting = ask(connection, SELECT)
        assert alice.approve(waiting.request()).status == 403
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()
        assert not leaked(proxy18)


def test_a_failed_execution_is_asked_for_again(proxy18: Seen) -> None:
    with proxy18.connect() as connection:
        connection.execute(REASON)
        connection.execute(WISH)
        waiting = ask(connection, "SELECT ssn, 1 / (2 - id) FROM customers WHERE id <= 2 ORDER BY id")
        with pytest.raises(psycopg.errors.DivisionByZero):
            granted(waiting, proxy18)
        again = ask(connection, SELECT)
        assert again.request() != waiting.request()
        granted(again, proxy18)
        assert connection.execute(SELECT).fetchone() == (1, "***", "b***@post.example")


def test_a_connection_cannot_begin_with_a_wish(proxy18: Seen) -> None:
    with pytest.raises(psycopg.OperationalError, match="unrecognized configuration parameter"):
        proxy18.connect(options="-c pgmaskproxy.unmask=customers.ssn")


def by_asyncpg(proxy: Proxy, work: Callable[[asyncpg.Connection], Any]) -> Any:
    """What `work` comes to; whatever is held meanwhile bob approves."""

    async def run() -> Any:
        connection = await asyncpg.connect(**proxy.asyncpg_arguments())
        asked: asyncio.Queue[str] = asyncio.Queue()
        connection.add_log_listener(lambda _, message: asked.put_nowait(str(message)))

        async def approve() -> None:
            with proxy.person() as bob:
                while True:
                    said = await asked.get()
                    if "(request " in said:
                        request = said.partition("(request ")[2].partition(",")[0]
                        await asyncio.to_thread(bob.approve, request)

        approving = asyncio.ensure_future(approve())
        try:
            return await work(connection)
        finally:
            approving.cancel()
            await connection.close()

    return asyncio.run(run())


def test_by_asyncpg_in_binary_format(proxy: Seen) -> None:

    async def work(connection: asyncpg.Connection) -> None:
        sql = "SELECT id, ssn, birth_date, profile FROM customers WHERE id <= $1 ORDER BY id"
        await connection.execute(REASON)
        await connection.execute("SET pgmaskproxy.unmask = 'customers.ssn, customers.birth_date'")
        rows = await connection.fetch(sql, 5)
        assert [row[1] for row in rows] == [*truth(proxy, "ssn", 1, 2, 3), "***", "***"]
        assert [row[2] for row in rows] == [*truth(proxy, "birth_date", 1, 2, 3), None, None]
        assert {row[3] for row in rows} == {None}
        assert [row[1] for row in await connection.fetch(sql, 2)] == ["***", "***"]
        # A portal that goes on behind what was granted goes on masked.
        async with connection.transaction():
            await connection.execute("SET LOCAL pgmaskproxy.unmask = 'customers.ssn'")
            cursor = await connection.cursor("SELECT ssn FROM customers ORDER BY id")
            assert [row[0] for row in await cursor.fetch(2)] == truth(proxy, "ssn", 1, 2)
            assert [row[0] for row in await cursor.fetch(2)] == ["***", "***"]

    by_asyncpg(proxy, work)
    kinds = ("ssn", "birth_date")
    assert leaked(proxy) == {f"{kind} of customers {number}" for kind in kinds for number in (1, 2, 3)}
    assert not shop.leaks(proxy.audit_records(), proxy.secrets)
