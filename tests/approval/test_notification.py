"""What channels are told: never a parameter or a labelled literal, nor the salt to test guesses at the digest with."""

from __future__ import annotations

import json

from pgmaskproxy.approval.notification import LONGEST_SQL, notification_data
from pgmaskproxy.approval.summary import Summary, summarize
from tests.approval.making import CANARY, make_request


def test_it_says_who_what_and_where_but_no_value() -> None:
    request = make_request()
    data = notification_data(request, "https://approvals.example.com/x")
    text = json.dumps(data)
    assert CANARY not in text
    assert request.salt not in text
    assert data["principal"] == "sales-agent"
    assert data["rules"] == ["exports"]
    assert data["card"] == "Data leaves the database"
    assert data["labels"] == ["pii.ssn"]
    assert data["sql"] == request.redacted
    assert data["parameters"] == 2
    assert data["votes"] == []
    assert Summary.from_json(json.loads(text)["summary"]) == summarize(request)
    assert data["link"] == "https://approvals.example.com/x"


def test_it_says_what_is_unmasked() -> None:
    data = notification_data(make_request(unmask=("public.customers.ssn",), unmask_rows=20), "")
    assert (data["unmask"], data["unmask_rows"]) == (["public.customers.ssn"], 20)


def test_a_long_statement_is_cut() -> None:
    data = notification_data(make_request(redacted="x" * (LONGEST_SQL + 1)), "")
    assert data["sql"] == "x" * LONGEST_SQL + "…"
