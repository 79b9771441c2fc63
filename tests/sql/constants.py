"""The constants of a text exchanged for others, by libpg_query's own scanner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pgmaskproxy.sql.grammar import LITERALS, Lexeme, lexemes

STRINGS: Final = (
    "", "x", "O''Brien", "%", "_", "{a,b}", "$.a[*]", "1 day", "2024-01-01", "customers", "public.customers_id_seq",
    "ssn", "role", "superuser", "0", "-1", "true", "NULL", "é", "--", "/*", ";", "\"", "$1", "$$", "U&", "E", "a b c",
    " :constvalue <>", "[1,2)", "tok_1", "year",
)  # fmt: skip
INTEGERS: Final = ("0", "1", "2", "3", "7", "007", "2147483647", "1664", "400")
LARGE: Final = ("2147483648", "99999999999999999999999999")
DECIMALS: Final = ("0.0", "1.5", "00.10", "99999999999999999999.5")


def exchanged(sql: str, choose: Callable[[int, tuple[str, ...]], str]) -> str:
    """The text with another constant of the same kind in each place: `choose` is given the place's number and what
    there is. What is no plain string, integer or decimal stays."""
    data = sql.encode()
    parts: list[bytes] = []
    end = 0
    for number, lexeme in enumerate(lexeme for lexeme in lexemes(data) if lexeme.kind in LITERALS):
        parts += [data[end : lexeme.start], _another(lexeme, lambda among, at=number: choose(at, among)).encode()]  # type: ignore[misc]
        end = lexeme.end
    return b"".join([*parts, data[end:]]).decode()


def marked(sql: str) -> str:
    """The text with the skeleton's marks, as the scanner has its tokens."""
    data = sql.encode()
    parts: list[str] = []
    end = 0
    for lexeme in lexemes(data):
        mark = _mark(lexeme)
        if mark:
            parts += [data[end : lexeme.start].decode(), mark]
            end = lexeme.end
    return "".join([*parts, data[end:].decode()])


def _mark(lexeme: Lexeme) -> str:
    if lexeme.kind not in LITERALS:
        return ""
    if lexeme.text[:1] == "'":
        return "\0s"
    if not lexeme.text.isdecimal():
        return "\0f"
    return "\0i" if int(lexeme.text) < 1 << 31 else "\0l"


def _another(lexeme: Lexeme, choose: Callable[[tuple[str, ...]], str]) -> str:
    text = lexeme.text
    if text[:1] == "'" and "\\" not in text:
        return f"'{choose(STRINGS)}'"
    if text.isascii() and text.isdecimal():
        return choose(INTEGERS if _mark(lexeme) == "\0i" else LARGE)
    if text.isascii() and text.replace(".", "", 1).isdecimal() and text[:1] != "." and text[-1:] != ".":
        return choose(DECIMALS)
    return text
