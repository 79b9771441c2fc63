"""A text that is like others but for its constants is bound while its tree is on the way, and executed when that was
judged."""

from __future__ import annotations

import pytest

from tests.session.test_attesting import BEFORE
from tests.session.transcript import Play, compare, play

SQL = "SELECT ssn FROM customers WHERE id = {}"
ONE, TWO = SQL.format(1), SQL.format(2)
ONCE = f"""
    >> Query "{ONE}"
    !! read masks=ssn general
    <= Tree "T1" / ParseComplete
    !! attested independent read masks=ssn
    <= BindComplete / RowDescription ssn=1.3
    !! recorded
    <= CommandComplete "SELECT 0" / CloseComplete / CloseComplete / ReadyForQuery I
"""
AHEAD = f"""
    >> Query "{TWO}"
    ?? Judge several "{TWO}"
    !! read masks=ssn general
    => Parse "" "{TWO}" / Bind "" "" / Describe P "" / Flush
"""
ATTESTED = f"""
    <= Tree "T2" / ParseComplete
    ?? Attest "{TWO}" "T2"
"""


def test_it_is_executed_when_its_tree_was_judged() -> None:
    play(
        AHEAD
        + ATTESTED
        + f"""
        !! attested independent read masks=ssn
        <= BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #2 "{TWO}" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=1.3
        => Close P "" / Close S "" / Sync
        <= DataRow "123-45-6789"
        << DataRow "***"
        """,
        before=BEFORE + ONCE,
    )


def test_an_answer_that_comes_at_once_changes_nothing() -> None:
    play(
        AHEAD
        + f"""
        <= Tree "T2" / ParseComplete
        ?? Attest "{TWO}" "T2"
        <= BindComplete / RowDescription ssn=1.3
        !! attested independent read masks=ssn
        ?? RecordExecution #2 "{TWO}" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription ssn=1.3
        => Close P "" / Close S "" / Sync
        """,
        before=BEFORE + ONCE,
    )


@pytest.mark.parametrize("bound", ["", " / BindComplete / RowDescription ssn=1.3"])
def test_what_its_tree_refuses_is_not_executed(bound: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    told.play(AHEAD)
    happened = told.play(f'<= Tree "T2" / ParseComplete{bound}\n!! attested read deny')
    lines = [line for _, out in happened for line in out]
    assert any(line.startswith("-- RecordRefusal #2 42501") for line in lines)
    assert not any("Execute" in line for line in lines)


def test_a_tree_that_comes_at_bind_is_judged_too() -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    told.play(AHEAD)
    happened = told.play(
        '<= Tree "T2" / ParseComplete\n!! attested independent read masks=ssn\n'
        '<= Tree "T3" / BindComplete / RowDescription ssn=1.3'
    )
    lines = [line for _, out in happened for line in out]
    assert any(line.startswith("?? Attest") and "T3" in line for line in lines)
    assert not any("Execute" in line for line in lines)


def test_a_server_that_cannot_bind_it_is_heard() -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    told.play(AHEAD)
    happened = told.play('<= Tree "T2" / ParseComplete / ErrorResponse 22012 "division by zero"')
    lines = [line for _, out in happened for line in out]
    assert any(line.startswith("<< ErrorResponse") and "22012" in line for line in lines)
    assert not any("Execute" in line for line in lines)


@pytest.mark.parametrize(
    ("moved", "answer"),
    [
        ("!! epoch 2", "read masks=ssn general epoch=2"),
        ("", "read masks=ssn"),
        ("", "read masks=- general opaque"),
    ],
)
def test_what_is_not_the_same_reading_waits_for_its_tree(moved: str, answer: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    script = f"""
        {moved}
        >> Query "{TWO}"
        ?? Judge several "{TWO}"
        !! {answer}
        => Parse "" "{TWO}" / Flush
    """
    compare(script, told.play(script))


def test_and_so_does_what_was_not_allowed_before() -> None:
    told = Play()
    told.play(BEFORE)
    told.play(ONCE.replace("!! attested independent read masks=ssn", "!! attested read masks=ssn"))
    script = f"""
        >> Query "{TWO}"
        ?? Judge several "{TWO}"
        !! read masks=ssn general
        => Parse "" "{TWO}" / Flush
    """
    compare(script, told.play(script))


def test_when_definitions_are_in_doubt_nothing_is_familiar() -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    happened = told.play(
        f"""
        !! doubt
        >> Query "{TWO}"
        <= Path "pg_catalog" "public" / ReadyForQuery I
        !! read masks=ssn general
        """
    )
    assert happened[-1][1][-1] == "=> Flush"
    assert not any("Bind" in line and "path" not in line for line in happened[-1][1])
