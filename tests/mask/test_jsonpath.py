from __future__ import annotations

import pytest

from pgmaskproxy.mask.jsonpath import parse_path


def told(path: str) -> list[tuple[str | int | None, bool]]:
    return [
        ("*" if step.any else step.name.decode() if step.name is not None else step.index, step.deep)
        for step in parse_path(path)
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", []),
        ("$.a", [("a", False)]),
        ("$.a.b_2", [("a", False), ("b_2", False)]),
        ("$.größe", [("größe", False)]),
        ("$['a b']", [("a b", False)]),
        ('$["a.\'b"]', [("a.'b", False)]),
        ("$['']", [("", False)]),
        ("$[0]", [(0, False)]),
        ("$[*].a", [("*", False), ("a", False)]),
        ("$.*", [("*", False)]),
        ("$..a", [("a", True)]),
        ("$..*", [("*", True)]),
        ("$..[0]", [(0, True)]),
        ("$..['a b'][12]", [("a b", True), (12, False)]),
    ],
)
def test_a_paths_steps(path: str, expected: list[tuple[str | int, bool]]) -> None:
    assert told(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", ".a", "$a", "$.", "$..", "$...a", "$.a.", "$. a", "$.a ", "$[-1]", "$[a]", "$[1", "$['a]", "$[1:2]"),
        *("$[?(@.a)]", "$.2a", "$.a-b", "$['a\\'b']", "$[1234567890]", "$$", "$.a\n"),
    ],
)
def test_what_is_no_path_is_an_error_that_says_where(path: str) -> None:
    with pytest.raises(ValueError, match=r"a JSON path begins with \$|cannot be read as a JSON path from"):
        parse_path(path)


def test_which_places_a_step_leads_to() -> None:
    name, place, any_ = parse_path("$.a[0].*")
    assert name.takes(b"a", -1)
    assert not name.takes(b"b", -1)
    assert not name.takes(None, 0)
    assert place.takes(None, 0)
    assert not place.takes(None, 1)
    assert not place.takes(b"0", -1)
    assert any_.takes(b"a", -1)
    assert any_.takes(None, 3)
