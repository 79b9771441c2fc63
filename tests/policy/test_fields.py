from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.policy import fields, yaml
from pgmaskproxy.policy.fields import Fields, Problems, did_you_mean, parse_duration, parse_pattern


def node(text: str) -> yaml.Node:
    return yaml.compose("f.yaml", text)


def test_problems_are_sorted_by_file_and_line_and_said_once() -> None:
    problems = Problems()
    second, first = yaml.Scalar("", True, "a", 9), yaml.Scalar("", True, "a", 2)
    other = yaml.Scalar("", True, "0", 1)
    for at in (second, first, first, other):
        problems.add(at, "wrong")
    assert [(problem.file, problem.line) for problem in problems.all()] == [("a", 2), ("a", 9), ("0", 1)]


def test_only_known_keys_pass() -> None:
    problems = Problems()
    found = Fields(node("name: x\nnmae: y\nlater: z\n"), "a thing", ("name",), problems, {"later": "why"})
    assert found.read("name", fields.text) == "x"
    assert [str(problem) for problem in problems.all()] == [
        'f.yaml:2: unknown key "nmae" in a thing (did you mean "name"?)',
        'f.yaml:3: "later" is not enforced by this version yet (why)',
    ]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("15m", 900),
        ("2h", 7200),
        ("7d", 604800),
        ("15", None),
        ("1.5m", None),
        ("-1s", None),
        ("m", None),
        ("1 m", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds


def test_did_you_mean_is_silent_when_nothing_is_near() -> None:
    assert did_you_mean("xyzzy", ("relations", "labels")) == ""
    assert did_you_mean("lables", ("relations", "labels")) == 'did you mean "labels"?'


@given(st.text())
def test_any_text_is_a_pattern_or_not(text: str) -> None:
    found = parse_pattern(text)
    assert found is None or (found.text == text and all(found.parts))


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", '"a', 'a"b', 'a."b"c', "a b.c", "a(b)", "a\nb"])
def test_malformed_patterns(text: str) -> None:
    assert parse_pattern(text) is None


@pytest.mark.parametrize(
    "text", ["- x\n", "apiVersion: 1\nkind: Policy\n", "kind: Policy\n", "apiVersion: pgmaskproxy/v1\nkind: [Policy]\n"]
)
def test_a_wrong_header_is_a_problem(text: str) -> None:
    problems = Problems()
    fields.header(node(text), "Policy", problems)
    assert len(problems.all()) == 1
