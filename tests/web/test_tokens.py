"""A person's tokens: made by password only, kept as a hash, dead when they should be."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.web.stage import BOB, CAROL, Stage, kinds, token_of

WHOAMI = "/api/v1/whoami"


def everything(place: Path) -> list[bytes]:
    return [file.read_bytes() for file in place.rglob("*") if file.is_file()]


async def test_a_token_lives_until_it_expires_or_is_revoked(web: httpx2.AsyncClient, stage: Stage) -> None:
    token = await token_of(web, BOB, expires_in=60)
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await web.get(WHOAMI, headers=bearer)).json()["person"] == "bob"
    stage.clock.ahead = 61
    assert (await web.get(WHOAMI, headers=bearer)).status_code == 401


async def test_a_revoked_token_is_dead(web: httpx2.AsyncClient, stage: Stage) -> None:
    token = await token_of(web, BOB)
    bearer = {"Authorization": f"Bearer {token}"}
    own = (await web.get("/api/v1/tokens", headers=bearer)).json()["tokens"]
    assert (await web.delete(f"/api/v1/tokens/{own[0]['id']}", headers=CAROL)).status_code == 404, "not hers"
    assert (await web.get(WHOAMI, headers=bearer)).status_code == 200
    assert (await web.delete(f"/api/v1/tokens/{own[0]['id']}", headers=bearer)).status_code == 204
    assert (await web.get(WHOAMI, headers=bearer)).status_code == 401
    assert (await web.delete(f"/api/v1/tokens/{own[0]['id']}", headers=BOB)).status_code == 404
    assert [kind for kind in kinds(stage) if kind.startswith("token")] == ["token.created", "token.revoked"]


async def test_a_token_is_kept_as_a_hash_only(web: httpx2.AsyncClient, tmp_path: Path, stage: Stage) -> None:
    token = await token_of(web, BOB)
    files = everything(tmp_path)
    assert len(files) >= 2
    assert all(token.encode() not in content for content in files)
    assert token not in (await web.get("/api/v1/tokens", headers=BOB)).text
    assert len(token) == len("pgmp_") + 43


async def test_a_token_cannot_make_a_token(web: httpx2.AsyncClient) -> None:
    bearer = {"Authorization": f"Bearer {await token_of(web, BOB)}"}
    answer = await web.post("/api/v1/tokens", json={}, headers=bearer)
    assert answer.status_code == 401
    assert "password" in answer.json()["hint"]


async def test_a_token_of_somebody_who_left_is_dead(web: httpx2.AsyncClient, stage: Stage) -> None:
    bearer = {"Authorization": f"Bearer {await token_of(web, BOB)}"}
    people = stage.directory.people
    assert isinstance(people, dict)
    people.pop("bob")
    assert (await web.get(WHOAMI, headers=bearer)).status_code == 401


async def test_so_many_tokens_and_no_more(web: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgmaskproxy.web.tokens.TOKENS_PER_PERSON", 2)
    await token_of(web, BOB)
    await token_of(web, BOB)
    answer = await web.post("/api/v1/tokens", json={}, headers=BOB)
    assert (answer.status_code, answer.json()["reason"]) == (409, "too_many_tokens")


@pytest.mark.parametrize(
    "wish", [{"expires_in": 1}, {"expires_in": 10**9}, {"note": "x" * 201}, {"person": "alice"}, []]
)
async def test_a_wish_for_a_token_is_checked(web: httpx2.AsyncClient, wish: object) -> None:
    answer = await web.post("/api/v1/tokens", json=wish, headers=BOB)
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")
