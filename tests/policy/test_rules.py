from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask import maskers
from pgmaskproxy.model import ColumnRef, Principal, PrincipalKind
from pgmaskproxy.policy.fields import parse_pattern
from pgmaskproxy.policy.rules import DETERMINISTIC, STRENGTH, Pattern, Who, declared_labels
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
