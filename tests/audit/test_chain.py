"""One record: its form, its hash, and what is no record."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.audit.chain import (
    MAX_RECORD,
    START,
    ZERO_HASH,
    BadRecord,
    Head,
    Unrecordable,
    decode,
    encode,
    follows,
    genesis,
    timestamp,
)
from pgmaskproxy.model import AuditEvent, JsonValue

NOW = 1_800_000_000.5

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=4), TEXT, TEXT)
def test_a_record_comes_back_as_it_was(data: dict[str, JsonValue], session: str, principal: str) -> None:
    event = AuditEvent("statement.decided", session=session, principal=principal, data=data)
    line, head = encode(event, Head(41, "ab" * 32), NOW)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    record = decode(line[:-1])
    assert record.data == data
    assert record.ids == {name: text for name, text in (("session", session), ("principal", principal)) if text}
    assert (record.seq, record.kind, record.prev) == (42, "statement.decided", "ab" * 32)
    assert record.head == head
    assert follows(record, Head(41, "ab" * 32)) == ""


def test_anyone_can_check_it_with_a_json_parser_and_sha256() -> None:
    line, head = encode(genesis("main", "1.0"), START, NOW)
    body = json.loads(line)
    claimed = body.pop("hash")
    again = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert claimed == head.hash == hashlib.sha256(again).hexdigest()
    assert body == {
        "seq": 0,
        "ts": "2027-01-15T08:00:00.500Z",
        "kind": "chain.started",
        "ids": {},
        "data": {"writer": "main", "format": 1, "version": "1.0"},
        "prev": ZERO_HASH,
    }


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1.9999, "1970-01-01T00:00:01.999Z"),
        (951782400.007, "2000-02-29T00:00:00.007Z"),
    ],
)
def test_timestamps(unix: float, text: str) -> None:
    assert timestamp(unix) == text


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"\udfff": 1}, 1.5, 0.0, [{"x": 1.0}], b"bytes", {1: 2}])
def test_what_has_no_canonical_form_is_not_recorded(value: JsonValue) -> None:
    with pytest.raises(Unrecordable):
        encode(AuditEvent("x", data={"value": value}), START, NOW)


def test_what_is_too_large_or_too_deep_is_not_recorded() -> None:
    with pytest.raises(Unrecordable, match="bytes"):
        encode(AuditEvent("x", data={"value": "y" * MAX_RECORD}), START, NOW)
    deep: JsonValue = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(Unrecordable):
        encode(AuditEvent("x", data={"value": deep}), START, NOW)


def _resign(body: dict[str, object]) -> bytes:
    body.pop("hash", None)
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    body["hash"] = hashlib.sha256(text).hexdigest()
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"extra": 1}, "members are"),
        ({"seq": -1}, "wrong type"),
        ({"seq": True}, "wrong type"),
        ({"seq": "0"}, "wrong type"),
        ({"kind": 1}, "wrong type"),
        ({"prev": None}, "wrong type"),
        ({"ids": []}, "wrong type"),
        ({"ids": {"session": 1}}, "wrong type"),
        ({"data": []}, "wrong type"),
        ({"ts": "2027-01-15 08:00:00.500Z"}, "RFC 3339"),
        ({"ts": "2027-01-15T08:00:00.500+00:00"}, "RFC 3339"),
        ({"ts": 5}, "RFC 3339"),
    ],
)
def test_a_true_hash_over_a_wrong_shape_is_still_wrong(changes: dict[str, object], wrong: str) -> None:
    line, _ = encode(genesis("main", "1"), START, NOW)
    with pytest.raises(BadRecord, match=wrong):
        decode(_resign({**json.loads(line), **changes}))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "members are"),
        (b'{"seq":1.0}', "not JSON"),
        (b'{"seq":NaN}', "not JSON"),
        (b'{"seq":' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_record(line: bytes, wrong: str) -> None:
    with pytest.raises(BadRecord, match=wrong):
        decode(line)


def test_spelling_is_checked_not_only_meaning() -> None:
    line = encode(genesis("main", "1"), START, NOW)[0][:-1]
    body = json.loads(line)
    for other in (
        json.dumps(body).encode(),
        json.dumps(dict(reversed(body.items())), separators=(",", ":")).encode(),
        line + b" ",
        line + b"\r",
        line.replace(b'"main"', b'"\\u006dain"'),
        line.replace(b'{"data"', b'{"data":{},"data"'),
        line.replace(b'"seq":0', b'"seq":-0'),
    ):
        with pytest.raises(BadRecord, match="canonical"):
            decode(other)


def test_what_follows_what() -> None:
    first = decode(encode(genesis("main", "1"), START, NOW)[0][:-1])
    second = decode(encode(AuditEvent("x"), first.head, NOW)[0][:-1])
    assert follows(first, START) == ""
    assert follows(second, first.head) == ""
    assert "seq is 1 where 0" in follows(second, START)
    assert "seq is 0 where 1" in follows(first, first.head)
    assert "prev is" in follows(second, Head(0, "ab" * 32))
    late = decode(encode(genesis("main", "1"), first.head, NOW)[0][:-1])
    assert "first record and nowhere else" in follows(late, first.head)
    early = decode(encode(AuditEvent("x"), START, NOW)[0][:-1])
    assert "first record and nowhere else" in follows(early, START)
    strange = decode(encode(AuditEvent("chain.started", data={"writer": "w", "format": 2}), START, NOW)[0][:-1])
    assert "format 1" in follows(strange, START)
