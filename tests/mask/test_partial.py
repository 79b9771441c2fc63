from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from librt.strings import BytesWriter

from pgmaskproxy.mask.masker import is_plain
from pgmaskproxy.mask.partial import Partial
from tests.mask.shapes import texts


@given(
    text=texts,
    first=st.integers(0, 4),
    last=st.integers(0, 4),
    keep=st.booleans(),
    least=st.integers(1, 6),
    fill=st.sampled_from("*#•"),
)
def test_as_many_as_it_is_told_are_hidden_or_all(  # noqa: PLR0917
    text: str, first: int, last: int, keep: bool, least: int, fill: str
) -> None:
    bare = text.strip()
    found = Partial(first, last, fill, keep_length=keep, min_hidden=least).show(text)
    assert found is not None
    if len(bare) - first - last < least:
        assert found == fill * (len(bare) if keep else 3)
    else:
        assert found.startswith(bare[:first])
        assert found.endswith(bare[len(bare) - last :])
        assert found[first : len(found) - last] == fill * (len(bare) - first - last if keep else 3)


@given(text=texts, last=st.integers(0, 3), keep=st.booleans())
def test_what_it_has_shown_it_recognises(text: str, last: int, keep: bool) -> None:
    each = Partial(1, last, "*", keep_length=keep, min_hidden=4)
    found = each.show(text)
    assert found is not None
    assert each.recognises(found) or len(found) < 3 or found != found.strip()


@pytest.mark.parametrize("text", ["", "*", "**", "anna", "a*b", "a****b", "jane@example.com"])
def test_other_texts_it_does_not(text: str) -> None:
    assert not Partial(1, 1, "*", keep_length=False, min_hidden=4).recognises(text)


@given(text=st.text("ab1*_ ", max_size=30), first=st.integers(0, 9), last=st.integers(0, 9), least=st.integers(1, 6))
def test_by_the_bytes_of_a_plain_text_it_shows_the_same(text: str, first: int, last: int, least: int) -> None:
    value = text.encode()
    if is_plain(value, 0, len(value)):
        each, out = Partial(first, last, "•", keep_length=False, min_hidden=least), BytesWriter()
        assert each.write_plain(out, b"before" + value + b"behind", 6, 6 + len(value)) == len(out)
        assert out.getvalue() == (each.show(text) or "").encode()
