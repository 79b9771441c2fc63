"""A text without its constants, held against libpg_query's own scanner: a difference would be a leak."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.grammar import LITERALS, lexemes, redact
from pgmaskproxy.sql.skeleton import LONGEST, grammar_looks, skeleton
from tests.sql.conftest import FIXTURES, deep
from tests.sql.constants import exchanged, marked

CORPUS = Path(__file__).parent / "corpus"
BENIGN = Path(__file__).parents[1] / "corpus" / "benign"
PARTS = (
    "'", "''", "'a'", "'it''s'", "\\", "\\'", "E'", "e'", "b'0'", "x'0'", "X'", "N'a'", "U&'", "U&\"", "u", "&",
    "\"", "\"a\"", "\"\"", "$", "$1", "$$", "$a$", "$1a", "1", "12", "2147483647", "2147483648", "007", "1.5", "1.",
    ".5", "1e5", "1e", "1_0", "0x1F", "0b1", "0o7", "1a", "a1", "a", "_b", "é", "float", "--", "-", "/*", "*/", "/",
    "*", "\n", "\r", " ", "\t", "\f", "\v", "\u00a0", ",", ".", "..", ";", ":", "::", ":=", "(", ")", "[", "]", "+",
    "<", "=", ">", "~", "!", "@", "#", "%", "^", "|", "`", "?", "UESCAPE", "SELECT", "{", "}",
)  # fmt: skip


def texts() -> list[str]:
    """Every statement of the corpora."""
    found = [step for row in json.loads((CORPUS / "leaks.json").read_text()) for step in row["sql"]]
    for path in sorted(BENIGN.glob("*.yaml")):
        found += [case["sql"] for case in yaml.safe_load(path.read_text(encoding="utf-8"))]
    for name in ("queries", "writes"):
        found += [text for text in (FIXTURES / f"{name}.yaml").read_text().splitlines() if "SELECT" in text.upper()]
    return found


def agrees(sql: str) -> bool:
    """Whether there is a skeleton, and it is the scanner's."""
    bare = skeleton(sql)
    if bare is None:
        return False
    try:
        expected = marked(sql)
    except Unparsable:
        # What the scanner refuses is no constant: every text of the skeleton is refused.
        with pytest.raises(Unparsable):
            marked(bare.replace("\0s", "'a'").replace("\0i", "1").replace("\0l", "2147483648").replace("\0f", "0.5"))
        return True
    assert bare == expected
    return True


@pytest.mark.parametrize(
    ("sql", "bare"),
    [
        ("SELECT 1", "SELECT \0i"),
        ("SELECT a FROM t WHERE b = 'x' AND c = 1.5", "SELECT a FROM t WHERE b = \0s AND c = \0f"),
        ("SELECT 'it''s', -7;", "SELECT \0s, -\0i;"),
        ("SELECT 2147483647, 2147483648, 02147483647", "SELECT \0i, \0l, \0i"),
        ("SELECT a1, $1, \"2\" /* 3 */ -- 4", "SELECT a1, $1, \"2\" /* 3 */ -- 4"),
        ("SELECT '/*', 1, '*/'", "SELECT \0s, \0i, \0s"),
        ("SELECT a[1:2]::numeric(10,2)", "SELECT a[\0i:\0i]::numeric(\0i,\0i)"),
        ("", ""),
    ],
)  # fmt: skip
def test_constants_are_marks(sql: str, bare: str) -> None:
    assert skeleton(sql) == bare
    assert deep(lambda: agrees(sql))


@pytest.mark.parametrize(
    "sql",
    [
        r"SELECT E'a\'b'", r"SELECT 'a\b'", "SELECT U&'0041'", 'SELECT U&"a"', "SELECT B'1'", "SELECT X'1'",
        "SELECT N'a'",
        "SELECT $$a$$", "SELECT $a$1$a$", "SELECT 1e5", "SELECT 0x10", "SELECT 1_000", "SELECT 1.", "SELECT .5",
        "SELECT 1a", "SELECT $1a", "SELECT 'a", 'SELECT "a', "SELECT /* a", "SELECT /* a /* b */ */ 1",
        "SELECT 'a'\n'b'",
        "SELECT 'a' -- c\n'b'", "SELECT 'a\0b'", "SELECT '\ud800'", "SELECT a\v1", "SELECT '" + "a" * LONGEST + "'",
    ],
)  # fmt: skip
def test_what_the_lexer_could_read_otherwise_has_none(sql: str) -> None:
    assert skeleton(sql) is None


def test_a_long_number_is_no_integer() -> None:
    assert skeleton("SELECT " + "9" * 10_000) == "SELECT \0l"
    assert skeleton("SELECT " + "0" * 10_000 + "1") == "SELECT \0i"


def test_it_is_the_scanners_over_the_corpora() -> None:
    def run() -> tuple[int, int]:
        found = [agrees(sql) for sql in texts()]
        return len(found), sum(found)

    every, bare = deep(run)
    assert every > 1500
    assert bare > every * 0.8


def test_other_constants_have_the_same() -> None:
    def run() -> None:
        for number, sql in enumerate(texts()):
            bare = skeleton(sql)
            if bare is not None:
                other = exchanged(sql, lambda at, among, number=number: among[(at * 7 + number) % len(among)])  # type: ignore[misc]
                assert skeleton(other) == bare, sql

    deep(run)


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_it_is_the_scanners_over_made_up_texts(sql: str) -> None:
    deep(lambda: agrees(sql))


@pytest.mark.parametrize(
    ("sql", "looks"),
    [
        ("SELECT a::float(24)", True),
        ("SELECT a::Float/**/(24)", True),
        ("SELECT a::float4", False),
        ("SELECT 1", False),
    ],
)
def test_the_grammar_looks_at_the_precision_of_float(sql: str, *, looks: bool) -> None:
    assert grammar_looks(sql) is looks


def redacted(sql: str) -> str:
    """By the scanner's tokens."""
    data = sql.encode()
    parts: list[str] = []
    end = 0
    for lexeme in lexemes(data):
        parts += [" "] if parts and lexeme.start > end else []
        parts.append("?" if lexeme.kind in LITERALS else lexeme.text)
        end = lexeme.end
    return "".join(parts)


def test_what_is_logged_is_the_same_by_skeleton_and_by_tokens() -> None:
    def run() -> None:
        for sql in texts():
            try:
                expected = redacted(sql)
            except Unparsable:
                continue
            assert redact(sql) == expected

    deep(run)
