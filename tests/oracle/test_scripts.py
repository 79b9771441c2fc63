"""Scripts taken apart."""

from __future__ import annotations

import pytest

from tests.oracle.scripts import Command, commands


def texts(script: str) -> list[str]:
    return [command.text for command in commands(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT 'a;b', \"c;d\", E'\\';' ;", ["SELECT 'a;b', \"c;d\", E'\\';'"]),
        ("DO $$ a; b $$; DO $x$ $$;$$ $x$;", ["DO $$ a; b $$", "DO $x$ $$;$$ $x$"]),
        ("-- one;\nSELECT /* ; /* ; */ ; */ 1;", ["SELECT   1"]),
        ("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);", [None]),
        ("SELECT 1\\gset\nSELECT 2 \\g\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1\\; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3;",
         [None, "SELECT 3"]),
        ("\\set v 7\nSELECT :v, :'v', :\"v\", a::v, :w;", ["\\set v 7", "SELECT 7, '7', \"7\", a::v, :w"]),
        ("SELECT 1", []),
    ],
)  # fmt: skip
def test_statements(script: str, expected: list[str | None]) -> None:
    found = texts(script)
    assert len(found) == len(expected)
    assert [text for text, wanted in zip(found, expected, strict=True) if wanted is not None and text != wanted] == []


def test_the_lines_of_copy_are_not_statements() -> None:
    script = "COPY t FROM STDIN;\n1\t;\n\\N\n\\.\nSELECT 1;"
    assert list(commands(script)) == [Command("COPY t FROM STDIN", data="1\t;\n\\N\n"), Command("SELECT 1")]
