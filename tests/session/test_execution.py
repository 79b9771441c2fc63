"""The way from a ruling to an Execute: nothing is sent before its verdict is whole."""

from __future__ import annotations

import pytest

from pgmaskproxy.model import Statement
from pgmaskproxy.session.asking import Asking
from pgmaskproxy.session.attesting import Attesting
from pgmaskproxy.session.events import RecordRefusal, SendServer
from pgmaskproxy.session.execution import Decided, Execution
from pgmaskproxy.session.holding import Holding
from pgmaskproxy.session.link import Limits, Link
from pgmaskproxy.session.naming import Naming
from pgmaskproxy.session.pipeline import DESCRIBE, Exchange
from pgmaskproxy.session.statements import Prepared
from tests.session.rulings import PATH, rulings, visibility
from tests.session.test_extended import PREPARED
from tests.session.transcript import ENTROPY, Play, play

EXECUTES = '=> Execute "'


def test_execute_is_the_last_thing_sent_after_description_and_record() -> None:
    told = Play()
    told.play(PREPARED)
    steps = ['>> Bind "" "s" / Execute "" / Sync', "<= BindComplete", "<= RowDescription ssn=1.3", "!! recorded"]
    sent = [any(line.startswith(EXECUTES) for _, lines in told.play(step) for line in lines) for step in steps]
    assert sent == [False, False, False, True]


def test_a_description_that_fails_is_the_end_of_it() -> None:
    play(
        """
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / ErrorResponse 0A000 "cached plan must not change result type"
        << BindComplete / ErrorResponse 0A000 "cached plan must not change result type"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_statement_denied_under_the_fresh_catalog_does_not_run() -> None:
    play(
        """
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=2.1
        << BindComplete
        ?? Judge "SELECT ssn FROM customers" refresh
        !! read deny
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" F="policy.yaml" L="7" R="no-secrets"
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_a_statement_to_be_held_under_the_fresh_catalog_does_not_run_unasked() -> None:
    play(
        """
        >> Bind "" "s" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=2.1
        << BindComplete
        ?? Judge "SELECT ssn FROM customers" refresh
        !! read hold
        -- RecordRefusal #1 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" ...
        << ReadyForQuery I
        """,
        before=PREPARED,
    )


def test_masks_are_those_of_the_fresh_catalog() -> None:
    play(
        """
        >> Parse "" "SELECT upper(x) FROM new" / Bind "" "" / Execute "" / Sync
        ?? Judge "SELECT upper(x) FROM new"
        !! read masks=-,-
        => Parse "" "SELECT upper(x) FROM new" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription upper=0 x=2.1
        << ParseComplete / BindComplete
        ?? Judge "SELECT upper(x) FROM new" refresh
        !! read masks=null,- known=1,2
        ?? RecordExecution #1 "SELECT upper(x) FROM new" shows :null,-
        !! recorded
        => Execute "" / Sync
        """
    )


def test_a_refusal_that_could_not_be_proven_lets_the_server_speak_first() -> None:
    play(
        """
        >> Parse "" "SELECT nope FROM t" 23 / Sync
        ?? Judge "SELECT nope FROM t"
        !! read unproven
        => Parse "~unproven" "SELECT nope FROM t" 23 / Close S "~unproven" / Flush
        <= ErrorResponse 42703 "column nope does not exist" P="8"
        << ErrorResponse 42703 "column nope does not exist" P="8"
        -- RecordRefusal #1 42501 "SELECT nope FROM t"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Parse "" "SELECT odd FROM t" / Sync
        ?? Judge "SELECT odd FROM t"
        !! read unproven
        => Parse "~unproven" "SELECT odd FROM t" / Close S "~unproven" / Flush
        <= ParseComplete / CloseComplete
        -- RecordRefusal #2 42501 "SELECT odd FROM t"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "what this shows is not proven" / ReadyForQuery I
        """
    )


def test_a_client_that_leaves_during_copy_in_fails_it() -> None:
    play(
        """
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> Terminate
        => CopyFail "the client left" / Flush / Close P "" / Close S "" / Sync
        """
    )


def test_what_nobody_agreed_to_is_refused_even_if_everybody_forgot_to_ask() -> None:
    """The flows ask before; this is what stands behind them."""
    link = Link(ENTROPY, Limits())
    link.visibility = visibility()
    asking = Asking(link)
    execution = Execution(link, asking, Holding(link, asking), Naming(link, asking, Attesting(link)))
    description = Exchange(DESCRIBE, forward=False)
    description.done = True
    (ruling,) = rulings(Statement("DELETE FROM customers", "shop", "app", PATH, extended=True), ["delete", "hold"])
    decided = Decided(Prepared(b"", ruling, by_sql=False), ruling)
    flow = execution.run(b"", 0, decided, description, None)
    with pytest.raises(StopIteration) as ended:
        next(flow)
    assert ended.value.value is None
    refused, sent = link.commands
    assert isinstance(refused, RecordRefusal)
    assert isinstance(sent, SendServer)
    assert b"_refused" in sent.data
