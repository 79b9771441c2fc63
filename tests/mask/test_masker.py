from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from librt.strings import BytesWriter

from pgmaskproxy.errors import PeerError
from pgmaskproxy.mask.custom import Custom
from pgmaskproxy.mask.masker import Kind, Masker, TextMasker, fitted, is_plain
from pgmaskproxy.mask.types import shape_of
from pgmaskproxy.model import DataType, TypeKind
from tests.mask.columns import BPCHAR, KINDS, NAME, PLAIN, TYPES, VARCHAR, a_mask, column, garbage
from tests.mask.shapes import texts

OWN = {
    17000: DataType(TypeKind.COMPOSITE, fields=((23, -1), (25, -1), (17001, -1))),
    17001: DataType(TypeKind.ARRAY, of=17002),
    17002: DataType(TypeKind.COMPOSITE, fields=((1043, 14), (1009, -1))),
    17003: DataType(TypeKind.ENUM, first="new"),
    17004: DataType(TypeKind.DOMAIN, of=1700, modifier=4 + (10 << 16 | 2)),
}


ECHO = Custom(lambda text: text)
"""A kind that shows everything. (Nothing interpreted inherits from what is compiled.)"""


@given(kind=st.sampled_from(KINDS), oid=st.sampled_from([*TYPES, *OWN]), code=st.sampled_from([0, 1]), value=garbage)
@settings(max_examples=1500)
@example(kind="generalize", oid=1082, code=1, value=b"\x80\0\0\x01")
@example(kind="generalize", oid=1114, code=1, value=b"\x80" + bytes(6) + b"\x01")
@example(kind="generalize", oid=1114, code=0, value=b"9999999-12-31 23:59:59")
@example(kind="json", oid=3802, code=1, value=b'\x01{"b": "\\ud800"}')
@example(kind="scrub", oid=114, code=0, value=b'{"b": "\\ud800 a@example.com"}')
@example(kind="custom", oid=25, code=0, value="e\u0301".encode())
def test_whatever_comes_a_masker_shows_something_or_null(kind: str, oid: int, code: int, value: bytes) -> None:
    """No exception but the one for lengths that nobody can say: it would end the session."""
    each = column(a_mask(kind), oid, code, types=OWN)
    try:
        found = each.mask(value)
    except PeerError:
        return
    assert found is None or isinstance(found, bytes)
    out = BytesWriter()
    assert each.write(out, b"before" + value + b"@behind.it", 6, 6 + len(value)) == (
        -1 if found is None else len(found)
    )
    assert out.getvalue() == (found or b"")
    if each.fixed:
        assert found == each.value


@given(kind=st.sampled_from(["hash", "uuid", "token", "redact", "zero", "null"]), oid=st.sampled_from(TYPES))
@pytest.mark.parametrize("code", [0, 1])
def test_nothing_of_a_value_is_in_what_shows_nothing_of_it(kind: str, oid: int, code: int) -> None:
    for value in (b"SECRETSECRET", b"{SECRETSECRET}", b"(SECRETSECRET,1)", b'"SECRETSECRET"', b"\\x" + b"5ec7e7" * 6):
        found = column(a_mask(kind), oid, code).mask(value)
        assert found is None or (b"SECRET" not in found and b"5ec7e7" not in found), found


def test_a_masker_by_itself_shows_null() -> None:
    assert Masker().fixed
    assert Masker().mask(b"secret") is None
    assert Kind().show("secret") is None
    assert Kind().show_bytes(b"secret") is None
    assert not Kind().recognises("secret")


@given(text=texts, limit=st.integers(1, 8))
def test_what_is_too_long_is_cut_by_character_or_by_byte_or_is_null(text: str, limit: int) -> None:
    raw = text.encode("utf-8")
    assert fitted(text, limit, cut=True, by_bytes=False, padded=False) == text[:limit].encode("utf-8")
    padded = fitted(text, limit, cut=True, by_bytes=False, padded=True)
    assert padded is not None
    assert len(padded.decode("utf-8")) == limit
    name = fitted(text, limit, cut=True, by_bytes=True, padded=False)
    assert name is not None
    assert len(name) <= limit
    assert text.startswith(name.decode("utf-8"))  # no character in two
    assert fitted(text, limit, cut=False, by_bytes=False, padded=False) == (raw if len(text) <= limit else None)
    assert fitted(text, limit, cut=False, by_bytes=True, padded=False) == (raw if len(raw) <= limit else None)


@pytest.mark.parametrize(
    ("oid", "modifier", "value", "expected"),
    [
        (PLAIN, -1, "ab  ", "ab  "),
        (VARCHAR, 4 + 3, "abcd", "abc"),
        (BPCHAR, 4 + 4, "ab  ", "ab  "),
        (BPCHAR, 4 + 4, "ab", "ab  "),
        (BPCHAR, -1, "ab  ", "ab"),
        (NAME, -1, "é" * 40, "é" * 31),
    ],
)
def test_the_types_limits(oid: int, modifier: int, value: str, expected: str) -> None:
    shape = shape_of(oid, modifier, {})
    assert TextMasker(ECHO, shape, cut=True).mask(value.encode()) == expected.encode()


def test_what_is_not_utf_8_is_null() -> None:
    assert TextMasker(ECHO, shape_of(PLAIN, -1, {}), cut=True).mask(b"secret\xff") is None


@given(value=st.one_of(st.binary(max_size=30), st.text("ab \x1f\x7fé", max_size=30).map(str.encode)))
@example(b"abcdefghijkl\xffmnop")
@example(b"abcdefghi\xff")
@example(b"abcdef\xffg")
def test_what_is_plain(value: bytes) -> None:
    bare = value.isascii() and value.decode().strip() == value.decode()
    found = is_plain(b"\xff " + value + b" \xff", 2, 2 + len(value))
    assert found is (value != b"" and bare and min(value[0], value[-1]) > 0x20)
