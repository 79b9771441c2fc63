from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.keys import Key, Keyring
from pgmaskproxy.mask.token import PREFIX, SHORTEST, ForgedToken, Tokens, looks_like_token, token_length

ONE = Keyring([Key("masking", 1, bytes(range(32)))])
TWO = Keyring([Key("masking", 1, bytes(range(32))), Key("masking", 2, bytes(32))])
OTHER = Keyring([Key("masking", 1, bytes(32))])
values = st.binary(max_size=100)


def tokens(ring: Keyring = ONE, label: str = "pii.email") -> Tokens:
    return Tokens(ring, label, "masking")


@given(value=values)
def test_a_token_is_read_back_and_looks_like_one(value: bytes) -> None:
    token = tokens().seal(value)
    assert tokens().open(token) == value
    assert looks_like_token(token)
    assert len(token) == token_length(len(value)) >= SHORTEST


@given(one=values, other=values)
def test_equal_values_have_equal_tokens_and_others_have_others(one: bytes, other: bytes) -> None:
    assert (tokens().seal(one) == tokens().seal(other)) == (one == other)


@given(value=values)
def test_another_label_or_another_deployment_has_other_tokens_and_reads_none(value: bytes) -> None:
    token = tokens().seal(value)
    for foreign in (tokens(label="pii.phone"), tokens(OTHER)):
        assert foreign.seal(value) != token
        with pytest.raises(ForgedToken):
            foreign.open(token)


def test_lengths_show_in_sixteens_only() -> None:
    assert len({len(tokens().seal(b"x" * size)) for size in range(16)}) == 1
    assert len(tokens().seal(b"x" * 16)) > len(tokens().seal(b"x" * 15))


def test_after_a_rotation_old_tokens_are_read_and_new_ones_are_made() -> None:
    old = tokens().seal(b"value")
    assert tokens(TWO).open(old) == b"value"
    assert tokens(TWO).seal(b"value") != old
    with pytest.raises(ForgedToken):
        tokens(ONE).open(tokens(TWO).seal(b"value"))


@given(value=values, data=st.data())
def test_no_other_text_is_taken_for_a_token(value: bytes, data: st.DataObject) -> None:
    token = tokens().seal(value)
    at = data.draw(st.integers(len(PREFIX), len(token) - 1))
    other = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        with pytest.raises(ForgedToken):
            tokens().open(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tok_",
        "x",
        PREFIX + "A" * 46,
        PREFIX + "A" * 45,
        PREFIX + "A" * 100000,
        PREFIX + "*" * 46,
        PREFIX + "A" * 21,
    ],
)
def test_garbage_is_a_forgery(text: str) -> None:
    with pytest.raises(ForgedToken):
        tokens().open(text)


def test_a_token_cut_short_or_made_longer_is_a_forgery() -> None:
    token = tokens().seal(b"value")
    for changed in (token[:-1], token + "A", token + "=", token + "\n", " " + token):
        with pytest.raises(ForgedToken):
            tokens().open(changed)


def test_what_is_encrypted_rightly_but_is_not_padded_is_a_forgery() -> None:
    cipher = tokens()._cipher
    raw = b"\0\x01" + cipher.encrypt(bytes(16), None)
    with pytest.raises(ForgedToken):
        tokens().open(PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


def test_without_its_key_there_are_no_tokens() -> None:
    with pytest.raises(KeyError):
        Tokens(ONE, "pii.email", "other")


@pytest.mark.parametrize("text", ["tok", "alice@example.com", "tok_short", "xtok_" + "A" * 46, "tok_" + "A" * 46 + "!"])
def test_other_texts_do_not_look_like_tokens(text: str) -> None:
    assert not looks_like_token(text)


@given(sizes=st.lists(st.sampled_from([0, 1, 15, 16, 500, 512, 513, 5000]), max_size=12))
def test_many_at_once_are_the_same_as_each_by_itself(sizes: list[int]) -> None:
    values_ = [bytes([at % 256]) * size for at, size in enumerate(sizes)]
    assert tokens().seal_all(values_) == [tokens().seal_utf8(value) for value in values_]
