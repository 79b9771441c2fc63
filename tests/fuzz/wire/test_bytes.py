"""Any bytes from either side give progress or a protocol error: never another exception, a hang, a labelled value or
memory without bound; and however bytes are cut, the same comes out."""

from __future__ import annotations

import os
import struct
import tracemalloc
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pgmaskproxy.session import events as ev
from pgmaskproxy.wire.backend import ErrorResponse, decode
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FRONTEND_LIMITS, Frame, FrameBuffer
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
from tests.fuzz.wire.loop import COPY_IN, READ, RULINGS, SECRET, WRONG, Loop, encode

EXAMPLES: Final = int(os.environ.get("WIRE_EXAMPLES", "60")) * 3
TEXTS: Final = st.sampled_from([text.encode() for text in (*RULINGS, "", "SELECT 1; " + READ, f"INSERT 1; {WRONG}")])
NAMES: Final = st.sampled_from([b"", b"s", b"p"])
KINDS: Final = st.sampled_from([b"S", b"P"])
MESSAGES: Final[SearchStrategy[Message]] = st.one_of(
    st.builds(Query, TEXTS),
    st.builds(Parse, NAMES, TEXTS),
    st.builds(Bind, NAMES, NAMES),
    st.builds(Describe, KINDS, NAMES),
    st.builds(Execute, NAMES, st.integers(0, 2)),
    st.builds(Close, KINDS, NAMES),
    st.just(Sync()),
    st.just(Sync()),
    st.just(Flush()),
    st.builds(CopyData, st.sampled_from([b"1\n", b"", b"x"])),
    st.just(CopyDone()),
    st.just(CopyFail(b"no")),
)
WHOLE: Final[SearchStrategy[bytes]] = st.one_of(
    MESSAGES.map(lambda message: message.encode()),
    # Whole statements, so that most scripts get somewhere.
    st.builds(
        lambda text, name, limit: encode(Parse(name, text), Bind(b"p", name), Execute(b"p", limit), Execute(b"p")),
        TEXTS,
        NAMES,
        st.integers(0, 2),
    ),
)
SCRIPTS: Final = st.lists(WHOLE, min_size=1, max_size=10)
CUTS: Final = st.lists(st.integers(1, 30), min_size=1, max_size=5)


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    found, at, turn = [], 0, 0
    while at < len(data):
        found.append(data[at : at + sizes[turn % len(sizes)]])
        at += len(found[-1])
        turn += 1
    return found


@st.composite
def spoilt(draw: st.DrawFn, pieces: list[bytes]) -> list[bytes]:
    """Some of them changed, lost, doubled, in another order, cut short, or with anything in between."""
    found = list(pieces)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(found) - 1)) if found else 0
        what = draw(st.sampled_from(["byte", "lose", "double", "swap", "short", "anything", "length"]))
        if not found or what == "anything":
            found.insert(at, draw(st.binary(max_size=20)))
        elif what == "lose":
            del found[at]
        elif what == "double":
            found.insert(at, found[at])
        elif what == "swap":
            found.insert(draw(st.integers(0, len(found) - 1)), found.pop(at))
        elif what == "short":
            found[at] = found[at][: draw(st.integers(0, len(found[at])))]
        elif what == "length":
            found[at] = found[at][:1] + draw(st.binary(min_size=4, max_size=4)) + found[at][5:]
        else:
            place = draw(st.integers(0, max(0, len(found[at]) - 1)))
            found[at] = found[at][:place] + draw(st.binary(min_size=1, max_size=1)) + found[at][place + 1 :]
    return found


def frames(data: bytes) -> list[Frame]:
    """What a client reads; it must be whole."""
    buffer, found = FrameBuffer(BACKEND_LIMITS), []
    buffer.feed(data)
    while (frame := buffer.next()) is not None:
        found.append(frame)
    assert buffer.pending == 0, "the client was sent half a message"
    return found


def finish(loop: Loop) -> None:
    """It can be ended whatever happened, is ended once, and says nothing more."""
    loop.event(ev.ClientClosed())
    assert len(loop.closes) == 1
    said = len(loop.received)
    loop.client(Query(b"SELECT 1").encode())
    loop.event(ev.ServerData(b"Z\0\0\0\5I"))
    assert len(loop.received) == said
    assert not loop.session.unfinished


@given(script=SCRIPTS, trees=st.booleans(), agreed=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_whatever_a_client_says_a_sync_is_answered(script: list[bytes], trees: bool, agreed: bool) -> None:
    """Progress: no order of whole messages leaves a client waiting, and none shows what is labelled."""
    loop = Loop(trees=trees, agreed=agreed)
    for piece in script:
        loop.client(piece)
    before = len(loop.received)
    loop.client(encode(CopyFail(b"the end"), Sync()))
    assert SECRET not in loop.received
    found = frames(loop.received)
    if loop.closes:
        assert isinstance(decode(found[-1]), ErrorResponse), "nobody is hung up on without a word"
    else:
        assert len(loop.received) > before
        assert found[-1].type == ord("Z")
    finish(loop)


@given(script=SCRIPTS, trees=st.booleans(), sizes=CUTS, answers=CUTS)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_chunking_of_both_sides_gives_the_same_output(
    script: list[bytes], trees: bool, sizes: list[int], answers: list[int]
) -> None:
    whole = Loop(trees=trees)
    pieces = Loop(trees=trees, up=lambda data: cut(data, sizes), down=lambda data: cut(data, answers))
    for loop in (whole, pieces):
        loop.client(b"".join(script))
    assert pieces.received == whole.received
    assert [close.reason for close in pieces.closes] == [close.reason for close in whole.closes]


@given(data=st.data(), script=SCRIPTS, trees=st.booleans(), sizes=CUTS)
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_of_a_client_are_an_answer_or_an_error(
    data: st.DataObject, script: list[bytes], trees: bool, sizes: list[int]
) -> None:
    loop = Loop(trees=trees)
    for piece in cut(b"".join(data.draw(spoilt(script))), [size * 20 for size in sizes]):
        loop.client(piece)
        assert loop.session.backlog <= loop.fed
    assert SECRET not in loop.received
    found = frames(loop.received)
    for close in loop.closes:
        assert close.reason
        assert isinstance(decode(found[-1]), ErrorResponse) or close.reason == "the client left"
    finish(loop)


@given(data=st.data(), script=SCRIPTS, trees=st.booleans())
@settings(max_examples=EXAMPLES, deadline=None)
def test_any_bytes_of_a_server_are_an_answer_or_an_error(data: st.DataObject, script: list[bytes], trees: bool) -> None:
    """Its own answers, spoilt on the way: lost, doubled, swapped, cut short, or with a byte changed."""
    answers: list[bytes] = []

    def keep(answer: bytes) -> list[bytes]:
        answers.append(answer)
        return []

    loop = Loop(trees=trees, down=keep)
    for piece in script:
        loop.client(piece)
        batch = list(answers)
        spoil = data.draw(st.booleans())
        if answers and spoil:
            batch = data.draw(spoilt(answers))
        answers.clear()
        for answer in batch:
            loop.event(ev.ServerData(answer))
            # What was sent on the strength of it is answered too, as it should be.
            while answers and not loop.closes:
                loop.event(ev.ServerData(answers.pop(0)))
    for close in loop.closes:
        assert close.reason
    finish(loop)


LENGTHS: Final = [0, 4, 0xFFFF, 0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
STATES: Final = {
    "idle": b"",
    "in a COPY": encode(Query(COPY_IN.encode())),
}


CODES: Final = sorted({*FRONTEND_LIMITS, *BACKEND_LIMITS, 0, ord("!"), 0xFF})


@pytest.mark.parametrize("state", STATES)
def test_a_length_that_somebody_announces_costs_nothing(state: str) -> None:
    """Whatever a header says is still to come: memory is taken for what has come."""
    for make in (ev.ClientData, ev.ServerData):
        for code in CODES:
            loop = Loop()
            loop.client(STATES[state])
            for length in LENGTHS:
                tracemalloc.start()
                loop.event(make(bytes([code]) + struct.pack("!I", length) + b"x" * 100))
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert peak < 1 << 20, (code, length, make.__name__, peak)
                if loop.closes:
                    loop = Loop()
                    loop.client(STATES[state])
