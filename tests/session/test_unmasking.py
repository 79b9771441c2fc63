"""What a person agreed to show: these columns, so many rows, once; and everything else as ever (docs/unmasking.md)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgmaskproxy.model import Analysis, Decision, Effect, Outcome, Ruling, Setting
from pgmaskproxy.session import events as ev
from pgmaskproxy.session.texts import supported
from tests.session.test_attesting import BEFORE
from tests.session.test_early import EARLY, ONCE, PREPARED
from tests.session.transcript import LOGIN, READY, Play, compare, play

SQL = "SELECT id, ssn FROM customers"
SET = """
    >> Query "SET pgmaskproxy.unmask = 'customers.ssn'"
    !! set=pgmaskproxy.unmask:customers.ssn
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
"""
WISHED = LOGIN + READY + SET
ASKED = (
    WISHED
    + f"""
    >> Query "{SQL}"
    !! read hold masks=-,ssn unmask=1
    <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 ssn=1.3 / CloseComplete
    <= ReadyForQuery I
    !! opened apr_1
"""
)
RUNNING = (
    ASKED
    + """
    !! approved
    <= ParseComplete / BindComplete / RowDescription id=1.1:23 ssn=1.3
    !! released
    !! recorded
"""
)
REFUSED = f"""
        -- RecordRefusal #2 42501 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy"
        => Close P "" / Close S "" / Sync
"""
BOUND = (
    WISHED
    + f"""
    >> Parse "" "{SQL}" / Bind "p" "" / Flush
    !! read hold masks=-,ssn unmask=1
    <= ParseComplete
    <= ParameterDescription / RowDescription id=1.1:23 ssn=1.3
    <= ReadyForQuery I
    !! opened apr_1
    !! approved
    <= BindComplete
"""
)


def test_the_first_rows_are_shown_and_those_behind_them_masked_and_the_client_is_told() -> None:
    play(
        f"""
        !! approved
        => Parse "" "{SQL}" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription id=1.1:23 ssn=1.3
        ?? Release #2 apr_1 "{SQL}" shows -,-
        !! released
        ?? RecordExecution #2 "{SQL}" shows -,- request=apr_1
        !! recorded
        => Execute ""
        << RowDescription id=1.1:23 ssn=1.3
        => Close P "" / Close S "" / Sync
        <= DataRow "1" "111" / DataRow "2" "222" / DataRow "3" "333" / DataRow "4" NULL / CommandComplete "SELECT 4"
        << DataRow "1" "111" / DataRow "2" "222" / DataRow "3" "***" / DataRow "4" NULL
        -- RecordOutcome #2 "SELECT 4" rows=4 cells=1 size=73 unmasked=2
        << NoticeResponse WARNING 01000 "only the first 2 rows are shown as they are, and the rest is masked" ...
        <= CloseComplete / CloseComplete / ReadyForQuery I
        << CommandComplete "SELECT 4" / ReadyForQuery I
        >> Query "{SQL}"
        ?? Judge several "{SQL}"
        """,
        before=ASKED,
    )


def test_one_row_after_another_no_more_are_shown() -> None:
    play(
        """
        <= DataRow "1" "111"
        << DataRow "1" "111"
        <= DataRow "2" "222"
        << DataRow "2" "222"
        <= DataRow "3" "333"
        << DataRow "3" "***"
        """,
        before=RUNNING,
    )


def test_so_many_rows_are_no_reason_for_a_warning() -> None:
    play(
        """
        <= DataRow "1" "111" / DataRow "2" "222" / CommandComplete "SELECT 2"
        << DataRow "1" "111" / DataRow "2" "222"
        -- RecordOutcome #2 "SELECT 2" rows=2 cells=0 size=38 unmasked=2
        """,
        before=RUNNING,
    )


def test_a_row_in_pieces_is_one_row() -> None:
    told = Play()
    told.play(RUNNING)
    lines: list[str] = []
    whole = b"D\0\0\0\x12\0\x02\0\0\0\x011\0\0\0\x03111" * 3
    for byte in whole:
        lines += told.lines([ev.ServerData(bytes([byte]))])
    assert lines == ['<< DataRow "1" "111"', '<< DataRow "1" "111"', '<< DataRow "1" "***"']


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 6), st.integers(1, 5), st.lists(st.integers(0, 130), max_size=4))
def test_however_rows_arrive_so_many_are_shown(rows: int, granted: int, cuts: list[int]) -> None:
    told = Play()
    told.play(RUNNING.replace("unmask=1", f"unmask=1 rows={granted}"))
    data = b"D\0\0\0\x12\0\x02\0\0\0\x011\0\0\0\x03111" * rows + b"C\0\0\0\x0dSELECT 9\0"
    lines: list[str] = []
    for begin, end in itertools.pairwise(sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})):
        lines += told.lines([ev.ServerData(data[begin:end])])
    clear = min(rows, granted)
    assert lines[:rows] == ['<< DataRow "1" "111"'] * clear + ['<< DataRow "1" "***"'] * (rows - clear)
    assert any("01000" in line for line in lines) is (rows > granted)
    assert any(f"unmasked={clear}" in line for line in lines) is (clear > 0)


@pytest.mark.parametrize("described", ["ssn=1.4", "ssn=0.0", "ssn=2.3", "ssn=1.0"])
def test_nobody_is_asked_where_the_server_names_another_column_or_none(described: str) -> None:
    play(
        f"""
        >> Query "{SQL}"
        ?? Judge several "{SQL}" unmask=customers.ssn
        !! read hold masks=-,ssn unmask=1
        => Parse "~held" "{SQL}" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 {described} / CloseComplete
        {REFUSED}
        """,
        before=WISHED,
    )


def test_witnesses_that_contradict_each_other_show_nothing() -> None:
    play(
        f"""
        <= ParseComplete / BindComplete / RowDescription id=1.1:23 ssn=1.3
        {REFUSED}
        -- WithdrawHold apr_1
        """,
        before=ASKED.replace("masks=-,ssn", "masks=-,email") + "!! approved",
    )


@pytest.mark.parametrize(
    "now",
    [
        "read masks=-,ssn epoch=2",
        "read hold masks=-,ssn unmask=1 rows=1 epoch=2",
        "read hold masks=-,ssn unmask=0,1 epoch=2",
        "read hold masks=-,ssn unmask=1 epoch=2 version=v2",
    ],
)
def test_what_was_agreed_to_is_what_is_shown_or_nothing_is(now: str) -> None:
    play(
        f"""
        !! approved
        ?? Judge "{SQL}" unmask=customers.ssn
        !! {now}
        => Parse "" "{SQL}" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription id=1.1:23 ssn=1.3
        {REFUSED}
        -- WithdrawHold apr_1
        """,
        before=ASKED + "!! epoch 2",
    )


def test_a_failed_execution_is_asked_for_again() -> None:
    play(
        f"""
        <= DataRow "1" "111" / ErrorResponse 22012 "division by zero" / ReadyForQuery I
        << DataRow "1" "111"
        -- RecordOutcome #2 "" 22012 rows=1 cells=0 size=19 unmasked=1
        << ErrorResponse 22012 "division by zero" / ReadyForQuery I
        >> Query "{SQL}"
        ?? Judge several "{SQL}" unmask=customers.ssn
        """,
        before=RUNNING,
    )


EXECUTED = f"""
    >> Parse "" "{SQL}" / Bind "" "" out=1,0 / Describe P "" / Execute "" 1 / Flush
    !! read hold masks=-,ssn unmask=1
    <= ParseComplete
    <= ParameterDescription / RowDescription id=1.1:23 ssn=1.3
    <= ReadyForQuery I
    !! opened apr_1
    !! approved
    <= BindComplete / RowDescription id=1.1:23/1 ssn=1.3
    !! released
    !! recorded
    <= DataRow "1" "111" / PortalSuspended
"""


def test_a_portal_that_goes_on_goes_on_masked() -> None:
    play(
        f"""
        >> Execute "" / Sync
        ?? Judge "{SQL}"
        !! read masks=-,ssn
        ?? RecordExecution #3 "{SQL}" shows -,ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "2" "222" / CommandComplete "SELECT 2" / ReadyForQuery I
        << DataRow "2" "***"
        -- RecordOutcome #3 "SELECT 2" rows=1 cells=1 size=19
        << CommandComplete "SELECT 2" / ReadyForQuery I
        """,
        before=WISHED + EXECUTED,
    )


def test_a_portal_that_was_executed_is_not_asked_for_again() -> None:
    play(
        f"""
        >> Execute ""
        -- RecordRefusal #4 42501 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy"
        """,
        before=WISHED
        + EXECUTED
        + """
        >> Parse "r" "SET pgmaskproxy.unmask = 'customers.ssn'" / Bind "r" "r" / Execute "r" / Flush
        !! set=pgmaskproxy.unmask:customers.ssn
        <= ParseComplete
        <= BindComplete / NoData
        !! recorded
        <= CommandComplete "SET"
        """,
    )


def test_what_is_reset_before_it_runs_is_not_shown() -> None:
    play(
        f"""
        >> Execute "p"
        ?? Judge "{SQL}"
        !! read masks=-,ssn
        => Describe P "p" / Flush
        <= RowDescription id=1.1:23 ssn=1.3
        -- RecordRefusal #2 42501 "{SQL}"
        => Parse "~refused" "refused by pgmaskproxy"
        -- WithdrawHold apr_1
        """,
        before=BOUND
        + """
        >> Parse "r" "RESET pgmaskproxy.unmask" / Bind "r" "r" / Execute "r" / Flush
        !! set=pgmaskproxy.unmask
        <= ParseComplete
        <= BindComplete / NoData
        !! recorded
        <= CommandComplete "RESET"
        """,
    )


def test_a_portal_that_was_bound_before_is_masked() -> None:
    play(
        f"""
        >> Execute "p"
        => Describe P "p" / Flush
        <= RowDescription id=1.1:23 ssn=1.3
        ?? RecordExecution #2 "{SQL}" shows -,ssn:redact
        !! recorded
        => Execute "p"
        """,
        before=LOGIN
        + READY
        + f"""
        >> Parse "" "{SQL}" / Bind "p" "" / Flush
        !! read masks=-,ssn
        <= ParseComplete / BindComplete
        >> Parse "r" "SET pgmaskproxy.unmask = 'customers.ssn'" / Bind "r" "r" / Execute "r" / Flush
        !! set=pgmaskproxy.unmask:customers.ssn
        <= ParseComplete
        <= BindComplete / NoData
        !! recorded
        <= CommandComplete "SET"
        """,
    )


def test_what_only_a_name_stands_for_is_masked() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p" unmask=customers.ssn
        !! execute=p
        => Parse "" "EXECUTE p" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #3 "EXECUTE p" shows ssn:redact
        """,
        before=LOGIN
        + READY
        + """
        >> Query "PREPARE p AS SELECT ssn FROM customers"
        !! prepare=p masks=ssn
        <= ParseComplete / BindComplete / NoData
        !! recorded
        <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
        """
        + SET,
    )


def test_by_the_servers_tree_it_is_held_and_the_second_run_is_judged_as_ever() -> None:
    play(
        f"""
        >> Query "{SQL}"
        ?? Judge several "{SQL}" unmask=customers.ssn
        !! read masks=-,ssn
        => Parse "" "{SQL}" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "{SQL}" "T1" unmask=customers.ssn
        !! attested independent read hold masks=-,ssn unmask=1
        => Parse "~held" "{SQL}" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 ssn=1.3 / CloseComplete
        => Sync
        <= ReadyForQuery I
        ?? Hold #2 "{SQL}" columns=id,ssn reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        => Parse "" "{SQL}" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "{SQL}" "T1" unmask=customers.ssn
        !! attested independent read hold masks=-,ssn unmask=1
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / RowDescription id=1.1:23 ssn=1.3
        ?? Release #2 apr_1 "{SQL}" shows -,-
        !! released
        ?? RecordExecution #2 "{SQL}" shows -,- request=apr_1
        !! recorded
        => Execute ""
        << RowDescription id=1.1:23 ssn=1.3
        => Close P "" / Close S "" / Sync
        <= DataRow "1" "111" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
        << DataRow "1" "111"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=0 size=19 unmasked=1
        << CommandComplete "SELECT 1" / ReadyForQuery I
        >> Query "{SQL}"
        ?? Judge several "{SQL}"
        !! read masks=-,ssn
        => Parse "" "{SQL}" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "{SQL}" "T1"
        """,
        before=BEFORE + SET,
    )


def test_what_went_early_before_does_not_while_something_is_asked_for() -> None:
    play(
        """
        >> Query "SELECT ssn FROM customers"
        ?? Judge several "SELECT ssn FROM customers" unmask=customers.ssn
        !! read masks=ssn
        => Parse "" "SELECT ssn FROM customers" / Flush
        """,
        before=BEFORE + ONCE + SET,
    )


def test_a_prepared_statement_that_went_early_does_not_either() -> None:
    told = Play()
    told.play(BEFORE + PREPARED + SET)
    script = """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers" unmask=customers.ssn
    """
    compare(script, told.play(script))
    assert '=> Bind "" "s"' in EARLY, "without it that is what goes out"


def test_in_a_query_of_several_statements_it_is_asked_for_when_its_turn_comes() -> None:
    text = f"SET LOCAL pgmaskproxy.unmask = 'customers.ssn'; {SQL}; {SQL}"
    play(
        f"""
        <= CommandComplete "SET"
        -- RecordOutcome #1 "SET" rows=0 cells=0 size=0
        << CommandComplete "SET"
        ?? Judge "{SQL}" unmask=customers.ssn
        !! read hold masks=-,ssn unmask=1
        => Parse "~held" "{SQL}" / Describe S "~held" / Close S "~held" / Flush
        <= ParseComplete / ParameterDescription / RowDescription id=1.1:23 ssn=1.3 / CloseComplete
        ?? Hold #2 "{SQL}" columns=id,ssn in-transaction reason=INC-1
        !! opened apr_1
        << NoticeResponse 00000 "statement is held for approval (request apr_1, 0s elapsed)" ...
        !! approved
        ?? Judge "{SQL}" unmask=customers.ssn
        !! read hold masks=-,ssn unmask=1
        => Parse "" "{SQL}" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription id=1.1:23 ssn=1.3
        ?? Release #2 apr_1 "{SQL}" shows -,-
        !! released
        ?? RecordExecution #2 "{SQL}" shows -,- request=apr_1
        !! recorded
        => Execute ""
        << RowDescription id=1.1:23 ssn=1.3
        => Flush
        <= DataRow "1" "111" / CommandComplete "SELECT 1"
        << DataRow "1" "111"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=0 size=19 unmasked=1
        << CommandComplete "SELECT 1"
        => Parse "" "{SQL}" / Bind "" "" / Describe P "" / Flush
        """,
        before=LOGIN
        + READY
        + f"""
        >> Query "{text}"
        !! set=pgmaskproxy.unmask:customers.ssn local ; read masks=-,ssn ; read masks=-,ssn
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        !! recorded
        """,
    )


def test_it_is_set_by_set_and_nothing_else() -> None:
    for kind, constant in (("SelectStmt", True), ("VariableSetStmt", False)):
        setting = Setting("pgmaskproxy.unmask", "customers.ssn" if constant else None, constant=constant)
        analysis = Analysis(kind, frozenset({Effect.SESSION}), settings=(setting,))
        refusal = supported(Ruling("...", 0, analysis, Decision(Outcome.ALLOW), 1)).decision.refusal
        assert refusal is not None
        assert refusal.message == "pgmaskproxy.unmask can only be changed by SET"
