"""Which of the server's messages are shown where its text is withheld: those that cannot hold a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.session.messages import _TABLE, reviewed

SECRET = "107-17-1049"


def fields(state: str, file: str, message: str, **named: str) -> dict[bytes, bytes]:
    found = {b"S": b"ERROR", b"V": b"ERROR", b"C": state.encode(), b"M": message.encode(), b"F": file.encode()}
    return found | {letter.encode(): value.encode() for letter, value in named.items()}


@pytest.mark.parametrize(
    ("state", "file", "message", "named", "sql"),
    [
        ("22012", "int.c", "division by zero", {}, ""),
        ("57014", "postgres.c", "canceling statement due to statement timeout", {}, ""),
        ("25P02", "postgres.c",
         "current transaction is aborted, commands ignored until end of transaction block", {}, ""),
        ("23502", "execMain.c", 'null value in column "a" of relation "b" violates not-null constraint',
         {"c": "a", "t": "b"}, ""),
        ("23505", "nbtinsert.c", 'duplicate key value violates unique constraint "k"', {"n": "k"}, ""),
        ("23503", "ri_triggers.c", 'update or delete on table "a" violates foreign key constraint "n" on table "b"',
         {"t": "b", "n": "n"}, ""),
        ("22001", "varchar.c", "value too long for type character varying(3)", {}, ""),
        ("42501", "aclchk.c", "permission denied for table customers", {}, ""),
        ("25006", "utility.c", "cannot execute INSERT in a read-only transaction", {}, ""),
        ("42P01", "tablecmds.c", 'table "nope" does not exist', {}, "DROP TABLE nope"),
        ("42P01", "namespace.c", 'relation "shop.nope" does not exist', {}, 'ALTER TABLE shop."nope" ADD x int'),
        ("42P07", "heap.c", 'relation "t" already exists', {}, "create table T (a int)"),
        ("42701", "tablecmds.c", 'column "a" of relation "t" already exists', {}, "ALTER TABLE t ADD a int"),
        ("3B001", "xact.c", 'savepoint "s" does not exist', {}, "ROLLBACK TO s"),
        ("22P04", "copyfromparse.c", 'missing data for column "ssn"', {}, "COPY customers FROM STDIN"),
        ("22P04", "copyfromparse.c", "row field count is 3, expected 4", {}, ""),
        ("00000", "copyfrom.c", "1234567 rows were skipped due to data type incompatibility", {}, ""),
    ],
)  # fmt: skip
def test_what_passes_as_it_is(state: str, file: str, message: str, named: dict[str, str], sql: str) -> None:
    assert reviewed(fields(state, file, message, **named), sql) == message.encode()


@pytest.mark.parametrize(
    ("state", "file", "message", "shown"),
    [
        ("22P02", "numutils.c", f'invalid input syntax for type integer: "{SECRET}"',
         "invalid input syntax for type integer"),
        ("22003", "numutils.c", f'value "{SECRET}" is out of range for type integer',
         "value is out of range for type integer"),
        ("22008", "datetime.c", f'date/time field value out of range: "{SECRET}"',
         "date/time field value out of range"),
        ("22P02", "enum.c", f'invalid input value for enum mood: "{SECRET}"', "invalid input value for enum mood"),
        ("22P02", "arrayfuncs.c", f'malformed array literal: "{SECRET}"', "malformed array literal"),
        ("57014", "copyfromparse.c", f"COPY from stdin failed: {SECRET}", "COPY from stdin failed"),
        ("00000", "copyfromparse.c",
         f'skipping row due to data type incompatibility at line 7 for column "birth_date": "{SECRET}"',
         'skipping row due to data type incompatibility at line 7 for column "birth_date"'),
    ],
)  # fmt: skip
def test_a_value_is_cut_out(state: str, file: str, message: str, shown: str) -> None:
    assert reviewed(fields(state, file, message)) == shown.encode()


@pytest.mark.parametrize(
    ("state", "file", "message", "named", "sql"),
    [
        # What RAISE and other languages say, whatever it looks like.
        ("22012", "pl_exec.c", "division by zero", {}, ""),
        ("23505", "pl_exec.c", f'duplicate key value violates unique constraint "{SECRET}"', {"n": SECRET}, ""),
        ("22012", "dblink.c", "division by zero", {}, ""),
        ("22012", "plpy_elog.c", "division by zero", {}, ""),
        ("22012", "", "division by zero", {}, ""),
        # Another file than the one that writes it; another state; more text around it.
        ("23505", "int.c", 'duplicate key value violates unique constraint "k"', {"n": "k"}, ""),
        ("P0001", "int.c", "division by zero", {}, ""),
        ("22012", "int.c", f"division by zero {SECRET}", {}, ""),
        ("22012", "int.c", f"{SECRET}\ndivision by zero", {}, ""),
        ("22P04", "copyfromparse.c", f'missing data for column "a": {SECRET}', {}, ""),
        ("22P04", "copyfromparse.c", f"extra data after last expected column {SECRET}", {}, ""),
        # A name that the server has not put into its field.
        ("23505", "nbtinsert.c", f'duplicate key value violates unique constraint "{SECRET}"', {"n": "k"}, ""),
        ("23505", "nbtinsert.c", f'duplicate key value violates unique constraint "{SECRET}"', {}, ""),
        # A name that is no word of the statement's, came out of a function, or was made out of a row's value.
        ("42P01", "namespace.c", f'relation "{SECRET}" does not exist', {}, "DROP TABLE nope"),
        ("42P01", "namespace.c", 'relation "nope" does not exist', {}, ""),
        ("42P01", "namespace.c", 'relation "nope" does not exist', {"W": "SQL function"}, "DROP TABLE nope"),
        ("42P01", "namespace.c", 'relation "smith" does not exist', {}, "SELECT name::regclass -- smith jones"),
        ("42P01", "namespace.c", 'relation "smith" does not exist', {}, "CREATE TABLE smith AS SELECT name::regclass"),
        ("42P01", "namespace.c", 'relation "smith" does not exist', {}, "DELETE FROM smith WHERE name::regclass = 1"),
        ("42P01", "namespace.c", 'relation "smith" does not exist', {},
         "ALTER TABLE smith ALTER a TYPE regclass USING a::regclass"),
        # A type that did not come with the server may be called anything.
        ("22P02", "x.c", f'invalid input syntax for type {SECRET}: "x"', {}, ""),
        ("42501", "aclchk.c", f'permission denied for "{SECRET}"', {}, ""),
        ("42501", "acl.c", "permission denied for table x", {}, ""),
    ],
)  # fmt: skip
def test_what_is_withheld(state: str, file: str, message: str, named: dict[str, str], sql: str) -> None:
    assert reviewed(fields(state, file, message, **named), sql) is None


def test_what_is_no_text_is_withheld() -> None:
    assert reviewed({b"M": b"division by zero\xff", b"C": b"22012", b"F": b"int.c"}) is None
    assert reviewed({b"M": b"division by zero", b"C": b"\xff", b"F": b"int.c"}) is None
    long = f'invalid input syntax for type integer: "{"x" * 2000}"'
    assert reviewed(fields("22P02", "numutils.c", long)) is None
    assert reviewed({}) is None


ROWS = [line.split(" ", 2) for line in _TABLE.strip().splitlines()]
secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=4, max_size=40)


@given(st.sampled_from(ROWS), secrets, st.sampled_from(["", "SELECT 1", "DROP TABLE t", "ROLLBACK TO s"]))
def test_no_value_survives_in_a_name(row: list[str], secret: str, sql: str) -> None:
    """A value in the place of any name that is not the catalog's, or of anything that is cut out."""
    state, files, text = row
    file = "int.c" if files == "*" else files.split(",")[0]
    value = f"<{secret}>"
    for part in ("s", "t", "c", "d", "n", "own", "value"):
        text = text.replace(f"{{{part}}}", value)
    text = text.replace("{type}", "integer").replace("{name}", "thing").replace("{number}", "3").replace("{verb}", "X")
    shown = reviewed(fields(state, file, text), sql)
    assert shown is None or value.encode() not in shown


@given(st.sampled_from(ROWS), secrets, st.booleans())
def test_no_value_survives_around_a_message(row: list[str], secret: str, before: bool) -> None:
    state, files, text = row
    if "{name}" in text or "{value}" in text:
        return
    file = "int.c" if files == "*" else files.split(",")[0]
    for part, name in (("type", "integer"), ("number", "3"), ("verb", "X"), *((each, "k") for each in "stcdn")):
        text = text.replace(f"{{{part}}}", name)
    text = text.replace("{own}", "s")
    value = f"<{secret}>"
    message = f"{value}{text}" if before else f"{text}{value}"
    named = dict.fromkeys("stcdn", "k")
    assert reviewed(fields(state, file, message, **named), "ROLLBACK TO s") is None


@given(secrets, st.sampled_from([row[0] for row in ROWS]), st.sampled_from(["execMain.c", "int.c", "numutils.c"]))
def test_an_arbitrary_text_is_withheld(secret: str, state: str, file: str) -> None:
    assert reviewed(fields(state, file, secret, t=secret, n=secret, c=secret)) is None
