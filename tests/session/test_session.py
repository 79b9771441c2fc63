"""The whole session: chunking, hostile bytes, endings, cancels, drains."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.session import TURN
from pgmaskproxy.wire.copy import CopyData
from pgmaskproxy.wire.frontend import Bind, Execute, Flush, Parse, Query, Sync
from tests.session import test_extended, test_holding, test_results
from tests.session.transcript import LOGIN, READY, Play, play
from tests.session.words import encoded

EXTENDED = """
    >> Parse "s" "SELECT name, ssn FROM customers" / Bind "p" "s" / Describe P "p" / Execute "p" 1 / Sync
    !! read masks=-,ssn scrub
    <= Tree / ParseComplete / BindComplete / RowDescription name=1.2 ssn=1.3
    !! recorded
    <= DataRow "Ann" "123-45-6789" / PortalSuspended / ReadyForQuery I
    >> Query "SELECT name FROM customers; SELECT 1/0"
    !! read ; read
    <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
    <= ParseComplete / BindComplete / RowDescription name=1.2
    !! recorded
    <= NoticeResponse WARNING 01000 "w" / DataRow "Ann" / DataRow NULL / CommandComplete "SELECT 2"
    <= ParseComplete / BindComplete / RowDescription n=0:23
    !! recorded
    <= ErrorResponse 22012 "division by zero"
    <= ReadyForQuery E
    <= ParseComplete / BindComplete / CommandComplete "ROLLBACK" / CloseComplete / CloseComplete / ReadyForQuery I
"""
COPIES = r"""
    >> Query "COPY t FROM STDIN"
    !! copyin
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CopyInResponse 1
    >> CopyData "1\n" / CopyData "2\n" / CopyDone
    <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
    >> Query "COPY customers TO STDOUT"
    !! copyout masks=-,ssn
    <= ParseComplete / BindComplete / NoData
    <= ParseComplete / ParameterDescription / RowDescription name=1.2 ssn=1.3 / CloseComplete
    !! recorded
    <= CopyOutResponse 2 / CopyData "Ann\t123-45-6789\n" / CopyData "Bob\t\\N\n" / CopyDone
    <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
"""
HELD = """
    >> Parse "" "DELETE FROM customers WHERE id = $1" / Bind "" "" "7" / Describe P "" / Execute "" / Sync
    !! delete hold parameters=1
    <= ParseComplete
    <= ParameterDescription 23 / NoData
    <= ReadyForQuery I
    !! opened apr_1
    >> Query "SELECT 1"
    !! approved
    <= BindComplete / NoData
    !! released
    !! recorded
    <= CommandComplete "DELETE 1" / ReadyForQuery I
    !! read
    <= ParseComplete / BindComplete / RowDescription n=0:23
    !! recorded
    <= DataRow "1" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
r"""
PLAYS = [LOGIN + READY + script for script in (EXTENDED, COPIES, HELD)]
MOMENTS = [
    "",
    '>> StartupMessage 3.0 user="alice"',
    '>> StartupMessage 3.0 user="alice"\n!! login "alice"',
    LOGIN,
    LOGIN + READY,
    LOGIN + READY + test_results.RUNNING,
    LOGIN + READY + "\n".join(COPIES.splitlines()[:6]),
    test_extended.BLOCK,
    test_extended.PREPARED,
    test_holding.HELD,
]


def chunked(event: ev.Event, sizes: Iterator[int]) -> Iterator[ev.Event]:
    """The same bytes in other pieces."""
    if not isinstance(event, ev.ClientData | ev.ServerData):
        yield event
        return
    at = 0
    while at < len(event.data):
        size = next(sizes)
        yield type(event)(event.data[at : at + size])
        at += size


class Chunked(Play):
    """Plays every line in pieces.r"""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self._sizes = sizes
        self._at = 0

    def _next(self) -> Iterator[int]:
        while True:
            self._at += 1
            yield self._sizes[self._at % len(self._sizes)]

    def play(self, script: str) -> list[tuple[str, list[str]]]:
        whole = self._events

        def pieces(line: str) -> Iterator[ev.Event]:
            for event in whole(line):
                yield from chunked(event, self._next())

        self._events = pieces  # type: ignore[method-assign]
        return super().play(script)


def said(happened: list[tuple[str, list[str]]], *markers: str) -> list[str]:
    return [line for _, lines in happened for line in lines if line.startswith(markers)]


@pytest.mark.parametrize("script", PLAYS, ids=["extended", "copies", "held"])
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_any_chunking_gives_the_same_transcript(script: str, sizes: list[int]) -> None:
    whole, pieces = Play().play(script), Chunked(sizes).play(script)
    # Between two peers the order may differ (a row may be out before a Sync is), to each of them it may not.
    for markers in (("<<",), ("=>",), ("??",), ("--",)):
        assert said(pieces, *markers) == said(whole, *markers)


FRAMES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            Query(b"SELECT 1").encode(),
            Query(b"a; b").encode(),
            Query(b"\xff").encode(),
            Parse(b"s", b"SELECT 1").encode(),
            Parse(b"", b"").encode(),
            Bind(b"p", b"s").encode(),
            Bind(b"", b"").encode(),
            Execute(b"p", 1).encode(),
            Execute(b"").encode(),
            Flush().encode(),
            Sync().encode(),
            *(
                encoded(words.split())
                for words in (
                    'Describe S "s"',
                    'Describe P "p"',
                    'Close S "s"',
                    'Close P "p"',
                    'CopyData "x"',
                    "CopyDone",
                    'CopyFail "x"',
                    "FunctionCall 17",
                    "Terminate",
                    "SSLRequest",
                    'PasswordMessage "x"',
                    'CancelRequest 1 "key!"',
                )
            ),
        ]
    ),
)
SERVER = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            encoded(words.split())
            for words in (
                "ParseComplete",
                "BindComplete",
                "CloseComplete",
                "NoData",
                "RowDescription name=1.2 ssn=1.3",
                'DataRow "Ann" "123-45-6789"',
                'DataRow "[1]"',
                'CommandComplete "OK"',
                "PortalSuspended",
                "EmptyQueryResponse",
                "ReadyForQuery I",
                "ReadyForQuery T",
                "ReadyForQuery E",
                'ErrorResponse 22012 "x"',
                'ErrorResponse FATAL 57P01 "x"',
                'NoticeResponse WARNING 01000 "x"',
                "Tree",
                "Tree W",
                "ParameterDescription 23",
                "CopyInResponse 1",
                "CopyOutResponse 2",
                "CopyDone",
                'CopyData "x"',
                'ParameterStatus "TimeZone" "UTC"',
                "AuthenticationOk",
            )
        ]
    ),
)


@given(moment=st.sampled_from(MOMENTS), data=st.lists(FRAMES, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_bytes_of_a_client_raise_at_any_moment(moment: str, data: list[bytes]) -> None:
    told = Play()
    told.play(moment)
    for piece in data:
        told.session.receive(ev.ClientData(piece))


@given(moment=st.sampled_from(MOMENTS), data=st.lists(SERVER, max_size=8))
@settings(max_examples=300, deadline=None)
def test_no_bytes_of_a_server_raise_or_show_a_labelled_value_at_any_moment(moment: str, data: list[bytes]) -> None:
    told = Play()
    told.play(moment)
    for piece in data:
        commands = told.session.receive(ev.ServerData(piece))
        assert not any(isinstance(c, ev.SendClient) and b"123-45-6789" in c.data for c in commands)


def test_after_the_end_nothing_happens() -> None:
    play(
        """
        >> Terminate
        => Terminate
        -- Close "the client left"
        >> Query "SELECT 1"
        <= ReadyForQuery I
        !! cancel
        !! shutdown 57P01 "drain"
        >>
        """
    )


def test_a_client_that_leaves_takes_the_upstream_with_it() -> None:
    play(
        """
        >>
        => Terminate
        -- Close "the client left"
        """
    )


def test_a_server_that_leaves_ends_the_session() -> None:
    play(
        """
        <=
        << ErrorResponse FATAL 08006 "the upstream server closed the connection unexpectedly"
        => Terminate
        -- Close "the server closed the connection"
        """
    )


def test_a_cancel_of_a_running_statement_goes_upstream() -> None:
    play(
        """
        !! cancel
        -- CancelUpstream
        <= ErrorResponse 57014 "canceling statement due to user request" / ReadyForQuery I
        -- RecordOutcome #1 "" 57014 rows=0 cells=0 size=0
        << ErrorResponse 57014 "canceling statement due to user request" / ReadyForQuery I
        """,
        before=LOGIN + READY + test_results.RUNNING,
    )


def test_a_drain_tells_the_client_why() -> None:
    play(
        """
        !! shutdown 57P01 "terminating connection due to administrator command"
        << ErrorResponse FATAL 57P01 "terminating connection due to administrator command"
        => Terminate
        -- Close "terminating connection due to administrator command"
        """
    )


def test_a_password_message_after_login_has_no_place() -> None:
    play(
        """
        >> PasswordMessage "x"
        << ErrorResponse FATAL 08P01 "a message that does not belong here"
        => Terminate
        -- Close "a message that does not belong here"
        """
    )


def test_a_message_of_an_impossible_length_ends_the_session_at_once() -> None:
    play(
        """
        >> Bytes 51 7fffffff
        << ErrorResponse FATAL 08P01 "invalid length 2147483647 of a message of type 'Q'"
        => Terminate
        -- Close "invalid length 2147483647 of a message of type 'Q'"
        """
    )


def test_a_message_of_an_unknown_type_ends_the_session() -> None:
    play(
        """
        >> Bytes 7a 00000004
        << ErrorResponse FATAL 08P01 "invalid message type 122"
        => Terminate
        -- Close "invalid message type 122"
        """
    )


def test_an_answer_to_an_older_question_is_nobodys() -> None:
    told = Play(warm=True)
    told.play('>> Query "SELECT 1"')
    before = told._asked[ev.Judge]
    told.play("!! read")
    assert told.session.receive(ev.Judged(before.ticket, (), None)) == []


def test_idle_and_held_say_where_the_session_is() -> None:
    told = Play()
    places = []
    for script in (LOGIN, READY, HELD.split("!! opened", maxsplit=1)[0]):
        told.play(script)
        places.append((told.session.idle, told.session.held))
    assert places == [(True, False), (True, False), (False, True)]
    block = Play()
    block.play(test_extended.BLOCK)
    assert not block.session.idle


def test_what_waits_behind_a_message_that_is_handled_is_the_backlog() -> None:
    told = Play(warm=True)
    told.play('>> Query "SELECT 1"')
    assert told.session.backlog == 0
    told.play('>> Query "SELECT 2"')
    assert told.session.backlog == len(Query(b"SELECT 2").encode())


def test_many_messages_at_once_are_handled_in_turns() -> None:
    """Whoever pipelines small messages without end does not keep everybody else waiting."""
    told = Play(warm=True)
    syncs = 3 * TURN + 1
    sent, turns = told.session.receive(ev.ClientData(Sync().encode() * syncs)), 1
    while told.session.unfinished:
        assert sent
        sent, turns = told.session.receive(ev.NextTurn()), turns + 1
    assert turns == 4
    assert told.session.receive(ev.NextTurn()) == []


def test_copied_data_take_turns_too() -> None:
    told = Play(warm=True)
    told.play(textwrap.dedent(COPIES).partition(">> CopyData")[0])
    told.session.receive(ev.ClientData(CopyData(b"1\n").encode() * (2 * TURN)))
    assert told.session.unfinished


def test_what_was_left_over_ends_with_the_session() -> None:
    told = Play(warm=True)
    told.session.receive(ev.ClientData(Sync().encode() * (2 * TURN)))
    assert told.session.unfinished
    told.session.receive(ev.ClientClosed())
    told.session.receive(ev.NextTurn())
    assert not told.session.unfinished


def test_a_cancel_that_comes_when_a_batch_s_statement_has_just_ended_is_the_next_one_s() -> None:
    """Its completion is on its way, and the server ignores a cancel between two statements."""
    play(
        """
        >> Parse "" "SELECT name" / Bind "" "" / Execute "" / Parse "" "SELECT id" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT name"
        !! read masks=-
        => Parse "" "SELECT name" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription name=1.2
        << ParseComplete / BindComplete
        ?? RecordExecution #1 "SELECT name" shows -
        !! recorded
        => Execute ""
        ?? Judge "SELECT id"
        !! cancel
        -- CancelUpstream
        <= CommandComplete "SELECT 0"
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0"
        !! sent
        !! read masks=-
        -- RecordRefusal #2 57014 "SELECT id"
        => Parse "~refused" "refused by pgmaskproxy" / Bind "" "" / Describe P "" / Flush
        """
    )
