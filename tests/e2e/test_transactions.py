"""Sessions and transactions are PostgreSQL's own: each script is played directly too, and must look the same.

By the simple protocol, several statements to a Query where a script has them: results, tags, errors
with SQLSTATE and position, and the status of every ReadyForQuery.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import generators, waiting
from psycopg.pq import DiagnosticField, ExecStatus

from tests.e2e.drivers import direct
from tests.harness.proxy import Proxy

SCRIPTS: dict[str, list[str]] = {
    "blocks": ["BEGIN", "SELECT 1", "COMMIT", "COMMIT", "ROLLBACK", "START TRANSACTION", "BEGIN", "END", "ABORT"],
    "modes": [
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
        "SHOW transaction_isolation",
        "SHOW transaction_read_only",
        "UPDATE products SET stock = stock WHERE id = 1",
        "COMMIT",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SHOW default_transaction_read_only",
        "UPDATE products SET stock = stock WHERE id = 1",
        "RESET ALL",
        "SHOW default_transaction_read_only",
        "BEGIN",
        "SELECT 1",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "ROLLBACK",
    ],
    "an aborted block": ["BEGIN", "SELECT 1/0", "SELECT 1", "SET search_path = public", "COMMIT", "SHOW search_path"],
    "savepoints": [
        "SAVEPOINT outside",
        "BEGIN",
        "SAVEPOINT a",
        "SELECT 1/0",
        "ROLLBACK TO a",
        "SELECT 2",
        "SAVEPOINT a",
        "RELEASE a",
        "ROLLBACK TO SAVEPOINT nowhere",
        "ROLLBACK TO a",
        "RELEASE SAVEPOINT a",
        "RELEASE a",
        "ROLLBACK AND CHAIN",
        "SELECT 3",
        "COMMIT",
    ],
    "several in one": [
        "SELECT 1; SELECT 2",
        "SELECT 1; ; SELECT 3;",
        ";",
        ";;",
        "",
        "-- nothing",
        "/* no */ ; SELECT 4",
    ],
    "an error in the middle": [
        "SELECT 1; SELECT 1/0; SELECT 2",
        "SELECT 1; SELEC 2",
        "SELECT 1; SELECT nothing; SELECT 2",
    ],
    "an implicit transaction": [
        "UPDATE products SET stock = -5 WHERE id = 1; SELECT 1/0",
        "SELECT count(*) FROM products WHERE stock = -5",
        "UPDATE products SET stock = -5 WHERE id = 1; SELECT count(*) FROM products WHERE stock = -5",
        "SELECT count(*) FROM products WHERE stock = -5",
        "UPDATE products SET stock = 17 WHERE id = 1",
        "SAVEPOINT a; SELECT 1",
        "SELECT 1; SET LOCAL statement_timeout = 1000; SHOW statement_timeout",
        "SHOW statement_timeout",
        "DECLARE c CURSOR FOR SELECT 1; FETCH c; SELECT 2",
        "FETCH c",
    ],
    "blocks inside one Query": [
        "BEGIN; SELECT 1; COMMIT; SELECT 2",
        "BEGIN; SELECT 1; SELECT 1/0; COMMIT",
        "SELECT 1",
        "COMMIT",
        "SELECT 1; BEGIN; SELECT 2",
        "COMMIT",
        "BEGIN; UPDATE products SET stock = -6 WHERE id = 2; COMMIT; SELECT 1/0",
        "SELECT count(*) FROM products WHERE stock = -6",
        "UPDATE products SET stock = 34 WHERE id = 2; BEGIN; SELECT 1/0",
        "ROLLBACK",
        "SELECT count(*) FROM products WHERE stock = -6",
        "COMMIT; SELECT 1",
        "BEGIN; ROLLBACK; BEGIN; SELECT 1; ROLLBACK",
    ],
    "search_path": [
        "SHOW search_path",
        "SET search_path = pg_catalog",
        "SELECT 1 FROM customers",
        "SELECT count(*) FROM shop.customers",
        "BEGIN",
        "SET LOCAL search_path = shop",
        "SELECT count(*) FROM orders",
        "ROLLBACK",
        "SELECT count(*) FROM orders",
        "SELECT set_config('search_path', 'shop', false)",
        "SELECT count(*) FROM orders",
        "RESET search_path",
        "SHOW search_path",
        "SET search_path TO DEFAULT",
        'SET search_path = "$user", shop, "odd name"',
        "SHOW search_path",
        "SELECT current_schemas(true)",
        "DISCARD ALL",
        "SHOW search_path",
        "SET SCHEMA 'public'",
        "SHOW search_path",
    ],
    "settings": [
        "SET TimeZone = 'Europe/Berlin'",
        "SELECT '2024-07-01 12:00+00'::timestamptz",
        "SET IntervalStyle = 'iso_8601'",
        "SELECT interval '1 day 2 hours'",
        "SET extra_float_digits = 0",
        "SELECT 0.1::float8 + 0.2::float8",
        "SET application_name = 'it''s'",
        "SHOW application_name",
        "SET statement_timeout = '50ms'",
        "SELECT count(*) FROM generate_series(1, 100000000)",
        "RESET statement_timeout",
        "SET statement_timeout = 'soon'",
        "SHOW nothing",
        "RESET ALL",
        "SHOW TimeZone",
        "DISCARD PLANS",
        "DISCARD SEQUENCES",
    ],
    "errors": [
        "SELECT 'ä', nothing FROM orders",
        "SELECT 1/0",
        "SELECT 'a'::int",
        "SELECT * FROM nowhere",
        "SELEC 1",
        "SELECT (1",
        "SELECT 'unfinished",
        "SELECT nothing()",
        "SELECT $1",
        "EXECUTE nothing",
        "DEALLOCATE nothing",
        "CLOSE nothing",
        "FETCH nothing",
        "SELECT 1 AS a UNION SELECT 'b'",
        "INSERT INTO products VALUES (1)",
        "DECLARE c CURSOR FOR SELECT 1",
    ],
}
NOT_AS_DIRECTLY = {
    "SELECT $1",
    "INSERT INTO products VALUES (1)",
    "UPDATE products SET stock = stock WHERE id = 1",
}
"""What the proxy has its own word for: only that both succeed, or that both fail, is compared."""


def _play(connection: psycopg.Connection, script: list[str]) -> list[tuple[str, list[Any], int]]:
    pgconn = connection.pgconn
    played = []
    for query in script:
        pgconn.send_query(query.encode())
        answers: list[Any] = []
        for found in waiting.wait(generators.execute(pgconn), pgconn.socket):
            if found.status == ExecStatus.FATAL_ERROR:
                said = [
                    found.error_field(field)
                    for field in (
                        DiagnosticField.SQLSTATE,
                        DiagnosticField.MESSAGE_PRIMARY,
                        DiagnosticField.STATEMENT_POSITION,
                    )
                ]
                answers.append("failed" if query in NOT_AS_DIRECTLY else ("ERROR", *said))
            elif query not in NOT_AS_DIRECTLY or found.status != ExecStatus.COMMAND_OK:
                rows = [tuple(found.get_value(r, c) for c in range(found.nfields)) for r in range(found.ntuples)]
                answers.append((found.status, found.command_status, rows))
        played.append((query, answers, pgconn.transaction_status))
    return played


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_as_directly(shared_proxy: Proxy, name: str) -> None:
    with psycopg.connect(direct(shared_proxy), autocommit=True) as connection:
        truth = _play(connection, SCRIPTS[name])
    with shared_proxy.connect() as connection:
        seen = _play(connection, SCRIPTS[name])
    differences = [pair for pair in zip(seen, truth, strict=True) if pair[0] != pair[1]]
    assert not differences
