"""What was decided before goes out at once, and nothing else does (DESIGN 3c)."""

from __future__ import annotations

import pytest

from pgmaskproxy.mask.keys import NO_KEYS
from pgmaskproxy.session import events as ev
from tests.session.test_attesting import BEFORE
from tests.session.transcript import Play, compare, play

SQL = "SELECT ssn FROM customers"
ONCE = f"""
    >> Query "{SQL}"
    !! read masks=ssn
    <= Tree "T1 :location 7 }}" / ParseComplete
    !! attested independent read masks=ssn
    <= BindComplete / RowDescription ssn=1.3
    !! recorded
    <= DataRow "123-45-6789" / CommandComplete "SELECT 1" / CloseComplete / CloseComplete / ReadyForQuery I
"""
AGAIN = f"""
    >> Query "{SQL}"
    ?? Judge several "{SQL}"
    !! read masks=ssn
    => Parse "" "{SQL}" / Bind "" "" / Describe P ""
    ?? RecordExecution #2 "{SQL}" shows ssn:redact
    !! recorded
    => Execute "" / Close P "" / Close S "" / Sync
"""
PREPARED = f"""
    >> Parse "s" "{SQL}" / Sync
    !! read masks=ssn
    <= Tree "T1" / ParseComplete / ReadyForQuery I
    >> Bind "" "s" / Describe P "" / Execute "" / Sync
    !! attested independent read masks=ssn
    <= BindComplete / RowDescription ssn=1.3
    !! recorded
    <= CommandComplete "SELECT 0" / ReadyForQuery I
"""
EARLY = f"""
    >> Bind "" "s" / Describe P "" / Execute "" / Sync
    => Bind "" "s" / Describe P ""
    ?? RecordExecution #2 "{SQL}" shows ssn:redact
    !! recorded
    => Execute "" / Sync
"""
ENDED = """
    << ErrorResponse FATAL 57P01 "terminating connection: a statement means something else than when it was decided" ...
    => Terminate
    -- Close "the server understood a statement otherwise than before, and it was on its way already" alarm
"""


def test_exact_bytes_that_were_allowed_go_out_at_once() -> None:
    play(
        AGAIN
        + """
        <= Tree "T1 :location 99 }" / ParseComplete / BindComplete / RowDescription ssn=1.3
        << RowDescription ssn=1.3
        <= DataRow "123-45-6789"
        << DataRow "***"
        <= CommandComplete "SELECT 1"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        <= CloseComplete / CloseComplete / ReadyForQuery I
        << CommandComplete "SELECT 1" / ReadyForQuery I
        """,
        before=BEFORE + ONCE,
    )


def test_a_prepared_read_that_was_attested_goes_out_at_once() -> None:
    play(
        EARLY
        + """
        <= BindComplete
        << BindComplete
        <= RowDescription ssn=1.3
        << RowDescription ssn=1.3
        <= DataRow "123-45-6789"
        << DataRow "***"
        <= CommandComplete "SELECT 1"
        -- RecordOutcome #2 "SELECT 1" rows=1 cells=1 size=14
        << CommandComplete "SELECT 1"
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=BEFORE + PREPARED,
    )


def test_the_same_text_parsed_again_goes_out_at_once_too() -> None:
    play(
        f"""
        >> Parse "" "{SQL}" / Bind "" "" / Execute "" / Sync
        ?? Judge "{SQL}"
        !! read masks=ssn
        => Parse "" "{SQL}" / Bind "" "" / Describe P ""
        ?? RecordExecution #2 "{SQL}" shows ssn:redact
        !! recorded
        => Execute "" / Sync
        <= Tree "T1" / ParseComplete
        << ParseComplete
        <= BindComplete / RowDescription ssn=1.3
        << BindComplete
        <= DataRow "123-45-6789"
        << DataRow "***"
        """,
        before=BEFORE + PREPARED,
    )


@pytest.mark.parametrize(
    "answer",
    [
        'Tree "T2" / ParseComplete',
        "ParseComplete",
        'Tree "T1 :location 7 }" / Tree "N1" W / ParseComplete',
        'Tree "T1 :location 7 }" / Tree "T1 :location 7 }" / ParseComplete',
        'Tree "T1 :location 7 }" / ParseComplete / Tree "T2" / BindComplete',
        'Tree "T1 :location 7 }" / ParseComplete / Tree "N1" W / BindComplete',
        'Tree "T1 :location 7 }" / ParseComplete / BindComplete / RowDescription ssn=1.2',
        'Tree "T1 :location 7 }" / ParseComplete / BindComplete / NoData',
    ],
)
def test_anything_else_than_before_ends_the_session_with_its_rows_sealed(answer: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE)
    script = AGAIN + f'<= {answer} / DataRow "123-45-6789"' + ENDED
    told_so = told.play(script)
    lines = [line for _, out in told_so for line in out]
    assert not any("DataRow" in line or "RowDescription" in line for line in lines)
    compare(script, told_so)


@pytest.mark.parametrize(
    "answer", ['Tree "T1" / BindComplete', 'Tree "N1" W / BindComplete', "BindComplete / RowDescription ssn=1.2"]
)
def test_the_same_for_what_was_prepared(answer: str) -> None:
    told = Play()
    told.play(BEFORE + PREPARED)
    happened = told.play(EARLY + f'<= {answer} / DataRow "123-45-6789"')
    lines = [line for _, out in happened for line in out]
    assert not any("123" in line or "***" in line for line in lines)
    assert lines[-1].startswith("-- Close")
    assert lines[-1].endswith("alarm")


def test_a_bind_that_was_refused_has_brought_a_tree_too() -> None:
    """The server analysed anew for it, and sends nothing for the next: what was allowed before is not what it means."""
    told = Play()
    told.play(BEFORE + PREPARED)
    told.play(
        """
        !! epoch 2
        >> Bind "" "s" / Execute "" / Sync
        !! read masks=ssn epoch=2
        !! attested independent read masks=ssn
        <= Tree "T2" / BindComplete
        !! attested read deny
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        """
    )
    script = f"""
        >> Bind "" "s" / Execute "" / Sync
        ?? Attest "{SQL}" "T2" anew
    """
    compare(script, told.play(script))


def test_an_unsent_bind_leaves_what_was_allowed_alone() -> None:
    told = Play()
    told.play(BEFORE + PREPARED)
    told.play(EARLY + '<= Tree "T1" / ErrorResponse 22P02 "invalid input syntax" / ReadyForQuery I')
    script = f"""
        >> Bind "" "s" / Execute "" / Sync
        ?? Attest "{SQL}" "T1"
    """
    compare(script, told.play(script))


def test_a_failing_parse_is_the_end_of_all_of_it() -> None:
    play(
        AGAIN
        + """
        <= ErrorResponse 42P01 "relation customers does not exist"
        -- RecordOutcome #2 "SKIPPED" 42P01 rows=0 cells=0 size=0
        << ErrorResponse 42P01 "relation customers does not exist"
        <= ReadyForQuery I
        << ReadyForQuery I
        """,
        before=BEFORE + ONCE,
    )


WAITS = f'=> Parse "" "{SQL}" / Flush'


@pytest.mark.parametrize(
    "between",
    [
        # a setting that moves names, a definition, a policy
        """
        >> Query "SET search_path = a"
        !! set=search_path:a
        <= ParseComplete / BindComplete / NoData
        !! recorded
        <= CommandComplete "SET" / CloseComplete / CloseComplete / ReadyForQuery I
        """,
        """
        >> Query "CREATE TEMP TABLE customers ()"
        !! ddl
        <= ParseComplete / BindComplete / NoData
        !! recorded
        <= CommandComplete "CREATE TABLE" / CloseComplete / CloseComplete / ReadyForQuery I
        """,
        "!! epoch 2",
        "!! doubt",
    ],
)
def test_what_moves_names_ends_it(between: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE + between)
    lines: list[str] = []
    for step in (f'>> Query "{SQL}"', '<= Path "pg_catalog" "public" / ReadyForQuery I', "!! read masks=ssn epoch=2"):
        if not step.startswith("<=") or any("~path" in line for line in lines):
            lines += [line for _, out in told.play(step) for line in out]
    assert not any('Bind "" ""' in line for line in lines)


@pytest.mark.parametrize(
    "words",
    [
        "read masks=ssn",  # constants count
        "independent write",
        "independent read masks=- moves",
        "independent read masks=- opaque",
        "independent read masks=- writes",
    ],
)
def test_only_plain_reads_go_early(words: str) -> None:
    told = Play()
    told.play(BEFORE + ONCE.replace("independent read masks=ssn", words))
    told.play(f'>> Query "{SQL}"')
    if any(line.startswith("?? Judge") for _, out in told.play("!! read masks=ssn") for line in out):
        return
    assert not told.session._link.early._kept


def test_what_is_kept_is_bounded() -> None:
    told = Play()
    told.play(BEFORE)
    for number in range(300):
        told.play(ONCE.replace(SQL, f"SELECT ssn FROM customers -- {number}").replace('"T1', f'"T{number}'))
    assert len(told.session._link.early._kept) == 256


def test_other_keys_make_another_plan() -> None:
    played = Play()
    played.play(BEFORE + PREPARED)
    played.lines([ev.UseKeys(NO_KEYS)])
    (_, went_out), *_ = played.play('>> Bind "" "s" / Describe P "" / Execute "" / Sync')
    assert not [line for line in went_out if line.startswith("?? RecordExecution")], "its masks are of other keys"
