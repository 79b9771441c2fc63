"""A session under a transparent policy: what is looked up, planned or withheld for a label's sake is not."""

from __future__ import annotations

import pytest

from tests.session.test_upstream import ALICE
from tests.session.transcript import LOGIN, play

TRANSPARENT = LOGIN.replace('!! login "alice"', '!! login "alice" transparent')


def test_no_search_path_is_asked_for_and_notices_and_errors_are_whole() -> None:
    play(
        """
        >> Query "CALL p()"
        ?? Judge several "CALL p()" path=unknown
        !! call transparent scrub
        => Parse "" "CALL p()" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "CALL p()" shows nothing
        !! recorded
        => Execute ""
        -- DefinitionsChanged
        => Close P "" / Close S "" / Sync
        <= NoticeResponse DEBUG 00000 "any" / NoticeResponse LOG 00000 "even that"
        << NoticeResponse DEBUG 00000 "any" / NoticeResponse LOG 00000 "even that"
        <= ErrorResponse 23505 "duplicate key" D="Key (ssn)=(1) already exists." / ReadyForQuery I
        -- RecordOutcome #1 "" 23505 rows=0 cells=0 size=0
        << ErrorResponse 23505 "duplicate key" D="Key (ssn)=(1) already exists."
        -- DefinitionsChanged
        << ReadyForQuery I
        """,
        before=TRANSPARENT,
    )


def test_a_deferred_trigger_at_the_hidden_commit_is_heard() -> None:
    play(
        """
        >> Query "INSERT 1; INSERT 2"
        ?? Judge several "INSERT 1; INSERT 2" path=unknown
        !! write transparent ; write transparent
        => Parse "~block" "BEGIN" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Parse "" "INSERT 1" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / CommandComplete "BEGIN" / CloseComplete / CloseComplete
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "INSERT 1" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #1 "INSERT 0 1" rows=0 cells=0 size=0
        << CommandComplete "INSERT 0 1"
        => Parse "" "INSERT 2" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #2 "INSERT 2" shows nothing
        !! recorded
        => Execute "" / Flush
        <= CommandComplete "INSERT 0 1"
        -- RecordOutcome #2 "INSERT 0 1" rows=0 cells=0 size=0
        => Parse "~block" "COMMIT" / Bind "~block" "~block" / Execute "~block" / Close P "~block"
        => Close S "~block" / Close P "" / Close S "" / Sync
        <= ParseComplete / BindComplete / NoticeResponse 00000 "triggered"
        << NoticeResponse 00000 "triggered"
        """,
        before=TRANSPARENT,
    )


def test_copy_goes_through_no_plan_and_no_probe() -> None:
    play(
        r"""
        >> Query "COPY customers TO STDOUT (HEADER)"
        ?? Judge several "COPY customers TO STDOUT (HEADER)" path=unknown
        !! copyout transparent
        => Parse "" "COPY customers TO STDOUT (HEADER)" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / NoData
        ?? RecordExecution #1 "COPY customers TO STDOUT (HEADER)" shows nothing
        !! recorded
        => Execute "" / Close P "" / Close S "" / Sync
        <= CopyOutResponse 3 / CopyData "anything\n" / CopyData "" / CopyDone
        << CopyOutResponse 3 / CopyData "anything\n" / CopyData "" / CopyDone
        <= CommandComplete "COPY 2" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "COPY 2" rows=2 cells=0 size=19
        << CommandComplete "COPY 2" / ReadyForQuery I
        """,
        before=TRANSPARENT,
    )


def test_a_function_call_is_recorded_and_passes_and_ends_without_a_sync() -> None:
    play(
        """
        >> FunctionCall 952
        ?? Judge "function call 952" path=unknown
        !! read transparent
        ?? RecordExecution #1 "function call 952" shows nothing
        !! recorded
        => FunctionCall 952
        <= FunctionCallResponse "1" / ReadyForQuery I
        -- RecordOutcome #1 "" rows=0 cells=0 size=0
        << FunctionCallResponse "1" / ReadyForQuery I
        >> FunctionCall 953
        ?? Judge "function call 953" path=unknown
        !! read transparent
        ?? RecordExecution #2 "function call 953" shows nothing
        !! recorded
        => FunctionCall 953
        <= ErrorResponse 42704 "large object 1 does not exist" / ReadyForQuery E
        -- RecordOutcome #2 "" 42704 rows=0 cells=0 size=0
        << ErrorResponse 42704 "large object 1 does not exist" / ReadyForQuery E
        """,
        before=TRANSPARENT,
    )


def test_a_function_call_is_refused_where_the_policy_has_been_replaced_meanwhile() -> None:
    play(
        """
        >> FunctionCall 952
        ?? Judge "function call 952" path=unknown
        !! unreadable 42601 "syntax error"
        -- RecordRefusal #1 0A000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 0A000 "the function call sub-protocol is not supported" ...
        << ReadyForQuery I
        """,
        before=TRANSPARENT,
    )


def test_a_function_call_passes_only_by_a_ruling_that_is_transparent() -> None:
    play(
        """
        >> FunctionCall 952
        ?? Judge "function call 952" path=unknown
        !! read transparent=no
        -- RecordRefusal #1 0A000 ""
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=TRANSPARENT,
    )


@pytest.mark.parametrize("word", ["transparent", ""])
def test_what_a_login_trigger_says_is_heard_only_under_it(word: str) -> None:
    heard = 'NoticeResponse 00000 "welcome" / ' if word else ""
    play(
        f"""
        !! connected
        => StartupMessage 3.0 user="app" database="shop_up" client_min_messages="log"
        <= AuthenticationOk / NoticeResponse 00000 "welcome" / NoticeResponse LOG 00000 "a tree"
        <= BackendKeyData 9 "real" / ReadyForQuery I
        -- SessionReady 9 "real" ""
        << AuthenticationOk / {heard}BackendKeyData 9 "key!" / ReadyForQuery I
        """,
        before=ALICE.replace('!! login "alice"', f'!! login "alice" {word}'),
    )
