from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.detectors import iban, luhn, may_find, scrubbed
from tests.mask.shapes import texts

PEM = "-----BEGIN RSA PRIVATE KEY-----"

FOUND = [
    ("jane.doe+x@mail.example.co.uk", "[email]"),
    ("élodie@exämple.fr", "[email]"),
    ("4111 1111 1111 1111", "[card]"),
    ("378282246310005", "[card]"),
    ("4111-1111-1111-1111", "[card]"),
    ("123-45-6789", "[ssn]"),
    ("DE89 3704 0044 0532 0130 00", "[iban]"),
    ("gb82west12345698765432", "[iban]"),
    ("+49 30 1234567", "[phone]"),
    ("+1 (555) 010-9999", "[phone]"),
    ("(0301) 234567", "[phone]"),
    ("030 1234567", "[phone]"),
    ("555-010-9999", "[phone]"),
    ("AKIAIOSFODNN7EXAMPLE", "[key]"),
    ("ghp_" + "a1B2" * 9, "[key]"),
    ("sk_live_" + "abcdef1234", "[key]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "[key]"),
    ("password: hunter22", "[key]"),
    ('api_key = "abc123"', '[key]"'),
    ("Secret=abc;", "[key];"),
    (PEM + "\nMIIE\n-----END RSA PRIVATE KEY-----", "[key]"),
]


@pytest.mark.parametrize(("text", "shown"), FOUND)
@pytest.mark.parametrize("around", ["{}", "ask {} now", "({})", "{}.", "x:\n{}\ny", "«{}»", "{}, and {}"])
def test_what_is_found(text: str, shown: str, around: str) -> None:
    if text.startswith("password") and around == "{}.":
        return  # the full stop may be a part of it
    found = scrubbed(around.replace("{}", text))
    assert text not in found
    assert shown.strip('";') in found
    assert may_find(around.replace("{}", text).encode())


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111112 came",  # Luhn says no
        "0000000000000000",
        "DE88370400440532013000",
        "2024-01-31 12:30:00 to 2024-02-01",
        "version 1.2.3, 10.000 pieces at 12.50",
        "invoice 12-345-678",
        "@home at 7 pm",
        "a passage about keys",
        "Jane Doe, 12 High Street",
        "",
    ],
)
def test_what_stays(text: str) -> None:
    assert scrubbed(text) == text


@given(text=texts)
def test_nothing_is_found_where_nothing_may_be(text: str) -> None:
    if not may_find(text.encode()):
        assert scrubbed(text) == text


@given(before=texts, after=texts, which=st.sampled_from(FOUND[:6]))
def test_other_text_around_it_does_not_hide_it(before: str, after: str, which: tuple[str, str]) -> None:
    text, _ = which
    assert text not in scrubbed(f"{before}\n {text} \n{after}")


def test_a_key_that_is_cut_off_is_hidden_to_the_end() -> None:
    assert scrubbed("a " + PEM + "\nMIIE and more") == "a [key]"
    two = f"{PEM}x-----END PRIVATE KEY-----"
    assert scrubbed(f"a {two} b {two} c") == "a [key] b [key] c"


@pytest.mark.parametrize(
    "text",
    [
        *("-eyJ" * 20_000, "eyJaaaaa." * 10_000, "a@" * 40_000, "a." * 40_000 + "@", "1 " * 40_000, "+1" * 40_000),
        *("1-" * 40_000, "DE12 " * 20_000, PEM * 2_000, "password" * 10_000, "secret: " * 10_000, "x@" + "a." * 40_000),
        *("(01) " * 20_000, "sk-" * 30_000, "'" * 80_000, "a" * 80_000 + "@"),
    ],
    ids=lambda text: text[:12],
)
def test_no_text_takes_long(text: str) -> None:
    scrubbed(text)  # a pattern without bounds would take minutes: the suite's own limit stops it


@pytest.mark.parametrize(("digits", "right"), [("79927398713", True), ("79927398710", False), ("0", True)])
def test_luhn(digits: str, right: bool) -> None:
    assert luhn(digits) == right


@given(digits=st.text("0123456789", min_size=1, max_size=18), at=st.integers(0, 17), other=st.integers(1, 9))
def test_luhn_finds_one_wrong_digit(digits: str, at: int, other: int) -> None:
    at %= len(digits)
    changed = digits[:at] + str((int(digits[at]) + other) % 10) + digits[at + 1 :]
    assert not (luhn(digits) and luhn(changed))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("DE89 3704 0044 0532 0130 00", True),
        ("NO9386011117947", True),
        ("DE88 3704 0044 0532 0130 00", False),
        ("DE89", False),
        ("DE89" + "0" * 31, False),
    ],
)
def test_iban(text: str, right: bool) -> None:
    assert iban(text) == right
