"""What the suites are run against shows what the server itself shows, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.conformance.transparent import Stage, transparent

STATEMENTS = (
    "CREATE TEMP TABLE t (a int, b text)",
    "INSERT INTO t VALUES (1, 'x') RETURNING *, a + 1",
    "SELECT *, t, (SELECT count(*) FROM pg_stat_activity) > 0 FROM t",
    "SET enable_seqscan = off",
    "SET client_min_messages = warning",
    "SHOW client_min_messages",
    "SET standard_conforming_strings = off",
    r"SELECT 'it\'s'",
    "SET standard_conforming_strings = on",
    "CREATE FUNCTION opened(r refcursor) RETURNS refcursor LANGUAGE plpgsql"
    " AS $$ BEGIN OPEN r FOR SELECT 1; RETURN r; END $$",
    "BEGIN",
    "SELECT opened('c')",
    "FETCH ALL FROM c",
    "ROLLBACK",
    "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'because', HINT = 'try'; END $$",
    "EXECUTE nothing",
    "SELEC 1",
    "SELECT * FROM nowhere",
    "SET ROLE postgres",
    "EXPLAIN (COSTS off) SELECT * FROM t",
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with transparent(None, ["direct", "proxied"]) as running:
        yield running


def told(conninfo: str) -> list[object]:
    """Everything that a client is told."""
    found: list[object] = []
    with psycopg.connect(conninfo, autocommit=True, application_name="suite") as connection:
        for statement in STATEMENTS:
            try:
                cursor = connection.execute(statement)
            except psycopg.Error as error:
                diag = error.diag
                found.append([diag.sqlstate, str(error), diag.source_function, diag.statement_position])
            else:
                found.append([cursor.statusmessage, cursor.fetchall() if cursor.description else None])
        found.append(
            [
                connection.info.parameter_status(name)
                for name in ("is_superuser", "session_authorization", "application_name")
            ]
        )
    return found


def test_a_client_is_told_the_same_on_both_ways(stage: Stage) -> None:
    assert told(stage.proxied("proxied")) == told(stage.direct("direct"))


def test_another_client_encoding_is_refused_with_a_hint(stage: Stage) -> None:
    with psycopg.connect(stage.proxied("proxied"), autocommit=True) as connection:
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SET client_encoding = LATIN1")
        assert "UTF8" in str(caught.value.diag.message_hint)
