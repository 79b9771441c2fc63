from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgmaskproxy.errors import InternalError, PeerError
from pgmaskproxy.wire.framing import BACKEND_LIMITS, FRONTEND_LIMITS, Frame, FrameBuffer, pack
from pgmaskproxy.wire.frontend import CopyData, Query, Sync
from pgmaskproxy.wire.message import Message
from tests.wire import strategies

messages = st.one_of(*strategies.FRONTEND.values(), *strategies.FRONTEND_OPEN.values())


def frames(buffer: FrameBuffer) -> list[Frame]:
    found = []
    while (frame := buffer.next()) is not None:
        found.append(frame)
    return found


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """`stream` in pieces; empty ones too."""
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


@given(st.lists(messages, max_size=8), st.lists(st.integers(0, 400), max_size=30))
def test_any_chunking_yields_the_same_frames(sent: list[Message], places: list[int]) -> None:
    stream = b"".join([message.encode() for message in sent])
    buffer = FrameBuffer(FRONTEND_LIMITS)
    found: list[Frame] = []
    fed = 0
    for chunk in cut(stream, places):
        buffer.feed(chunk)
        fed += len(chunk)
        found.extend(frames(buffer))
        assert buffer.pending == fed - sum(len(frame.encode()) for frame in found)
    assert found == [strategies.frame_of(message.encode()) for message in sent]
    assert buffer.pending == 0


@given(st.lists(messages, max_size=8), st.lists(st.integers(0, 400), max_size=30), st.data())
def test_any_mixture_of_calls_loses_nothing(sent: list[Message], places: list[int], data: st.DataObject) -> None:
    stream = b"".join([message.encode() for message in sent])
    buffer = FrameBuffer(FRONTEND_LIMITS)
    out = b""
    left = 0  # of a frame that is being taken in pieces
    for chunk in cut(stream, places):
        buffer.feed(chunk)
        while buffer.pending:
            if left:
                piece = buffer.take(min(left, data.draw(st.integers(1, 50))))
                left -= len(piece)
                out += piece
                continue
            how = data.draw(st.sampled_from(["next", "view", "take", "wait"]))
            head = buffer.peek()
            if head is None or how == "wait":
                break
            if how == "take":
                left = head[1]
            elif how == "view":
                view, position = buffer.view()
                if len(view) - position < head[1]:
                    assert buffer.pending < head[1], "a whole frame lies whole in the view"
                    break
                out += view[position : position + head[1]]
                buffer.consume_to(position + head[1])
            else:
                frame = buffer.next()
                if frame is None:
                    break
                out += frame.encode()
    while (rest := buffer.take(7)) != b"":
        out += rest
    assert out == stream


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=10))
def test_arbitrary_bytes_give_frames_or_peer_error(stream: bytes, places: list[int]) -> None:
    for limits in (FRONTEND_LIMITS, BACKEND_LIMITS):
        buffer = FrameBuffer(limits)
        out = b""
        try:
            for chunk in cut(stream, places):
                buffer.feed(chunk)
                for frame in frames(buffer):
                    out += frame.encode()
        except PeerError:
            continue
        assert stream.startswith(out)
        assert buffer.pending == len(stream) - len(out)


@pytest.mark.parametrize("limits", [FRONTEND_LIMITS, BACKEND_LIMITS], ids=["frontend", "backend"])
def test_lengths_are_bounded_low_and_high_by_the_header_alone(limits: Mapping[int, tuple[int, int]]) -> None:
    for code in range(256):
        least, greatest = limits.get(code, (0, -1))
        for length in (-(2**31), -1, 0, 3, 4, least - 1, least, greatest, greatest + 1, 2**31 - 1):
            buffer = FrameBuffer(limits)
            buffer.feed(bytes([code]))
            assert buffer.peek() is None
            header = length.to_bytes(4, "big", signed=True)
            buffer.feed(header[:3])
            assert buffer.peek() is None
            buffer.feed(header[3:])
            if least <= length <= greatest:
                assert buffer.peek() == (code, length + 1)
            else:
                with pytest.raises(PeerError):
                    buffer.peek()
                with pytest.raises(PeerError):
                    buffer.next()
                with pytest.raises(PeerError):
                    buffer.view()


def test_a_length_of_2_gb_is_refused_at_once() -> None:
    buffer = FrameBuffer(FRONTEND_LIMITS)
    buffer.feed(b"Q\x7f\xff\xff\xff")
    with pytest.raises(PeerError, match="invalid length 2147483647 of a message of type 'Q'") as caught:
        buffer.next()
    assert caught.value.sqlstate == "08P01"


def test_overrides() -> None:
    buffer = FrameBuffer(FRONTEND_LIMITS, {ord("Q"): (5, 20)})
    buffer.feed(Query(b"x" * 15).encode())
    assert buffer.next() is not None
    buffer.feed(Query(b"x" * 16).encode())
    with pytest.raises(PeerError):
        buffer.next()
    buffer = FrameBuffer(FRONTEND_LIMITS, {ord("?"): (4, 4)})
    buffer.feed(b"?\0\0\0\4")
    assert buffer.next() == Frame(ord("?"), b"")


def test_an_incomplete_frame_is_not_joined_chunk_by_chunk() -> None:
    chunk = bytes(1 << 16)
    count = 1600
    buffer = FrameBuffer(FRONTEND_LIMITS)
    buffer.feed(b"d" + (4 + count * len(chunk)).to_bytes(4, "big"))
    assert buffer.next() is None
    first = buffer.view()[0]
    for _ in range(count - 1):
        buffer.feed(chunk)
        assert buffer.next() is None
        assert buffer.view()[0] is first, "what has arrived was copied though the frame is not whole"
    buffer.feed(chunk)
    frame = buffer.next()
    assert frame is not None
    assert len(frame.body) == count * len(chunk)


def test_small_frames_are_consumed_without_copying_the_rest() -> None:
    stream = Sync().encode() * 10_000
    buffer = FrameBuffer(FRONTEND_LIMITS)
    buffer.feed(stream)
    buffer.feed(b"S\0")  # what waits behind must not be joined either
    for _ in range(10_000):
        assert buffer.next() is not None
        assert buffer.view()[0] is stream or buffer.pending <= 7
    assert buffer.next() is None
    assert buffer.pending == 2


def test_a_peer_that_dribbles_loses_nothing() -> None:
    body = bytes(range(256)) * 20
    buffer = FrameBuffer(FRONTEND_LIMITS)
    for byte in CopyData(body).encode():
        assert buffer.next() is None
        buffer.feed(bytes([byte]))
        assert len(buffer._chunks) <= 257, "a crumb costs many times the byte it holds"
    assert buffer.next() == Frame(ord("d"), body)


def test_of_a_large_frame_nothing_stays_behind() -> None:
    large, small = CopyData(bytes(1 << 20)), Sync().encode()
    buffer = FrameBuffer(FRONTEND_LIMITS)
    stream = large.encode() + small
    for begin in range(0, len(stream), 1 << 16):
        buffer.feed(stream[begin : begin + (1 << 16)])
    assert buffer.next() == Frame(ord("d"), large.data)
    assert len(buffer.view()[0]) <= 1 << 16
    assert buffer.next() == Frame(ord("S"), b"")
    assert buffer.view()[0] == b""


def test_a_frame_ends_in_any_of_the_parts_that_arrived() -> None:
    buffer = FrameBuffer(FRONTEND_LIMITS)
    sent = [Query(b"SELECT %d" % number) for number in range(9)]
    stream = b"".join([message.encode() for message in sent])
    for begin in range(0, len(stream), 6):
        buffer.feed(stream[begin : begin + 6])
    assert frames(buffer) == [strategies.frame_of(message.encode()) for message in sent]


def test_view_joins_what_completes_the_first_frame() -> None:
    one, two = Query(b"SELECT 1").encode(), Query(b"SELECT 2").encode()
    buffer = FrameBuffer(FRONTEND_LIMITS)
    buffer.feed(one + two[:7])
    view, position = buffer.view()
    assert view[position:] == one + two[:7]
    buffer.consume_to(position + len(one))
    assert buffer.view() == (view, position + len(one))
    buffer.feed(two[7:])
    view, position = buffer.view()
    assert view[position:] == two


def test_consuming_outside_of_the_buffer_is_our_own_fault() -> None:
    buffer = FrameBuffer(FRONTEND_LIMITS)
    buffer.feed(Sync().encode() * 2)
    buffer.next()
    for position in (0, 4, 11):
        with pytest.raises(InternalError):
            buffer.consume_to(position)
    with pytest.raises(InternalError):
        buffer.take(-1)
    assert buffer.take(0) == b""
    assert frames(buffer) == [Frame(ord("S"), b"")]


def test_take_streams_a_frame_that_is_never_whole() -> None:
    buffer = FrameBuffer(BACKEND_LIMITS)
    buffer.feed(b"D\0\x10\0\0")
    head = buffer.peek()
    assert head == (ord("D"), 0x100001)
    left = head[1]
    while left:
        taken = buffer.take(left)
        left -= len(taken)
        if not taken:
            buffer.feed(bytes(min(50_000, left)))
    assert buffer.pending == 0


def test_a_body_that_no_length_field_can_say() -> None:
    with pytest.raises(InternalError):
        pack(b"d", bytes(0x7FFFFFFC))  # never touched, so never in memory


def test_pack() -> None:
    assert pack(b"S", b"") == pack(ord("S"), b"") == b"S\0\0\0\4"
    assert Frame(ord("Q"), b"x\0").encode() == b"Q\0\0\0\6x\0"
    assert Frame(ord("Q"), b"") != Frame(ord("P"), b"")
    assert Frame(ord("Q"), b"a") != Frame(ord("Q"), b"b")
    assert len({Frame(1, b""), Frame(1, b"")}) == 1
    assert repr(Frame(ord("Q"), b"secret")) == "<Frame 'Q' 6 bytes>"
