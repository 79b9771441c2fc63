from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.mask.token import Tokens
from tests.mask.columns import (
    BINARY,
    BYTEA,
    INT2,
    INT4,
    INT8,
    JSON,
    JSONB,
    PLAIN,
    RING,
    TEXT,
    UUID,
    VARCHAR,
    a_mask,
    column,
    shown,
)  # fmt: skip
from tests.mask.shapes import texts


@given(value=st.uuids(), kind=st.sampled_from(["uuid", "hash"]))
def test_a_uuid_is_a_uuid_in_both_formats_and_the_one_that_its_text_has(value: uuid.UUID, kind: str) -> None:
    text = shown(kind, UUID, str(value).encode())
    assert text is not None
    assert shown(kind, UUID, value.bytes, BINARY) == uuid.UUID(text.decode()).bytes
    assert text == shown("uuid", PLAIN, str(value).encode())
    assert text != str(value).encode()


@pytest.mark.parametrize(("oid", "size"), [(INT4, 4), (INT8, 8)])
@given(data=st.data())
def test_a_hashed_integer_is_a_positive_one_of_its_size(oid: int, size: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(1 << (8 * size - 1)), (1 << (8 * size - 1)) - 1))
    text = shown("hash", oid, str(value).encode())
    binary = shown("hash", oid, value.to_bytes(size, "big", signed=True), BINARY)
    assert text is not None
    assert binary is not None
    assert int(text) == int.from_bytes(binary, "big", signed=True) >= 0
    assert len(binary) == size


def test_a_small_integer_has_no_room_for_a_hash() -> None:
    assert shown("hash", INT2, b"7") is None
    assert shown("hash", INT2, b"\0\7", BINARY) is None


@given(value=st.binary(max_size=60), kind=st.sampled_from(["hash", "uuid", "token"]))
def test_bytea_shows_the_texts_bytes_in_both_formats(value: bytes, kind: str) -> None:
    text = shown(kind, BYTEA, b"\\x" + value.hex().encode())
    binary = shown(kind, BYTEA, value, BINARY)
    assert text is not None
    assert binary is not None
    assert bytes.fromhex(text[2:].decode()) == binary
    if kind == "token":
        assert Tokens(RING, "pii", "masking").open(binary.decode()) == value


@given(value=texts)
def test_the_same_value_has_the_same_hash_in_text_and_bytea(value: str) -> None:
    raw = value.encode("utf-8")
    assert shown("hash", BYTEA, raw, BINARY) == shown("hash", PLAIN, raw) == shown("hash", VARCHAR, raw, BINARY)


@given(value=st.recursive(st.none() | st.booleans() | texts, st.lists, max_leaves=4))
@pytest.mark.parametrize("kind", ["hash", "uuid"])
def test_a_document_as_a_whole_is_a_json_string(kind: str, value: object) -> None:
    raw = json.dumps(value).encode()
    found = shown(kind, JSON, raw)
    assert found is not None
    assert json.loads(found) == (shown(kind, PLAIN, raw) or b"").decode()
    assert shown(kind, JSONB, b"\x01" + raw, BINARY) == b"\x01" + found
    assert shown(kind, JSONB, raw, TEXT) == found


@pytest.mark.parametrize(
    ("kind", "oid", "code", "value"),
    [
        ("uuid", UUID, BINARY, bytes(15)),
        ("hash", INT4, BINARY, bytes(8)),
        ("hash", INT8, BINARY, bytes(4)),
        ("hash", BYTEA, TEXT, b"SECRET"),
        ("token", BYTEA, TEXT, b"\\xzz"),
        ("token", BYTEA, TEXT, b"\\xabc"),
        ("hash", JSONB, BINARY, b"\x02{}"),
        ("hash", JSONB, BINARY, b""),
        ("hash", JSON, TEXT, b"\xff"),
    ],
)
def test_what_no_server_writes_is_null(kind: str, oid: int, code: int, value: bytes) -> None:
    assert shown(kind, oid, value, code) is None


@given(value=texts)
def test_a_hash_never_stands_cut_in_a_column_that_is_too_short(value: str) -> None:
    short = column(a_mask("hash"), VARCHAR, modifier=4 + 35)
    assert short.mask(value.encode()) is None
    found = column(a_mask("hash"), VARCHAR, modifier=4 + 36).mask(value.encode())
    assert found is not None
    assert len(found) == 36
