"""The server's messages that quote no value, or quote one in a place that can be cut out: reviewed one by one.

A message passes only if its SQLSTATE, the source file of the server that wrote it (RAISE, dblink and other languages
have their own) and the whole of its text match a row below. What varies in a text is one of

    {s} {t} {c} {d} {n}  a name that the server put into the field of that letter as well, out of its catalog
    {own}                a name that is a word of the client's own statement; only without a CONTEXT, since dynamic
                         SQL in a function can make a name out of a value, and only where the statement evaluates
                         nothing over rows: `name::regclass` can, too
    {name}               a name that the server found in its catalog before it complained of it
    {type}               a type that came with the server
    {number}             a type's length or a column count
    {count}              a line or a number of rows of what the client sent
    {verb}               a command in capitals
    {value}              a value: cut out of what is shown

Source: the errmsg calls of PostgreSQL 15 to 18. A text in another language matches nothing, and is withheld.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MAX_LENGTH: Final = 1024
"""Bytes of a message that is looked at; reviewed ones are shorter."""

_NAME: Final = r'[^"\x00-\x1f]{1,63}'
_TYPES: Final = (
    r"smallint|integer|bigint|numeric|real|double precision|boolean|uuid|date|time|timestamp|interval|json|jsonb|"
    r"inet|cidr|macaddr|macaddr8|money|oid|xid|tid|pg_lsn|point|line|lseg|box|path|polygon|circle|bytea|xml|"
    r"time with time zone|time without time zone|timestamp with time zone|timestamp without time zone"
)
_PARTS: Final[Mapping[str, str]] = {
    **{letter: rf"(?P<{letter}>{_NAME})" for letter in "stcdn"},
    "own": rf"(?P<own>{_NAME})",
    "name": _NAME,
    "type": f"(?:{_TYPES})",
    "number": r"\d{1,5}",
    "count": r"\d{1,20}",
    "verb": r"[A-Z]+(?: [A-Z]+){0,3}",
    "value": r"(?P<value>.*)",
}
_PART: Final = re.compile(r"\{(\w+)\}")
_WORD: Final = re.compile(r'"((?:[^"]|"")*)"|([^\W\d][\w$]*)')

_TABLE: Final = """\
22012 * division by zero
57014 postgres.c canceling statement due to statement timeout
57014 postgres.c canceling statement due to user request
55P03 postgres.c canceling statement due to lock timeout
40P01 deadlock.c deadlock detected
40001 * could not serialize access due to concurrent update
40001 * could not serialize access due to concurrent delete
40001 * could not serialize access due to read/write dependencies among transactions
25P02 postgres.c current transaction is aborted, commands ignored until end of transaction block
25P01 xact.c there is no transaction in progress
25001 xact.c there is already a transaction in progress
25P01 xact.c {verb} can only be used in transaction blocks
25001 xact.c {verb} cannot run inside a transaction block
25006 utility.c,execMain.c cannot execute {verb} in a read-only transaction
3B001 xact.c savepoint "{own}" does not exist
57P01 postgres.c terminating connection due to administrator command
57P05 postgres.c terminating connection due to idle-session timeout
25P03 postgres.c terminating connection due to idle-in-transaction timeout
25P04 postgres.c terminating connection due to transaction timeout
53200 * out of memory
54001 stack_depth.c,postgres.c stack depth limit exceeded
55P03 * could not obtain lock on relation "{own}"
55P03 * could not obtain lock on row in relation "{own}"
21000 nodeSubplan.c more than one row returned by a subquery used as an expression
21000 nodeModifyTable.c ON CONFLICT DO UPDATE command cannot affect row a second time
21000 nodeModifyTable.c MERGE command cannot affect row a second time
22003 * smallint out of range
22003 * integer out of range
22003 * bigint out of range
22003 * value out of range: overflow
22003 * value out of range: underflow
22003 numeric.c value overflows numeric format
22003 numeric.c numeric field overflow
22003 * value "{value}" is out of range for type {type}
22003 * "{value}" is out of range for type {type}
22008 * interval out of range
22008 * timestamp out of range
22008 * date out of range for timestamp
22008 datetime.c date/time field value out of range: "{value}"
2201E * cannot take logarithm of zero
2201E * cannot take logarithm of a negative number
2201F * cannot take square root of a negative number
2201W nodeLimit.c LIMIT must not be negative
2201X nodeLimit.c OFFSET must not be negative
22001 varchar.c value too long for type character varying({number})
22001 varchar.c value too long for type character({number})
22P02 * invalid input syntax for type {type}
22P02 * invalid input syntax for type {type}: "{value}"
22007 datetime.c invalid input syntax for type {type}: "{value}"
22P02 enum.c invalid input value for enum {name}: "{value}"
22P02 arrayfuncs.c malformed array literal: "{value}"
22P02 rowtypes.c malformed record literal: "{value}"
23502 execMain.c null value in column "{c}" of relation "{t}" violates not-null constraint
23502 tablecmds.c column "{c}" of relation "{t}" contains null values
23502 domains.c,execExprInterp.c domain {name} does not allow null values
23503 ri_triggers.c insert or update on table "{t}" violates foreign key constraint "{n}"
23503 ri_triggers.c update or delete on table "{name}" violates foreign key constraint "{n}" on table "{t}"
23001 ri_triggers.c update or delete on table "{name}" violates RESTRICT setting of foreign key constraint "{n}" on\
 table "{t}"
23503 ri_triggers.c removing partition "{name}" violates foreign key constraint "{n}"
23505 nbtinsert.c duplicate key value violates unique constraint "{n}"
23505 tuplesort.c,tuplesortvariants.c could not create unique index "{n}"
23514 execMain.c new row for relation "{t}" violates check constraint "{n}"
23514 execMain.c new row for relation "{t}" violates partition constraint
23514 execPartition.c no partition of relation "{t}" found for row
23514 domains.c,execExprInterp.c value for domain {name} violates check constraint "{n}"
23514 tablecmds.c check constraint "{n}" of relation "{t}" is violated by some row
23P01 execIndexing.c conflicting key value violates exclusion constraint "{n}"
44000 execMain.c new row violates check option for view "{name}"
42501 execMain.c new row violates row-level security policy for table "{name}"
42501 execMain.c new row violates row-level security policy "{name}" for table "{name}"
42501 aclchk.c permission denied for {name}
42501 aclchk.c must be owner of {name}
428C9 rewriteHandler.c cannot insert a non-DEFAULT value into column "{own}"
55000 execMain.c materialized view "{name}" has not been populated
55000 sequence.c currval of sequence "{name}" is not yet defined in this session
2200H sequence.c nextval: reached maximum value of sequence "{name}" ({number})
42P01 * relation "{own}" does not exist
42P01 * table "{own}" does not exist
42P01 * view "{own}" does not exist
42P01 * sequence "{own}" does not exist
42P01 * materialized view "{own}" does not exist
42P07 * relation "{own}" already exists
42P07 * relation "{own}" already exists, skipping
00000 tablecmds.c,dropcmds.c table "{own}" does not exist, skipping
00000 tablecmds.c,dropcmds.c view "{own}" does not exist, skipping
00000 tablecmds.c,dropcmds.c index "{own}" does not exist, skipping
42704 * index "{own}" does not exist
42704 * type "{own}" does not exist
42704 * role "{own}" does not exist
42704 * constraint "{own}" of relation "{own}" does not exist
42704 * unrecognized configuration parameter "{own}"
42703 * column "{own}" does not exist
42703 * column {own} does not exist
42703 * column "{own}" of relation "{own}" does not exist
42701 * column "{own}" of relation "{own}" already exists
42710 * constraint "{own}" for relation "{own}" already exists
3F000 * schema "{own}" does not exist
42P06 * schema "{own}" already exists
26000 * prepared statement "{own}" does not exist
34000 * cursor "{own}" does not exist
34000 * portal "{own}" does not exist
57014 copyfromparse.c COPY from stdin failed: {value}
22P04 copyfromparse.c missing data for column "{name}"
22P04 copyfromparse.c extra data after last expected column
22P04 copyfromparse.c unterminated CSV quoted field
22P04 copyfromparse.c unquoted newline found in data
22P04 copyfromparse.c unquoted carriage return found in data
22P04 copyfromparse.c literal newline found in data
22P04 copyfromparse.c literal carriage return found in data
22P04 copyfromparse.c end-of-copy marker is not alone on its line
22P04 copyfromparse.c wrong number of fields in header line: got {number}, expected {number}
22P04 copyfromparse.c COPY file signature not recognized
22P04 copyfromparse.c row field count is {number}, expected {number}
22P04 copyfromparse.c unexpected EOF in COPY data
22P04 copyfromparse.c received copy data after EOF marker
22P04 copyfromparse.c invalid field size
22P03 copyfromparse.c incorrect binary data format
00000 copyfrom.c {count} row was skipped due to data type incompatibility
00000 copyfrom.c {count} rows were skipped due to data type incompatibility
00000 copyfromparse.c skipping row due to data type incompatibility at line {count} for column "{name}": null input
00000 copyfromparse.c skipping row due to data type incompatibility at line {count} for column "{name}": "{value}"
22P02 copyfrom.c skipped more than REJECT_LIMIT ({count}) rows due to data type incompatibility
"""


@dataclass(frozen=True, slots=True)
class _Template:
    """One row: which files may have written it (none means any of the server's), and what of it is shown."""

    files: frozenset[str]
    text: re.Pattern[str]
    own: tuple[str, ...]
    """Groups that must be words of the client's own statement."""


_DEFINES: Final = frozenset(
    {
        "alter", "close", "comment", "create", "deallocate", "drop", "grant", "lock", "release", "reset", "revoke",
        "rollback", "savepoint", "set", "show", "truncate",
    }
)  # fmt: skip
_EVALUATES: Final = frozenset({"as", "check", "execute", "on", "select", "using", "values"})

_FOREIGN: Final = re.compile(r"^(pl_|plpy|plperl|pltcl|dblink|connection\.c$|postgres_fdw|option\.c$|spi\.c$)")
"""Source files that repeat what somebody else said: procedural languages and other servers."""


def _template(files: str, text: str) -> _Template:
    seen: list[str] = []
    own: list[str] = []

    def part(name: str) -> str:
        pattern = _PARTS[name]
        if name == "own":
            own.append(f"own{len(own)}")
            return pattern.replace("<own>", f"<{own[-1]}>")
        if name in seen:
            return f"(?P={name})"
        if len(name) == 1:
            seen.append(name)
        return pattern

    pieces = _PART.split(text)
    whole = "".join(part(piece) if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
    return _Template(
        frozenset() if files == "*" else frozenset(files.split(",")), re.compile(whole, re.DOTALL), tuple(own)
    )


def _read(table: str) -> Mapping[str, tuple[_Template, ...]]:
    found: dict[str, list[_Template]] = {}
    for line in table.strip().splitlines():
        state, files, text = line.split(" ", 2)
        found.setdefault(state, []).append(_template(files, text))
    return MappingProxyType({state: tuple(templates) for state, templates in found.items()})


_TEMPLATES: Final = _read(_TABLE)


def reviewed(fields: Mapping[bytes, bytes], sql: str = "") -> bytes | None:
    """The message of an error or notice as it may be shown, or None when nobody has reviewed it.

    `sql` is the client's own statement: a name in it tells nothing that the client did not know.
    """
    raw = fields.get(b"M", b"")
    file = fields.get(b"F", b"").decode("ascii", errors="replace")
    if len(raw) > MAX_LENGTH or not file.endswith(".c") or _FOREIGN.match(file):
        return None
    try:
        message, state = raw.decode("utf-8"), fields.get(b"C", b"").decode("ascii")
    except UnicodeDecodeError:
        return None
    for template in _TEMPLATES.get(state, ()):
        found = template.text.fullmatch(message)
        if found is None or (template.files and file not in template.files):
            continue
        if template.own and (b"W" in fields or not _owned([found[group] for group in template.own], sql)):
            continue
        letters = [letter for letter in "stcdn" if letter in found.re.groupindex]
        if all(fields.get(letter.encode()) == found[letter].encode() for letter in letters):
            return _shown(found).encode()
    return None


def _owned(names: list[str], sql: str) -> bool:
    """Whether every part of every name is a word of the statement, as it is written or folded."""
    words = [(quoted.replace('""', '"'), plain.lower()) for quoted, plain in _WORD.findall(sql)]
    plain_words = {plain for _, plain in words}
    if not words or words[0][1] not in _DEFINES or plain_words & _EVALUATES:
        return False
    known = plain_words | {quoted for quoted, _ in words}
    return all(name in known or all(part in known for part in name.split(".")) for name in names)


def _shown(found: re.Match[str]) -> str:
    """The message; one that quotes a value without it, and without the mark that led to it."""
    message = found.string
    if "value" not in found.re.groupindex:
        return message
    before, after = message[: found.start("value")], message[found.end("value") :]
    return f"{before.removesuffix(chr(34)).removesuffix(': ')}{after.removeprefix(chr(34))}".replace("  ", " ").strip()
