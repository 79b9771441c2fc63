from __future__ import annotations

import hashlib
import hmac
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.keyed import Digest, Hash, KeyedUuid, Token, uuid_text
from pgmaskproxy.mask.keys import NO_KEYS, Key, Keyring
from tests.mask.columns import OTHER_RING, RING
from tests.mask.shapes import texts

ROTATED = Keyring([Key("masking", 1, bytes(range(32))), Key("masking", 2, bytes(32))])


@given(value=st.binary(max_size=200))
def test_a_digest_is_the_hmac_of_the_labels_own_key(value: bytes) -> None:
    key = RING.derive("masking", 1, "hash", "pii", 32)
    assert Digest(RING, "masking", "hash", "pii").of(value) == hmac.digest(key, value, hashlib.sha256)


@given(one=texts, other=texts)
def test_equal_values_and_only_they_have_equal_answers(one: str, other: str) -> None:
    for each in (Hash(RING, "masking", "pii", 32), KeyedUuid(RING, "masking", "pii"), Token(RING, "masking", "pii")):
        assert (each.show(one) == each.show(other)) == (one == other)
        assert each.show(one) == each.show_bytes(one.encode("utf-8"))


@given(value=texts)
def test_another_label_another_key_and_another_version_have_other_answers(value: str) -> None:
    for ring, label in ((RING, "other"), (OTHER_RING, "pii"), (ROTATED, "pii")):
        assert Hash(ring, "masking", label, 32).show(value) != Hash(RING, "masking", "pii", 32).show(value)
        assert KeyedUuid(ring, "masking", label).show(value) != KeyedUuid(RING, "masking", "pii").show(value)
        assert Token(ring, "masking", label).show(value) != Token(RING, "masking", "pii").show(value)


@given(value=texts, digits=st.integers(8, 32).map(lambda half: 2 * half))
def test_a_hash_is_recognised_by_its_form(value: str, digits: int) -> None:
    each = Hash(RING, "masking", "pii", digits)
    found = each.show(value) or ""
    assert len(found) == 4 + digits
    assert each.recognises(f" {found} ")
    assert not each.recognises(found[:-1])
    assert not each.recognises(found + "0")
    assert not each.recognises(found.upper())
    assert not each.recognises(value)


@given(value=st.binary(max_size=40))
def test_a_uuid_is_a_valid_one_of_version_8_and_known_as_ours(value: bytes) -> None:
    each = KeyedUuid(RING, "masking", "pii")
    made = uuid.UUID(bytes=each.made(value))
    assert (made.version, made.variant) == (8, uuid.RFC_4122)
    assert uuid_text(made.bytes) == str(made)
    assert each.recognises(str(made))
    assert each.recognises(str(made).upper())
    assert not KeyedUuid(RING, "masking", "other").recognises(str(made))
    assert not KeyedUuid(OTHER_RING, "masking", "pii").recognises(str(made))
    assert not each.recognises(str(uuid.uuid5(made, "x")))


@pytest.mark.parametrize("text", ["", "not a uuid", "0" * 32, "tok_short", "\ud800"])
def test_other_texts_are_not_recognised(text: str) -> None:
    assert not KeyedUuid(RING, "masking", "pii").recognises(text)
    assert not Token(RING, "masking", "pii").recognises(text)


def test_a_token_is_recognised_forged_or_not() -> None:
    assert Token(RING, "masking", "pii").recognises("tok_" + "A" * 46)


def test_without_its_key_there_is_none() -> None:
    with pytest.raises(KeyError):
        Token(NO_KEYS, "masking", "pii")
    with pytest.raises(KeyError):
        KeyedUuid(RING, "other", "pii")
    with pytest.raises(KeyError):
        Hash(NO_KEYS, "masking", "pii", 32)
