"""A statement that will be refused for its length is not kept while it comes (DESIGN 9)."""

from __future__ import annotations

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.link import Limits
from pgmaskproxy.session.session import HEADROOM
from tests.session.transcript import LOGIN, READY, Play

LIMIT = 100


def test_what_is_far_too_long_is_let_go_of_as_it_comes() -> None:
    told = Play(Limits(statement_bytes=LIMIT))
    told.play(LOGIN + READY)
    text = b"SELECT 1 -- " + b"x" * (LIMIT + HEADROOM)
    frame = b"Q" + (len(text) + 5).to_bytes(4, "big") + text + b"\0"
    pieces = [frame[begin : begin + 1000] for begin in range(0, len(frame), 1000)]
    for piece in pieces[:-1]:
        assert told.lines([ev.ClientData(piece)]) == []
        assert told.session._client.pending == 0
    assert told.lines([ev.ClientData(pieces[-1])])[0] == '-- RecordRefusal #1 54000 ""'
