"""A statement in words: what changes something comes first, wherever in the text it stands."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Analysis, Effect, RelationRef
from pgmaskproxy.sql.telling import LONGEST_COMMAND, LONGEST_LITERAL, Telling, tell

READ = frozenset({Effect.READ})
CHANGE = frozenset({Effect.READ, Effect.WRITE})


def analysed(effects: frozenset[Effect] = CHANGE, **changes: object) -> Analysis:
    known = {
        "reads": frozenset({RelationRef("shop", "orders")}),
        "writes": frozenset({RelationRef("shop", "customers")}),
    }
    return Analysis("", effects, **(known | changes))  # type: ignore[arg-type]


def told(sql: str, analysis: Analysis | None = None, *, labelled: bool = False) -> Telling:
    return tell(sql, analysis or analysed(), labelled=labelled)


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("DELETE FROM customers", "deletes EVERY row of shop.customers (it has no WHERE)"),
        ("DELETE FROM customers WHERE true", "deletes EVERY row of shop.customers (its WHERE leaves none out)"),
        ("DELETE FROM customers WHERE id = 5", "deletes rows of shop.customers"),
        ("UPDATE customers SET a = 1, b = 2", "changes EVERY row of shop.customers (it has no WHERE): a, b"),
        ("UPDATE other.t SET a = 1 WHERE b", "changes rows of other.t: a"),
        ("INSERT INTO customers SELECT 1", "adds rows to shop.customers"),
        (
            "INSERT INTO customers VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 2",
            "adds rows to shop.customers, and changes those that are there",
        ),
        (
            "MERGE INTO customers USING o ON true WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "deletes rows, adds rows in shop.customers (MERGE)",
        ),
        ("SELECT 1 FROM orders", "reads shop.orders"),
        ("SELECT 1 INTO x FROM orders", "makes a new table x"),
        ("SELECT 1 FROM orders FOR UPDATE", "locks the rows it reads"),
        ("TRUNCATE customers, other.t", "deletes EVERY row of shop.customers (TRUNCATE)"),
        ("CREATE ROLE x SUPERUSER PASSWORD 'hunter2'", "runs CREATE ROLE x SUPERUSER PASSWORD ?"),
        ("ALTER TABLE t ADD a int, DROP COLUMN b", "alters: drop column b"),
        ("COPY (DELETE FROM customers RETURNING 1) TO STDOUT", "deletes EVERY row of shop.customers (it has no WHERE)"),
        (
            "WITH a AS (SELECT 1), b AS (DELETE FROM customers RETURNING *) SELECT * FROM a",
            "deletes EVERY row of shop.customers (it has no WHERE)",
        ),
        ("EXECUTE p(1)\nDELETE FROM customers", "does something that cannot be read"),
        ("EXECUTE p(1);\nDELETE FROM customers", "deletes EVERY row of shop.customers (it has no WHERE)"),
    ],
)
def test_the_worst_comes_first(sql: str, first: str) -> None:
    assert told(sql).does[0] == first


def test_many_harmless_commands_hide_none_of_the_others() -> None:
    drops = [", ".join(f"DROP CONSTRAINT IF EXISTS {letter}{n}" for n in range(40)) for letter in "nm"]
    does = told(f"ALTER TABLE customers {drops[0]}, DISABLE ROW LEVEL SECURITY, OWNER TO evil, {drops[1]}").does
    assert does[:2] == ("alters: disable row security", "alters: change owner")
    (constraints,) = (each for each in does if "constraint" in each)
    assert constraints.startswith("alters: drop constraint n0, n1")
    assert constraints.endswith("and 50 more (80 times)")


def test_everybody_is_named_first_among_those_who_are_granted_something() -> None:
    roles = [f"r_{n}" for n in range(500)]
    tables = [f"note_{n}" for n in range(500)]
    text = f"GRANT SELECT, INSERT ON {', '.join(tables)}, customers TO {', '.join(roles[:200])}, public, r_200, r_201"
    granted = told(text).does[0]
    assert granted.startswith("grants SELECT, INSERT on table shop.customers, note_0, ")
    assert "to PUBLIC, r_0, " in granted
    assert told("REVOKE ALL ON SCHEMA s FROM x").does[0] == "takes ALL on schema s from x"
    inside = told("CREATE SCHEMA x CREATE TABLE t1 (a int) GRANT ALL ON t1 TO public")
    assert inside.does[0] == "grants ALL on table t1 to PUBLIC"


def test_the_servers_own_roles_are_named_first_among_those_that_are_granted() -> None:
    plain = ", ".join(f"r_{n}" for n in range(200))
    granted = told(f"GRANT {plain}, pg_read_all_data TO agent").does[0]
    assert granted.startswith("makes a member of pg_read_all_data, r_0, ")
    assert granted.endswith("and 171 more: agent")
    assert told("REVOKE a FROM CURRENT_USER").does[0] == "ends the membership in a: the current role"


def test_what_is_there_is_named_first_among_what_is_dropped() -> None:
    nothing = ", ".join(f"v{n}" for n in range(200))
    assert (
        told(f"DROP TABLE IF EXISTS {nothing}, customers CASCADE").does[0].startswith("drops table shop.customers, v0")
    )
    assert told("DROP FUNCTION s.f(int)").does[0] == "drops function s.f"
    assert told("DROP TYPE a.b").does[0] == "drops type a.b"


def test_what_is_called_is_told_where_calling_does_something() -> None:
    calls = "SELECT pg_terminate_backend(1), now()"
    assert told(calls, analysed(READ | {Effect.ADMIN})).does[:2] == ("calls now()", "calls pg_terminate_backend()")
    assert told(calls, analysed(READ)).does == ("reads shop.orders",)


def test_what_could_not_be_analysed_is_said() -> None:
    assert told("SELECT 1", analysed(READ | {Effect.UNKNOWN})).does[0].startswith("does something that could not")


def test_what_cannot_be_read_is_not_shown() -> None:
    for text in ("SELEC 'secret'", "SELECT 'secret", "SELECT 'secret\0'", "SELECT " + "(" * 3000 + "'secret'"):
        assert told(text) == Telling(("does something that cannot be read",), "?")


def test_commands_are_cut() -> None:
    words = told(f"COMMENT ON TABLE customers IS 'x'; DROP TABLE {', '.join(f't{n}' for n in range(999))}").does
    assert all(len(each) <= LONGEST_COMMAND + 30 for each in words)


# -- the text -------------------------------------------------------------------------------------------------


def test_comments_go_and_white_space_is_folded() -> None:
    text = "delete /* it is\n harmless */ from customers -- x\n\n\n      where id = 5 -- y"
    assert told(text).text == "delete\nfrom customers\nwhere id = 5"


def test_places_are_where_something_is_changed() -> None:
    text = "WITH é AS (SELECT 'é'), b AS (DELETE /* é */ FROM customers) UPDATE t SET a = 1"
    found = told(text)
    assert [found.text[place:].split(" ")[0] for place in found.places] == ["customers)", "t"]


def test_literals_are_shown_only_where_they_cannot_be_labelled() -> None:
    text = "UPDATE customers SET price = price * 0.9, note = 'sale' WHERE id = 5"
    assert told(text).text == text
    assert told(text).literals
    hidden = told(text, labelled=True)
    assert hidden.text == "UPDATE customers SET price = price * ?, note = ? WHERE id = ?"
    assert not hidden.literals


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("ALTER ROLE x PASSWORD 'secret'", CHANGE),
        ("DO 'secret'", CHANGE),
        ("SELECT f('secret')", READ | {Effect.ROUTINE}),
        ("SELECT f('secret')", READ | {Effect.UNKNOWN}),
        ("SELECT 1; ALTER ROLE x PASSWORD 'secret'", CHANGE),
    ],
)
def test_literals_of_other_statements_are_never_shown(text: str, effects: frozenset[Effect]) -> None:
    assert "secret" not in str(told(text, analysed(effects)))


def test_nor_where_the_analysis_gave_up() -> None:
    assert "secret" not in str(told("SELECT 'secret'", analysed(READ, opaque="too deep")))


def test_long_literals_are_cut_and_their_lines_shown() -> None:
    text = told(f"UPDATE customers SET a = 'x\n{'y' * 5000}z' WHERE id = 1").text
    assert len(text) < LONGEST_LITERAL + 100
    assert "'x⟨U+000A⟩y" in text
    assert "z' WHERE id = 1" in text
