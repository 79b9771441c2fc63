from __future__ import annotations

import pytest

from pgmaskproxy import errors
from pgmaskproxy.errors import AuthenticationFailed, ConfigError, Problem, ProxyError, Unparsable
from pgmaskproxy.wire.sqlstate import CONDITIONS


def _all(root: type[ProxyError]) -> list[type[ProxyError]]:
    return [root, *(found for child in root.__subclasses__() for found in _all(child))]


def test_every_error_of_the_tree_has_an_sqlstate_that_postgresql_has() -> None:
    kinds = [kind for kind in _all(ProxyError) if kind.__module__ == errors.__name__]
    assert len(kinds) > 8
    assert [kind.__name__ for kind in kinds if kind.sqlstate not in CONDITIONS] == []


def test_one_error_may_say_another_code_than_its_class() -> None:
    assert Unparsable("too deep", sqlstate="54001").sqlstate == "54001"
    assert Unparsable.sqlstate == "42601"


def test_a_failed_login_says_the_same_whatever_the_reason() -> None:
    unknown, wrong = AuthenticationFailed("no such user"), AuthenticationFailed("wrong proof")
    assert str(unknown) == str(wrong)
    assert unknown.reason != wrong.reason


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("it is wrong", "a.yaml", 3, "do better"), "a.yaml:3: it is wrong (do better)"),
        (Problem("it is wrong", "a.yaml"), "a.yaml: it is wrong"),
        (Problem("it is wrong"), "it is wrong"),
    ],
)
def test_a_problem_says_where_and_what_to_do(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_all_problems_come_at_once() -> None:
    problems = [Problem("one", "a", 1), Problem("two", "b", 2)]
    assert str(ConfigError(problems)) == "a:1: one\nb:2: two"
    assert ConfigError(problems).problems == tuple(problems)
