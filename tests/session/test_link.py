"""What both halves of a session share."""

from __future__ import annotations

from pgmaskproxy.model import Refusal
from pgmaskproxy.session.events import SendClient, SendServer
from pgmaskproxy.session.link import Limits, Link
from pgmaskproxy.session.pipeline import PARSE, Exchange
from pgmaskproxy.wire.frontend import Sync
from tests.session.transcript import ENTROPY


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
