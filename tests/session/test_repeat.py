"""A read that is repeated goes upstream whole, behind its record; anything unusual goes message by message."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.events import UseKeys
from tests.session.test_attesting import BEFORE
from tests.session.test_early import EARLY, PREPARED, SQL
from tests.session.test_extended_tokens import KEYS, TOKEN
from tests.session.test_extended_tokens import SQL as BY_TOKEN
from tests.session.transcript import Play, compare, play

ONCE_MORE = (
    EARLY
    + """
    !! recorded
    <= BindComplete / RowDescription ssn=1.3 / CommandComplete "SELECT 0" / ReadyForQuery I
"""
)
"""Its description has been seen since it was allowed."""

KNOWN = BEFORE + PREPARED + ONCE_MORE
BATCH = '>> Bind "" "s" / Describe P "" / Execute "" / Sync'
WHOLE = f"""
    {BATCH}
    ?? RecordExecution #3 "{SQL}" shows ssn:redact
    !! recorded
    => Bind "" "s" / Describe P "" / Execute "" / Sync
"""
ANSWER = """
    <= BindComplete / RowDescription ssn=1.3 / DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
    << BindComplete / RowDescription ssn=1.3 / DataRow "***"
    -- RecordOutcome #3 "SELECT 1" rows=1 cells=1 size=14
    << CommandComplete "SELECT 1" / ReadyForQuery I
"""


def test_it_is_recorded_then_sent_as_one() -> None:
    play(WHOLE + ANSWER, before=KNOWN)


def test_again_and_again() -> None:
    play(WHOLE.replace("#3", "#4") + ANSWER.replace("#3", "#4"), before=KNOWN + WHOLE + ANSWER)


def test_who_does_not_ask_for_the_description_does_not_get_it() -> None:
    play(
        WHOLE.replace('>> Bind "" "s" / Describe P "" /', '>> Bind "" "s" /')
        + ANSWER.replace("<< BindComplete / RowDescription ssn=1.3 /", "<< BindComplete /"),
        before=KNOWN,
    )


def test_what_cannot_be_recorded_is_not_sent() -> None:
    play(
        f"""
        {BATCH}
        ?? RecordExecution #3 "{SQL}" shows ssn:redact
        !! unrecorded 53100 "the audit log cannot be written"
        -- RecordRefusal #3 53100 ...
        => Parse ...
        => Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 53100 ... / ReadyForQuery I
        """,
        before=KNOWN,
    )


def test_what_is_cancelled_meanwhile_is_not_sent() -> None:
    told = Play()
    told.play(KNOWN)
    happened = told.play(f"{BATCH}\n!! cancel\n!! recorded")
    lines = [line for _, out in happened for line in out]
    assert any("57014" in line for line in lines)
    assert not any("Bind" in line for line in lines)


@pytest.mark.parametrize(
    ("before", "batch"),
    [
        # The description has not been seen since it was allowed.
        (BEFORE + PREPARED, BATCH),
        (KNOWN, BATCH.replace(" / Sync", " / Flush")),
        (KNOWN, '>> Bind "" "s" / Describe P "" / Execute "" 10 / Sync'),
        (KNOWN, '>> Bind "p" "s" / Describe P "p" / Execute "p" / Sync'),
        (KNOWN, '>> Bind "" "s" / Execute "" / Execute "" / Sync'),
        (KNOWN, '>> Bind "" "s" / Execute "" / Sync / Sync'),
        (KNOWN, '>> Bind "" "s" / Execute ""'),
        (KNOWN, BATCH.replace('"s"', f'"s" "{"x" * 70_000}"')),
    ],
    ids=range(8),
)
def test_anything_else_goes_message_by_message(before: str, batch: str) -> None:
    told = Play()
    told.play(before)
    happened = told.play(batch)
    lines = [line for _, out in happened for line in out]
    assert lines[0].startswith("=> Bind"), "the Bind goes ahead, and only Execute waits for the record"


@pytest.mark.parametrize("moved", ["!! epoch 2", "!! doubt"])
def test_what_was_allowed_under_something_else_is_asked_again(moved: str) -> None:
    told = Play()
    told.play(KNOWN)
    happened = told.play(f"{moved}\n{BATCH}")
    lines = [line for _, out in happened for line in out]
    assert not any("RecordExecution" in line or ("Bind" in line and SQL in line) for line in lines)
    assert any("Judge" in line or "_path" in line or "Path" in line or "Parse" in line for line in lines)


def test_in_a_transaction_block_its_portal_stays() -> None:
    """And may be executed again: it has its place in the table of names."""
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE + '<= BindComplete / RowDescription ssn=1.3 / CommandComplete "SELECT 0" / ReadyForQuery T')
    told.play('>> Close P "" / Sync\n<= CloseComplete / ReadyForQuery T')
    lines = [line for _, out in told.play(BATCH) for line in out]
    assert lines[0].startswith("=> Bind")


def test_what_comes_behind_it_waits_for_its_end() -> None:
    play(
        WHOLE
        + BATCH
        + """
        <= BindComplete
        << BindComplete
        <= RowDescription ssn=1.3
        << RowDescription ssn=1.3
        <= CommandComplete "SELECT 0"
        -- RecordOutcome #3 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0"
        <= ReadyForQuery I
        << ReadyForQuery I
        => Bind "" "s" / Describe P ""
        ?? RecordExecution #4 ...
        """,
        before=KNOWN,
    )


def test_a_client_that_leaves_meanwhile() -> None:
    told = Play()
    told.play(KNOWN)
    script = WHOLE + ">>\n=> Terminate\n-- Close ..."
    compare(script, told.play(script))


TOKENS = f"""
    >> Parse "s" "{BY_TOKEN}" / Sync
    !! read masks=- inputs=token,only
    <= Tree "T1" / ParseComplete / ReadyForQuery I
    >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
    !! attested independent read masks=- inputs=token,only
    <= BindComplete / RowDescription name=1.2
    !! recorded
    <= CommandComplete "SELECT 0" / ReadyForQuery I
"""


@pytest.mark.parametrize("given", ["123-45-6789", "***"])
def test_what_a_parameter_may_be_is_looked_at_each_time(given: str) -> None:
    """A token was looked up; a value in its place is refused, however often the statement was allowed."""
    told = Play()
    told.session.receive(UseKeys(KEYS))
    told.play(BEFORE + TOKENS)
    for _ in range(2):
        told.play(
            f"""
            >> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync
            !! recorded
            <= BindComplete / RowDescription name=1.2 / CommandComplete "SELECT 0" / ReadyForQuery I
            """
        )
    happened = told.play(f'>> Bind "" "s" "{given}" / Describe P "" / Execute "" / Sync')
    lines = [line for _, out in happened for line in out]
    assert any(line.startswith("-- RecordRefusal") and "42501" in line for line in lines)
    assert not any("=> Bind" in line for line in lines)
    happened = told.play(
        '<= ErrorResponse 42601 "syntax error" / ReadyForQuery I\n'
        f'>> Bind "" "s" "{TOKEN}" / Describe P "" / Execute "" / Sync'
    )
    assert '=> Bind "" "s" "123-45-6789"' in [line for _, out in happened for line in out], "the value, not the token"
