from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgmaskproxy.demo.agent import AsyncpgAgent, PsycopgAgent, Refused, Reply
from tests.harness.servers import Database


@pytest.fixture
def agent(shop18: Database) -> Iterator[PsycopgAgent]:
    with PsycopgAgent(shop18.upstream) as connected:
        yield connected


def test_psycopg_brings_rows_tags_and_errors(agent: PsycopgAgent) -> None:
    assert agent.ask("SELECT 1 AS one, %s AS two", ["x"]) == Reply(("one", "two"), ((1, "x"),), "SELECT 1")
    assert agent.ask("UPDATE products SET stock = stock") == Reply((), (), "UPDATE 24")
    assert agent.ask("SELECT 1 FROM nowhere").error == Refused("42P01", 'relation "nowhere" does not exist')
    assert agent.ask("SELECT 2").rows == ((2,),)


def test_psycopg_copies(agent: PsycopgAgent) -> None:
    reply = agent.copy("COPY (SELECT 1, 'a' UNION ALL SELECT 2, NULL) TO STDOUT")
    assert reply.rows == (("1", "a"), ("2", None))
    error = agent.copy("COPY nowhere TO STDOUT").error
    assert error is not None
    assert error.sqlstate == "42P01"


def test_notices_and_statements_that_take_their_time(agent: PsycopgAgent) -> None:
    pending = agent.begin("DO $$ BEGIN RAISE NOTICE 'held (request apr_01)'; PERFORM pg_sleep(0.3); END $$")
    assert agent.notice(10) == "held (request apr_01)"
    assert pending.finished(0) is None
    reply = pending.finished(10)
    assert reply is not None
    assert reply.tag == "DO"
    assert agent.notice(0) == ""


def test_asyncpg_brings_the_same_twice(shop18: Database) -> None:
    agent = AsyncpgAgent(shop18.upstream)
    replies = agent.ask("SELECT name, price FROM products WHERE id = $1", 1, times=2)
    assert replies[0] == replies[1]
    assert replies[0].columns == ("name", "price")
    error = agent.ask("SELECT 1/0")[0].error
    assert error is not None
    assert (error.sqlstate, error.message) == ("22012", "division by zero")
