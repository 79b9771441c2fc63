"""What is shown of a request, and of a type."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgmaskproxy.policy.principals import Person
from pgmaskproxy.web.shapes import RequestDetail, moment, type_name
from tests.web.stage import PEOPLE, Stage


@pytest.mark.parametrize(
    ("oid", "name"), [(25, "text"), (1009, "text[]"), (23, "int4"), (1184, "timestamptz"), (99999, None), (0, None)]
)
def test_type_names(oid: int, name: str | None) -> None:
    assert type_name(oid) == name


def test_moments_are_utc_milliseconds() -> None:
    assert moment(1.23456) == datetime(1970, 1, 1, 0, 0, 1, 234000, UTC)


async def test_a_request_that_was_changed_in_the_store_shows_it(stage: Stage) -> None:
    request = await stage.ask()
    now = stage.clock()
    assert RequestDetail.of(request, PEOPLE["bob"], now).digest_matches
    for changed in (
        replace(request, sql="DROP TABLE x"),
        replace(request, role="postgres"),
        replace(request, parameters=()),
    ):
        assert not RequestDetail.of(changed, PEOPLE["bob"], now).digest_matches


async def test_you(stage: Stage) -> None:
    request = await stage.ask()
    detail = RequestDetail.of(request, PEOPLE["alice"], stage.clock())
    assert not detail.you.may_decide
    assert "alice answers for sales-agent" in (detail.you.why_not or "")
    assert RequestDetail.of(request, Person("zoe", frozenset({"dba"})), stage.clock()).you.may_decide
    late = RequestDetail.of(request, PEOPLE["bob"], request.deadline)
    assert (late.seconds_left, late.you.may_decide) == (0, False)
