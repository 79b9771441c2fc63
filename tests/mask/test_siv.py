from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.siv import Siv

keys = st.binary(min_size=64, max_size=64)
values = st.integers(1, 6).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))


@given(key=keys, given_=st.lists(values, max_size=30))
def test_many_values_at_once_are_the_librarys_one_by_one(key: bytes, given_: list[bytes]) -> None:
    library = AESSIV(key)
    assert Siv(key).seal(given_) == [library.encrypt(value, None) for value in given_]


def test_one_object_seals_again_and_again() -> None:
    siv, library = Siv(bytes(range(64))), AESSIV(bytes(range(64)))
    for size in (1, 500, 3):
        batch = [number.to_bytes(16 * (number % 3 + 1), "big") for number in range(size)]
        assert siv.seal(batch) == [library.encrypt(value, None) for value in batch]
    assert siv.seal([]) == []
