"""What both halves of a session share."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import CanarySeen
from pgmaskproxy.mask.canary import Watch
from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import SendClient, SendServer
from pgmaskproxy.session.link import Limits, Link
from pgmaskproxy.session.pipeline import PARSE, Exchange
from pgmaskproxy.wire.frontend import Sync
from tests.session.transcript import ENTROPY

SSN = "937-12-4711"


def link() -> Link:
    return Link(ENTROPY, Limits())


def test_neighbouring_writes_are_one_command_and_the_order_of_others_is_kept() -> None:
    shared = link()
    for data in (b"a", b"", b"b"):
        shared.to_client(data)
    shared.to_server(b"c")
    shared.to_client(b"d")
    assert shared.commands == [SendClient(b"ab"), SendServer(b"c"), SendClient(b"d")]


def test_after_the_end_nothing_is_said() -> None:
    shared = link()
    shared.closed = True
    shared.to_client(b"a")
    shared.to_server(b"b")
    assert shared.commands == []


def test_while_the_server_discards_only_sync_is_sent() -> None:
    shared = link()
    shared.pipeline.discarding = True
    undone: list[int] = []
    exchange = Exchange(PARSE, forward=True)
    exchange.undo = lambda: undone.append(1)
    shared.send(b"frame", exchange)
    assert exchange.failed
    assert undone == [1]
    assert shared.commands == []
    shared.sync(forward=True)
    assert shared.commands == [SendServer(Sync().encode())]
    assert not shared.pipeline.discarding


def test_tickets_and_serials_are_never_used_twice() -> None:
    shared = link()
    assert len({shared.ticket() for _ in range(10)}) == 10
    assert len({shared.serial() for _ in range(10)}) == 10


def test_a_substitute_has_a_name_of_our_own() -> None:
    """An unnamed Parse that fails would destroy the client's unnamed statement."""
    shared = link()
    exchange = shared.substitute(Refusal("42501", "no"))
    (command,) = shared.commands
    assert isinstance(command, SendServer)
    assert command.data[5:].startswith(b"_pgmaskproxy_R_refused\0")
    assert exchange.refusal is not None


def test_a_sync_behind_a_change_of_names_is_what_later_names_wait_for() -> None:
    shared = link()
    waited_for = [shared.sync(forward=True), shared.settling]
    exchange = Exchange(PARSE, forward=True)
    exchange.undo = lambda: None
    shared.send(b"frame", exchange)
    waited_for.append(shared.settling)
    assert waited_for[1:] == [None, None]
    assert shared.sync(forward=True) is shared.settling


def watching(*values: str) -> Link:
    shared = link()
    shared.watch_for(Watch((value, value) for value in values))
    return shared


def in_pieces(shared: Link, row: bytes, size: int) -> None:
    for begin in range(0, len(row), size):
        shared.to_client(row[begin : begin + size], unfinished=begin + size < len(row))


def sent(shared: Link) -> bytes:
    return b"".join(command.data for command in shared.commands if isinstance(command, SendClient))


def test_a_canary_is_not_sent_and_neither_is_the_write_that_it_is_in() -> None:
    shared = watching(SSN)
    shared.to_client(b"before")
    with pytest.raises(CanarySeen) as caught:
        shared.to_client(b"a row with " + SSN.encode())
    assert caught.value.canary == SSN
    assert sent(shared) == b"before"


def test_who_is_cleared_is_sent_it() -> None:
    shared = watching(SSN)
    shared.to_client(SSN[:5].encode())
    shared.to_client(SSN.encode(), cleared=True)
    shared.to_client(SSN[5:].encode())
    assert sent(shared) == SSN[:5].encode() + SSN.encode() + SSN[5:].encode()


def test_not_even_the_beginning_of_a_canary_goes_out_in_a_row_that_comes_in_pieces() -> None:
    row = b"x" * 100 + SSN.encode() + b"y" * 100
    for at in range(1, len(row)):
        shared = watching(SSN)
        with pytest.raises(CanarySeen):
            in_pieces(shared, row, at)
        assert set(sent(shared)) <= {ord("x")}


def test_a_row_in_pieces_arrives_whole() -> None:
    row = bytes(range(256))
    for at in range(1, len(row)):
        shared = watching(SSN)
        in_pieces(shared, row, at)
        shared.to_client(b"next")
        assert sent(shared) == row + b"next"


def test_a_canary_planted_in_the_middle_of_a_row_is_found_from_there_on() -> None:
    shared = watching("another value")
    shared.to_client(b"x" * 50 + SSN[:6].encode(), unfinished=True)
    shared.watch_for(Watch([("new", SSN)]))
    with pytest.raises(CanarySeen):
        shared.to_client(SSN[6:].encode())


def test_what_was_kept_back_is_sent_when_nothing_is_looked_for_any_more() -> None:
    shared = watching(SSN)
    shared.to_client(b"x" * 20, unfinished=True)
    shared.watch_for(None)
    shared.to_client(b"y")
    assert sent(shared) == b"x" * 20 + b"y"
