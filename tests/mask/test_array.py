from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.array import cell, quoted_element
from tests.mask.columns import (
    BINARY,
    BYTEAS,
    INT4,
    INTS,
    PLAIN,
    TEXT,
    TEXTS,
    VARCHARS,
    a_mask,
    array,
    column,
    garbage,
    shown,
)  # fmt: skip
from tests.mask.shapes import texts

elements = st.lists(st.none() | st.one_of(texts, st.sampled_from(["NULL", "null", "", '"', "\\", "{}", "a,b", " x "])))


def written(found: list[str | None]) -> bytes:
    """array_out."""
    return b"{" + b",".join(b"NULL" if each is None else quoted_element(each.encode()) for each in found) + b"}"


@given(found=elements)
def test_each_element_is_masked_by_itself_in_both_formats(found: list[str | None]) -> None:
    masked = [None if each is None else (shown("partial", PLAIN, each.encode()) or b"").decode() for each in found]
    assert shown("partial", TEXTS, written(found)) == written(masked)
    given_ = array(PLAIN, [None if each is None else each.encode() for each in found])
    assert shown("partial", TEXTS, given_, BINARY) == array(PLAIN, [None if e is None else e.encode() for e in masked])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"{}", b"{}"),
        (b"{NULL}", b"{NULL}"),
        (b'{"NULL",null}', b"{N***L,n***l}"),
        (b'{{anna1,"x,y{}z"},{NULL,"q\\"\\\\w"}}', b"{{a***1,x***z},{NULL,q***w}}"),
        (b"[0:1]={anna1,bert2}", b"[0:1]={a***1,b***2}"),
        (b"[-2:-1][1:1]={{anna1},{bert2}}", b"[-2:-1][1:1]={{a***1},{b***2}}"),
        (b"SECRET", None),
        (b"{SECRET", None),
        (b'{"SECRET}', None),
        (b'{"SECRET\\', None),
        (b"[SECRET]={a}", None),
        (b"[1:1]", None),
        (b"", None),
        (b"{", None),
    ],
)
def test_arrays_as_text(value: bytes, expected: bytes | None) -> None:
    assert shown("partial", TEXTS, value) == expected


@given(value=garbage)
def test_no_element_of_what_no_server_writes_shows(value: bytes) -> None:
    for code in (TEXT, BINARY):
        found = shown("redact", TEXTS, value + b"SECRET", code)
        assert found is None or b"SECRET" not in found
        found = shown("redact", TEXTS, b"{" + value + b'SECRET"}', TEXT)
        assert found is None or b"SECRET" not in found


def test_several_dimensions_and_their_bounds_stay() -> None:
    sizes = [(2, -3), (1, 7)]
    given_ = array(PLAIN, [b"anna1", None], dimensions=sizes)
    assert shown("partial", TEXTS, given_, BINARY) == array(PLAIN, [b"a***1", None], dimensions=sizes)


def test_an_element_that_cannot_be_shown_is_null_and_said_to_be_there() -> None:
    given_ = array(INT4, [b"\0\0\0\x07", None])
    assert shown("hash", INTS, given_, BINARY) != given_
    assert shown("generalize", INTS, array(INT4, [bytes(3)]), BINARY) == array(INT4, [None])
    assert shown("generalize", INTS, b"{7,NaN}") == b"{0,NULL}"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(11),
        struct.pack(">iiI", 7, 0, PLAIN),
        struct.pack(">iiI", -1, 0, PLAIN),
        struct.pack(">iiI", 0, 0, PLAIN) + cell(b"SECRET"),
        struct.pack(">iiI", 1, 0, PLAIN),
        array(PLAIN, [b"SECRET"], dimensions=[(2, 1)]),
        array(PLAIN, [b"SECRET"], dimensions=[(0, 1)]),
        array(PLAIN, [b"SECRET"], dimensions=[(-1, 1), (-1, 1)]),
        array(PLAIN, [b"SECRET"], dimensions=[(1 << 30, 1)] * 6),
        array(PLAIN, [b"a", b"SECRET"], dimensions=[(1, 1)]),
        array(INT4, [b"SECRET"]),
        array(PLAIN, [b"SECRET"])[:-1],
        array(PLAIN, [b"SECRET"]) + b"x",
        array(PLAIN, []) + b"\xff\xff\xff\xfe",
        struct.pack(">iiIii", 1, 0, PLAIN, 1, 1) + b"\xff\xff\xff\xfeSECRET",
        struct.pack(">iiIii", 1, 0, PLAIN, 1, 1) + b"\x7f\xff\xff\xffSECRET",
    ],
)
def test_what_no_server_writes_is_null(value: bytes) -> None:
    assert shown("redact", TEXTS, value, BINARY) is None


def test_an_elements_own_length_is_kept() -> None:
    assert column(a_mask("redact"), VARCHARS, modifier=4 + 2).mask(b"{anna,NULL}") == b"{**,NULL}"
    assert column(a_mask("token"), VARCHARS, modifier=4 + 2).fixed


def test_bytes_within_an_array() -> None:
    assert shown("redact", BYTEAS, b'{"\\\\x5ec7e7",NULL}') == b'{"\\\\x2a2a2a",NULL}'
