"""A canary that would be sent ends the session: in a row, in a COPY, in an error, in what the client itself said."""

from __future__ import annotations

import pytest

from pgmaskproxy.mask.canary import Watch
from pgmaskproxy.model import Statement
from pgmaskproxy.session.events import Close, RecordCanary, SendClient, ServerData, WatchFor
from pgmaskproxy.session.results import _released
from pgmaskproxy.wire.backend import DataRow
from tests.session.rulings import rulings
from tests.session.transcript import LOGIN, READY, Play, compare

SSN = "937-12-4711"
WATCH = Watch([("can_1", SSN)])
ENDS = """
        -- RecordCanary can_1
        << ErrorResponse FATAL XX000 "a result was withheld" H="Tell the operator."
        => Terminate
        -- Close "a canary was about to be sent" alarm
"""
RUNNING = """
        >> Query "SELECT name FROM copies"
        !! read masks=-
        <= ParseComplete / BindComplete / RowDescription name=1.2
        !! recorded
"""


def watching() -> Play:
    told = Play(warm=True)
    told.session.receive(WatchFor(WATCH))
    return told


def play(script: str, told: Play | None = None) -> None:
    told = told or watching()
    compare(script, told.play(script))


def test_in_a_row() -> None:
    told = watching()
    told.play(RUNNING)
    play(f'<= DataRow "Ann" \n << DataRow "Ann" \n <= DataRow "it is {SSN}, is it not?" {ENDS}', told)


def test_in_a_copy() -> None:
    told = watching()
    told.play(
        """
        >> Query "COPY copies TO STDOUT"
        !! copyout masks=-
        <= ParseComplete / BindComplete / NoData
        <= ParseComplete / ParameterDescription / RowDescription name=1.2 / CloseComplete
        !! recorded
        <= CopyOutResponse 1
        """
    )
    play(f'<= CopyData "{SSN}\\n" {ENDS}', told)


def test_in_an_error_of_the_servers() -> None:
    told = watching()
    told.play(RUNNING)
    play(
        f'<= ErrorResponse 22P02 "invalid input: {SSN}" \n -- RecordOutcome #1 "" 22P02 rows=0 cells=0 size=0 {ENDS}',
        told,
    )


def test_in_what_the_client_itself_said() -> None:
    """Who knows one has it from somewhere."""
    play(
        f"""
        >> Query "SELECT 1 FROM '{SSN}'"
        ?? Judge several "SELECT 1 FROM '{SSN}'"
        !! unreadable 42601 "syntax error at or near '{SSN}'"
        -- RecordRefusal #1 42601 "SELECT 1 FROM '{SSN}'"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error at or near refused"
        {ENDS}
        """
    )


@pytest.mark.parametrize("at", [8, 30, 60, 62, 66, 70, 72, 90, 120])
def test_a_row_that_comes_in_pieces_says_nothing_of_it(at: int) -> None:
    told = watching()
    told.play(RUNNING)
    row = DataRow((b"x" * 50 + SSN.encode() + b"y" * 50,)).encode()
    out = [command for part in (row[:at], row[at:]) for command in told.session.receive(ServerData(part))]
    data = b"".join(command.data for command in out if isinstance(command, SendClient))
    assert b"937" not in data
    assert [command.canary for command in out if isinstance(command, RecordCanary)] == ["can_1"]
    assert [command.alarm for command in out if isinstance(command, Close)] == [True]
    assert b"FATAL" not in data, "it would be taken for a part of the row"


def test_who_is_cleared_sees_it() -> None:
    told = watching()
    told.play(RUNNING.replace("masks=-", "masks=- cleared"))
    play(f'<= DataRow "{SSN}" \n << DataRow "{SSN}"', told)


@pytest.mark.parametrize(
    ("words", "released"),
    [
        ("read masks=-", False),
        ("read masks=- expression", False),
        ("read masks=- hold", False),
        ("read masks=- cleared", True),
        ("read masks=- hold expression", True),
    ],
)
def test_whose_rows_are_not_looked_through(words: str, released: bool) -> None:
    """Of who is cleared, and where a person agreed to an expression over labelled columns."""
    (ruling,) = rulings(Statement("SELECT 1", "shop", "app", ()), words.split())
    assert _released(ruling) is released


def test_nothing_is_looked_for_until_somebody_says_so_nor_when_nobody_does_any_more() -> None:
    told = Play(warm=True)
    told.play(RUNNING)
    play(f'<= DataRow "{SSN}" \n << DataRow "{SSN}"', told)
    told.session.receive(WatchFor(WATCH))
    told.session.receive(WatchFor(None))
    play(f'<= DataRow "{SSN}" \n << DataRow "{SSN}"', told)


def test_one_that_is_planted_while_a_statement_runs_is_looked_for_at_once() -> None:
    told = Play()
    told.play(LOGIN + READY + RUNNING)
    told.session.receive(WatchFor(WATCH))
    play(f'<= DataRow "{SSN}" {ENDS}', told)
