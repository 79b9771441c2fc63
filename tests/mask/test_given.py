"""Texts in values that clients send: found and replaced in every type and format that can hold one."""

from __future__ import annotations

import struct

import pytest

from pgmaskproxy.mask.given import Unreadable, visited
from pgmaskproxy.model import DataType, TypeKind

TEXT, VARCHAR, BPCHAR, NAME, BYTEA, INT4, UUID, TEXTS, BYTEAS = 25, 1043, 1042, 19, 17, 23, 2950, 1009, 1001
CITEXT, DOMAIN, ENUM, OWN_ARRAY, STRANGE, PAIR, PAIRS, DATE = 20001, 20002, 20003, 20004, 20005, 20006, 20007, 1082
TYPES = {
    CITEXT: DataType(TypeKind.TEXT),
    DOMAIN: DataType(TypeKind.DOMAIN, of=TEXT),
    ENUM: DataType(TypeKind.ENUM, first="a"),
    OWN_ARRAY: DataType(TypeKind.ARRAY, of=DOMAIN),
    PAIR: DataType(TypeKind.COMPOSITE, fields=((TEXT, -1), (DATE, -1), (TEXTS, -1))),
    PAIRS: DataType(TypeKind.ARRAY, of=PAIR),
}


def seen(value: bytes, type_oid: int, code: int, new: dict[str, bytes] | None = None) -> tuple[list[str], bytes]:
    """The texts that were visited, and the value afterwards."""
    texts: list[str] = []

    def visit(text: str) -> bytes | None:
        texts.append(text)
        return (new or {}).get(text)

    return texts, visited(value, type_oid, code, TYPES, visit)


def array(element: int, *values: bytes | None) -> bytes:
    """array_send of one dimension."""
    cells = b"".join(
        struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value for value in values
    )
    return struct.pack("!iiIii", 1, int(None in values), element, len(values), 1) + cells


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("type_oid", [TEXT, VARCHAR, NAME, CITEXT, DOMAIN])
def test_a_text_is_replaced_in_either_format(type_oid: int, code: int) -> None:
    assert seen("späť".encode(), type_oid, code) == (["späť"], "späť".encode())
    assert seen(b"old", type_oid, code, {"old": b"new"}) == (["old"], b"new")


def test_blanks_behind_a_character_value_are_none_of_it() -> None:
    assert seen(b"old   ", BPCHAR, 0, {"old": b"new"}) == (["old"], b"new")
    assert seen(b"old   ", TEXT, 0, {"old": b"new"}) == (["old   "], b"old   ")


def test_bytes_are_the_bytes_of_a_text() -> None:
    assert seen(b"old", BYTEA, 1, {"old": b"\xff\x00"}) == (["old"], b"\xff\x00")
    assert seen(b"\\x6f6c64", BYTEA, 0, {"old": b"\xff\x00"}) == (["old"], b"\\xff00")
    assert seen(b"old", BYTEA, 0, {"old": b"new"}) == (["old"], b"\\x6e6577"), "bytea's older format"
    texts, value = seen(b"\xff\xfe", BYTEA, 1)
    assert (len(texts), value) == (1, b"\xff\xfe"), "what is no text is visited all the same: it may be a guess"


def test_elements_of_arrays_are_replaced_and_null_stays() -> None:
    assert seen(b'{old,NULL,"a,b"}', TEXTS, 0, {"old": b'n"w'}) == (["old", "a,b"], b'{"n\\"w",NULL,"a,b"}')
    old = array(TEXT, b"old", None, b"x")
    assert seen(old, TEXTS, 1, {"old": b"newer"}) == (["old", "x"], array(TEXT, b"newer", None, b"x"))
    assert seen(array(DOMAIN, b"old"), OWN_ARRAY, 1, {"old": b"new"})[1] == array(DOMAIN, b"new")
    assert seen(array(BYTEA, b"old"), BYTEAS, 1, {"old": b"new"})[1] == array(BYTEA, b"new")
    assert seen(b"{}", TEXTS, 0) == ([], b"{}")


def pair(text: bytes | None, *texts: bytes | None) -> bytes:
    """record_send of a text, a date that is no text, and texts."""
    fields = [(TEXT, text), (DATE, b"\xff\xff\xff\x85"), (TEXTS, array(TEXT, *texts))]
    return struct.pack("!i", 3) + b"".join(
        struct.pack("!I", oid) + (b"\xff\xff\xff\xff" if each is None else struct.pack("!i", len(each)) + each)
        for oid, each in fields
    )


def test_fields_of_composite_values_are_replaced_and_what_holds_no_text_is_not_looked_at() -> None:
    assert seen(b'(old,2000-01-01,"{old,x}")', PAIR, 0, {"old": b"n,w"}) == (
        ["old", "old", "x"],
        b'("n,w",2000-01-01,"{""n,w"",x}")',
    )
    assert seen(pair(b"old", b"x", None), PAIR, 1, {"old": b"newer"}) == (["old", "x"], pair(b"newer", b"x", None))
    old, new = array(PAIR, pair(None, b"old"), None), array(PAIR, pair(None, b"newer"), None)
    assert seen(old, PAIRS, 1, {"old": b"newer"}) == (["old"], new)
    assert seen(b'{"(old,,)",NULL}', PAIRS, 0, {"old": b"new"}) == (["old"], b'{"(new,,)",NULL}')


@pytest.mark.parametrize(
    ("value", "type_oid", "code"),
    [
        (b"(old)", PAIR, 0),
        (pair(b"old", b"x")[:-1], PAIR, 1),
        (b"\xff", TEXT, 0),
        (b"{old", TEXTS, 0),
        (array(TEXT, b"old")[:-1], TEXTS, 1),
        (array(VARCHAR, b"old"), TEXTS, 1),
        (b"\\xzz", BYTEA, 0),
        (b"short", UUID, 1),
    ],
)
def test_what_no_server_would_write_is_not_read(value: bytes, type_oid: int, code: int) -> None:
    with pytest.raises(Unreadable):
        seen(value, type_oid, code)


@pytest.mark.parametrize(("type_oid", "code"), [(INT4, 0), (ENUM, 0), (ENUM, 1), (STRANGE, 0), (STRANGE, 1), (0, 1)])
def test_in_other_types_a_text_is_found_and_cannot_be_replaced(type_oid: int, code: int) -> None:
    assert seen(b"old", type_oid, code) == (["old"], b"old")
    with pytest.raises(Unreadable):
        seen(b"old", type_oid, code, {"old": b"new"})


def test_values_of_other_types_are_visited_as_they_are_written() -> None:
    raw = bytes(range(16))
    assert seen(raw, UUID, 1) == (["00010203-0405-0607-0809-0a0b0c0d0e0f"], raw)
    assert seen(struct.pack("!i", 42), INT4, 1)[0] == ["42"]
