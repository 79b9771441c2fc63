from __future__ import annotations

import pytest

from pgmaskproxy.demo import steps
from pgmaskproxy.demo.agent import Refused, Reply


def test_exactly_the_expected_rows_are_right() -> None:
    assert steps.differs(Reply(rows=((1, "***"),)), [[1, "***"]]) == []
    assert steps.differs(Reply(rows=((1, "937-63-8919"),)), [[1, "***"]]) == ["1 rows, no tag"]
    assert steps.differs(Reply(rows=((1, None),)), [[1, "***"]])
    assert steps.differs(Reply(), [[1, "***"]])
    assert steps.differs(Reply(rows=((1,),), error=Refused("42501", "no")), [[1]]) == ["42501 no; ; "]


@pytest.mark.parametrize(
    ("error", "right"),
    [
        (Refused("42501", "permission denied by policy", hint="Select it as a plain column."), True),
        (Refused("42501", "permission denied for table customers"), False),
        (Refused("42601", "syntax error", hint="?"), False),
        (None, False),
    ],
)
def test_a_refusal_has_its_code_and_says_what_would_work(error: Refused | None, right: bool) -> None:
    assert (steps.not_refused(Reply(error=error)) == []) is right


def test_every_statement_of_the_tour_is_asked_once() -> None:
    asked = [step[1] for step in (*steps.PLAIN, *steps.MASKED, *steps.REFUSED)]
    assert len(set(asked)) == len(asked) == 13
