"""COPY's options in both syntaxes: what the layout is, and what cannot be carried."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import CopyLayout
from pgmaskproxy.sql.copyoptions import CopyOptions, copy_options
from pgmaskproxy.sql.grammar import parse
from tests.sql.conftest import deep

CSV = CopyLayout("csv", ",", "")


def read(rest: str) -> CopyOptions:
    statement = deep(lambda: parse(f"COPY {rest}"))[0]
    return copy_options(statement.node.get("options"), to_client=not statement.node.get("is_from"))


@pytest.mark.parametrize(
    ("rest", "layout"),
    [
        ("t TO STDOUT", CopyLayout()),
        ("t TO STDOUT (FORMAT text)", CopyLayout()),
        ("BINARY t TO STDOUT", CopyLayout("binary")),
        ("t TO STDOUT WITH BINARY", CopyLayout("binary")),
        ("t TO STDOUT (FORMAT binary, ENCODING 'utf-8')", CopyLayout("binary")),
        ("t TO STDOUT USING DELIMITERS '|' WITH NULL AS 'x'", CopyLayout("text", "|", "x")),
        (r"t TO STDOUT (DELIMITER E'\x01', NULL '', HEADER)", CopyLayout("text", "\x01", "", header=True)),
        ("t TO STDOUT CSV", CSV),
        ("t TO STDOUT (FORMAT csv, HEADER off)", CSV),
        ("t TO STDOUT (FORMAT csv, HEADER 0, LOG_VERBOSITY verbose)", CSV),
        ("t TO STDOUT (HEADER 1, FORMAT csv)", CopyLayout("csv", ",", "", header=True)),
        ("t TO STDOUT (HEADER 'On', FORMAT csv)", CopyLayout("csv", ",", "", header=True)),
        ("t TO STDOUT WITH CSV HEADER", CopyLayout("csv", ",", "", header=True)),
        ("t TO STDOUT CSV QUOTE AS ''''", CopyLayout("csv", ",", "", False, "'", "'")),
        (
            r"t TO STDOUT (FORMAT csv, QUOTE '~', ESCAPE E'\\', NULL 'n', DELIMITER ';')",
            CopyLayout("csv", ";", "n", False, "~", "\\"),
        ),
        ("t TO STDOUT CSV FORCE QUOTE *", CopyLayout("csv", ",", "", force_quote=None)),
        (
            't TO STDOUT (FORMAT csv, FORCE_QUOTE (a, "B"))',
            CopyLayout("csv", ",", "", force_quote=frozenset({"a", "B"})),
        ),
        ("t TO STDOUT CSV FORCE QUOTE a", CopyLayout("csv", ",", "", force_quote=frozenset({"a"}))),
    ],
)
def test_the_layout_of_what_flows_out(rest: str, layout: CopyLayout) -> None:
    assert read(rest) == CopyOptions(layout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("ENCODING 'SJIS'", "an ENCODING other than UTF8"),
        ("ENCODING latin1", "an ENCODING other than UTF8"),
        ("ENCODING utf8x", "an ENCODING other than UTF8"),
        ("ENCODING 5", "an ENCODING other than UTF8"),
        ("FORMAT csv, FORMAT csv", "FORMAT twice"),
        ("FORMAT xml", "a FORMAT other than text, csv and binary"),
        ("FORMAT 'CSV'", "a FORMAT other than text, csv and binary"),
        ("FORMAT 5", "a FORMAT other than text, csv and binary"),
        ("FORMAT", "a FORMAT other than text, csv and binary"),
        ("COMPRESSION gzip", "option compression"),
        ("FREEZE", "option freeze"),
        ("ON_ERROR ignore", "option on_error"),
        ("DELIMITER 'ab'", "DELIMITER that is not one byte"),
        ("DELIMITER 'é'", "DELIMITER that is not one byte"),
        ("DELIMITER ''", "DELIMITER that is not one byte"),
        (r"DELIMITER E'\n'", "DELIMITER that is not one byte"),
        ("DELIMITER 5", "DELIMITER that is no string"),
        ("DELIMITER 'x'", "DELIMITER that is a lower-case letter, a digit, a dot or a backslash"),
        (r"DELIMITER E'\\'", "DELIMITER that is a lower-case letter, a digit, a dot or a backslash"),
        ("DELIMITER 'N'", "NULL with the delimiter in it"),
        (r"NULL E'a\nb'", "NULL with a line's end in it"),
        (r"NULL 'a\'", "NULL with a backslash or a control character in it"),
        (r"NULL E'\x01'", "NULL with a backslash or a control character in it"),
        ("NULL *", "NULL that is no string"),
        ("HEADER match", "HEADER that is neither true nor false"),
        ("HEADER 2", "HEADER that is neither true nor false"),
        ("HEADER (a)", "HEADER that is neither true nor false"),
        ("QUOTE '~'", "QUOTE, ESCAPE or FORCE_QUOTE in text format"),
        ("FORCE_QUOTE *", "QUOTE, ESCAPE or FORCE_QUOTE in text format"),
        ("FORMAT binary, HEADER", "HEADER in binary format"),
        ("FORMAT binary, NULL ''", "NULL in binary format"),
        ("FORMAT csv, QUOTE 'ab'", "QUOTE that is not one byte"),
        (r"FORMAT csv, QUOTE E'\n'", "QUOTE that is not one byte"),
        (r"FORMAT csv, ESCAPE E'\r'", "ESCAPE that is not one byte"),
        ("FORMAT csv, ESCAPE 5", "ESCAPE that is not one byte"),
        ("FORMAT csv, QUOTE ','", "QUOTE that is the delimiter"),
        ("FORMAT csv, NULL 'a\"'", "NULL with the quote in it"),
        ("FORMAT csv, NULL 'a,'", "NULL with the delimiter in it"),
    ],
)
def test_what_cannot_be_carried_to_the_client(options: str, words: str) -> None:
    assert read(f"t TO STDOUT ({options})").unsupported == words


def test_what_comes_from_the_client_is_the_servers_to_read() -> None:
    for options in (
        "FORMAT csv, HEADER match, FORCE_NULL (a), FORCE_NOT_NULL *, QUOTE 'x', DELIMITER 'ab'",
        "FORMAT binary",
        "FORMAT nonsense",
        "FREEZE, NULL 'x', DEFAULT 'y'",
        "ON_ERROR ignore, LOG_VERBOSITY verbose, REJECT_LIMIT 5",
        "ENCODING 'Unicode'",
    ):
        assert not read(f"t FROM STDIN ({options})").unsupported, options
    for options, words in (
        ("ENCODING 'SJIS'", "an ENCODING other than UTF8"),
        ("CONVERT_SELECTIVELY (a)", "option convert_selectively"),
        ("NULL 'a', NULL 'b'", "NULL twice"),
    ):
        assert read(f"t FROM STDIN ({options})").unsupported == words
