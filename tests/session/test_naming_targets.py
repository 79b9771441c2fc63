"""What a name stands for decides what becomes of the statement that names it: errors, people, proof."""

from __future__ import annotations

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.link import Limits
from tests.session.rulings import TERMS
from tests.session.test_attesting import PREFERRED
from tests.session.test_attesting import PREPARED as TREED
from tests.session.test_extended import BLOCK
from tests.session.transcript import LOGIN, READY, Play, play

HELD_CURSOR = (
    BLOCK
    + """
    >> Query "DECLARE c CURSOR FOR SELECT 1"
    !! declare=c hold
    <= ParseComplete / ParameterDescription / NoData / CloseComplete
    <= ReadyForQuery T
    !! opened apr_1
    !! approved
    <= ParseComplete / BindComplete / NoData
    !! released
    !! recorded
    <= CommandComplete "DECLARE CURSOR" / CloseComplete / CloseComplete / ReadyForQuery T
"""
)


def prepared(words: str) -> str:
    return f"""
    >> Query "PREPARE p AS SELECT odd FROM t"
    !! prepare=p {words}
    <= ParseComplete / BindComplete / NoData
    !! recorded
    <= CommandComplete "PREPARE" / CloseComplete / CloseComplete / ReadyForQuery I
    """


def test_its_errors_are_rebuilt_where_its_own_would_be() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Parse "" "EXECUTE p" / Bind "" "" / Describe P "" / Flush
        <= ParseComplete / BindComplete / RowDescription odd=1.3
        ?? RecordExecution #2 "EXECUTE p" shows ssn:redact
        !! recorded
        => Execute ""
        << RowDescription odd=1.3
        => Close P "" / Close S "" / Sync
        <= ErrorResponse 22P02 "invalid input syntax: 123-45-6789" / ReadyForQuery I
        -- RecordOutcome #2 "" 22P02 rows=0 cells=0 size=0
        << ErrorResponse 22P02 "invalid text representation" ...
        << ReadyForQuery I
        """,
        before=LOGIN + READY + prepared("masks=ssn scrub"),
    )


def test_who_must_agree_to_it_is_asked() -> None:
    told = Play()
    told.play(LOGIN + READY + prepared("hold"))
    told.play('>> Query "EXECUTE p"\n!! execute=p\n<= ParseComplete / ParameterDescription / NoData / CloseComplete')
    told.play("<= ReadyForQuery I")
    assert told._asked[ev.Hold].ruling.decision.terms == (TERMS,)


def test_what_was_not_proven_when_it_was_prepared_is_refused_where_no_tree_comes() -> None:
    play(
        """
        >> Query "EXECUTE p"
        ?? Judge several "EXECUTE p"
        !! execute=p
        => Describe S "p" / Flush
        <= ParameterDescription / RowDescription odd=0
        => Parse "~named" "SELECT odd FROM t" / Close S "~named" / Flush
        <= ParseComplete / CloseComplete
        => Parse "~unproven" "EXECUTE p" / Close S "~unproven" / Flush
        <= ParseComplete / CloseComplete
        -- RecordRefusal #2 42501 "EXECUTE p"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=PREFERRED + prepared("inner=SELECT_odd_FROM_t unproven"),
    )


def test_whoever_agreed_to_a_cursor_agreed_under_that_policy() -> None:
    play(
        r"""
        !! epoch 2
        >> Query "FETCH c"
        ?? Judge several "FETCH c"
        !! fetch=c epoch=2
        ?? Judge "DECLARE c CURSOR FOR SELECT 1"
        !! declare=c hold epoch=2
        ?? Hold #3 "FETCH c\nDECLARE c CURSOR FOR SELECT 1" in-transaction reason=INC-1
        """,
        before=HELD_CURSOR,
    )


def test_what_sql_prepares_is_bounded_too() -> None:
    play(
        """
        >> Query "PREPARE q AS SELECT 1"
        ?? Judge several "PREPARE q AS SELECT 1"
        !! prepare=q inner=SELECT_1
        -- RecordRefusal #1 53400 "PREPARE q AS SELECT 1"
        => Parse "~refused" "refused by pgmaskproxy" / Close P "" / Close S "" / Sync
        """,
        before=TREED,
        limits=Limits(tree_bytes=1),
    )
