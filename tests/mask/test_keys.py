from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.keys import GREATEST_VERSION, NO_KEYS, Key, Keyring, keyed_hash

SECRET = bytes(range(32))
secrets = st.binary(min_size=32, max_size=64)
words = st.text(max_size=20)


@given(secret=secrets, purpose=words, label=words, length=st.integers(1, 200))
def test_what_is_derived_is_hkdf(secret: bytes, purpose: str, label: str, length: int) -> None:
    parts = [part.encode() for part in ("pii", purpose, label)]
    info = b"".join(len(part).to_bytes(4, "big") + part for part in parts) + (3).to_bytes(4, "big")
    theirs = HKDF(hashes.SHA256(), length, b"pgmaskproxy/v1", info).derive(secret)
    assert Keyring([Key("pii", 3, secret)]).derive("pii", 3, purpose, label, length) == theirs


def test_every_purpose_label_name_and_version_has_keys_of_its_own() -> None:
    ring = Keyring([Key("a", 1, SECRET), Key("a", 2, SECRET), Key("ab", 1, SECRET)])
    asked = [("a", 1, "hash", "x"), ("a", 2, "hash", "x"), ("a", 1, "token", "x"), ("a", 1, "hash", "y")]
    asked += [("ab", 1, "hash", "x"), ("a", 1, "hashx", ""), ("a", 1, "", "hashx")]
    assert len({ring.derive(*each, 32) for each in asked}) == len(asked)


def test_the_newest_version_makes_and_older_ones_stay() -> None:
    ring = Keyring([Key("a", 2, SECRET), Key("a", 10, SECRET), Key("b", 1, SECRET)])
    assert (ring.current("a"), ring.current("b"), ring.current("c")) == (10, 1, None)
    assert ring.has("a", 2)
    assert not ring.has("a", 3)
    assert ring.versions() == (("a", 2), ("a", 10), ("b", 1))
    assert NO_KEYS.current("masking") is None
    with pytest.raises(KeyError):
        ring.derive("c", 1, "hash", "x", 32)


def test_no_text_shows_a_secret() -> None:
    key = Key("a", 1, b"very secret, and thirty-two bytes")
    ring = Keyring([key])
    assert "secret" not in repr(key) + str(key) + repr(ring) + str(ring)
    with pytest.raises(ValueError, match="32 bytes") as raised:
        Key("a", 1, b"secret")
    assert "secret'" not in str(raised.value)


@pytest.mark.parametrize("version", [0, -1, GREATEST_VERSION + 1])
def test_a_version_is_a_number_that_a_token_can_say(version: int) -> None:
    with pytest.raises(ValueError, match="version"):
        Key("a", version, SECRET)


def test_a_version_is_there_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Keyring([Key("a", 1, SECRET), Key("a", 1, bytes(32))])


@pytest.mark.parametrize("length", [0, -1, 8161])
def test_hkdf_gives_no_more_than_it_can(length: int) -> None:
    with pytest.raises(ValueError, match="8160"):
        Key("a", 1, SECRET).derive("hash", "x", length)


def test_rings_are_the_same_by_their_secrets_too() -> None:
    ring = Keyring([Key("a", 1, SECRET)])
    assert ring.same(Keyring([Key("a", 1, SECRET)]))
    assert not ring.same(Keyring([Key("a", 1, bytes(32))]))
    assert not ring.same(Keyring([Key("a", 1, SECRET), Key("a", 2, SECRET)]))


@given(key=st.binary(max_size=64), value=st.binary(max_size=300))
def test_a_keyed_hash_is_hmac(key: bytes, value: bytes) -> None:
    inner, outer = keyed_hash(key)
    inner.update(value)
    outer.update(inner.digest())
    assert outer.digest() == hmac.new(key, value, hashlib.sha256).digest()


def test_a_keyed_hash_takes_no_longer_key() -> None:
    with pytest.raises(ValueError, match="block"):
        keyed_hash(bytes(65))
