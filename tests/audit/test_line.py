"""A record's line, made of what is in canonical form already."""

from __future__ import annotations

import json

import pytest
import rfc8785

from pgmaskproxy.audit.canonical import Unrecordable
from pgmaskproxy.audit.chain import START, ZERO_HASH, decode, encode, follows
from pgmaskproxy.audit.line import MAX_RECORD, End, Entry, entry_of, ids_of, linked, written
from pgmaskproxy.model import AuditEvent, JsonValue

EVENT = AuditEvent("statement.finished", session="ses_1", statement="stm_1", principal="bot", data={"rows": 1, "a": []})


def test_it_is_the_record_of_its_event() -> None:
    entry = Entry(b'"statement.finished"', ids_of("ses_1", "stm_1", "bot"), b'{"a":[],"rows":1}')
    made = entry_of(EVENT)
    assert (made.kind, made.ids, made.data) == (entry.kind, entry.ids, entry.data)
    line, digest = written(entry, 0, ZERO_HASH, "1970-01-01T00:00:00.000Z")
    assert (line, digest) == (encode(EVENT, START, 0.0)[0], decode(line[:-1]).hash)
    assert decode(line[:-1]).data == EVENT.data


def test_to_whom_it_belongs_has_only_who_there_is() -> None:
    assert json.loads(ids_of("ses_1", "", "", "apr_1")) == {"session": "ses_1", "request": "apr_1"}
    assert ids_of("", "", "") == b"{}"


AWKWARD = ("", "bot", 'a"b\\c', "\x00\x1f\x7f", "köln\u2028\U0001f600", "ses_1")


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("request_id", ["", "apr_1", 'a"'])
def test_to_whom_it_belongs_is_in_the_librarys_spelling(name: str, request_id: str) -> None:
    named = {"session": name, "statement": "stm_1", "principal": name, "request": request_id}
    assert ids_of(name, "stm_1", name, request_id) == rfc8785.dumps(
        {key: value for key, value in named.items() if value}
    )


def test_nobody_is_named_by_what_is_not_unicode() -> None:
    with pytest.raises(Unrecordable, match="Unicode"):
        ids_of("ses_1", "stm_1", "\ud800")


def test_no_line_is_too_long_to_be_read_again() -> None:
    with pytest.raises(Unrecordable, match="bytes"):
        written(Entry(b'"x"', b"{}", b'"' + b"y" * MAX_RECORD + b'"'), 1, ZERO_HASH, "")


def test_the_end_moves_behind_what_follows_and_stays_where_nothing_can() -> None:
    end = End(START.seq, START.hash)
    before = end.copy()
    first = end.follow(entry_of(EVENT), "1970-01-01T00:00:00.000Z")
    second = end.follow(entry_of(EVENT), "1970-01-01T00:00:00.000Z")
    assert follows(decode(first[:-1]), START) != "", "only the genesis record is first"
    assert follows(decode(second[:-1]), decode(first[:-1]).head) == ""
    assert (end.seq, end.hash) == (1, decode(second[:-1]).hash)
    assert (before.seq, before.hash) == (START.seq, START.hash)
    with pytest.raises(Unrecordable):
        end.follow(Entry(b'"x"', b"{}", b'"' + b"y" * MAX_RECORD + b'"'), "")
    assert (end.seq, end.hash) == (1, decode(second[:-1]).hash)


NESTED: dict[str, JsonValue] = {"hash": "0" * 64, "ids": {}, "prev": ',"hash":"', "seq": [1, {"hash": '","ids":{'}]}


def test_a_line_is_linked_to_the_one_before_and_to_no_other() -> None:
    end = End(START.seq, START.hash)
    lines = [end.follow(entry_of(AuditEvent("x", session='a"b', data=NESTED)), "2027-01-15T08:00:00.000Z")]
    first = end.copy()
    lines.append(end.follow(entry_of(AuditEvent("y", principal=',"hash":"', data={})), "2027-01-15T08:00:00.000Z"))
    assert linked(lines[0], START.hash, 0) == first.hash
    assert linked(lines[1], first.hash, 1) == end.hash
    assert not linked(lines[1], START.hash, 1)
    assert not linked(lines[1], first.hash, 2)
    for line, prev, seq in ((lines[0], START.hash, 0), (lines[1], first.hash, 1)):
        for place in range(len(line)):
            changed = bytearray(line)
            changed[place] ^= 1
            assert not linked(bytes(changed), prev, seq)
            assert not linked(line[:place], prev, seq)
            assert not linked(line[:place] + line[place + 1 :], prev, seq)
