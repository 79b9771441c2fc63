"""Made-up values: fit to be looked for, of the form they say, and never the same."""

from __future__ import annotations

import re
import secrets
import uuid

import pytest

from pgmaskproxy.cli.canary_values import KINDS, kind_for
from pgmaskproxy.mask.canary import unfit

FORMS = {
    "token": r"[a-z]+-[a-z0-9]{12}",
    "email": r"[a-z]+\.[a-z]+\.[a-z0-9]{10}@post\.example",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "bigint": r"\d{19}",
    "card": r"9999\d{12}",
    "phone": r"\+999\d{11}",
    "ssn": r"9\d\d-[1-4]\d-\d{4}",
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind(kind: str) -> None:
    made = {KINDS[kind](secrets.randbelow) for _ in range(50)}
    assert len(made) == 50
    for value in made:
        assert re.fullmatch(FORMS[kind], value)
        assert unfit(value) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_the_least_and_the_greatest_draw(kind: str) -> None:
    for below in (lambda _n: 0, lambda n: n - 1):
        assert re.fullmatch(FORMS[kind], KINDS[kind](below))
        assert unfit(KINDS[kind](below)) == ""


def test_binary_kinds_are_what_they_say() -> None:
    assert uuid.UUID(KINDS["uuid"](secrets.randbelow)).version == 4
    assert 1 << 62 <= int(KINDS["bigint"](lambda n: n - 1)) < 1 << 63


def test_luhn() -> None:
    for _ in range(50):
        digits = [int(digit) for digit in KINDS["card"](secrets.randbelow)][::-1]
        doubled = [digit * 2 - (9 if digit > 4 else 0) for digit in digits[1::2]]
        assert (sum(digits[::2]) + sum(doubled)) % 10 == 0


@pytest.mark.parametrize(
    ("label", "column", "kind"),
    [
        ("pii.ssn", "a.b.x", "ssn"),
        ("pii", "hr.people.tax_no", "ssn"),
        ("pii", "a.b.Email", "email"),
        ("pci", "shop.payments.card", "card"),
        ("pii", "shop.cards.note", "token"),
        ("pii", "a.b.mobile", "phone"),
        ("secret", "a.b.guid", "uuid"),
    ],
)
def test_what_names_suggest(label: str, column: str, kind: str) -> None:
    assert kind_for(label, column) == kind
