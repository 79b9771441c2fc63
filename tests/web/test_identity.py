"""Who is let in: people, by token or password; never a database login, never after too many failures."""

from __future__ import annotations

import httpx2
import pytest

from pgmaskproxy.model import PrincipalKind
from pgmaskproxy.policy.principals import Directory, User
from pgmaskproxy.web.app import create_app
from tests.web.stage import ALICE, BOB, CAROL, PEOPLE, Stage, basic, kinds, token_of

VERIFIER = (
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$5nlBLpVcbpKpqQIYWqIVNAeZGXAoW2EbUw5hGSx0FRk="
    ":bC43sC0wGxZEy7tJ9Zg5x5r4z1J8hW0pXlQ0ZPBzJ9o="
)
WHOAMI = "/api/v1/whoami"


@pytest.mark.parametrize("path", [WHOAMI, "/api/v1/requests", "/api/v1/requests/apr_x", "/api/v1/tokens"])
async def test_nobody_is_401_with_a_challenge(web: httpx2.AsyncClient, path: str) -> None:
    answer = await web.get(path)
    assert answer.status_code == 401
    assert (
        answer.headers["WWW-Authenticate"] == 'Bearer realm="pgmaskproxy", Basic realm="pgmaskproxy", charset="UTF-8"'
    )
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == "unauthenticated"


@pytest.mark.parametrize("verb", ["approve", "reject"])
async def test_nobody_decides(web: httpx2.AsyncClient, stage: Stage, verb: str) -> None:
    request = await stage.ask()
    answer = await web.post(f"/api/v1/requests/{request.id}/{verb}", json={"reason": "x"})
    assert answer.status_code == 401
    assert (await stage.broker.get(request.id)).votes == ()


async def test_a_person_signs_in_by_password(web: httpx2.AsyncClient, stage: Stage) -> None:
    answer = await web.get(WHOAMI, headers=BOB)
    assert answer.json() == {"person": "bob", "groups": ["dba", "privacy"], "version": "0.0.test"}
    assert (await web.get(WHOAMI, headers=CAROL)).json()["person"] == "carol", "a colon and UTF-8 in the password"
    assert kinds(stage)[-2:] == ["person.signed_in", "person.signed_in"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + "QQ==",
        "Basic /////w==",
        "Bearer",
        "Bearer pgmp_unknown",
        "Bearer " + "x" * 3000,
        "Digest username=alice",
        basic("alice", "bob's password")["Authorization"],
        basic("alice", "")["Authorization"],
        basic("nobody", "alice's password")["Authorization"],
        basic("", "")["Authorization"],
        basic("erin", "")["Authorization"],
        basic("ALICE", "alice's password")["Authorization"],
    ],
)
async def test_a_wrong_credential_is_401(web: httpx2.AsyncClient, header: str) -> None:
    answer = await web.get(WHOAMI, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert "alice" not in answer.text, "which part was wrong is not told"


async def test_a_credential_that_is_too_long_is_not_looked_at(web: httpx2.AsyncClient) -> None:
    long = basic("alice", "x" * 3000)
    for _ in range(7):
        assert (await web.get(WHOAMI, headers=long)).status_code == 401, "it is not even counted"
    assert (await web.get(WHOAMI, headers=ALICE)).status_code == 200


async def test_two_credentials_are_none(web: httpx2.AsyncClient) -> None:
    headers = [("Authorization", ALICE["Authorization"]), ("Authorization", BOB["Authorization"])]
    assert (await web.get(WHOAMI, headers=headers)).status_code == 401


async def test_a_database_login_is_never_accepted(stage: Stage) -> None:
    """Not the agent's own name and password, not its verifier as a password, not where a person has the same name."""
    users = {
        "sales-agent": User("sales-agent", PrincipalKind.AGENT, VERIFIER, owner="alice"),
        "erin": User("erin", PrincipalKind.HUMAN, VERIFIER),
    }
    directory = Directory(PEOPLE, users)
    services = type(stage.services)(
        broker=stage.broker,
        store=stage.store,
        directory=lambda: directory,
        audit=stage.audit,
        metrics=stage.services.metrics,
        version="x",
    )
    transport = httpx2.ASGITransport(create_app(services))
    async with httpx2.AsyncClient(transport=transport, base_url="http://web.test") as web:
        for name in ("sales-agent", "erin"):
            for password in ("agent-password", VERIFIER):
                answer = await web.get(WHOAMI, headers=basic(name, password))
                assert answer.status_code == 401, (name, password)


async def test_five_failures_of_a_person_at_an_address_lock_that_pair_only(
    web: httpx2.AsyncClient, stage: Stage
) -> None:
    for _ in range(5):
        assert (await web.get(WHOAMI, headers=basic("bob", "guess"))).status_code == 401
    locked = await web.get(WHOAMI, headers=BOB)
    assert (locked.status_code, locked.json()["reason"]) == (429, "too_many_failures")
    assert 1 <= int(locked.headers["Retry-After"]) <= 301
    assert (await web.get(WHOAMI, headers=CAROL)).status_code == 200
    elsewhere = httpx2.ASGITransport(web._transport.app, client=("198.51.100.9", 1))  # type: ignore[attr-defined]
    async with httpx2.AsyncClient(transport=elsewhere, base_url="http://web.test") as other:
        assert (await other.get(WHOAMI, headers=BOB)).status_code == 200
    stage.clock.ahead = 301
    assert (await web.get(WHOAMI, headers=BOB)).status_code == 200
    refused = [kind for kind in kinds(stage) if kind == "person.refused"]
    assert len(refused) == 5, "what is limited is not recorded: it could fill the disk"


async def test_wrong_tokens_are_limited_and_right_ones_are_not(web: httpx2.AsyncClient) -> None:
    bearer = {"Authorization": f"Bearer {await token_of(web, BOB)}"}
    answers = [(await web.get(WHOAMI, headers={"Authorization": "Bearer pgmp_x"})).status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert (await web.get(WHOAMI, headers=bearer)).status_code == 200


async def test_attempts_are_counted(web: httpx2.AsyncClient, stage: Stage) -> None:
    await web.get(WHOAMI, headers=BOB)
    await web.get(WHOAMI, headers=basic("bob", "guess"))
    value = stage.services.metrics.registry.get_sample_value
    assert value("pgmaskproxy_auth_attempts_total", {"method": "basic", "outcome": "ok"}) == 1
    assert value("pgmaskproxy_auth_attempts_total", {"method": "basic", "outcome": "failed"}) == 1


async def test_nobody_signs_in_when_it_cannot_be_recorded(web: httpx2.AsyncClient, stage: Stage) -> None:
    stage.audit.close()
    answer = await web.get(WHOAMI, headers=BOB)
    assert (answer.status_code, answer.json()["reason"]) == (503, "audit_failed")
    assert (await web.post("/api/v1/tokens", json={}, headers=BOB)).status_code == 503
    assert await stage.store.tokens_of("bob") == ()
