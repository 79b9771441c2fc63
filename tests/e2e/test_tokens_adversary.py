"""Whether a token can be made to show its value, or be held against anything but its own label's columns: it cannot.

What a client was sent is searched for every value at the end (`tokenised`); here it is what each attempt comes to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.e2e.tokens import token, tokenised, truth
from tests.harness import servers
from tests.harness.proxy import Proxy

TRAPS = """
CREATE TABLE shop.guesses (guess text);
CREATE TABLE shop.later (id integer, email text UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE shop.parts (email text) PARTITION BY LIST (email);
CREATE TABLE shop.parts_one PARTITION OF shop.parts FOR VALUES IN ('one');
CREATE FUNCTION shop.tell() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE NOTICE ''%', NEW.email; RAISE WARNING ''%'', NEW.email; RETURN NEW; END';
CREATE TABLE shop.told (id integer, email text);
CREATE TRIGGER tells BEFORE INSERT OR UPDATE ON shop.told FOR EACH ROW EXECUTE FUNCTION shop.tell();
CREATE FUNCTION shop.fail() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''%'', NEW.email USING DETAIL = NEW.email, HINT = NEW.email, COLUMN = NEW.email; END';
CREATE TABLE shop.failing (id integer, email text);
CREATE TRIGGER fails BEFORE INSERT ON shop.failing FOR EACH ROW EXECUTE FUNCTION shop.fail();
CREATE VIEW shop.mails AS SELECT id, email FROM shop.newsletter;
CREATE VIEW shop.ruled AS SELECT id, email FROM shop.newsletter;
CREATE RULE r AS ON INSERT TO shop.ruled DO INSTEAD INSERT INTO shop.guesses VALUES (NEW.email) RETURNING 1, guess;
CREATE TABLE shop.logged (id integer, email text);
CREATE RULE l AS ON INSERT TO shop.logged DO ALSO INSERT INTO shop.guesses VALUES (NEW.email);
INSERT INTO shop.later VALUES (1, 'a@b.example'), (2, 'b@c.example');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO pgmaskproxy;
""".replace("''%',", "''%'',")

ATTEMPTS = [
    # It comes back some way or other.
    "SELECT %(t)s",
    "SELECT id, %(t)s::text FROM customers WHERE email = %(t)s",
    "SELECT (SELECT %(t)s::text) FROM customers WHERE email = %(t)s",
    "SELECT (email = %(t)s)::text || %(t)s FROM customers WHERE email = %(t)s",
    "SELECT row_to_json(r) FROM (SELECT %(t)s::text AS x, id FROM customers WHERE email = %(t)s) r",
    "SELECT v FROM customers, (VALUES (%(t)s::text)) AS x(v) WHERE email = %(t)s",
    "SELECT g FROM customers, generate_series(1, length(%(t)s)) g WHERE email = %(t)s",
    "SELECT 1 FROM customers WHERE email = %(t)s GROUP BY %(t)s::text",
    "SELECT id FROM customers WHERE email = %(t)s OFFSET ascii(%(t)s)",
    "SELECT id FROM customers TABLESAMPLE bernoulli (ascii(%(t)s)) WHERE email = %(t)s",
    "SELECT id FROM customers WHERE email = %(t)s AND %(t)s LIKE 'a%%'",
    "SELECT id FROM customers WHERE email = %(t)s AND id = CASE WHEN %(t)s > 'm' THEN 1 ELSE 0 END",
    "SELECT id FROM customers WHERE email = %(t)s AND 1 / (length(%(t)s) - 16) > 0",
    "SELECT id FROM customers WHERE email = %(t)s ORDER BY set_config('pgmaskproxy.reason', %(t)s, false)",
    "SELECT id FROM customers WHERE email = %(t)s AND pg_notify('c', %(t)s) IS NULL",
    "SELECT id FROM customers WHERE email = %(t)s AND pg_sleep(length(%(t)s)) IS NULL",
    "WITH w AS (SELECT %(t)s::text AS x) SELECT x FROM w, customers WHERE email = %(t)s",
    "WITH RECURSIVE w(x) AS (SELECT %(t)s::text UNION ALL SELECT left(x, -1) FROM w WHERE x > '')"
    " SELECT x FROM w, customers WHERE email = %(t)s",
    "INSERT INTO newsletter (email) VALUES (%(t)s) RETURNING email || ''",
    "INSERT INTO newsletter (email) VALUES (%(t)s) RETURNING left(%(t)s, 1)",
    "INSERT INTO newsletter (email, topic) VALUES (%(t)s, %(t)s)",
    "INSERT INTO newsletter (email, topic) SELECT x, x FROM (SELECT %(t)s::text) AS s(x)",
    "INSERT INTO guesses SELECT %(t)s FROM customers WHERE email = %(t)s",
    "UPDATE newsletter SET email = %(t)s, topic = (SELECT %(t)s)",
    "UPDATE newsletter SET email = %(t)s FROM (SELECT %(t)s::text AS x) s RETURNING x",
    "INSERT INTO logged (email) VALUES (%(t)s)",
    "INSERT INTO ruled (email) VALUES (%(t)s) RETURNING email",
    "EXPLAIN SELECT id FROM customers WHERE email = %(t)s",
    "EXPLAIN (ANALYZE, VERBOSE) UPDATE newsletter SET email = %(t)s",
    "CREATE TABLE shop.kept AS SELECT %(t)s::text AS x FROM customers WHERE email = %(t)s",
    "SELECT id FROM customers WHERE email = %(t)s::varchar(1) AND email = %(t)s",
    "SELECT id FROM customers WHERE email = upper(%(t)s) AND email = %(t)s",
    'SELECT id FROM customers WHERE email = %(t)s COLLATE "C" AND name < %(t)s',
    # It is held against something of one's own.
    "SELECT count(*) FROM (SELECT email FROM customers UNION ALL SELECT 'a@b') s WHERE email = %(t)s",
    "SELECT count(*) FROM (SELECT email FROM customers UNION SELECT guess FROM guesses) s WHERE email = %(t)s",
    "SELECT guess FROM guesses WHERE guess = %(t)s AND EXISTS (SELECT FROM customers WHERE email = %(t)s)",
    "SELECT count(*) FROM guesses FULL JOIN customers ON guess = email WHERE coalesce(guess, email) = %(t)s",
    "SELECT g.guess FROM guesses g JOIN customers c ON c.email = g.guess WHERE c.email = %(t)s",
    "SELECT count(*) FROM (SELECT coalesce(email, 'a@b') AS e FROM customers) s WHERE e = %(t)s",
    "SELECT count(*) FROM customers WHERE email = %(t)s AND name = %(t)s",
    "SELECT count(*) FROM customers WHERE email = %(t)s AND notes = %(t)s",
    "SELECT count(*) FROM customers WHERE email = %(t)s AND ssn = %(t)s",
    "INSERT INTO guesses VALUES ('x') ON CONFLICT DO NOTHING RETURNING %(t)s = 'x'",
    "MERGE INTO guesses g USING customers c ON g.guess = %(t)s WHEN MATCHED THEN DO NOTHING",
    "DELETE FROM guesses WHERE guess = %(t)s AND (SELECT count(*) FROM customers WHERE email = %(t)s) > 0",
]


REFUSED = {"", "42501", "22023", "0A000", "53400", "42P08", "42P18", "42601", "42804", "42883", "22P02"}
"""By the proxy; or by PostgreSQL, where a parameter would have two types."""


@pytest.fixture(scope="module")
def standing(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with servers.fresh_shop(server) as database:
        directory = tmp_path_factory.mktemp("tokens")
        with tokenised(database, directory, traps=TRAPS) as proxy:
            yield proxy


@pytest.fixture
def agent(standing: Proxy) -> Iterator[psycopg.Connection]:
    with standing.connect() as connection:
        yield connection


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_statement_takes_a_token_for_more_than_its_place(
    attempt: str, agent: psycopg.Connection, standing: Proxy
) -> None:
    """It is refused, by the proxy or by PostgreSQL; or what comes of it is made of the token's own characters."""
    given = token(agent, 13)
    ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 13")
    rows: list[Any] = []
    refused = ""
    try:
        with agent.transaction(force_rollback=True):
            found = agent.execute(attempt.encode(), {"t": given})
            rows = found.fetchall() if found.description else []
    except psycopg.Error as error:
        refused = str(error.sqlstate)
    assert refused in REFUSED
    assert address not in repr(rows)
    assert all(given in repr(row) or attempt.startswith("INSERT") for row in rows), rows


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO told (id, email) VALUES (1, %s)",
        "INSERT INTO failing (id, email) VALUES (1, %s)",
        "INSERT INTO parts (email) VALUES (%s)",
        "INSERT INTO mails (id, email) VALUES (1, %s)",
        "UPDATE told SET email = %s",
        "INSERT INTO newsletter (id, email) VALUES (1, %s) RETURNING email, newsletter",
    ],
)
def test_what_triggers_and_tables_say_of_a_value_is_not_passed_on(
    statement: str, agent: psycopg.Connection, standing: Proxy
) -> None:
    said: list[str] = []
    agent.add_notice_handler(lambda notice: said.append(f"{notice.message_primary} {notice.message_detail}"))
    ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 14")
    try:
        with agent.transaction(force_rollback=True):
            found = agent.execute(statement.encode(), [token(agent, 14)])
            assert address not in repr(found.fetchall() if found.description else [])
    except psycopg.Error as error:
        said.append(repr([getattr(error.diag, name) for name in dir(error.diag) if not name.startswith("_")]))
    assert address not in " ".join(said)


@pytest.mark.parametrize("end", ["COMMIT", "SET CONSTRAINTS ALL IMMEDIATE"])
def test_nor_what_a_deferred_constraint_says(end: str, agent: psycopg.Connection, standing: Proxy) -> None:
    ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 15")
    given = token(agent, 15)
    agent.execute("BEGIN")
    agent.execute("UPDATE later SET email = %s WHERE id = 1", [given])
    agent.execute("UPDATE later SET email = %s WHERE id = 2", [given])
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        agent.execute(end.encode())
    diag = caught.value.diag
    assert address not in repr([getattr(diag, name) for name in dir(diag) if not name.startswith("_")])
