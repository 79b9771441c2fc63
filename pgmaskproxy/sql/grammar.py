"""PostgreSQL's own grammar: a text's statements, their trees, canonical text and redacted text.

libpg_query's JSON entry is the only way in (DESIGN decision 2): its protobuf decoding in Python
stops at depth 100 and `normalize` overflows the stack. The C parser and its JSON printer recurse,
so **call `parse` on a thread with `STACK_BYTES` of stack** (`threading.stack_size`); 256 KiB of
`1+1+1...`, the deepest tree that many bytes can make, was measured to fit. A pure module cannot make that
thread itself. Let it be one thread, or a few, for the process's whole life: libpg_query takes a pthread key for every
thread that it ever runs on and never gives it back; after about 1,000 threads OpenSSL finds none left (measured).

Locations in the tree are offsets in bytes of UTF-8; what leaves this module is in characters.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final, final

from pgmaskproxy.errors import Unparsable
from pgmaskproxy.sql.skeleton import skeleton
from pgmaskproxy.sql.tree import Node, kind_of, mapping, without_locations

STACK_BYTES: Final = 64 << 20
"""What a thread that calls `parse` needs."""

MAX_BYTES: Final = 256 << 10
"""The longest text that `STACK_BYTES` was measured for; a policy may ask for less, never for more."""

MAX_DEPTH: Final = 400
"""Of the tree as JSON: braces and brackets. About 130 nested operators; lists of any length are flat."""

MAX_EXPANSION: Final = 4096
"""`SET (a, b) = (SELECT ...)` repeats its source once for every target in the tree; nested, that multiplies."""

_native: Final[Any] = importlib.import_module("postgast.native")
_tokens: Final[Any] = importlib.import_module("postgast.pg_query_pb2")
"""Both by import_module: postgast's stub of the second is not valid Python, and mypy reads it for either. Of the
protobuf messages only the scanner's tokens are decoded; they are flat."""

lib: Final[Any] = _native.lib

MAX_STATEMENTS: Final = 1000
"""In one text: each is read by itself, and others wait meanwhile."""

_JSON_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET: Final = re.compile(rb"[][{}\\]")
"""Or an escape that may stand for one: without them no string of the tree has any."""
_TO_BRACES: Final = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_BETWEEN: Final = re.compile(rb"[ \t\n\r\f\v]+|;|--[^\n\r]*|/\*")
_NOT_ONLY_SPACE: Final = re.compile(r"--|/\*|\"")
"""Of a skeleton: comments, and names that may have spaces in them."""
_SPACE: Final = re.compile(r"[ \t\n\r\f]+")
_MARK: Final = re.compile(r"\0[silf]")
_NESTING: Final = re.compile(rb"/\*|\*/")
_SET: Final = re.compile(r"\bset\b", re.IGNORECASE)
_QUERIES: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
LITERALS: Final = frozenset(
    int(_tokens.Token.Value(name)) for name in ("SCONST", "USCONST", "BCONST", "XCONST", "ICONST", "FCONST")
)
"""The `Lexeme.kind` of every literal."""
_COMMENTS: Final = frozenset(int(_tokens.Token.Value(name)) for name in ("SQL_COMMENT", "C_COMMENT"))
OPERATOR: Final = int(_tokens.Token.Value("Op"))
"""The `Lexeme.kind` of every operator but arithmetic's and comparison's own."""
_NO_KEYWORD: Final = int(_tokens.KeywordKind.Value("NO_KEYWORD"))


@dataclass(frozen=True, slots=True)
class RawStatement:
    """One statement of a text. `text` is its slice of the client's own, from character `offset` on.

    The comments before it belong to it: they may say why it is asked, and what is approved is what was written.
    """

    kind: str
    """The node type, e.g. `SelectStmt`."""
    node: Node
    """The node's fields, as libpg_query prints them."""
    text: str
    offset: int

    @property
    def canonical(self) -> str:
        """PostgreSQL's deparse of a query, '' for all else: libpg_query takes the arguments of a utility's options
        for strings unseen, and COPY's `DELIMITER 5` is a SIGSEGV. For the second reader and people, never to be sent.
        Made each time: it takes longer than everything else that is done with the grammar."""
        return _deparse(self.text.encode()) if self.kind in _QUERIES else ""


@final
class Lexeme:
    """One token of the scanner, by its bytes; comments are not among them."""

    def __init__(self, kind: int, start: int, end: int, text: str, *, keyword: bool) -> None:
        self.kind: Final = kind
        self.start: Final = start
        self.end: Final = end
        self.text: Final = text
        self.keyword: Final = keyword


def parse(sql: str) -> tuple[RawStatement, ...]:
    """The statements of `sql`, none for a text of white space, comments and semicolons.

    Raises Unparsable: 22021 for NUL and what UTF-8 cannot say, 54000 over `MAX_BYTES` and `MAX_STATEMENTS`, 54001 over
    `MAX_DEPTH`, and 42601 with the position for a syntax error.
    """
    data = encode(sql)
    _check_expansion(sql)
    found: list[RawStatement] = []
    end = 0
    statements = _parse_json(data)
    if len(statements) > MAX_STATEMENTS:
        raise Unparsable(f"at most {MAX_STATEMENTS} statements can be sent in one query", sqlstate="54000")
    for raw in statements:
        start = _integer(raw, "stmt_location")
        length = _integer(raw, "stmt_len")
        start, end = end + _comments(data[end:start]), start + length if length else len(data)
        text = data[start:end]
        statement = mapping(raw.get("stmt"))
        kind = kind_of(statement)
        found.append(
            RawStatement(
                kind=kind,
                node=mapping(statement[kind]),
                text=text.decode(),
                offset=len(data[:start].decode()),
            )
        )
    return tuple(found)


def _comments(between: bytes) -> int:
    """Where the comments before a statement begin: `between` is what stands between the one before it and its first
    token, which is white space, semicolons and comments."""
    begin: int | None = None
    at = 0
    while (token := _BETWEEN.match(between, at)) is not None:
        if token[0] == b";":
            begin = None
        elif not token[0].isspace() and begin is None:
            begin = at
        at = token.end()
        depth = int(token[0] == b"/*")
        while depth:  # they nest
            mark = _NESTING.search(between, at)
            if mark is None:
                return len(between)
            depth += 1 if mark[0] == b"/*" else -1
            at = mark.end()
    return begin if begin is not None else len(between)


def encode(sql: str) -> bytes:
    """`sql` as the parser takes it. Raises Unparsable 22021 and 54000."""
    try:
        data = sql.encode()
    except UnicodeEncodeError as error:
        raise Unparsable('invalid byte sequence for encoding "UTF8"', sqlstate="22021") from error
    if b"\0" in data:
        raise Unparsable('invalid byte sequence for encoding "UTF8": 0x00', sqlstate="22021")
    if len(data) > MAX_BYTES:
        raise Unparsable(
            f"statement is longer than {MAX_BYTES} bytes",
            sqlstate="54000",
            hint="Send long values as parameters.",
        )
    return data


def lexemes(data: bytes) -> tuple[Lexeme, ...]:
    """The tokens of a text without its comments. Raises Unparsable 42601 for what the scanner refuses."""
    found: list[Lexeme] = []
    for token in _scan(data):
        kind, start, end = token.token, token.start, token.end
        if kind not in _COMMENTS:
            text = data[start:end].decode(errors="replace")
            found.append(Lexeme(kind, start, end, text, keyword=token.keyword_kind != _NO_KEYWORD))
    return tuple(found)


def redact(sql: str) -> str:
    """`sql` fit for a log: every literal a `?`, comments dropped, white space folded.

    Never raises: of what the scanner refuses, nothing is kept.
    """
    bare = skeleton(sql)
    if bare is not None and _NOT_ONLY_SPACE.search(bare) is None:
        return _MARK.sub("?", _SPACE.sub(" ", bare).strip(" "))
    try:
        data = sql.encode()
        if b"\0" in data:
            return "?"
        tokens = _scan(data)
    except (UnicodeEncodeError, Unparsable):
        return "?"
    parts: list[str] = []
    end = 0
    for token in tokens:
        if token.token in _COMMENTS:
            continue
        if parts and token.start > end:
            parts.append(" ")
        end = token.end
        parts.append("?" if token.token in LITERALS else data[token.start : token.end].decode(errors="replace"))
    return "".join(parts)


def _parse_json(data: bytes) -> list[Node]:
    result = lib.pg_query_parse(data)
    try:
        _raise_error(result)
        tree: bytes = result.parse_tree
    finally:
        lib.pg_query_free_parse_result(result)
    _check_depth(tree, plain=_BRACKET.search(data) is None)
    statements: list[Node] = json.loads(tree)["stmts"]
    return statements


def same_tree(one: bytes, other: Node) -> bool:
    """Whether the text `one` is the single statement `other` (as `{kind: fields}`), locations aside."""
    try:
        statements = _parse_json(one)
    except Unparsable:
        return False
    return len(statements) == 1 and without_locations(mapping(statements[0].get("stmt"))) == without_locations(other)


def _deparse(data: bytes) -> str:
    """What libpg_query writes for one statement whose depth is known to be small."""
    parsed = lib.pg_query_parse_protobuf(data)
    try:
        if parsed.error:
            return ""
        buffer = _native.PgQueryProtobuf(len=parsed.parse_tree.len, data=parsed.parse_tree.data)
        result = lib.pg_query_deparse_protobuf(buffer)
        try:
            if result.error or result.query is None:
                return ""
            query: bytes = result.query
            return query.decode(errors="replace")
        finally:
            lib.pg_query_free_deparse_result(result)
    finally:
        lib.pg_query_free_protobuf_parse_result(parsed)


def _scan(data: bytes) -> Any:
    """The scanner's tokens, each with `token`, `start`, `end` (bytes) and `keyword_kind`."""
    result = lib.pg_query_scan(data)
    try:
        _raise_error(result)
        return _tokens.ScanResult.FromString(ctypes.string_at(result.pbuf.data, result.pbuf.len)).tokens
    finally:
        lib.pg_query_free_scan_result(result)


def _raise_error(result: ctypes.Structure) -> None:
    if not result.error:
        return
    error = result.error.contents
    message = error.message.decode(errors="replace") if error.message else "syntax error"
    position = max(0, int(error.cursorpos))  # in characters, whatever postgast's documentation says
    if message.startswith("memory exhausted") or "stack depth" in message:
        raise Unparsable("statement is nested too deeply", sqlstate="54001", position=position)
    raise Unparsable(message, position=position)


def _check_depth(tree: bytes, *, plain: bool) -> None:
    """Raise 54001 when the JSON text is nested deeper than `MAX_DEPTH`, without recursion. `plain`: no string in it can
    have a bracket."""
    braces = (tree if plain else _JSON_STRING.sub(b"", tree)).translate(_TO_BRACES, _NOT_BRACKETS)
    leaves = 3
    for _ in range(leaves):  # at memcpy's speed; most of a tree is leaves
        braces = braces.replace(b"{}", b"")
    depth = leaves if braces else 0
    for mark in braces:
        depth += 1 if mark == 0x7B else -1
        if depth > MAX_DEPTH:
            raise Unparsable("statement is nested too deeply", sqlstate="54001")


def _check_expansion(sql: str) -> None:
    """Refuse nested `SET (a, b, ...) = (SELECT ...)` before the parser multiplies it out (54001)."""
    if _SET.search(sql) is None:
        return
    widest: dict[int, int] = {}
    commas: list[int] = []
    closed = 0
    for token in lexemes(sql.encode()):
        if token.text == "(":
            commas.append(1)
        elif token.text == ")" and commas:
            closed = commas.pop()
        elif token.text == "," and commas:
            commas[-1] += 1
        elif token.text == "=" and closed > 1:
            depth = len(commas)
            widest[depth] = max(widest.get(depth, 1), closed)
        if token.text != ")":
            closed = 0
    product = 1
    for width in widest.values():
        product *= width
    if product > MAX_EXPANSION:
        raise Unparsable("statement is nested too deeply", sqlstate="54001")


def _integer(node: Node, key: str) -> int:
    value = node.get(key, 0)
    return value if isinstance(value, int) else 0
