from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.maskers import masker, recognises
from pgmaskproxy.model import Mask
from tests.mask.columns import INT4, JSON, JSONB, PLAIN, RING, UUID, XML, column
from tests.mask.shapes import texts


def shown(kind: str, value: str, **params: str | int | bool) -> str | None:
    masked = masker(Mask(kind, "pii", tuple(sorted(params.items())))).mask(value.encode("utf-8"))
    return None if masked is None else masked.decode("utf-8")


def test_null_shows_nothing() -> None:
    each = masker(Mask("null", "pii"))
    assert each.fixed
    assert each.mask(b"secret") is None


@pytest.mark.parametrize("value", ["", "a", "123-45-6789", "long" * 100])
def test_redact_is_one_text_for_every_value(value: str) -> None:
    assert shown("redact", value) == "***"
    assert shown("redact", value, text="(hidden)") == "(hidden)"


@pytest.mark.parametrize(
    ("value", "params", "expected"),
    [
        ("4111111111111111", {"last": 4}, "***1111"),
        ("4111111111111111", {"first": 6, "last": 4}, "411111***1111"),
        ("4111111111111111", {"last": 4, "keep_length": True}, "************1111"),
        ("4111111111111111", {"last": 4, "fill": "•"}, "•••1111"),
        ("4111111111111111", {}, "***"),
        ("Jürgen Groß", {"first": 2, "last": 1}, "Jü***ß"),
        ("日本語日本語日本語", {"first": 1, "last": 1}, "日***語"),
        ("12345678", {"last": 4}, "***5678"),
        ("1234567", {"last": 4}, "***"),  # only three would be hidden
        ("1234567", {"last": 4, "min_hidden": 3}, "***4567"),
        ("1234", {"last": 4, "min_hidden": 1}, "***"),
        ("12", {"first": 4, "last": 4, "min_hidden": 1}, "***"),
        ("12", {"first": 4, "keep_length": True}, "**"),
        ("", {"first": 1}, "***"),
        ("1234                ", {"first": 4}, "***"),  # character(20): the padding hides nothing
        ("    1234", {"last": 4}, "***"),
    ],
)
def test_partial(value: str, params: dict[str, str | int | bool], expected: str) -> None:
    assert shown("partial", value, **params) == expected


@given(value=texts, first=st.integers(0, 5), last=st.integers(0, 5), least=st.integers(1, 5), keep=st.booleans())
def test_partial_hides_at_least_what_it_was_told_and_never_splits_a_character(
    value: str, first: int, last: int, least: int, keep: bool
) -> None:
    text = value.strip()
    masked = shown("partial", value, first=first, last=last, min_hidden=least, keep_length=keep, fill="#")
    assert masked is not None  # and it was decoded as UTF-8, whole
    if len(text) - first - last >= least:
        middle = "#" * (len(text) - first - last) if keep else "###"
        assert masked == text[:first] + middle + text[len(text) - last :]
    else:
        assert set(masked) <= {"#"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("jane.doe@example.com", "j***@example.com"),
        ("élodie@example.fr", "é***@example.fr"),
        ("j@example.com", "***@example.com"),  # the first letter would be all of it
        ("@example.com", "***@example.com"),
        ("  jane@example.com ", "j***@example.com"),
        ("a@b@example.com", "a***@example.com"),
        ("jane@localhost", "j***@***"),
        ("jane@", "j***@***"),
        ("jane@10.0.0.1", "j***@***"),
        ("call me @ +49 30 123456", "c***@***"),
        ("jane@example.com\nssn.123-45-6789 x", "j***@***"),
        ("jane@" + "a" * 250 + ".com", "j***@***"),
        ("123-45-6789", "***"),
        ("", "***"),
    ],
)
def test_email(value: str, expected: str) -> None:
    assert shown("email", value) == expected


def test_email_hides_the_domain_when_told() -> None:
    assert shown("email", "jane.doe@example.com", domain="hide") == "j***@***"


@pytest.mark.parametrize("kind", ["partial", "email", "card", "phone", "ip", "generalize", "scrub"])
def test_what_is_not_utf_8_is_null(kind: str) -> None:
    assert masker(Mask(kind, "pii")).mask(b"secret\xff@example.com") is None


@pytest.mark.parametrize(
    "mask",
    [
        Mask("rot13", "pii"),
        Mask("", "pii"),
        Mask("null", "pii", (("text", "x"),)),
        Mask("redact", "pii", (("txet", "x"),)),
        Mask("redact", "pii", (("text", 1),)),
        Mask("redact", "pii", (("text", "a\0b"),)),
        Mask("redact", "pii", (("text", "\x1b[2J"),)),
        Mask("partial", "pii", (("first", -1),)),
        Mask("partial", "pii", (("first", True),)),
        Mask("partial", "pii", (("first", 65),)),
        Mask("partial", "pii", (("min_hidden", 0),)),
        Mask("partial", "pii", (("fill", "xx"),)),
        Mask("partial", "pii", (("fill", ""),)),
        Mask("partial", "pii", (("keep_length", 1),)),
        Mask("email", "pii", (("domain", "show"),)),
    ],
)
def test_a_mask_that_is_not_right_shows_null(mask: Mask) -> None:
    each = masker(mask)
    assert each.fixed
    assert each.mask(b"jane@example.com") is None


@pytest.mark.parametrize(
    ("kind", "oids"),
    [
        ("redact", (PLAIN, JSON, JSONB, XML)),
        ("hash", (PLAIN, JSON, JSONB, XML, UUID)),
        ("uuid", (PLAIN, JSON, JSONB, UUID)),
        ("token", (PLAIN,)),
    ],
)
def test_what_is_shown_is_recognised_in_every_type_that_can_be_told(kind: str, oids: tuple[int, ...]) -> None:
    mask = Mask(kind, "pii")
    for oid in oids:
        shown = column(mask, oid).mask(b"7a717137-6b77-4970-8c6d-783276523474")
        assert shown is not None
        assert recognises(mask, shown.decode(), RING), oid
    assert not recognises(mask, '"7a717137-6b77-4970-8c6d-783276523474"', RING)
    number = column(Mask("hash", "pii"), INT4).mask(b"7")
    assert number is not None
    assert not recognises(Mask("hash", "pii"), number.decode(), RING)


def test_a_text_that_is_empty_recognises_nothing_but_itself() -> None:
    mask = Mask("redact", "pii", (("text", ""),))
    assert not recognises(mask, "jane@example.com")
    assert not recognises(mask, '"jane@example.com"')
