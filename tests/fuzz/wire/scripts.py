"""Random scripts of protocol messages: mostly valid ones, over a few statements, names and portals, and wrong ones.

A script is batches of encoded messages; the client may pause between batches and cuts each as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pgmaskproxy.wire.describe import describe
from pgmaskproxy.wire.framing import FRONTEND_LIMITS, FrameBuffer
from pgmaskproxy.wire.frontend import (
    Bind,
    Close,
    CopyData,
    CopyDone,
    CopyFail,
    Describe,
    Execute,
    Flush,
    Parse,
    Query,
    Sync,
)
from pgmaskproxy.wire.message import Message

INT4: Final = 23
TEXT: Final = 25


@dataclass(frozen=True, slots=True)
class Statement:
    """What may be prepared, and what its parameters may be in text and in binary."""

    sql: str
    values: tuple[tuple[tuple[bytes | None, ...], tuple[bytes | None, ...]], ...] = ()
    copies: bool = False
    """It waits for CopyData."""


NUMBERS: Final = (
    (b"1", b"2", b"4", b"99", None, b"0", b"x", b""),
    (b"\0\0\0\1", b"\0\0\0\2", b"\0\0\0\4", None, b"\0\0\0\0", b"\1", b""),
)
WORDS: Final = ((b"a", b"", None, "ä€".encode(), b"\xff"), (b"b", "ö".encode(), None, b"a\0b"))

QUERIES: Final = (
    Statement("SELECT id, name, secret FROM item ORDER BY id"),
    Statement("SELECT secret, name FROM item WHERE id = $1", (NUMBERS,)),
    Statement("SELECT * FROM item WHERE id < $1 ORDER BY id", (NUMBERS,)),
    Statement("SELECT name FROM item ORDER BY id"),
    Statement("SELECT $1::int, $2::text", (NUMBERS, WORDS)),
    Statement("SELECT 10 / $1::int", (NUMBERS,)),
    Statement("SELECT n, 10 / (3 - n) FROM generate_series(1, 5) AS g(n)"),
    Statement("SELECT n FROM generate_series(1, 4) AS g(n)"),
    Statement("VALUES (1, 'a', NULL), (2, 'b', 3.5)"),
    Statement("SELECT"),
    Statement("SELECT FROM item"),
    Statement("SELECT secret FROM item WHERE false"),
    Statement("EXPLAIN (COSTS OFF) SELECT t FROM kept"),
    Statement("SHOW server_version_num"),
    Statement("SELECT secret FROM item ORDER BY id FETCH FIRST 2 ROWS ONLY"),
)
WRITES: Final = (
    Statement("INSERT INTO kept (t) VALUES ($1)", (WORDS,)),
    Statement("INSERT INTO kept (t) VALUES ($1) RETURNING n, t", (WORDS,)),
    Statement("UPDATE item SET name = name || '.' WHERE id = $1 RETURNING id, secret", (NUMBERS,)),
    Statement("DELETE FROM kept WHERE n = $1", (NUMBERS,)),
    Statement("INSERT INTO kept (n, t) VALUES (1000, 'again')"),
    Statement("INSERT INTO late (n) VALUES (7)"),
    Statement("WITH k AS (INSERT INTO kept (t) VALUES ('cte') RETURNING n, t) SELECT n, t FROM k"),
)
CONTROL: Final = (
    *(
        Statement(sql)
        for sql in (
            "BEGIN",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            "COMMIT",
            "COMMIT AND CHAIN",
            "ROLLBACK",
            "SAVEPOINT s",
            "ROLLBACK TO s",
            "RELEASE s",
            "SET application_name = 'x'",
            "SET LOCAL statement_timeout = 0",
            "SET TimeZone = 'Asia/Tokyo'",
            "RESET TimeZone",
        )
    ),
)
NAMED: Final = (
    *(
        Statement(sql)
        for sql in (
            "DECLARE c CURSOR FOR SELECT id, secret FROM item ORDER BY id",
            "DECLARE c CURSOR WITH HOLD FOR SELECT n FROM generate_series(1, 9) AS g(n)",
            "FETCH 2 FROM c",
            "FETCH FROM c",
            "MOVE 1 IN c",
            "CLOSE c",
            "PREPARE q (int) AS SELECT id, secret FROM item WHERE id = $1",
            "EXECUTE q (2)",
            "EXECUTE q ('x')",
            "DEALLOCATE q",
            "DEALLOCATE ALL",
        )
    ),
)
COPIES: Final = (
    Statement("COPY still TO STDOUT"),
    Statement("COPY (SELECT id, secret FROM item ORDER BY id) TO STDOUT"),
    Statement("COPY still (id, secret) TO STDOUT WITH (FORMAT csv, HEADER)"),
    Statement("COPY (SELECT name, id FROM item ORDER BY id) TO STDOUT WITH (FORMAT binary)"),
    Statement("COPY kept (n, t) FROM STDIN", copies=True),
)
WRONG: Final = (
    *(
        Statement(sql)
        for sql in (
            "",
            " -- nothing\n",
            "SELEC",
            "SELECT 1; SELECT 2",
            "SELECT nothing FROM item",
            "SELECT 1 FROM nowhere",
            "SELECT 1/0",
            "SELECT 'x'::int",
            "SELECT name FROM item WHERE id = (SELECT id FROM item)",
        )
    ),
)
STATEMENTS: Final = (*QUERIES, *WRITES, *CONTROL, *NAMED, *COPIES, *WRONG)
SIMPLE: Final = tuple(each for each in STATEMENTS if not each.values and not each.copies)

TOGETHER: Final = (
    *(each.sql for each in SIMPLE if each not in CONTROL),
    "SET TimeZone = 'Asia/Tokyo'",
    "CLOSE ALL",  # as a portal of the client's own it would be the one that is not closed
)

STATEMENT_NAMES: Final = (b"", b"", b"s", b"t")
PORTAL_NAMES: Final = (b"", b"", b"p", b"q")
PIECES: Final = (b"2000\tx\n", b"2001\t\\N\n", b"20", b"02\ty\n", b"no number\tz\n", b"\\.\n")


@dataclass(frozen=True, slots=True)
class Batch:
    """What is sent in one go."""

    messages: tuple[bytes, ...]
    pause: bool = False
    """The client waits a moment before it: what came before has probably been answered."""
    cuts: tuple[int, ...] = ()
    """Sizes of the pieces that it is sent in, in turn; in one when there are none."""

    def pieces(self) -> list[bytes]:
        """The bytes, cut."""
        data, found, at, turn = b"".join(self.messages), [], 0, 0
        while at < len(data):
            size = self.cuts[turn % len(self.cuts)] if self.cuts else len(data)
            found.append(data[at : at + size])
            at, turn = at + size, turn + 1
        return found

    def __repr__(self) -> str:
        # What a person has to read when hypothesis has found something.
        buffer = FrameBuffer(FRONTEND_LIMITS)
        buffer.feed(b"".join(self.messages))
        lines = []
        while (frame := buffer.next()) is not None:
            lines.append(describe("F", frame).removeprefix("F\t").replace("\t", " "))
        return f"Batch({lines}, pause={self.pause}, cuts={self.cuts})"


def _encoded(*messages: Message) -> tuple[bytes, ...]:
    return tuple(message.encode() for message in messages)


@st.composite
def _binds(draw: st.DrawFn, statement: Statement, portal: bytes, name: bytes) -> Bind:
    """With parameters as the statement wants them, mostly."""
    binary = [draw(st.booleans()) for _ in statement.values]
    values = [draw(st.sampled_from(pair[in_binary])) for pair, in_binary in zip(statement.values, binary, strict=True)]
    if draw(st.integers(0, 30)) == 0:
        values, binary = [*values, b"one too many"], [*binary, False]
    formats = tuple(int(each) for each in binary)
    if not any(formats) and draw(st.booleans()):
        formats = ()
    results = draw(st.sampled_from([(), (), (), (0,), (1,), (0, 1), (1, 0, 1)]))
    return Bind(portal, name, formats, tuple(values), results)


@st.composite
def _copying(draw: st.DrawFn) -> tuple[bytes, ...]:
    """What follows a COPY FROM STDIN, or comes where there was none."""
    pieces = [CopyData(draw(st.sampled_from(PIECES))) for _ in range(draw(st.integers(0, 4)))]
    end = draw(st.sampled_from([CopyDone(), CopyDone(), CopyFail(b"no more")]))
    return _encoded(*pieces, end)


@st.composite
def _extended(draw: st.DrawFn) -> tuple[bytes, ...]:
    """One statement by the extended protocol, whole or not, with or without Sync."""
    statement = draw(st.sampled_from(STATEMENTS))
    name, portal = draw(st.sampled_from(STATEMENT_NAMES)), draw(st.sampled_from(PORTAL_NAMES))
    messages: list[Message] = []
    if name and draw(st.booleans()):
        messages.append(Close(b"S", name))
    types = draw(st.sampled_from([(), (), (0,)])) if statement.values else ()
    messages.append(Parse(name, statement.sql.encode(), types))
    if draw(st.booleans()):
        messages.append(Describe(b"S", name))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        if portal and draw(st.booleans()):
            messages.append(Close(b"P", portal))
        messages.append(draw(_binds(statement, portal, name)))
        if draw(st.booleans()):
            messages.append(Describe(b"P", portal))
        limits = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=draw(st.sampled_from([1, 1, 0])), max_size=3))
        messages += [Execute(portal, limit) for limit in limits]
    encoded = _encoded(*messages)
    if statement.copies:
        encoded += draw(_copying())
    return encoded + _encoded(*draw(st.sampled_from([(Sync(),), (Sync(),), (Flush(),), ()])))


@st.composite
def _again(draw: st.DrawFn) -> tuple[bytes, ...]:
    """Messages about names that earlier ones may have made: also out of order, or for nothing.

    Not the unnamed portal's: after a Query that failed in a block the server has one, and the proxy knows of none.
    """
    name, portal = draw(st.sampled_from(STATEMENT_NAMES)), draw(st.sampled_from([b"p", b"q"]))
    any_statement = draw(st.sampled_from(STATEMENTS))
    messages: list[Message] = draw(
        st.sampled_from(
            [
                [Execute(portal, draw(st.sampled_from([0, 1, 2])))],
                [draw(_binds(any_statement, portal, name)), Execute(portal)],
                [Describe(b"S", name)],
                [Describe(b"P", portal)],
                [Close(b"S", name)],
                [Close(b"P", portal)],
            ]
        )
    )
    return _encoded(*messages, *draw(st.sampled_from([(Sync(),), (Flush(),), ()])))


@st.composite
def _simple(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A Query of one statement or several; as a block of its own, or as one where they are several."""
    texts = draw(st.lists(st.sampled_from(TOGETHER), min_size=1, max_size=4))
    if len(texts) == 1:
        texts = [draw(st.sampled_from(SIMPLE)).sql]
    elif draw(st.booleans()):
        # Transaction control in the midst of others: see docs/conformance.md for what is not the same there.
        texts = ["BEGIN", *texts, draw(st.sampled_from(["COMMIT", "ROLLBACK", "SELECT 7"]))]
    return _encoded(Query("; ".join(texts).encode()))


@st.composite
def _skipped(draw: st.DrawFn) -> tuple[bytes, ...]:
    """A batch that fails at its beginning: nothing of the rest is run, not even a Query."""
    rest = draw(st.lists(st.one_of(_extended(), _simple()), max_size=3))
    return _encoded(Parse(b"", b"SELEC")) + tuple(message for part in rest for message in part) + _encoded(Sync())


@st.composite
def _simple_copy(draw: st.DrawFn) -> tuple[bytes, ...]:
    sql = draw(st.sampled_from(["COPY kept (n, t) FROM STDIN", "COPY kept (n, t) FROM STDIN; SELECT 1", "SELECT 1"]))
    return _encoded(Query(sql.encode())) + draw(_copying())


_parts: Final = st.one_of(
    _extended(),
    _extended(),
    _extended(),
    _again(),
    _simple(),
    _simple(),
    _simple_copy(),
    _skipped(),
    st.sampled_from([_encoded(Sync()), _encoded(Flush())]),
)
_cuts: Final = st.lists(st.sampled_from([1, 2, 3, 5, 7, 30, 200, 5000]), max_size=3).map(tuple)


@st.composite
def _scripts(draw: st.DrawFn) -> list[Batch]:
    """A Query only behind a Sync: one in the middle of a batch is answered 'T' by a server that has begun to treat what
    came before it as a block (since 15), and by the proxy, which ends the batch with it, by 'I'."""
    batches, ended = [], True
    for parts in draw(st.lists(st.lists(_parts, min_size=1, max_size=4), min_size=1, max_size=6)):
        messages: list[bytes] = []
        for part in parts:
            if part[0][:1] == b"Q" and not ended:
                messages += _encoded(Sync())
            messages += part
            ended = part[0][:1] == b"Q" or part[-1][:1] == b"S"
        batches.append(Batch(tuple(messages), draw(st.booleans()), draw(_cuts)))
    return batches


SCRIPTS: Final[SearchStrategy[list[Batch]]] = _scripts()
