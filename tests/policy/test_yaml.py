from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import ConfigError
from pgmaskproxy.policy import yaml


def load(text: str) -> yaml.Plain:
    return yaml.plain(yaml.compose("f.yaml", text))


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(ConfigError) as caught:
        yaml.compose("f.yaml", text)
    assert all(problem.file == "f.yaml" for problem in caught.value.problems)
    return [(problem.line, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "word",
    [
        "NO",
        "no",
        "on",
        "off",
        "y",
        "yes",
        "012",
        "1.10",
        "0x1F",
        "0o7",
        "1_000",
        "1e3",
        "+1",
        ".inf",
        "2024-01-01",
        "12:30:45",
        "<<",
        "=",
    ],
)
def test_what_only_looks_like_something_else_stays_text(word: str) -> None:
    assert load(f"[{word}]") == [word]


@pytest.mark.parametrize(
    ("word", "value"),
    [("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-5", -5), ("6432", 6432)],
)
def test_booleans_null_and_plain_integers_are_that(word: str, value: object) -> None:
    assert load(f"a: {word}") == {"a": value}


@pytest.mark.parametrize("word", ["true", "null", "12", ""])
def test_a_quoted_scalar_is_text(word: str) -> None:
    assert load(f"['{word}', \"{word}\"]") == [word, word]


def test_lines_are_kept() -> None:
    node = yaml.compose("f.yaml", "a:\n  b:\n    - x\n    - y\n")
    assert yaml.locate(node, ("a", "b", 1)).line == 4
    assert yaml.locate(node, ("a", "nothing", 7)).line == 2


def test_every_duplicate_key_is_named_with_both_lines() -> None:
    assert problems("a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\nb: 4\n") == [
        (3, 'key "a" twice, first at line 1'),
        (4, 'key "x" twice, first at line 4'),
        (5, 'key "b" twice, first at line 2'),
    ]


def test_aliases_are_allowed() -> None:
    assert load("a: &x [1, 2]\nb: *x\n") == {"a": [1, 2], "b": [1, 2]}


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert any("aliases written out" in message for _, message in problems("\n".join(lines)))


def test_an_alias_to_itself_is_refused() -> None:
    assert problems("a: &x [*x]\n") == [(1, 'alias "*x" has no finished anchor before it')]


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, "- " * 50_000 + "x", "\n".join(" " * n + "a:" for n in range(1000))]
)
def test_depth_is_bounded(text: str) -> None:
    assert any("nested more than 32 deep" in message for _, message in problems(text))


def test_size_is_bounded() -> None:
    assert problems("#" * (yaml.MAX_CHARACTERS + 1)) == [(0, "more than 1048576 characters")]


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: !!python/object:os.system x", 1, 'tag "tag:yaml.org,2002:python/object:os.system"'),
        ("a: !secret x", 1, 'tag "!secret"'),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: &x {k: 1}\nb:\n  <<: *x\n", 3, "merge keys"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key must be text"),
        ("a: [1, 2\nb: 3\n", 2, ""),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("\ta: 1\n", 1, "cannot start any token"),
        ("a: 1\nb: \x07\n", 2, "#x0007 is not allowed"),
        ("a: *nowhere\n", 1, "nowhere"),
        ("%YAML 9.9\n---\na: 1\n", 1, ""),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, line: int, part: str) -> None:
    found = problems(text)
    assert found[0][0] == line
    assert part in found[0][1]


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert load("") == {}
    assert load("# only a comment\n") == {}


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(
        st.characters(
            min_codepoint=32,
            max_codepoint=0x2FFF,
            exclude_characters="\x7f\u2028\u2029",
            exclude_categories=("Cc", "Cs", "Cn"),
        )
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz._-", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_json_reads_as_it_is(value: yaml.Plain) -> None:
    assert load(json.dumps(value)) == value


@given(st.text(max_size=200))
def test_any_text_reads_or_is_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        load(text)
