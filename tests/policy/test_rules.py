from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask import kinds as maskers
from pgmaskproxy.model import ColumnRef, Principal, PrincipalKind, Use
from pgmaskproxy.policy.fields import parse_pattern
from pgmaskproxy.policy.rules import (
    ANSWERS,
    DETERMINISTIC,
    GENERAL,
    STRENGTH,
    Answer,
    Budget,
    Pattern,
    Who,
    declared_labels,
    duration_words,
)
from tests.policy.shop import EMAIL, NAME, SSN, column, policy


def pattern(text: str, *, ignore_case: bool = False) -> Pattern:
    found = parse_pattern(text, ignore_case=ignore_case)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "names", "wanted"),
    [
        ("shop.customers", ("shop", "customers"), True),
        ("shop.*", ("shop", "customers"), True),
        ("*.*", ("shop", "customers"), True),
        ("shop.c*s", ("shop", "customers"), True),
        ("shop.c*s", ("shop", "customer"), False),
        ("shop.*", ("Shop", "customers"), False),
        ("shop.*", ("shop", "customers", "ssn"), False),
        ("shop.a.b", ("shop", "a.b"), False),
        ('shop."a.b"', ("shop", "a.b"), True),
        ('shop."a*b"', ("shop", "a*b"), True),
        ('shop."a*b"', ("shop", "axb"), False),
        ('shop."a""b"', ("shop", 'a"b'), True),
        ("shop.a+b", ("shop", "aab"), False),
        ("shop.*", ("shop", "line\nbreak"), True),
        ("shop.c", ("shop", "c\n"), False),
    ],
)
def test_a_pattern_matches_part_by_part(text: str, names: tuple[str, ...], *, wanted: bool) -> None:
    assert pattern(text).matches(names) is wanted


def test_a_name_that_did_not_resolve_matches_nothing_but_may_match() -> None:
    assert not pattern("shop.customers").matches(("", "customers"))
    assert pattern("shop.customers").may_match(("", "customers"))
    assert not pattern("shop.customers").may_match(("", "orders"))


def test_what_is_sensitive_ignores_case() -> None:
    found = declared_labels(policy(), [ColumnRef("Hr", "People", "SSN"), NAME, EMAIL])
    assert found == {ColumnRef("Hr", "People", "SSN"): {"pii.ssn"}, EMAIL: {"pii.email"}}


def test_a_column_may_carry_several_labels() -> None:
    more = policy(
        'labels:\n  a: {columns: ["*.*.ssn"], mask: {kind: redact}}\n'
        '  b: {columns: ["shop.*.*"], mask: {kind: "null"}}\n'
    )
    assert declared_labels(more, [SSN, column("x", schema="hr")]) == {SSN: {"a", "b"}}


@given(st.lists(st.text(st.characters(exclude_characters='"\x00', codec="utf-8"), min_size=1), min_size=1, max_size=3))
def test_a_quoted_pattern_matches_exactly_its_names(names: list[str]) -> None:
    found = pattern(".".join(f'"{name}"' for name in names))
    assert found.exact
    assert found.matches(names)
    assert not found.matches([*names[:-1], names[-1] + "x"])


@pytest.mark.parametrize(
    ("who", "wanted"),
    [
        ("user:bot", True),
        ("group:a", True),
        ("kind:agent", True),
        ("group:bot", False),
        ("user:a", False),
        ("kind:human", False),
    ],
)
def test_who_is_a_user_a_group_or_a_kind(who: str, *, wanted: bool) -> None:
    kind, _, name = who.partition(":")
    assert kind in ("user", "group", "kind")
    entry = Who(kind, name)  # type: ignore[arg-type]
    assert entry.matches(Principal("bot", PrincipalKind.AGENT, frozenset({"a"}))) is wanted
    assert str(entry) == who


def test_the_order_of_strength_is_the_maskers_own() -> None:
    assert STRENGTH == maskers.STRENGTH
    assert set(STRENGTH) == set(maskers.kinds())
    assert set(STRENGTH) > DETERMINISTIC


def test_a_use_is_answered_as_strictly_as_it_is_said() -> None:
    order = [Answer.ALLOW, Answer.NULL, Answer.TOKEN, Answer.HOLD, Answer.REFUSE]
    assert sorted(Answer, key=lambda answer: answer.strictness) == order


def test_every_special_use_is_one_of_a_general_one_that_is_never_allowed() -> None:
    assert set(ANSWERS) == set(Use)
    for special, general in GENERAL.items():
        assert Answer.ALLOW not in ANSWERS[general]
        assert special not in GENERAL.values()


def test_both_sides_of_a_join_carry_the_label() -> None:
    more = policy(
        'labels:\n  a: {columns: ["shop.customers.email"], mask: {kind: redact},'
        ' uses: {join: ["shop.customers.email = news.list.address"]}}\n'
    )
    partner = ColumnRef("news", "list", "address")
    assert declared_labels(more, [EMAIL, partner, NAME]) == {EMAIL: {"a"}, partner: {"a"}}


def test_times_are_written_as_a_policy_writes_them() -> None:
    said = {60.0: "1m", 3600.0: "1h", 86400.0: "1d", 172800.0: "2d", 90.0: "90s", 5400.0: "90m", 1.0: "1s", 0.5: "0.5s"}
    assert {seconds: duration_words(seconds) for seconds in said} == said
    assert str(Budget(20, 3600.0)) == "20 per 1h"
