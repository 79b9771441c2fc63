"""What is asked, who sees it, who decides it, and that a decision counts once."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.model import ApprovalTerms, Parameter
from tests.web.stage import ALICE, BOB, CAROL, DAVE, EXPORTS, SQL, Stage

PRIVACY = ApprovalTerms(EXPORTS, ("privacy",))
DBA = ApprovalTerms(EXPORTS, ("dba",))
UNKNOWN = "apr_0193f0a1b2c37def8123456789abcdef"


async def test_a_request_says_all_an_approver_needs(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    answer = await web.get(f"/api/v1/requests/{request.id}", headers=BOB)
    assert answer.status_code == 200
    body = answer.json()
    assert body["sql"] == SQL
    assert (body["principal"], body["owner"], body["kind"]) == ("sales-agent", "alice", "agent")
    assert body["parameters"] == [
        {"number": 1, "type_oid": 25, "type": "text", "text": "O'Hara"},
        {"number": 2, "type_oid": 23, "type": "int4", "text": None},
    ]
    assert body["relations"] == ["shop.customers"]
    assert body["labels"] == ["pii.ssn"]
    assert body["shown"] == ["name: as it is", "ssn: redacted (pii.ssn)"]
    assert body["rules"] == [{"id": "exports", "file": "policies/shop.yaml", "line": 42}]
    assert body["terms"][0]["missing"] == 1
    assert body["card"] == "Data leaves the database"
    assert body["reason"] == "INC-123"
    assert (body["database"], body["role"], body["search_path"]) == ("shop", "pgmaskproxy", ["pg_catalog", "shop"])
    assert body["state"] == "pending"
    assert 590 <= body["seconds_left"] <= 600
    assert body["created"].endswith("Z")
    assert body["digest"] == request.digest
    assert body["digest_matches"] is True
    assert body["you"] == {"person": "bob", "may_decide": True, "why_not": None}
    assert body["hidden_characters"] == []


async def test_what_a_screen_would_hide_is_named(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(sql="SELECT '\u202e' -- \x1b[2K", parameters=(Parameter(1, 25, "a\u200bb"),))
    body = (await web.get(f"/api/v1/requests/{request.id}", headers=BOB)).json()
    assert body["sql"] == "SELECT '\u202e' -- \x1b[2K", "exact all the same"
    assert body["hidden_characters"] == ["U+202E RIGHT-TO-LEFT OVERRIDE", "U+001B control", "U+200B ZERO WIDTH SPACE"]


async def test_approve(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    waiting = asyncio.create_task(stage.broker.wait(request.id))
    answer = await web.post(
        f"/api/v1/requests/{request.id}/approve", json={"reason": " fine ", "digest": request.digest}, headers=BOB
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "approved"
    assert [(vote["person"], vote["approve"], vote["reason"]) for vote in answer.json()["votes"]] == [
        ("bob", True, "fine")
    ]
    assert (await waiting).state is State.APPROVED
    assert await stage.broker.release(request.id, request.digest)


async def test_reject_needs_a_reason(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    for body in ({}, {"reason": ""}, {"reason": "  \n"}):
        answer = await web.post(f"/api/v1/requests/{request.id}/reject", json=body, headers=BOB)
        assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")
    answer = await web.post(f"/api/v1/requests/{request.id}/reject", json={"reason": "not on Friday"}, headers=BOB)
    assert answer.json()["state"] == "rejected"
    assert (await stage.broker.get(request.id)).votes[0].reason == "not on Friday"


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_who_may_not_decide_is_told_why(web: httpx2.AsyncClient, stage: Stage, verb: str) -> None:
    owned = await stage.ask()
    own = await stage.ask(principal="bob-login", owner=None, person="bob")
    for request, who, why in (
        (owned, ALICE, "alice answers for sales-agent"),
        (own, BOB, "bob asked for this"),
        (owned, CAROL, "none of the groups"),
        (owned, DAVE, "none of the groups"),
    ):
        answer = await web.post(f"/api/v1/requests/{request.id}/{verb}", json={"reason": "x"}, headers=who)
        assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")
        assert why in answer.json()["detail"]
        assert (await stage.broker.get(request.id)).state is State.PENDING


async def test_a_person_named_like_the_agents_login_does_not_decide(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(principal="bob", owner="alice")
    answer = await web.post(f"/api/v1/requests/{request.id}/approve", json={}, headers=BOB)
    assert answer.status_code == 403


async def test_decided_is_409(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba", "privacy")),))
    path = f"/api/v1/requests/{request.id}"
    assert (await web.post(f"{path}/approve", json={}, headers=BOB)).status_code == 200
    for who, verb in ((CAROL, "approve"), (CAROL, "reject"), (BOB, "reject")):
        answer = await web.post(f"{path}/{verb}", json={"reason": "late"}, headers=who)
        assert (answer.status_code, answer.json()["reason"]) == (409, "not_pending")
        assert "approved" in answer.json()["detail"]


async def test_expired_is_409(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(seconds=5)
    stage.clock.ahead = 6
    shown = (await web.get(f"/api/v1/requests/{request.id}", headers=BOB)).json()
    assert shown["you"]["why_not"] == "its deadline has passed"
    assert (await web.post(f"/api/v1/requests/{request.id}/approve", json={}, headers=BOB)).status_code == 409


@pytest.mark.parametrize("request_id", [UNKNOWN, "apr_1", "x" * 500, "ses_0193f0a1b2c37def8123456789abcdef", "%00"])
async def test_unknown_is_404(web: httpx2.AsyncClient, request_id: str) -> None:
    for answer in (
        await web.get(f"/api/v1/requests/{request_id}", headers=BOB),
        await web.post(f"/api/v1/requests/{request_id}/approve", json={}, headers=BOB),
        await web.post(f"/api/v1/requests/{request_id}/reject", json={"reason": "x"}, headers=BOB),
    ):
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_another_digest_is_409_and_no_vote(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    answer = await web.post(f"/api/v1/requests/{request.id}/approve", json={"digest": "0" * 64}, headers=BOB)
    assert (answer.status_code, answer.json()["reason"]) == (409, "other_digest")
    assert (await stage.broker.get(request.id)).votes == ()


async def test_two_terms_take_two_people(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(terms=(DBA, PRIVACY), owner="dave")
    path = f"/api/v1/requests/{request.id}/approve"
    first = (await web.post(path, json={}, headers=ALICE)).json()
    assert (first["state"], first["missing"]) == ("pending", 1)
    assert first["you"]["why_not"] == "alice has approved, and may still reject"
    assert (await web.post(path, json={}, headers=CAROL)).json()["state"] == "approved"


async def test_who_sees_what(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    assert (await web.get(f"/api/v1/requests/{request.id}", headers=ALICE)).status_code == 200, "its owner"
    answer = await web.get(f"/api/v1/requests/{request.id}", headers=DAVE)
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_allowed")
    assert "customers" not in answer.text
    listed = {}
    for who, headers in (("alice", ALICE), ("bob", BOB), ("carol", CAROL), ("dave", DAVE)):
        listed[who] = len((await web.get("/api/v1/requests", headers=headers)).json()["requests"])
    assert listed == {"alice": 1, "bob": 1, "carol": 0, "dave": 0}


async def test_a_list_has_no_literals(web: httpx2.AsyncClient, stage: Stage) -> None:
    await stage.ask()
    assert "123-45-6789" not in (await web.get("/api/v1/requests", headers=BOB)).text


async def test_filters_and_pages(web: httpx2.AsyncClient, stage: Stage) -> None:
    asked = [(await stage.ask(database="shop" if index % 2 else "hr")).id for index in range(5)]
    hidden = await stage.ask(terms=(PRIVACY,), owner="dave")
    await web.post(f"/api/v1/requests/{asked[0]}/reject", json={"reason": "no"}, headers=BOB)

    async def ids(query: str) -> list[str]:
        return [each["id"] for each in (await web.get(f"/api/v1/requests?{query}", headers=ALICE)).json()["requests"]]

    assert set(await ids("state=rejected")) == {asked[0]}
    assert set(await ids("state=pending&state=rejected")) == set(asked)
    assert set(await ids("database=shop")) == {asked[1], asked[3]}
    assert await ids("principal=other") == []
    seen: list[str] = []
    query = "limit=2"
    while True:
        page = (await web.get(f"/api/v1/requests?{query}", headers=ALICE)).json()
        assert len(page["requests"]) <= 2
        seen += [each["id"] for each in page["requests"]]
        if page["next"] is None:
            break
        query = f"limit=2&cursor={page['next']}"
    assert seen == sorted(asked, reverse=True), "newest first, each once"
    assert hidden.id not in seen


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "state=nonsense", "cursor=zzz", "cursor=apr_'--"])
async def test_a_senseless_query_is_refused(web: httpx2.AsyncClient, query: str) -> None:
    answer = await web.get(f"/api/v1/requests?{query}", headers=BOB)
    assert answer.status_code in {400, 422}


async def test_the_same_key_is_one_decision_and_one_answer(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(terms=(DBA, PRIVACY), owner="dave")
    path = f"/api/v1/requests/{request.id}/approve"
    keyed = ALICE | {"Idempotency-Key": "k-1"}
    first = await web.post(path, json={"reason": "ok"}, headers=keyed)
    await web.post(path, json={}, headers=CAROL)
    again = await web.post(path, json={"reason": "ok"}, headers=keyed)
    assert again.status_code == 200
    assert again.content == first.content
    assert len((await stage.broker.get(request.id)).votes) == 2
    other = await web.post(path, json={"reason": "different"}, headers=keyed)
    assert (other.status_code, other.json()["reason"]) == (422, "idempotency_key_reused")
    hers = await web.post(path, json={"reason": "ok"}, headers=CAROL | {"Idempotency-Key": "k-1"})
    assert hers.content != first.content, "a key belongs to a person"


async def test_a_refusal_sent_twice_is_one(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    keyed = BOB | {"Idempotency-Key": "k-1"}
    first, again = [
        await web.post(f"/api/v1/requests/{request.id}/reject", json={"reason": "no"}, headers=keyed) for _ in range(2)
    ]
    assert first.status_code == again.status_code == 200
    assert again.content == first.content


@pytest.mark.parametrize("key", ["", " ", "x" * 256])
async def test_a_bad_key_is_400(web: httpx2.AsyncClient, stage: Stage, key: str) -> None:
    request = await stage.ask()
    path = f"/api/v1/requests/{request.id}/approve"
    answer = await web.post(path, json={}, headers=BOB | {"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad_idempotency_key")
    assert (await stage.broker.get(request.id)).votes == ()


async def test_nothing_is_decided_when_the_audit_log_fails(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    token = (await web.post("/api/v1/tokens", json={}, headers=BOB)).json()["token"]
    stage.audit.close()
    answer = await web.post(
        f"/api/v1/requests/{request.id}/approve", json={}, headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["reason"]) == (503, "audit_failed")
    assert (await stage.broker.get(request.id)).votes == ()


async def test_an_extra_key_or_a_wrong_type_is_refused(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask()
    bodies: tuple[object, ...] = (
        {"approve": True},
        {"reason": 1},
        {"digest": "short"},
        [],
        "x",
        None,
        {"reason": "x" * 2001},
    )
    for body in bodies:
        answer = await web.post(f"/api/v1/requests/{request.id}/approve", json=body, headers=BOB)
        assert (answer.status_code, answer.json()["reason"]) == (422, "invalid"), body
    assert (await stage.broker.get(request.id)).votes == ()


async def test_two_at_once_are_one_decision(web: httpx2.AsyncClient, stage: Stage) -> None:
    request = await stage.ask(terms=(ApprovalTerms(EXPORTS, ("dba", "privacy")),))
    path = f"/api/v1/requests/{request.id}"
    answers = await asyncio.gather(
        web.post(f"{path}/approve", json={}, headers=BOB),
        web.post(f"{path}/reject", json={"reason": "no"}, headers=CAROL),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len((await stage.broker.get(request.id)).votes) == 1
