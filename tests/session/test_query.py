"""Which flow each of the client's messages starts."""

from __future__ import annotations

import pytest

from tests.session.test_extended import PREPARED
from tests.session.transcript import play


def test_a_function_call_is_refused_with_its_ready_for_query() -> None:
    """THREATS M01: it names a function by OID, past every policy on statements."""
    play(
        """
        >> FunctionCall 2923
        -- RecordRefusal #1 0A000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 0A000 "the function call sub-protocol is not supported" ...
        << ReadyForQuery I
        """
    )


def test_copy_data_left_over_is_ignored_as_the_server_does() -> None:
    play(
        """
        >> CopyData "x" / CopyDone / CopyFail "y" / Query "SELECT 1"
        ?? Judge several "SELECT 1"
        """
    )


def test_while_the_server_discards_nothing_but_sync_is_handled() -> None:
    play(
        """
        >> Parse "" "SELECT nope"
        ?? Judge "SELECT nope"
        !! read
        => Parse "" "SELECT nope"
        <= ErrorResponse 42703 "column does not exist"
        << ErrorResponse 42703 "column does not exist"
        >> Parse "" "SELECT 1" / Bind "" "s" / Describe S "s" / Execute "" / Close S "s" / Flush / Query "SELECT 1"
        >> FunctionCall 2923 / CopyData "x"
        >> Sync
        => Sync
        """,
        before=PREPARED,
    )


def test_what_comes_behind_a_sync_waits_for_names_that_may_be_taken_back() -> None:
    play(
        """
        >> Close S "s" / Sync / Describe S "s" / Sync
        => Close S "s" / Sync
        <= CloseComplete / ReadyForQuery I
        << CloseComplete / ReadyForQuery I
        -- RecordRefusal #1 26000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=PREPARED,
    )


def test_what_changes_no_name_is_not_waited_for() -> None:
    play(
        """
        >> Describe S "s" / Sync / Describe S "s" / Sync
        => Describe S "s" / Sync / Describe S "s" / Sync
        """,
        before=PREPARED,
    )


LONG = "n" * 64


@pytest.mark.parametrize(
    "message",
    [
        f'Parse "{LONG}" "SELECT 1"',
        f'Bind "{LONG}" "s"',
        f'Bind "" "{LONG}"',
        f'Describe S "{LONG}"',
        f'Describe P "{LONG}"',
        f'Execute "{LONG}"',
        f'Close S "{LONG}"',
        f'Close P "{LONG}"',
    ],
)
def test_a_name_that_the_server_would_cut_is_refused(message: str) -> None:
    # Two names with the same first 63 bytes are one to the server and two to the table of names.
    play(
        f"""
        >> {message} / Sync
        -- RecordRefusal #1 42622 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=PREPARED,
    )


def test_a_name_of_63_bytes_is_a_name() -> None:
    play(
        f"""
        >> Close S "{LONG[:63]}"
        => Close S "{LONG[:63]}"
        """
    )
