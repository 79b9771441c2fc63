from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.composite import CompositeBinaryMasker, CompositeTextMasker, quoted_field
from pgmaskproxy.mask.masker import Masker
from pgmaskproxy.model import DataType, TypeKind
from tests.mask.columns import BINARY, INT4, PLAIN, TEXT, TEXTS, a_mask, array, cell, column, garbage, record
from tests.mask.shapes import texts

INNER, INNERS, OUTER, PAIR = 17000, 17001, 17002, 17003
TYPES = {
    INNER: DataType(TypeKind.COMPOSITE, fields=((PLAIN, -1), (TEXTS, -1))),
    INNERS: DataType(TypeKind.ARRAY, of=INNER),
    OUTER: DataType(TypeKind.COMPOSITE, fields=((INT4, -1), (INNERS, -1), (PLAIN, -1))),
    PAIR: DataType(TypeKind.COMPOSITE, fields=((PLAIN, -1), (PLAIN, -1))),
}


def shown(oid: int, value: bytes, code: int = TEXT, kind: str = "partial") -> bytes | None:
    return column(a_mask(kind), oid, code, types=TYPES).mask(value)


def of(text: str | None) -> bytes | None:
    return None if text is None else column(a_mask("partial")).mask(text.encode())


def written(fields: list[bytes | None]) -> bytes:
    """record_out."""
    return b"(" + b",".join(b"" if each is None else quoted_field(each) for each in fields) + b")"


fields = st.none() | st.one_of(texts, st.sampled_from(["", '"', '""', "\\", "(a,b)", " x", "NULL"]))


@given(one=fields, other=fields)
def test_each_field_is_masked_by_itself_in_both_formats(one: str | None, other: str | None) -> None:
    raw = [None if each is None else each.encode() for each in (one, other)]
    assert shown(PAIR, written(raw)) == written([of(one), of(other)])
    binary = record([(PLAIN, each) for each in raw])
    assert shown(PAIR, binary, BINARY) == record([(PLAIN, of(one)), (PLAIN, of(other))])


def test_a_composite_in_an_array_in_a_composite() -> None:
    inner = record([(PLAIN, b"anna1"), (TEXTS, array(PLAIN, [b"bert2", None]))])
    masked = record([(PLAIN, b"a***1"), (TEXTS, array(PLAIN, [b"b***2", None]))])
    given_ = record([(INT4, bytes(4)), (INNERS, array(INNER, [inner, None])), (PLAIN, b"carl3")])
    expected = record([(INT4, None), (INNERS, array(INNER, [masked, None])), (PLAIN, b"c***3")])
    assert shown(OUTER, given_, BINARY) == expected
    text = rb'(7,"{""(anna1,\\""{bert2,NULL}\\"")"",NULL}",carl3)'
    assert shown(OUTER, text) == rb'(,"{""(a***1,\\""{b***2,NULL}\\"")"",NULL}",c***3)'


def test_a_field_without_a_mask_is_as_it_is_and_null_stays() -> None:
    each = CompositeTextMasker([None, Masker(value=b"***"), Masker()])
    assert each.mask(rb'("a ""\\b",secret,secret)') == rb'("a ""\\b",***,)'
    assert each.mask(b"(,,)") == b"(,,)"
    binary = CompositeBinaryMasker([None, Masker(value=b"***")], [PLAIN, PLAIN])
    assert binary.mask(record([(PLAIN, b"a"), (PLAIN, b"secret")])) == record([(PLAIN, b"a"), (PLAIN, b"***")])
    assert binary.mask(record([(PLAIN, None), (PLAIN, None)])) == record([(PLAIN, None), (PLAIN, None)])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"()",
        b"(SECRET)",
        b"(a,SECRET,b)",
        b"(a,SECRET",
        b"a,SECRET)",
        b'(a,"SECRET)',
        b"(a,SECRET\\)",
        b"(a,b)SECRET",
    ],
)
def test_a_text_with_other_fields_is_null(value: bytes) -> None:
    assert shown(PAIR, value) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        bytes(3),
        record([(PLAIN, b"SECRET")]),
        record([(PLAIN, b"SECRET")] * 3),
        record([(PLAIN, b"a"), (INT4, b"SECRET")]),  # another type than was decided on
        record([(PLAIN, b"a"), (PLAIN, b"SECRET")])[:-1],
        record([(PLAIN, b"a"), (PLAIN, b"SECRET")]) + b"x",
        struct.pack(">i", 2) + struct.pack(">I", PLAIN) + b"\xff\xff\xff\xfe",
        struct.pack(">i", 2) + struct.pack(">I", PLAIN) + b"\x7f\xff\xff\xffSECRET",
        struct.pack(">i", -1) + struct.pack(">I", PLAIN) + cell(b"SECRET"),
        struct.pack(">i", 3) + record([(PLAIN, b"a"), (PLAIN, b"SECRET")])[4:],
    ],
)
def test_a_record_with_other_fields_is_null(value: bytes) -> None:
    assert shown(PAIR, value, BINARY) is None


@given(value=garbage)
def test_no_field_of_what_no_server_writes_shows(value: bytes) -> None:
    for code, given_ in ((TEXT, b"(" + value + b"SECRET)"), (TEXT, b"(a," + value + b'SECRET")'), (BINARY, value)):
        found = shown(PAIR, given_, code, "redact")
        assert found is None or b"SECRET" not in found
