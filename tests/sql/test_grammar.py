"""The grammar's entry: bounds before recursion, positions in characters, and redaction."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.grammar import MAX_BYTES, lexemes, parse, redact, same_tree
from tests.sql.conftest import deep


def refused(sql: str) -> Unparsable:
    with pytest.raises(Unparsable) as caught:
        deep(lambda: parse(sql))
    return caught.value


def test_offsets_are_in_characters() -> None:
    statements = deep(lambda: parse("SELECT 'é', 'ü';\nSELECT 2"))
    assert [(one.kind, one.text, one.offset) for one in statements] == [
        ("SelectStmt", "SELECT 'é', 'ü'", 0),
        ("SelectStmt", "SELECT 2", 17),
    ]


def test_canonical_is_postgresqls_deparse() -> None:
    assert deep(lambda: parse('select  U&"\\0073sn" from CUSTOMERS -- x'))[0].canonical == "SELECT ssn FROM customers"


@pytest.mark.parametrize(
    "sql",
    [
        "COPY t TO STDOUT (DELIMITER 5)",
        "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC COPY t TO STDOUT (FORMAT *); END",
    ],
)
def test_an_option_of_copy_that_is_no_string_is_not_a_crash(sql: str) -> None:
    """libpg_query's deparse ends the whole process (SIGSEGV): hence another process."""
    program = "import sys; from pgmaskproxy.sql.grammar import parse; print(parse(sys.argv[1])[0].kind)"
    ended = subprocess.run([sys.executable, "-c", program, sql], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "CopyStmt\n" if sql.startswith("COPY") else "CreateFunctionStmt\n")


def test_a_syntax_error_has_its_position_in_characters() -> None:
    error = refused("SELECT 'é' FROM WHERE")
    assert (error.sqlstate, error.position) == ("42601", 17)
    assert "syntax error" in error.message


def test_the_deepest_text_that_fits_is_refused_and_not_a_crash() -> None:
    chain = "SELECT " + "1+" * ((MAX_BYTES - 8) // 2) + "1"
    assert refused(chain).sqlstate == "54001"
    assert refused("SELECT " + "- " * 20_000 + "1").sqlstate == "54001"
    assert refused("SELECT 1 FROM a" + " NATURAL JOIN a" * 10_000).sqlstate == "54001"


def test_one_byte_too_many() -> None:
    fits = "SELECT '" + "x" * (MAX_BYTES - 9) + "'"
    assert deep(lambda: parse(fits))[0].kind == "SelectStmt"
    assert refused(fits + " ").sqlstate == "54000"


def test_brackets_in_strings_are_no_depth() -> None:
    assert deep(lambda: parse("SELECT '" + '{["\\' * 2_000 + "'"))[0].kind == "SelectStmt"


def test_wide_is_not_deep() -> None:
    assert deep(lambda: parse("SELECT 1 WHERE 1 IN (" + "1," * 20_000 + "1)"))[0].kind == "SelectStmt"


def test_assignments_that_multiply_are_refused_before_the_parser() -> None:
    """The tree repeats the source of (a, b) = (SELECT ...) for every target: nested, 60 * 60 * 60 * 60 times."""
    sql = "SELECT 1"
    names = ", ".join(f"c{number}" for number in range(60))
    for _ in range(4):
        sql = f"WITH x AS (UPDATE t SET ({names}) = ({sql}) RETURNING 1) SELECT 1"
    assert refused(sql).sqlstate == "54001"
    assert deep(lambda: parse(f"UPDATE t SET ({names}) = (SELECT 1)"))[0].kind == "UpdateStmt"


@pytest.mark.parametrize("sql", ["SELECT 1\0", "SELECT '\udc80'"])
def test_what_no_parser_may_see(sql: str) -> None:
    assert refused(sql).sqlstate == "22021"


def test_redaction_leaves_no_literal() -> None:
    text = "SELECT 'a', E'b', $t$c$t$, U&'d', B'1', X'1F', 42, 4.2e1, $1 /* e */ FROM \"T\" -- f"
    assert redact(text) == 'SELECT ?, ?, ?, ?, ?, ?, ?, ?, $1 FROM "T"'


@pytest.mark.parametrize("text", ["SELECT 'unterminated secret", "a\0b", "\ud800"])
def test_nothing_is_kept_of_what_cannot_be_scanned(text: str) -> None:
    assert redact(text) == "?"


def test_lexemes_skip_comments() -> None:
    assert [token.text for token in lexemes(b"SELECT /* x */ a -- y\n, b")] == ["SELECT", "a", ",", "b"]


def test_same_tree_looks_past_white_space_only() -> None:
    tree = {"SelectStmt": deep(lambda: parse("SELECT 1, a"))[0].node}
    assert deep(lambda: same_tree(b"  select 1 ,  A", tree))
    assert not deep(lambda: same_tree(b"SELECT 2, a", tree))
    assert not deep(lambda: same_tree(b"SELECT 1, a; SELECT 1", tree))
    assert not deep(lambda: same_tree(b"SELECT FROM WHERE", tree))
