"""One request's page: all that is needed to decide, nobody who may not, and an answer counts once."""

from __future__ import annotations

import asyncio
import re
from html import unescape

import httpx2
import pytest

from pgmaskproxy.approval.facts import Facts
from pgmaskproxy.approval.request import State
from pgmaskproxy.model import ApprovalTerms, Parameter
from tests.web.pages.browser import Browser, hidden
from tests.web.stage import BOB, EXPORTS, PEOPLE, Stage, kinds


def words(page: httpx2.Response) -> str:
    """The text of a page, as it is read."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", page.text)).split())


async def test_it_has_everything(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(facts=Facts(does=("changes every row of shop.customers",), application="psql"))
    page = await bob.open(request)
    said = words(page)
    for part in (
        "Changes every row of shop.customers",
        "sales-agent",
        "alice",
        "10.0.0.7",
        "psql",
        "pgmaskproxy in shop",
        "exports (policies/shop.yaml:42)",
        "Data leaves the database",
        "INC-123",
        "pii.ssn",
        "ssn: redacted (pii.ssn)",
        "UPDATE shop.customers",
        "   SET name = $1 WHERE ssn = '123-45-6789' -- O'Hara".strip(),
        "$1textO'Hara",
        "$2int4NULL",
        "1 of dba",
        request.digest,
        request.id,
    ):
        assert part in said, part


async def test_what_is_unmasked_is_the_headline_each_column_by_its_name_and_why(bob: Browser, stage: Stage) -> None:
    columns = ("shop.customers.email", "shop.customers.ssn")
    request = await stage.ask(unmask=columns, facts=Facts(does=("reads shop.customers",)))
    page = await bob.open(request)
    said = words(page)
    places = [
        said.index("Shows shop.customers.email as it is to sales-agent, in at most 20 rows, once"),
        said.index("INC-123"),
        said.index("Shows shop.customers.ssn as it is to sales-agent, in at most 20 rows, once"),
        said.index("Reads shop.customers"),
        said.index("The statement"),
    ]
    assert places == sorted(places)
    inbox = words(await bob.get("/"))
    assert "hows shop.customers.email as it is to sales-agent" in inbox


async def test_approved_by_a_click(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    answer = await bob.decide(request, "approve", "fine")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/requests/{request.id}")
    found = await stage.broker.get(request.id)
    assert (found.state, found.votes[0].person, found.votes[0].reason) == (State.APPROVED, "bob", "fine")
    page = await bob.open(request)
    assert "bob approved it" in words(page)
    assert '<button class="yes"' not in page.text


async def test_rejected_with_a_reason_and_not_without_one(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    answer = await bob.decide(request, "reject", "  ")
    assert (answer.status_code, "Say why you reject it" in answer.text) == (422, True)
    assert (await stage.broker.get(request.id)).votes == ()
    assert (await bob.decide(request, "reject", "x" * 2001)).status_code == 422
    assert (await bob.decide(request, "reject", "not before <b>Monday</b>")).status_code == 303
    found = await stage.broker.get(request.id)
    assert (found.state, found.votes[0].reason) == (State.REJECTED, "not before <b>Monday</b>")
    page = await bob.open(request)
    assert "bob rejected it" in words(page)
    assert "<b>Monday" not in page.text


@pytest.mark.parametrize("word", ["approve", "reject"])
async def test_nothing_acts_on_get(bob: Browser, stage: Stage, word: str) -> None:
    request = await stage.ask()
    assert (await bob.get(f"/requests/{request.id}/{word}?reason=x")).status_code == 405
    for path in ("", "/state"):
        await bob.get(f"/requests/{request.id}{path}")
    assert (await stage.broker.get(request.id)).votes == ()


async def test_who_answers_for_the_agent_sees_why_not_and_no_button(browser: Browser, stage: Stage) -> None:
    request = await stage.ask()
    await browser.sign_in("alice")
    page = await browser.open(request)
    assert "alice answers for sales-agent and cannot decide what it asks" in words(page)
    assert hidden(page, f"/requests/{request.id}/approve") == {}
    fields = {"form_token": hidden(page, "/sign-out")["form_token"], "digest": request.digest, "reason": "mine"}
    for word in ("approve", "reject"):
        answer = await browser.post(f"/requests/{request.id}/{word}", fields)
        assert (answer.status_code, "does not count" in answer.text) == (403, True)
    assert (await stage.broker.get(request.id)).votes == ()
    assert kinds(stage).count("approval.vote_refused") == 2


async def test_who_is_not_asked_sees_nothing(browser: Browser, stage: Stage) -> None:
    request = await stage.ask()
    await browser.sign_in("dave")
    for path in (f"/requests/{request.id}", f"/requests/{request.id}/state"):
        answer = await browser.get(path)
        assert answer.status_code == 403
        assert "shop.customers" not in answer.text
    assert (await browser.get(f"/requests/{request.id[:-1]}x")).status_code == 404


async def test_somebody_else_was_faster(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba", "privacy")),))
    page = await bob.open(request)
    await stage.broker.decide(request.id, PEOPLE["carol"], approve=False, reason="no")
    fields = hidden(page, f"/requests/{request.id}/approve")
    answer = await bob.post(f"/requests/{request.id}/approve", fields | {"reason": "yes"})
    assert answer.status_code == 409
    assert "Your approval came too late and does not count." in words(answer)
    assert "carol rejected it" in words(answer)
    assert [vote.person for vote in (await stage.broker.get(request.id)).votes] == ["carol"]


async def test_sent_twice_it_is_one_decision(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba",), quorum=2),))
    path = f"/requests/{request.id}/approve"
    fields = hidden(await bob.open(request), path) | {"reason": "yes"}
    answers = await asyncio.gather(bob.post(path, fields), bob.post(path, fields))
    assert {each.status_code for each in answers} <= {303, 409}
    assert (await bob.post(path, fields)).status_code == 303
    assert len((await stage.broker.get(request.id)).votes) == 1
    assert (await bob.post(path, fields | {"reason": "other"})).status_code == 422, "another answer under the same key"


async def test_who_has_approved_may_still_reject(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba",), quorum=2),))
    await bob.decide(request, "approve")
    page = await bob.open(request)
    assert "You have approved it, and may still reject it." in words(page)
    assert "1 to go" in words(page)
    assert hidden(page, f"/requests/{request.id}/approve") == {}
    assert (await bob.decide(request, "reject", "on second thoughts")).status_code == 303
    assert (await stage.broker.get(request.id)).state is State.REJECTED


async def test_only_what_was_looked_at_is_approved(bob: Browser, stage: Stage) -> None:
    request, other = await stage.ask(), await stage.ask(sql="DROP TABLE x")
    path = f"/requests/{request.id}/approve"
    fields = hidden(await bob.open(request), path)
    assert (await bob.post(path, fields | {"digest": other.digest})).status_code == 409
    assert (await bob.post(path, fields | {"digest": ""})).status_code == 400
    fields.pop("digest")
    assert (await bob.post(path, fields)).status_code == 400
    assert (await stage.broker.get(request.id)).votes == ()


@pytest.mark.parametrize(
    ("state", "said"), [(State.WITHDRAWN, "It was withdrawn"), (State.CANCELLED, "Who asked cancelled it")]
)
async def test_one_that_has_ended_says_how(bob: Browser, stage: Stage, state: State, said: str) -> None:
    request = await stage.ask()
    await stage.broker.withdraw(request.id, state)
    page = await bob.open(request)
    assert said in words(page)
    assert hidden(page, f"/requests/{request.id}/approve") == {}


async def test_one_whose_time_is_over_says_so(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(seconds=30)
    page = await bob.open(request)
    stage.clock.ahead = 31
    assert "Its time is over" in words(await bob.open(request))
    fields = hidden(page, f"/requests/{request.id}/approve")
    answer = await bob.post(f"/requests/{request.id}/approve", fields)
    assert (answer.status_code, "came too late" in answer.text) == (409, True)
    assert "Nobody decided in time" in words(answer)
    await stage.broker.expire_due()
    assert "it expired" in words(await bob.open(request))


async def test_one_that_ran_says_so(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    await bob.decide(request, "approve")
    assert await stage.broker.release(request.id, request.digest)
    assert "bob approved it, and it was sent to the database" in words(await bob.open(request))


async def test_what_was_written_by_others_stays_text(bob: Browser, stage: Stage) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&\u202e\u200b"
    request = await stage.ask(
        sql=f"SELECT '{evil}'",
        principal=evil,
        owner=f"o{evil}",
        database=evil,
        reason=evil,
        facts=Facts(does=(evil,), application=evil, text=evil, reads=(evil,)),
        parameters=(Parameter(1, 25, evil),),
        terms=(ApprovalTerms(EXPORTS, ("dba",), card=evil),),
    )
    await stage.broker.decide(request.id, PEOPLE["bob"], approve=True, reason=evil)
    for path in ("/", "/inbox", f"/requests/{request.id}", f"/requests/{request.id}/state", "/history"):
        page = await bob.get(path)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert not set("\u202e\u200b") & set(page.text), path
        # Between tags and in attributes alike, no quote of theirs is one of ours.
        assert 'onerror=alert(1)>"' not in page.text
    assert "⟨U+202E⟩" in (await bob.open(request)).text
    assert "U+202E RIGHT-TO-LEFT OVERRIDE" in (await bob.open(request)).text


async def test_the_state_alone_is_what_an_open_page_asks_for(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    part = await bob.get(f"/requests/{request.id}/state")
    assert 'data-state="pending"' in part.text
    assert "<html" not in part.text
    await bob.decide(request, "approve")
    assert 'data-state="approved"' in (await bob.get(f"/requests/{request.id}/state")).text


async def test_it_and_rest_are_one(bob: Browser, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba",), quorum=2),))
    await bob.decide(request, "approve", "yes")
    answer = await bob.http.get(f"/api/v1/requests/{request.id}", headers=BOB)
    assert [(vote["person"], vote["reason"]) for vote in answer.json()["votes"]] == [("bob", "yes")]


async def test_a_request_that_was_changed_in_the_store_cannot_be_approved(bob: Browser, stage: Stage) -> None:
    from sqlalchemy import text

    request = await stage.ask()
    with stage.store._engine.begin() as connection:
        connection.execute(text("UPDATE requests SET body = json_set(body, '$.sql', 'SELECT 1')"))
    page = await bob.open(request)
    assert "This is not what was asked." in words(page)
    assert '<button class="yes"' not in page.text
    assert '<button class="no"' in page.text
