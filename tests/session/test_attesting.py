"""The server's own tree decides: when it is asked for, which one counts, and what happens without one (DESIGN 3a)."""

from __future__ import annotations

from pgmaskproxy.session.link import Limits
from tests.session.transcript import ATTESTING, READY, play

READY_TOO = READY.replace("<= ParseComplete", '<= Tree "T0" / ParseComplete')
BEFORE = ATTESTING + READY_TOO
PREFERRED = BEFORE.replace("connected required", "connected preferred")
PREPARED = (
    BEFORE
    + """
    >> Parse "s" "SELECT ssn FROM customers" / Sync
    !! read masks=ssn
    <= Tree "T1" / ParseComplete / ReadyForQuery I
"""
)
BOUND_ONCE = (
    PREPARED
    + """
    >> Bind "" "s" / Describe P "" / Execute "" / Sync
    !! attested read masks=ssn
    <= BindComplete / RowDescription ssn=1.3
    !! recorded
    <= CommandComplete "SELECT 0" / ReadyForQuery I
"""
)


def test_nothing_is_bound_before_the_tree_was_judged() -> None:
    play(
        """
        >> Parse "" "SELECT ssn FROM customers" / Bind "" "" / Describe P "" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read masks=ssn
        => Parse "" "SELECT ssn FROM customers" / Flush
        <= Tree "T1" / ParseComplete
        << ParseComplete
        ?? Attest "SELECT ssn FROM customers" "T1"
        !! attested read masks=ssn
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #1 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / ReadyForQuery I
        << DataRow "***"
        -- RecordOutcome #1 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=BEFORE,
    )


def test_a_simple_query_is_bound_once_its_tree_was_judged() -> None:
    play(
        """
        >> Query "SELECT name FROM customers"
        ?? Judge several "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "SELECT name FROM customers" "T1"
        !! attested read masks=ssn
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / RowDescription name=1.3
        ?? RecordExecution #1 "SELECT name FROM customers" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription name=1.3
        => Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_a_tree_refuses_what_the_text_found_clean() -> None:
    play(
        """
        >> Query "SELECT @name FROM customers"
        ?? Judge several "SELECT @name FROM customers"
        !! read masks=-
        => Parse "" "SELECT @name FROM customers" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "SELECT @name FROM customers" "T1"
        !! attested read masks=- deny
        -- RecordRefusal #1 42501 "SELECT @name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42501 "permission denied by policy" ...
        << ReadyForQuery I
        """,
        before=BEFORE,
    )


def test_a_tree_clears_what_the_text_could_not_prove() -> None:
    play(
        """
        >> Query "SELECT odd FROM t"
        ?? Judge several "SELECT odd FROM t"
        !! read unproven
        => Parse "" "SELECT odd FROM t" / Flush
        <= Tree "T1" / ParseComplete
        ?? Attest "SELECT odd FROM t" "T1"
        !! attested read masks=-
        => Bind "" "" / Describe P "" / Flush
        <= BindComplete / RowDescription odd=0
        ?? RecordExecution #1 "SELECT odd FROM t" shows -
        !! recorded
        => Execute ""
        << RowDescription odd=0
        => Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_what_the_text_refuses_for_certain_is_never_parsed() -> None:
    play(
        """
        >> Query "SELECT lower(ssn) FROM customers"
        ?? Judge several "SELECT lower(ssn) FROM customers"
        !! read deny
        -- RecordRefusal #1 42501 "SELECT lower(ssn) FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_without_a_tree_nothing_runs_where_one_is_required() -> None:
    play(
        """
        >> Query "SELECT name FROM customers"
        ?? Judge several "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Flush
        <= ParseComplete
        -- RecordRefusal #1 0A000 "SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_without_a_tree_the_texts_word_has_to_do_where_one_is_preferred() -> None:
    play(
        """
        >> Query "SELECT name FROM customers"
        ?? Judge several "SELECT name FROM customers"
        !! read masks=ssn
        => Parse "" "SELECT name FROM customers" / Flush
        <= ParseComplete
        => Bind "" "" / Describe P "" / Flush
        >> Query "SELECT odd FROM customers"
        <= BindComplete / RowDescription name=1.3
        ?? RecordExecution #1 "SELECT name FROM customers" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription name=1.3
        => Close P "" / Close S "" / Sync
        <= CommandComplete "SELECT 0" / CloseComplete / CloseComplete / ReadyForQuery I
        -- RecordOutcome #1 "SELECT 0" rows=0 cells=0 size=0
        << CommandComplete "SELECT 0" / ReadyForQuery I
        ?? Judge several "SELECT odd FROM customers"
        !! read unproven
        => Parse "" "SELECT odd FROM customers" / Flush
        <= ParseComplete
        -- RecordRefusal #2 42501 "SELECT odd FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=PREFERRED,
    )


def test_several_trees_of_one_statement_are_refused() -> None:
    play(
        """
        >> Query "SELECT name FROM customers"
        ?? Judge several "SELECT name FROM customers"
        !! read masks=-
        => Parse "" "SELECT name FROM customers" / Flush
        <= Tree "T1" / Tree "T2" / ParseComplete
        -- RecordRefusal #1 0A000 "SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_nested_trees_are_told_apart_wherever_they_stand() -> None:
    play(
        """
        >> Query "SELECT f() FROM customers"
        ?? Judge several "SELECT f() FROM customers"
        !! read masks=-
        => Parse "" "SELECT f() FROM customers" / Flush
        <= Tree "N1" W / Tree "T1" / Tree "N2" W / ParseComplete
        ?? Attest "SELECT f() FROM customers" "T1" nested=2
        !! unattested 0A000 "a function that it runs reads customers"
        -- RecordRefusal #1 0A000 "SELECT f() FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_a_forged_tree_is_none() -> None:
    play(
        """
        >> Query "SELECT f()"
        ?? Judge several "SELECT f()"
        !! read masks=-
        => Parse "" "SELECT f()" / Flush
        <= NoticeResponse LOG 00000 "rewritten parse tree:" D="FORGED" F="pl_exec.c" R="exec_stmt_raise" / ParseComplete
        -- RecordRefusal #1 0A000 "SELECT f()"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_a_tree_is_judged_once_for_a_prepared_statement() -> None:
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        """,
        before=BOUND_ONCE,
    )


def test_another_tree_at_bind_is_judged_before_execute() -> None:
    """THREATS M02a: what was prepared means something else by now."""
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= Tree "T2" / BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? Attest "SELECT ssn FROM customers" "T2" anew
        !! attested read deny
        -- RecordRefusal #2 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BOUND_ONCE,
    )


def test_the_latest_analysis_stands_for_the_next_bind_too() -> None:
    """A Bind that analyses anew is the last to say so: the one behind it sends nothing, and means the same."""
    play(
        """
        >> Bind "" "s" / Sync
        => Bind "" "s" / Sync
        <= Tree "T2" / BindComplete / ReadyForQuery I
        << BindComplete / ReadyForQuery I
        >> Bind "" "s" / Sync
        ?? Attest "SELECT ssn FROM customers" "T2" anew
        !! attested read deny
        -- RecordRefusal #2 42501 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BOUND_ONCE,
    )


def test_a_description_of_the_statement_may_analyse_it_anew() -> None:
    play(
        """
        >> Describe S "s" / Sync
        => Describe S "s" / Sync
        <= Tree "T2" / ParameterDescription / RowDescription ssn=1.3 / ReadyForQuery I
        << ParameterDescription / RowDescription ssn=1.3 / ReadyForQuery I
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        ?? Attest "SELECT ssn FROM customers" "T2" anew
        """,
        before=BOUND_ONCE,
    )


def test_trees_at_bind_are_judged_even_if_they_are_a_functions_only() -> None:
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= Tree "N1" W / BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? Attest "SELECT ssn FROM customers" "T1" nested=1
        """,
        before=BOUND_ONCE,
    )


def test_a_tree_in_the_middle_of_rows_that_were_decided_ends_the_session() -> None:
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= Tree "T2" / DataRow "123-45-6789"
        << ErrorResponse FATAL XX000 ...
        => Terminate
        -- Close "the server analysed a statement anew, and understood something else than was decided" alarm
        """,
        before=BOUND_ONCE,
    )


def test_the_same_tree_once_more_is_no_news() -> None:
    """EXECUTE and COPY analyse when they run; only places in the text may differ."""
    play(
        """
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        => Bind "" "s" / Describe P "" / Flush
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete / RowDescription ssn=1.3
        ?? RecordExecution #2 "SELECT ssn FROM customers" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= Tree "T1" / DataRow "123-45-6789"
        << DataRow "***"
        """,
        before=BOUND_ONCE,
    )


def test_what_a_tree_said_under_an_older_epoch_is_asked_again() -> None:
    play(
        """
        !! epoch 2
        >> Bind "" "s" / Describe P "" / Execute "" / Sync
        ?? Judge "SELECT ssn FROM customers"
        !! read masks=ssn epoch=2
        ?? Attest "SELECT ssn FROM customers" "T1"
        !! attested read masks=null
        => Bind "" "s" / Describe P "" / Flush
        """,
        before=BOUND_ONCE,
    )


def test_what_was_decided_is_asked_again_once_definitions_are_in_doubt() -> None:
    """Also while the catalog cannot be read: then the answer is that, and not what held before."""
    play(
        """
        !! doubt
        >> Bind "" "s" / Sync
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path" / Close S "~path"
        => Sync
        <= Path "pg_catalog" "public" / ReadyForQuery I
        ?? Judge "SELECT ssn FROM customers"
        !! unreadable 55P03 "a lock is in the way"
        -- RecordRefusal #2 55P03 "SELECT ssn FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=BOUND_ONCE,
    )


def test_select_into_runs_only_when_a_person_agrees() -> None:
    play(
        """
        >> Query "SELECT ssn INTO t FROM customers"
        ?? Judge several "SELECT ssn INTO t FROM customers"
        !! read into masks=-
        => Parse "" "SELECT ssn INTO t FROM customers"
        -- RecordRefusal #1 0A000 "SELECT ssn INTO t FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=BEFORE,
    )


def test_what_is_kept_of_trees_is_bounded() -> None:
    play(
        """
        >> Parse "t" "SELECT name FROM customers" / Sync
        -- RecordRefusal #1 53400 "SELECT name FROM customers"
        => Parse "~refused" "refused by pgmaskproxy" / Sync
        """,
        before=PREPARED,
        limits=Limits(tree_bytes=1),
    )
