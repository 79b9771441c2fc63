"""The queue of what the server still owes."""

from __future__ import annotations

import pytest

from pgmaskproxy.errors import PeerError
from pgmaskproxy.session.pipeline import BIND, EXECUTE, PARSE, SYNC, Exchange, Pipeline


def queue(*kinds: int) -> tuple[Pipeline, list[Exchange]]:
    pipeline, exchanges = Pipeline(), [Exchange(kind, forward=True) for kind in kinds]
    for exchange in exchanges:
        pipeline.append(exchange)
    return pipeline, exchanges


def test_answers_complete_in_the_order_of_what_was_sent() -> None:
    pipeline, (parse, bind) = queue(PARSE, BIND)
    assert pipeline.head is parse
    assert pipeline.complete(PARSE) is parse
    assert pipeline.complete(BIND) is bind
    assert parse.settled
    assert len(pipeline) == 0


@pytest.mark.parametrize("kinds", [(), (BIND, PARSE)])
def test_an_answer_out_of_turn_is_the_servers_fault(kinds: tuple[int, ...]) -> None:
    pipeline, exchanges = queue(*kinds)
    with pytest.raises(PeerError):
        pipeline.complete(PARSE)
    assert not any(exchange.settled for exchange in exchanges)


def test_an_error_fails_everything_before_the_next_sync_and_nothing_behind_it() -> None:
    pipeline, (parse, bind, sync, later) = queue(PARSE, BIND, SYNC, EXECUTE)
    assert pipeline.fail() == [parse, bind]
    assert parse.failed
    assert bind.failed
    assert not pipeline.discarding
    assert pipeline.head is sync
    assert not later.settled


def test_without_a_sync_the_server_goes_on_discarding() -> None:
    pipeline, _ = queue(PARSE)
    pipeline.fail()
    assert pipeline.discarding


def test_changes_are_taken_back_in_the_reverse_order() -> None:
    pipeline, (first, second) = queue(PARSE, BIND)
    undone: list[str] = []
    first.undo, second.undo = lambda: undone.append("first"), lambda: undone.append("second")
    pipeline.fail()
    assert undone == ["second", "first"]


def test_an_exchange_begins_sealed_and_scrubbed() -> None:
    exchange = Exchange(EXECUTE, forward=True)
    assert exchange.plan.sealed
    assert exchange.copy is None
    assert exchange.scrub
