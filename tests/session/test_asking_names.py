"""The search_path: how it is asked for, and what makes it be asked for again."""

from __future__ import annotations

import re

from pgmaskproxy.session import events as ev
from pgmaskproxy.session.asking import CURRENT_SCHEMAS
from tests.session.transcript import LOGIN, READY, Play, play


def test_our_own_question_has_no_name_that_a_search_path_could_turn() -> None:
    """THREATS X5: neither a function nor an operator of the client's."""
    assert re.fullmatch(rb"SELECT (pg_catalog\.\w+\()+true\)+", CURRENT_SCHEMAS)


def test_it_is_asked_again_where_the_server_says_that_it_moved() -> None:
    play(
        """
        <= ParameterStatus "search_path" "s9"
        << ParameterStatus "search_path" "s9"
        >> Query "SELECT 1"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """
    )


def test_it_is_asked_again_once_a_transaction_that_moved_it_has_ended() -> None:
    """What moved it was rolled back, and with it what was asked meanwhile."""
    play(
        """
        >> Sync
        => Sync
        <= ErrorResponse 42601 "syntax error" / ReadyForQuery I
        << ErrorResponse 42601 "syntax error" / ReadyForQuery I
        >> Query "SELECT 2"
        => Parse "~path" "~current_schemas" / Bind "~path" "~path" / Execute "~path" / Close P "~path"
        => Close S "~path" / Sync
        """,
        before=LOGIN
        + READY
        + """
        >> Parse "" "SET search_path = s9" / Bind "" "" / Execute ""
        !! set=search_path:s9
        <= ParseComplete / BindComplete / NoData
        !! recorded
        >> Parse "" "SELECT 1"
        <= CommandComplete "SET"
        <= Path "pg_catalog" "s9"
        !! read
        """,
    )


def test_an_answer_is_taken_by_who_asked() -> None:
    told = Play(warm=True)
    told.play('>> Query "DELETE FROM t"\n!! delete\n<= ParseComplete / BindComplete / NoData')
    asked = told._asked[ev.RecordExecution].ticket
    assert told.lines([ev.Recorded(asked - 1), ev.Recorded(asked + 1)]) == []
    assert told.lines([ev.Recorded(asked)]) != []
