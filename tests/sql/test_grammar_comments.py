"""The comments before a statement are part of its text: what is approved, and sent, is what was written."""

from __future__ import annotations

import pytest

from pgmaskproxy.sql.grammar import parse


@pytest.mark.parametrize(
    ("sql", "texts"),
    [
        ("  /* reason: a */ SELECT 1", ["/* reason: a */ SELECT 1"]),
        ("/* a */ SELECT 1; /* b */ SELECT 2 /* t */; -- c\n/* ; d */ SELECT 3", None),
        (";;/* é */;  /* /* ü */ ; */ SELECT 1;", ["/* /* ü */ ; */ SELECT 1"]),
        ("/* a */;;SELECT 1", ["SELECT 1"]),
        ("-- a\rSELECT 1", ["-- a\rSELECT 1"]),
        ("/* a */", []),
    ],
)
def test_a_statement_begins_with_its_comments(sql: str, texts: list[str] | None) -> None:
    found = parse(sql)
    if texts is None:
        texts = ["/* a */ SELECT 1", "/* b */ SELECT 2 /* t */", "-- c\n/* ; d */ SELECT 3"]
    assert [each.text for each in found] == texts
    for each in found:
        assert sql[each.offset :].startswith(each.text)
        (again,) = parse(each.text)
        assert again.text == each.text
        assert again.kind == each.kind
