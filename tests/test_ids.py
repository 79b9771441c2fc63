"""Identifiers: form, order, and what the clock may say."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.ids import is_id, new_id


@given(st.floats(0, 2**48 / 1000 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7(now: float, noise: bytes) -> None:
    made = new_id("apr", lambda: now, lambda _n: noise)
    prefix, _, digits = made.partition("_")
    parsed = uuid.UUID(digits)
    assert prefix == "apr"
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert parsed.int >> 80 == int(now * 1000)
    assert is_id(made, "apr")
    assert not is_id(made, "ses")


def test_all_randomness_is_used() -> None:
    def made(bit: int) -> str:
        return new_id("evt", lambda: 0.0, lambda n: (1 << bit).to_bytes(n, "big"))

    seen = {made(bit) for bit in range(80)}
    assert len(seen) == 1 + 62 + 12  # bits 62 to 67 are where version and variant go; they all give one id


def test_ids_sort_by_time() -> None:
    clock = iter(range(5))
    made = [new_id("stm", lambda: float(next(clock)), lambda n: b"\xff" * n) for _ in range(5)]
    assert made == sorted(made)


@pytest.mark.parametrize("now", [-1.0, 2.0**48])
def test_a_clock_beyond_48_bits_is_an_error(now: float) -> None:
    with pytest.raises(ValueError, match="UUIDv7"):
        new_id("ses", lambda: now, lambda n: b"\0" * n)


@pytest.mark.parametrize("text", ["", "apr_", "apr_" + "0" * 32, "apr_" + "0" * 12 + "7" + "0" * 18, "ses_x\n"])
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text, "apr")
