"""Canonical JSON: the same bytes as by the library that chains are verified with, and refused where it refuses."""

from __future__ import annotations

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.audit.canonical import DEEPEST, LARGEST, Unrecordable, canonical

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(JSON)
def test_it_is_the_librarys_spelling(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_control_characters_and_names_beyond_the_first_plane() -> None:
    value = {"".join(map(chr, range(0x21))): 1, "\ue000": 2, "\U00010000": 3, "\x7f\u2028": 4, "": [], "e": {}}
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert canonical((1, (), True)) == b"[1,[],true]"


@pytest.mark.parametrize(
    "value", [LARGEST + 1, -LARGEST - 1, 1.0, float("nan"), "\ud800", {"\udc00": 1}, {1: 2}, b"x", {"a": {1}}, object()]
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(Unrecordable):
        canonical(value)


def test_depth_is_bounded() -> None:
    deep: list[object] = []
    for _ in range(DEEPEST + 1):
        deep = [deep]
    with pytest.raises(Unrecordable, match="deeply"):
        canonical(deep)
