"""Working with tokens: looked up, joined, written by what a result has shown, on real servers with psycopg."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from tests.e2e.tokens import facts, token, tokenised, truth
from tests.harness import servers
from tests.harness.proxy import Proxy

FORGED = "tok_" + "A" * 48


@pytest.fixture(scope="module")
def standing(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One proxy for all of the module; what a test writes it does in a transaction that it rolls back, or elsewhere."""
    with servers.fresh_shop(server) as database, tokenised(database, tmp_path_factory.mktemp("tokens")) as proxy:
        yield proxy


@pytest.fixture
def agent(standing: Proxy) -> Iterator[psycopg.Connection]:
    with standing.connect() as connection:
        yield connection


def refused(agent: psycopg.Connection, statement: str, *parameters: object) -> tuple[str, str]:
    """SQLSTATE and `why` of a statement that is refused, with a hint."""
    with pytest.raises(psycopg.Error) as caught:
        agent.execute(statement.encode(), parameters or None)
    assert caught.value.sqlstate is not None
    assert caught.value.diag.message_hint
    return caught.value.sqlstate, str(facts(caught.value)["why"])


LOOK_UPS = [
    "SELECT id FROM customers WHERE email = %s",
    "SELECT id FROM customers WHERE %s = email AND id < 5",
    "SELECT id FROM customers WHERE email IN (%s)",
    "SELECT id FROM (SELECT id, email AS e FROM customers) s WHERE e = %s",
    "WITH one AS (SELECT id FROM customers WHERE email = %s) SELECT id FROM one",
    "SELECT c.id FROM customers c JOIN newsletter n ON n.email = c.email WHERE c.email = %s",
    "SELECT c.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.email = %s GROUP BY c.id",
]


@pytest.mark.parametrize("statement", LOOK_UPS)
def test_a_row_is_found_by_its_token(statement: str, agent: psycopg.Connection) -> None:
    assert agent.execute(statement.encode(), [token(agent)]).fetchall() == [(1,)]
    assert agent.execute(statement.encode(), [token(agent)], prepare=True).fetchall() == [(1,)]


@pytest.mark.parametrize("binary", [False, True])
def test_rows_are_found_by_a_list_of_tokens(agent: psycopg.Connection, *, binary: bool) -> None:
    tokens = [token(agent, row) for row in (1, 2, 3)]
    with agent.cursor(binary=binary) as cursor:
        mark = "%b" if binary else "%t"
        cursor.execute(f"SELECT id FROM customers WHERE email = ANY({mark}) ORDER BY id".encode(), [tokens])
        assert cursor.fetchall() == [(1,), (2,), (3,)]
        cursor.execute(f"SELECT id FROM customers WHERE email IN ({mark}, {mark}) ORDER BY id".encode(), tokens[:2])
        assert cursor.fetchall() == [(1,), (2,)]
        cursor.execute(f"SELECT id FROM customers WHERE email = {mark}".encode(), tokens[:1])
        assert cursor.fetchall() == [(1,)]
        cursor.execute(b"SELECT id FROM customers WHERE email = ANY(%s)", [[]])
        assert cursor.fetchall() == []


def test_null_stays_null(agent: psycopg.Connection) -> None:
    assert agent.execute("SELECT id FROM customers WHERE email = %s", [None]).fetchall() == []


def test_a_value_is_no_token_and_costs_a_look_up_where_there_is_a_budget(
    agent: psycopg.Connection, standing: Proxy
) -> None:
    ((address,),) = truth(standing, "SELECT email FROM customers WHERE id = 1")
    for statement, value in (
        ("SELECT id FROM customers WHERE email = %s", address),
        ("SELECT id FROM customers WHERE email = ANY(%s)", [address]),
        ("SELECT id FROM customers WHERE email = ANY(%s)", [token(agent), address]),
        ("SELECT id FROM customers WHERE email = %s", "a@b.example"),
    ):
        assert refused(agent, statement, value) == ("42501", "token_needed")
    assert refused(agent, "SELECT id FROM customers WHERE email = 'a@b.example'") == ("42501", "token_needed")
    assert refused(agent, f"SELECT id FROM customers WHERE email = '{token(agent)}'") == ("42501", "token_needed")
    by_notes = "SELECT id FROM customers WHERE notes = %s"
    (row,) = truth(standing, "SELECT min(id) FROM customers WHERE notes IS NOT NULL")
    note = token(agent, row[0], "notes")
    for _ in range(5):
        assert agent.execute(by_notes.encode(), [note]).fetchall() == [row], "a token is no guess"
    for _ in range(3):
        agent.execute(by_notes.encode(), ["a guess"])
    assert refused(agent, by_notes, "a guess")[0] == "53400"
    assert agent.execute(by_notes.encode(), [note]).fetchall() == [row]
    assert refused(agent, f"SELECT id FROM customers WHERE notes = '{note}'") == ("42501", "token_as_literal")


def test_a_forged_token_is_none(agent: psycopg.Connection, standing: Proxy) -> None:
    good = token(agent)
    changed = good[:20] + ("A" if good[20] != "A" else "B") + good[21:]
    other = token(agent, truth(standing, "SELECT min(id) FROM customers WHERE notes IS NOT NULL")[0][0], "notes")
    for forged in (FORGED, changed, other):
        for statement in (
            "SELECT id FROM customers WHERE email = %s",
            "UPDATE customers SET email = %s WHERE id = 1",
            "INSERT INTO newsletter (email) VALUES (%s)",
        ):
            assert refused(agent, statement, forged) == ("22023", "forged_token")
        assert refused(agent, "SELECT id FROM customers WHERE email = ANY(%s)", [good, forged])[1] == "forged_token"


NOT_HERE = [
    "SELECT %(t)s::text FROM customers WHERE email = %(t)s",
    "SELECT id FROM customers WHERE email = %(t)s AND length(%(t)s) > 0",
    "SELECT id FROM customers WHERE email = %(t)s ORDER BY %(t)s::text",
    "SELECT id FROM customers WHERE email = %(t)s LIMIT length(%(t)s)",
    "SELECT id FROM customers WHERE email = %(t)s AND name = %(t)s",
    "SELECT 1 FROM (SELECT email FROM customers UNION ALL SELECT 'a@b') s WHERE email = %(t)s",
    "UPDATE newsletter SET email = %(t)s, topic = %(t)s WHERE id = 1",
    "UPDATE newsletter SET email = %(t)s WHERE id = 1 RETURNING %(t)s::text",
    "UPDATE customers SET email = %(t)s, notes = %(t)s WHERE id = 1",
    "UPDATE customers SET ssn = %(t)s WHERE id = 1",
    "UPDATE customers SET card = %(t)s WHERE id = 1",
    "INSERT INTO newsletter (email, topic) VALUES (%(t)s, upper(%(t)s))",
    "INSERT INTO newsletter (email, topic) SELECT %(t)s, %(t)s",
    "UPDATE newsletter n SET email = v.e FROM (VALUES (1, %(t)s)) v(i, e) WHERE n.id = v.i",
    "INSERT INTO newsletter (id, email) SELECT 1, e FROM unnest(ARRAY[%(t)s]::text[]) e",
    "UPDATE newsletter SET email = lower(%(t)s) WHERE id = 1",
    "MERGE INTO newsletter n USING (SELECT 1 AS i, %(t)s::text AS e) s ON n.id = s.i"
    " WHEN MATCHED THEN UPDATE SET email = s.e",
]


@pytest.mark.parametrize("statement", NOT_HERE)
def test_a_token_whose_value_could_be_seen_stays_a_token(statement: str, agent: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as caught:
        agent.execute(statement.encode(), {"t": token(agent)})
    # Where PostgreSQL itself takes the parameter for two types, or policy refuses the statement, that is the answer.
    assert caught.value.sqlstate in {"42501", "42P08", "0A000"}, statement
    assert agent.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("table", ["newsletter", "short", "padded", "caseless", "checked"])
def test_a_value_is_written_by_its_token(
    table: str, agent: psycopg.Connection, standing: Proxy, *, binary: bool
) -> None:
    mark, row = ("%b", 900) if binary else ("%t", 700)
    for statement in (
        f"INSERT INTO {table} (id, email) VALUES ({row}, {mark})",
        f"INSERT INTO {table} (id, email) SELECT {row} + 1, {mark} FROM customers WHERE id = 1",
        f"INSERT INTO {table} (id, email) VALUES ({row} + 2, NULL), ({row} + 3, {mark})",
        f"UPDATE {table} SET email = {mark} WHERE id = {row} + 2",
    ):
        at = int(statement.startswith("U")) + 7 + binary * 20 + len(statement) % 7
        found = agent.execute(statement.encode(), [token(agent, at)])
        assert found.rowcount >= 1
    written = truth(standing, f"SELECT rtrim(email::text) FROM {table} WHERE id >= {row} AND id < {row} + 4")
    known = truth(standing, "SELECT email FROM customers")
    assert len(written) == 4
    assert set(written) <= set(known)
    shown = agent.execute(f"SELECT email FROM {table} WHERE id = {row}".encode()).fetchone()
    assert shown is not None
    assert agent.execute("SELECT count(*) FROM customers WHERE email = %s", [shown[0].strip()]).fetchone() == (1,)


def test_bytes_and_arrays_hold_tokens_too(agent: psycopg.Connection, standing: Proxy) -> None:
    one, two = token(agent, 11), token(agent, 12)
    agent.execute("INSERT INTO raw VALUES (1, %s), (2, %b)", [one, two.encode()])
    agent.execute("INSERT INTO several VALUES (1, %t), (2, %b)", [[one, None, two], [two]])
    values = [row[0] for row in truth(standing, "SELECT email FROM customers WHERE id IN (11, 12) ORDER BY id")]
    assert truth(standing, "SELECT convert_from(email, 'UTF8') FROM raw ORDER BY id") == [(each,) for each in values]
    assert truth(standing, "SELECT email FROM several ORDER BY id") == [
        ([values[0], None, values[1]],),
        ([values[1]],),
    ]


WRITTEN_BACK = [
    ("UPDATE customers SET ssn = %s WHERE id = 1", "***"),
    ("UPDATE customers SET card = %s WHERE id = 1", "***7294"),
    ("UPDATE customers SET (name, card) = ('x', %s) WHERE id = 1", "***0000"),
    (
        "INSERT INTO customers (name, email, ssn, card, birth_date, city) VALUES ('a', 'a', %s, 'b', 'today', 'c')",
        "***",
    ),
    (
        "INSERT INTO customers (id, name, email, ssn, card, birth_date, city) "
        "VALUES (1, 'a', 'a', '1', 'b', 'today', 'c') ON CONFLICT (id) DO UPDATE SET ssn = %s",
        "***",
    ),
    (
        "MERGE INTO customers c USING (SELECT 1 AS id) s ON c.id = s.id WHEN MATCHED THEN UPDATE SET ssn = %s",
        "***",
    ),
    ("WITH w AS (UPDATE customers SET ssn = %s WHERE id = 1 RETURNING id) SELECT id FROM w", "***"),
    ("UPDATE customers c SET ssn = v.s FROM (VALUES (1, %s)) v(i, s) WHERE c.id = v.i", "***"),
    ("UPDATE customers SET ssn = upper(%s) WHERE id = 1", "***"),
    ("UPDATE customers c SET card = v.s FROM unnest(ARRAY[1], ARRAY[%s]) v(i, s) WHERE c.id = v.i", "***7294"),
]


@pytest.mark.parametrize(("statement", "value"), WRITTEN_BACK)
def test_what_a_mask_shows_is_not_written_back(
    statement: str, value: str, agent: psycopg.Connection, standing: Proxy
) -> None:
    before = truth(standing, "SELECT ssn, card FROM customers ORDER BY id")
    for call in (statement.replace("%s", f"'{value}'"), statement.replace("%s", f"$${value}$$")):
        assert refused(agent, call) == ("22023", "masked_value")
    for mark in ("%t", "%b"):
        assert refused(agent, statement.replace("%s", mark), value) == ("22023", "masked_value")
    with agent.cursor() as cursor:
        cursor.execute(f"PREPARE given(text) AS {statement.replace('%s', '$1')}".encode())
        assert refused(agent, f"EXECUTE given('{value}')") == ("22023", "masked_value")
        cursor.execute("DEALLOCATE given")
    assert truth(standing, "SELECT ssn, card FROM customers ORDER BY id") == before


def test_another_value_may_be_written(agent: psycopg.Connection) -> None:
    with agent.transaction(force_rollback=True):
        agent.execute("UPDATE customers SET card = %s, city = '***' WHERE id = 1", ["4111 1111 1111 1111"])
        agent.execute("UPDATE customers SET ssn = '987-65-4320', name = %s WHERE id = 1", ["***"])


def test_cursors_and_pipelines(agent: psycopg.Connection) -> None:
    one, two = token(agent, 1), token(agent, 2)
    with agent.transaction():
        with agent.cursor("c") as cursor:
            cursor.execute("SELECT id, email FROM customers WHERE email = %s", [one])
            assert cursor.fetchall() == [(1, one)]
        agent.execute("DECLARE d CURSOR FOR SELECT id FROM customers WHERE email = ANY(%s) ORDER BY id", [[one, two]])
        assert agent.execute("FETCH ALL FROM d").fetchall() == [(1,), (2,)]
    with agent.pipeline():
        cursors = [agent.execute("SELECT id FROM customers WHERE email = %s", [each]) for each in (one, two, one)]
        assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,), (1,)]
        again = [
            agent.execute("SELECT id FROM customers WHERE email = %s", [each], prepare=True) for each in (two, one)
        ]
        assert [cursor.fetchone() for cursor in again] == [(2,), (1,)]


def test_a_prepared_statement_with_a_token_and_then_without(agent: psycopg.Connection) -> None:
    for statement in ("SELECT id FROM customers WHERE email = $1", "UPDATE newsletter SET email = $1 WHERE id = 99"):
        agent.pgconn.prepare(b"p", statement.encode())
        for value, sqlstate in ((token(agent), None), (token(agent, 2), None), ("***", "42501"), (token(agent), None)):
            result = agent.pgconn.exec_prepared(b"p", [value.encode()])
            expected = sqlstate if statement.startswith("SELECT") else None
            found = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            assert (found.decode() if found else None) == expected, (statement, value)
        agent.pgconn.exec_(b"DEALLOCATE p")


def test_execute_takes_no_tokens_and_no_guesses(agent: psycopg.Connection) -> None:
    agent.execute("PREPARE found(text) AS SELECT id FROM customers WHERE email = $1")
    for argument in (f"'{token(agent)}'", "'a@b.example'", "'a' || '@b.example'", "NULL"):
        assert refused(agent, f"EXECUTE found({argument})") == ("42501", "token_as_literal")
    result = agent.pgconn.exec_prepared(b"found", [token(agent).encode()])
    assert [result.get_value(0, 0), result.ntuples] == [b"1", 1]


def copy_in(agent: psycopg.Connection, statement: str, pieces: Sequence[Any], kinds: Sequence[str] = ()) -> None:
    """COPY FROM STDIN of pieces of text, or of rows of these types."""
    with agent.cursor().copy(statement.encode()) as copy:
        if kinds:
            copy.set_types(kinds)
        for piece in pieces:
            copy.write_row(piece) if kinds else copy.write(piece)


COPIES = [
    ("text", "", "\t"),
    ("csv", " (FORMAT csv)", ","),
    ("csv with quotes", " (FORMAT csv, HEADER match, DELIMITER ';', QUOTE '~')", ";"),
]


@pytest.mark.parametrize(("options", "delimiter"), [case[1:] for case in COPIES], ids=[case[0] for case in COPIES])
@pytest.mark.parametrize("value", ["***", "token"])
def test_masked_rows_are_not_copied_back(
    value: str, options: str, delimiter: str, agent: psycopg.Connection, standing: Proxy
) -> None:
    shown = token(agent, 4) if value == "token" else value
    table, columns = ("newsletter", "id, email") if value == "token" else ("customers", "id, ssn")
    before = truth(standing, f"SELECT count(*) FROM {table}")
    lines = [delimiter.join(columns.split(", ")), f"5000{delimiter}", f"5001{delimiter}{shown}"]
    pieces = [*"\n".join(lines if "HEADER" in options else lines[1:])]
    with pytest.raises(psycopg.Error) as caught:
        copy_in(agent, f"COPY {table} ({columns}) FROM STDIN{options}", pieces)
    assert (caught.value.sqlstate, facts(caught.value)["why"]) == (
        ("42501", "token_as_literal") if value == "token" else ("22023", "masked_value")
    )
    assert truth(standing, f"SELECT count(*) FROM {table}") == before
    assert agent.execute("SELECT 1").fetchone() == (1,), "the session goes on"


def test_nor_in_binary(agent: psycopg.Connection, standing: Proxy) -> None:
    before = truth(standing, "SELECT count(*) FROM several")
    for table, kinds, value, why in (
        ("newsletter (id, email)", ["int4", "text"], token(agent), "token_as_literal"),
        ("several (id, email)", ["int4", "text[]"], ["a", token(agent)], "token_as_literal"),
        ("raw (id, email)", ["int4", "bytea"], token(agent).encode(), "token_as_literal"),
        ("customers (id, ssn)", ["int4", "text"], "***", "masked_value"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            copy_in(agent, f"COPY {table} FROM STDIN (FORMAT binary)", [(6000, None), (6001, value)], kinds)
        assert facts(caught.value)["why"] == why, table
    assert truth(standing, "SELECT count(*) FROM several") == before


def test_what_is_a_value_is_copied_in(agent: psycopg.Connection, standing: Proxy) -> None:
    copy_in(
        agent,
        "COPY newsletter (topic, email, id) FROM STDIN",
        ["***\tsomebody@post.example\t7000\n", "***\t\\N\t7001\n"],
    )
    assert truth(standing, "SELECT email FROM newsletter WHERE id >= 7000 ORDER BY id") == [
        ("somebody@post.example",),
        (None,),
    ]
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        copy_in(agent, "COPY newsletter (email) FROM STDIN (NULL E'\\001')", ["x\n"])
    assert facts(caught.value)["why"] == "unsupported"
