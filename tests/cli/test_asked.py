"""A request in words: what an approver must not overlook is there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import click
import pytest

from pgmaskproxy.approval.request import ApprovalRequest
from pgmaskproxy.cli.asked import listed, shown
from pgmaskproxy.web.shapes import RequestDetail
from tests.web.stage import PEOPLE, Stage, staged


@pytest.fixture
async def request_(tmp_path: Any) -> ApprovalRequest:
    async with staged(tmp_path) as stage:
        assert isinstance(stage, Stage)
        return await stage.ask(seconds=125)


def seen(request: ApprovalRequest, person: str = "bob") -> dict[str, Any]:
    found = json.loads(RequestDetail.of(request, PEOPLE[person], request.created).model_dump_json())
    assert isinstance(found, dict)
    return found


async def test_a_line(request_: ApprovalRequest) -> None:
    lines = click.unstyle(listed([seen(request_), seen(request_, "alice")])).splitlines()
    assert lines[0].split() == ["ID", "STATE", "LEFT", "WHO", "DATABASE", "EFFECTS", "ASKED", "WHAT"]
    assert lines[1].split()[:8] == [request_.id, "pending", "2m05s", "sales-agent", "shop", "WRITE", "you", "Data"]
    assert lines[2].split()[6] == "dba", "she may not decide it"


async def test_what_is_unmasked_is_said_in_the_list_and_before_who_asks(request_: ApprovalRequest) -> None:
    asked = seen(replace(request_, unmask=("public.customers.ssn",), unmask_rows=20))
    assert "unmasks public.customers.ssn: Data leaves" in click.unstyle(listed([asked]))
    lines = [line.split(maxsplit=1) for line in click.unstyle(shown(asked)).splitlines()]
    assert lines[1] == ["UNMASKS", "public.customers.ssn as it is, in at most 20 rows, once"]
    assert "UNMASKS" not in shown(seen(request_))


async def test_a_changed_request_is_warned_of(request_: ApprovalRequest) -> None:
    text = click.unstyle(shown(seen(replace(request_, sql="SELECT 1"))))
    assert "digest does not match" in text
    assert "warning" not in click.unstyle(shown(seen(request_)))


async def test_who_cannot_decide_is_told(request_: ApprovalRequest) -> None:
    assert "you cannot decide it: alice answers for sales-agent" in shown(seen(request_, "alice"))
    assert "you cannot" not in shown(seen(request_))


async def test_no_reason_is_said(request_: ApprovalRequest) -> None:
    assert "(no reason given)" in shown(seen(replace(request_, reason="")))


async def test_nothing_is_cut_from_the_sql(request_: ApprovalRequest) -> None:
    sql = "SELECT 1" + " " * 5000 + "\n" * 100 + "; DROP TABLE customers"
    text = click.unstyle(shown(seen(replace(request_, sql=sql))))
    assert sql in text.replace("\n  | ", "\n")


async def test_sql_cannot_pass_for_what_follows_it(request_: ApprovalRequest) -> None:
    sql = "DELETE FROM t WHERE a = $1\n\nparameters\n$1 text = 'harmless'"
    lines = click.unstyle(shown(seen(replace(request_, sql=sql)))).splitlines()
    assert lines.count("parameters") == 1
    assert "  | parameters" in lines


async def test_a_value_cannot_look_like_two(request_: ApprovalRequest) -> None:
    parameters = (replace(request_.parameters[0], text="x'\n$2 int4 = '1"), request_.parameters[1])
    text = shown(seen(replace(request_, parameters=parameters)))
    assert text.count("\n$2 ") == 1
    assert "$1 text = 'x''⟨U+000A⟩$2 int4 = ''1'" in text
