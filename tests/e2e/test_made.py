"""What a fresh eye found: values that are tried out on their way in, and answers that a written row makes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Final

from tests.e2e.tokens import token, tokenised, truth
from tests.harness import servers

TRAPS: Final = """
CREATE TABLE shop.filled (id int, login text, email text);
CREATE FUNCTION shop.fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.email := NEW.login; RETURN NEW; END';
CREATE TRIGGER filled BEFORE INSERT OR UPDATE ON shop.filled FOR EACH ROW EXECUTE FUNCTION shop.fill();
CREATE TABLE shop.generated (id int, login text, email text GENERATED ALWAYS AS (login || '') STORED);
CREATE TABLE shop.plain (id int, login text, email text);
CREATE DOMAIN shop.code3 AS varchar(3);
CREATE DOMAIN shop.low AS text CHECK (value < 'm');
CREATE DOMAIN shop.high AS text CHECK (value >= 'm');
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA shop TO pgmaskproxy;
"""
RETURNING: Final = (
    "INSERT INTO shop.{table} (id, login) VALUES (1, %s) RETURNING email",
    "UPDATE shop.{table} SET login = %s RETURNING email",
    "WITH w AS (INSERT INTO shop.{table} (id, login) VALUES (2, %s) RETURNING email) SELECT email FROM w",
)

DOMAINS: Final = ("code3", "low", "high", "_low", "_high")
ASKING: Final = (
    "SELECT id FROM shop.customers WHERE email = $1",
    "SELECT id FROM shop.customers WHERE email = ANY ($1)",
    "INSERT INTO shop.newsletter (email) VALUES ($1)",
)


def test_what_a_written_row_makes_is_no_code_book(shop18: servers.Database, tmp_path: Path) -> None:
    with tokenised(shop18, tmp_path, traps=TRAPS) as proxy, proxy.connect() as agent:
        guess = truth(proxy, "SELECT email FROM shop.customers WHERE id = 13")[0][0]
        for table in ("filled", "generated"):
            for statement in RETURNING:
                rows = agent.execute(statement.format(table=table).encode(), [guess]).fetchall()
                assert rows
                assert {row[0] for row in rows} == {None}
        # Where nothing is made of what is written, a token is one.
        agent.execute(
            "INSERT INTO shop.plain (id, login, email) SELECT 1, 'x', email FROM shop.customers WHERE id = 13"
        )
        assert agent.execute("UPDATE shop.plain SET login = 'y' RETURNING email").fetchall() == [(token(agent, 13),)]


def test_a_parameters_declared_type_is_no_way_to_ask(shop18: servers.Database, tmp_path: Path) -> None:
    """A domain's condition or length would be tried on the value: 23514 and 22001 would be answers."""
    with tokenised(shop18, tmp_path, traps=TRAPS) as proxy, proxy.connect() as agent:
        oids = dict(
            truth(proxy, "SELECT typname::text, oid::int8 FROM pg_type WHERE typnamespace = 'shop'::regnamespace")
        )
        given = token(agent, 13)
        for name, statement in itertools.product(DOMAINS, ASKING):
            value = f"{{{given}}}" if name.startswith("_") else given
            result = agent.pgconn.exec_params(statement.encode(), [value.encode()], param_types=[oids[name]])
            assert result.error_field(ord("C")) not in {b"23514", b"22001", None}, (name, statement)
            assert result.ntuples == 0
