"""A hash chain of canonical records, one a line. Pure: bytes in, bytes out.

A record is a JSON object in canonical form (RFC 8785) with exactly these members:

    seq   0 for the first record of a chain, then one more each
    ts    RFC 3339, UTC, milliseconds: 2026-01-31T09:30:00.123Z
    kind  what happened (see `events`)
    ids   to whom it belongs: session, statement, request, principal; only those that apply
    data  the facts; numbers are whole
    prev  the previous record's hash; 64 zeros for the first
    hash  SHA-256, hexadecimal, over the canonical form of this object without `hash`

The first record is `chain.started` and names the writer and the format. Anyone can check a chain
with a JSON parser and SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import rfc8785

from pgmaskproxy.audit.canonical import Unrecordable
from pgmaskproxy.audit.line import MAX_RECORD, entry_of, written
from pgmaskproxy.model import AuditEvent, JsonValue

__all__ = ["MAX_RECORD", "Unrecordable"]

GENESIS: Final = "chain.started"
FORMAT: Final = 1
ZERO_HASH: Final = "0" * 64

_MEMBERS: Final = frozenset({"seq", "ts", "kind", "ids", "data", "prev", "hash"})
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadRecord(ValueError):
    """A line that is not a record of the chain; the message says what is wrong, `seq` which it claims to be."""

    def __init__(self, wrong: str, seq: int | None = None) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: what the next record follows."""

    seq: int
    hash: str


START: Final = Head(-1, ZERO_HASH)


@dataclass(frozen=True, slots=True)
class Record:
    """One record, read back."""

    seq: int
    ts: str
    kind: str
    ids: Mapping[str, str]
    data: Mapping[str, JsonValue]
    prev: str
    hash: str

    @property
    def head(self) -> Head:
        """The chain's end after this record."""
        return Head(self.seq, self.hash)


def timestamp(unix: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds, cut, not rounded."""
    moment = _EPOCH + timedelta(milliseconds=int(unix * 1000))
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def genesis(writer: str, version: str) -> AuditEvent:
    """The event that opens `writer`'s chain."""
    return AuditEvent(GENESIS, data={"writer": writer, "format": FORMAT, "version": version})


def encode(event: AuditEvent, head: Head, unix: float) -> tuple[bytes, Head]:
    """The next line, newline included, and the head after it. Raises Unrecordable."""
    line, digest = written(entry_of(event), head.seq + 1, head.hash, timestamp(unix))
    return line, Head(head.seq + 1, digest)


def decode(line: bytes) -> Record:
    """The record in `line`, without its newline, proven canonical and true to its own hash. Raises BadRecord.

    Whether it follows the record before is `follows`' question.
    """
    try:
        body = json.loads(line, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not JSON: {_short(error)}") from error
    if not isinstance(body, dict):
        raise BadRecord("not a JSON object")
    seq = body.get("seq")
    seq = seq if type(seq) is int else None
    if frozenset(body) != _MEMBERS:
        raise BadRecord(f"members are {', '.join(sorted(body))}", seq)
    claimed = body["hash"]
    data = body["data"]
    rest = {name: value for name, value in body.items() if name not in {"data", "hash"}}
    try:
        canonical = rfc8785.dumps(body)
        digest = _assemble(data, rest)[1]
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"not canonical: {_short(error)}", seq) from error
    if canonical != line:
        raise BadRecord("not canonical: its bytes are not its RFC 8785 form", seq)
    if claimed != digest:
        raise BadRecord(f"hash is not that of its content: {_short(claimed)} is written, {digest} is right", seq)
    ids = body["ids"]
    if seq is None or seq < 0 or not isinstance(body["kind"], str) or not isinstance(body["prev"], str):
        raise BadRecord("a member has the wrong type", seq)
    if not isinstance(data, dict) or not isinstance(ids, dict) or not all(isinstance(v, str) for v in ids.values()):
        raise BadRecord("a member has the wrong type", seq)
    if not isinstance(body["ts"], str) or not _TIMESTAMP.fullmatch(body["ts"]):
        raise BadRecord("ts is not RFC 3339 in UTC with milliseconds", seq)
    return Record(seq, body["ts"], body["kind"], ids, data, body["prev"], claimed)


def follows(record: Record, head: Head) -> str:
    """What is wrong with `record` coming right after `head`, or ''."""
    if record.seq != head.seq + 1:
        return f"seq is {record.seq} where {head.seq + 1} is due"
    if record.prev != head.hash:
        return f"prev is {record.prev} where the record before has hash {head.hash}"
    if (record.kind == GENESIS) != (record.seq == 0):
        return f"a chain has {GENESIS} as its first record and nowhere else"
    if record.seq == 0 and (record.data.get("format") != FORMAT or not isinstance(record.data.get("writer"), str)):
        return f"{GENESIS} does not name a writer and format {FORMAT}"
    return ""


def _assemble(data: JsonValue, rest: Mapping[str, JsonValue]) -> tuple[bytes, str]:
    """The canonical record and its hash, canonicalizing each part once: `data` and `hash` sort before all others."""
    front, back = b'{"data":' + rfc8785.dumps(data), rfc8785.dumps(rest)[1:]
    digest = hashlib.sha256(front + b"," + back).hexdigest()
    return front + b',"hash":"' + digest.encode() + b'",' + back, digest


def _no_float(text: str) -> JsonValue:
    raise ValueError(f"a record's numbers are whole, not {_short(text)}")


def _short(what: object) -> str:
    text = str(what)
    return text if len(text) <= 80 else text[:77] + "..."
