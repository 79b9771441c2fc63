"""The answer to a batch that was sent whole: the expected one is passed on at once, and any other is read as ever."""

from __future__ import annotations

import pytest

from pgmaskproxy.session.link import Limits
from tests.session.test_repeat import KNOWN, WHOLE
from tests.session.transcript import Play

ROW = 'DataRow "123-45-6789"'
END = 'CommandComplete "SELECT 1" / ReadyForQuery I'


@pytest.mark.parametrize(
    "pieces",
    [
        ["BindComplete", f"RowDescription ssn=1.3 / {ROW} / {END}"],
        ["BindComplete / RowDescription ssn=1.3", f"{ROW} / {END}"],
        [f"BindComplete / RowDescription ssn=1.3 / {ROW}", END],
        [f'BindComplete / RowDescription ssn=1.3 / {ROW} / CommandComplete "SELECT 1"', "ReadyForQuery I"],
        ["BindComplete", "RowDescription ssn=1.3", ROW, 'CommandComplete "SELECT 1"', "ReadyForQuery I"],
        [f"BindComplete / RowDescription ssn=1.3 / {ROW} / {END}"],
    ],
)
def test_however_it_arrives_the_client_gets_the_same(pieces: list[str]) -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    lines = [line for piece in pieces for _, out in told.play(f"<= {piece}") for line in out]
    said = " / ".join(line.removeprefix("<< ") for line in lines if line.startswith("<< "))
    assert said == f'BindComplete / RowDescription ssn=1.3 / DataRow "***" / {END}'
    assert [line for line in lines if line.startswith("-- ")] == [
        '-- RecordOutcome #3 "SELECT 1" rows=1 cells=1 size=14'
    ]


@pytest.mark.parametrize(
    "answer",
    [
        'Tree "T1" / BindComplete / RowDescription ssn=1.3',
        'Tree "N1" W / BindComplete / RowDescription ssn=1.3',
        "BindComplete / RowDescription ssn=1.2",
        "BindComplete / RowDescription ssn=1.3 / RowDescription ssn=1.3",
        "BindComplete / NoData",
    ],
)
def test_anything_else_than_before_ends_the_session_with_its_rows_sealed(answer: str) -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    lines = [line for _, out in told.play(f"<= {answer} / {ROW} / {END}") for line in out]
    assert not any("123" in line or "***" in line for line in lines)
    assert lines[-1].startswith("-- Close")


def test_a_tree_that_comes_while_it_runs_must_be_the_one_it_was_decided_by() -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(f'<= BindComplete / RowDescription ssn=1.3 / Tree "T2" / {ROW} / {END}')
    lines = [line for _, out in happened for line in out]
    assert not any("123" in line or "***" in line for line in lines)
    assert lines[-1].endswith("alarm")


@pytest.mark.parametrize("where", ["", "BindComplete / ", f"BindComplete / RowDescription ssn=1.3 / {ROW} / "])
def test_an_error_is_the_clients_and_the_session_goes_on(where: str) -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(f'<= {where}ErrorResponse 22P02 "invalid input syntax" / ReadyForQuery I')
    lines = [line for _, out in happened for line in out]
    assert any("ErrorResponse" in line and "22P02" in line for line in lines)
    assert any(line.startswith("-- RecordOutcome #3") and "22P02" in line for line in lines)
    again = [line for _, out in told.play('>> Bind "" "s" / Execute "" / Sync') for line in out]
    assert any("RecordExecution #4" in line for line in again)


def test_what_the_server_adds_is_told_in_its_place() -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(f'<= BindComplete / RowDescription ssn=1.3 / {ROW} / ParameterStatus "TimeZone" "UTC" / {END}')
    said = " / ".join(line for _, out in happened for line in out if line.startswith("<< "))
    assert 'DataRow "***"' in said
    assert 'ParameterStatus "TimeZone" "UTC"' in said
    assert said.endswith("ReadyForQuery I")


def test_a_row_of_another_width_ends_the_session() -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(f'<= BindComplete / RowDescription ssn=1.3 / DataRow "1" "2" / {END}')
    lines = [line for _, out in happened for line in out]
    assert not any('"1"' in line for line in lines)
    assert lines[-1].startswith("-- Close")


def test_an_answer_larger_than_a_row_may_be_is_read_message_by_message() -> None:
    """And a row that is too large ends it."""
    told = Play(Limits(row_bytes=20))
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(f"<= BindComplete / RowDescription ssn=1.3 / {ROW} / {END}")
    lines = [line for _, out in happened for line in out]
    assert not any("***" in line for line in lines)
    assert lines[-1].startswith('-- Close "a row to be masked is too large"')


def test_a_batch_that_leaves_the_server_in_a_transaction_is_read_as_ever() -> None:
    told = Play()
    told.play(KNOWN)
    told.play(WHOLE)
    happened = told.play(
        f'<= BindComplete / RowDescription ssn=1.3 / {ROW} / CommandComplete "SELECT 1" / ReadyForQuery T'
    )
    said = [line for _, out in happened for line in out if line.startswith("<< ")]
    assert said[-1].endswith("ReadyForQuery T")
