"""One record's line, made: what `chain` says of its members, in canonical form, with its hash. Compiled.

`data` and `hash` sort before all other members, so what was hashed is the line without one piece in its middle.
"""

from __future__ import annotations

import hashlib
from typing import Final, final

from pgmaskproxy.audit.canonical import Unrecordable, canonical, encoded, quoted
from pgmaskproxy.model import AuditEvent

MAX_RECORD: Final = 4 * 1024 * 1024
"""Bytes a record may have: beyond the largest statement allowed, several times over."""

_HASH: Final = b',"hash":"'
_IDS: Final = b'","ids":{'


@final
class Entry:
    """An event whose members are in canonical form already: `kind` a string, `ids` and `data` objects."""

    __slots__ = ("data", "ids", "kind")

    def __init__(self, kind: bytes, ids: bytes, data: bytes) -> None:
        self.kind = kind
        self.ids = ids
        self.data = data


@final
class End:
    """Where a chain ends: the last record's seq and hash. It moves along with what is made to follow."""

    __slots__ = ("hash", "seq")

    def __init__(self, seq: int, digest: str) -> None:
        self.seq = seq
        self.hash = digest

    def copy(self) -> End:
        """Another one here."""
        return End(self.seq, self.hash)

    def follow(self, entry: Entry, stamp: str) -> bytes:
        """The line of the next record, and the end is behind it. Raises Unrecordable, and then it stays."""
        line, digest = written(entry, self.seq + 1, self.hash, stamp)
        self.seq, self.hash = self.seq + 1, digest
        return line


def entry_of(event: AuditEvent) -> Entry:
    """The event in canonical form. Raises Unrecordable."""
    try:
        ids = ids_of(event.session, event.statement, event.principal, event.request)
        return Entry(canonical(event.kind), ids, canonical(event.data))
    except Unrecordable as error:
        raise Unrecordable(f"{event.kind} cannot be recorded: {error}") from error


def ids_of(session: str, statement: str, principal: str, request: str = "") -> bytes:
    """To whom a record belongs, without those that are ''. Raises Unrecordable."""
    members: list[str] = []
    if principal:
        members.append('"principal":' + quoted(principal))
    if request:
        members.append('"request":' + quoted(request))
    if session:
        members.append('"session":' + quoted(session))
    if statement:
        members.append('"statement":' + quoted(statement))
    return encoded("{" + ",".join(members) + "}")


def written(entry: Entry, seq: int, prev: str, stamp: str) -> tuple[bytes, str]:
    """The line behind the record whose hash is `prev`, newline included, and its own hash. Raises Unrecordable."""
    front = b'{"data":' + entry.data
    rest = b',"kind":' + entry.kind + b',"prev":"' + prev.encode() + b'","seq":' + str(seq).encode()
    back = b'"ids":' + entry.ids + rest + b',"ts":"' + stamp.encode() + b'"}'
    digest = hashlib.sha256(front + b"," + back).hexdigest()
    line = front + b',"hash":"' + digest.encode() + b'",' + back + b"\n"
    if len(line) > MAX_RECORD:
        raise Unrecordable(f"{entry.kind.decode()} cannot be recorded: {len(line)} bytes")
    return line, digest


def linked(line: bytes, prev: str, seq: int) -> str:
    """The hash of a line that is record `seq` behind the one whose hash is `prev`, and unchanged; '' for any other.

    Only what links it is read: whether all of it is as a record has to be is `chain.decode`'s to say.
    """
    at = line.rfind(_HASH)  # behind it are only strings, in which every quote is escaped
    end = at + len(_HASH) + 64
    if at < 0 or line[end : end + len(_IDS)] != _IDS:
        return ""
    link = b',"prev":"' + prev.encode() + b'","seq":' + str(seq).encode() + b',"ts":"'
    if line.rfind(link) < end or not line.endswith(b'"}\n'):
        return ""
    digest = hashlib.sha256(line[:at] + line[end + 1 : -1]).hexdigest()
    return digest if line[end - 64 : end] == digest.encode() else ""
