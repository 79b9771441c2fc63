"""COPY by a simple query."""

from __future__ import annotations

import pytest

from tests.session.transcript import LOGIN, READY, play
from tests.session.words import quoted

COPYING = (
    LOGIN
    + READY
    + """
    >> Query "COPY customers TO STDOUT"
    !! copyout masks=-,-,ssn layout={layout}
    <= ParseComplete / BindComplete / NoData
    <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 name=1.2 ssn=1.3 / CloseComplete
    !! recorded
"""
)
"""A COPY is on its way, of customers' id, name and ssn."""


def test_copy_to_stdout_goes_through_the_plan_of_a_probe() -> None:
    play(
        r"""
        >> Query "COPY customers TO STDOUT"
        ?? Judge several "COPY customers TO STDOUT"
        !! copyout masks=-,-,ssn
        => Parse "" "COPY customers TO STDOUT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        => Parse "~copy" "SELECT 3 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 name=1.2 ssn=1.3 / CloseComplete
        ?? RecordExecution #1 "COPY customers TO STDOUT" shows -,-,ssn:redact
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CopyOutResponse 3 / CopyData "1\tAnn\t123-45-6789\n" / CopyData "2\t\\N\t\\N\n" / CopyDone
        << CopyOutResponse 3 / CopyData "1\tAnn\t***\n" / CopyData "2\t\\N\t\\N\n" / CopyDone
        <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "COPY 2" rows=2 cells=1 size=28
        << CommandComplete "COPY 2" / ReadyForQuery I
        """
    )


def test_csv_is_masked_in_csv() -> None:
    play(
        r"""
        <= CopyOutResponse 3 / CopyData "id,name,ssn\n" / CopyData "1,\"Ann, B\",123-45-6789\n" / CopyData "2,,\n"
        << CopyOutResponse 3 / CopyData "id,name,ssn\n" / CopyData "1,\"Ann, B\",***\n" / CopyData "2,,\n"
        <= CopyDone / CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        << CopyDone
        -- RecordOutcome #1 "COPY 2" rows=2 cells=1 size=46
        << CommandComplete "COPY 2" / ReadyForQuery I
        """,
        before=COPYING.format(layout="csv"),
    )


def test_binary_is_masked_in_binary() -> None:
    head = (b"PGCOPY\n\xff\r\n\0" + bytes(8)).hex()
    play(
        f"""
        <= CopyOutResponse 3/1 / CopyData hex {head}00030000000400000001ffffffff000000023432 / CopyData hex ffff
        << CopyOutResponse 3/1 / CopyData {_shown(head + "00030000000400000001ffffffff00000003" + b"***".hex())}
        << CopyData {_shown("ffff")}
        <= CopyDone / CommandComplete "COPY 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << CopyDone
        -- RecordOutcome #1 "COPY 1" rows=1 cells=1 size=52
        << CommandComplete "COPY 1" / ReadyForQuery I
        """,
        before=COPYING.format(layout="binary"),
    )


def _shown(data: str) -> str:
    return quoted(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("layout", "data", "why"),
    [
        ("text", r"1\tAnn\n", "a row of COPY data has another number of fields than its description"),
        ("text", r"1\tAnn\t123-45-6789\n2\tB\t1\n", "a CopyData is not exactly one row"),
        ("csv", r"1,Ann,123-45-6789\n", "COPY data does not begin with its header"),
        ("csv", r"id,name,ssn\n1,Ann,123-45-6789\n", "COPY data does not begin with its header"),
        ("binary", "1", "binary COPY data does not begin as a server writes it"),
    ],
)
def test_a_row_that_cannot_be_matched_ends_the_copy_and_what_is_behind_it(layout: str, data: str, why: str) -> None:
    announced = "3/1" if layout == "binary" else "3"
    play(
        f"""
        <= CopyOutResponse {announced} / CopyData "{data}" / CopyData "3\\tC\\t123-45-6789\\n"
        << CopyOutResponse {announced}
        -- CancelUpstream
        << ErrorResponse FATAL 08P01 "{why}"
        => Terminate
        -- Close "{why}"
        """,
        before=COPYING.format(layout=layout),
    )


@pytest.mark.parametrize(("layout", "announced"), [("text", "3/1"), ("csv", "2"), ("binary", "3")])
def test_another_form_than_was_decided_ends_the_session(layout: str, announced: str) -> None:
    play(
        f"""
        <= CopyOutResponse {announced} / CopyData "Ann" / CopyDone
        << ErrorResponse FATAL 08P01 "COPY data was announced in another form than was decided on"
        => Terminate
        -- Close "COPY data was announced in another form than was decided on"
        """,
        before=COPYING.format(layout=layout),
    )


def test_a_copy_that_the_server_ends_too_early_is_no_whole_one() -> None:
    play(
        """
        <= CopyOutResponse 3 / CopyDone
        << CopyOutResponse 3 / ErrorResponse FATAL 08P01 "COPY data ends too early, or twice"
        => Terminate
        -- Close "COPY data ends too early, or twice"
        """,
        before=COPYING.format(layout="csv"),
    )


def test_a_copy_that_fails_midway_is_an_error_like_any() -> None:
    play(
        r"""
        <= CopyOutResponse 3 / CopyData "1\tAnn\t123-45-6789\n" / ErrorResponse 22012 "division by zero"
        << CopyOutResponse 3 / CopyData "1\tAnn\t***\n"
        -- RecordOutcome #1 "" 22012 rows=1 cells=1 size=15
        << ErrorResponse 22012 "division by zero"
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """,
        before=COPYING.format(layout="text"),
    )


def test_a_client_that_vanishes_in_the_middle_of_copy_data_takes_the_upstream_with_it() -> None:
    play(
        r"""
        >> Query "COPY t FROM STDIN"
        ?? Judge several "COPY t FROM STDIN"
        !! copyin layout=csv
        => Parse "" "COPY t FROM STDIN" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY t FROM STDIN" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CopyInResponse 1
        << CopyInResponse 1
        >> CopyData "1\n"
        => CopyData "1\n"
        >>
        => Terminate
        -- Close "the client left"
        """
    )


def test_a_client_that_leaves_in_the_middle_of_copy_data_gives_up_the_copy() -> None:
    play(
        r"""
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
        >> CopyData "1\n" / Terminate
        => CopyData "1\n" / CopyFail "the client left" / Flush / Close P "" / Close S "" / Sync
        <= ErrorResponse 57014 "COPY from stdin failed: the client left" / ReadyForQuery I
        -- RecordOutcome #1 "" 57014 rows=0 cells=0 size=0
        << ErrorResponse 57014 "COPY from stdin failed: the client left" / ReadyForQuery I
        """
    )


def test_a_copy_whose_probe_fails_does_not_run() -> None:
    play(
        """
        >> Query "COPY customers TO STDOUT"
        ?? Judge several "COPY customers TO STDOUT"
        !! copyout masks=- scrub
        => Parse "" "COPY customers TO STDOUT" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        => Parse "~copy" "SELECT 1 COLUMNS" / Describe S "~copy" / Close S "~copy" / Flush
        <= ErrorResponse 42501 "permission denied for table customers"
        << ErrorResponse 42501 "permission denied for table customers"
        => Sync
        <= ReadyForQuery I
        << ReadyForQuery I
        """
    )


def test_copy_from_stdin_relays_until_it_is_done() -> None:
    play(
        r"""
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
        >> CopyData "1\n" / Flush / Sync / CopyData "2\n"
        => CopyData "1\n" / CopyData "2\n"
        >> CopyDone
        => CopyDone / Flush / Close P "" / Close S "" / Sync
        <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "COPY 2" rows=0 cells=0 size=0
        << CommandComplete "COPY 2" / ReadyForQuery I
        """
    )


def test_a_copy_from_stdin_that_fails_midway_lets_the_client_finish_into_the_void() -> None:
    play(
        r"""
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
        >> CopyData "x\n"
        => CopyData "x\n"
        <= ErrorResponse 22P02 "invalid input syntax"
        -- RecordOutcome #1 "" 22P02 rows=0 cells=0 size=0
        << ErrorResponse 22P02 "invalid input syntax"
        => Sync
        >> CopyData "2\n" / CopyDone
        <= ReadyForQuery I
        << ReadyForQuery I
        >> Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """
    )


def test_copy_fail_is_the_clients_way_out() -> None:
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
        >> CopyFail "changed my mind"
        => CopyFail "changed my mind" / Flush / Close P "" / Close S "" / Sync
        <= ErrorResponse 57014 "COPY from stdin failed: changed my mind" / ReadyForQuery I
        -- RecordOutcome #1 "" 57014 rows=0 cells=0 size=0
        << ErrorResponse 57014 "COPY from stdin failed: changed my mind" / ReadyForQuery I
        """
    )


def test_a_statement_in_the_middle_of_copy_data_breaks_the_protocol() -> None:
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
        >> Query "SELECT 1"
        << ErrorResponse FATAL 08P01 "an unexpected message during COPY from stdin"
        => Terminate
        -- Close "an unexpected message during COPY from stdin"
        """
    )
