"""Errors of every origin are problem+json, and echo nothing that was sent."""

from __future__ import annotations

import httpx2
import pytest

from tests.web.stage import BOB, Stage

SECRET = "123-45-6789"


async def test_errors_of_the_framework_are_problems(web: httpx2.AsyncClient) -> None:
    for method, path, status, reason in (
        ("GET", "/api/nowhere", 404, "not_found"),
        ("PATCH", "/api/v1/requests", 405, "method_not_allowed"),
        ("GET", "/api/docs", 404, "not_found"),
        ("GET", "/api/v1/requests/", 404, "not_found"),
    ):
        answer = await web.request(method, path)
        assert answer.status_code == status, path
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (body["status"], body["reason"], body["instance"], body["type"]) == (status, reason, path, "about:blank")


async def test_a_person_is_told_on_a_page(web: httpx2.AsyncClient) -> None:
    for method, path, status in (("GET", "/nowhere", 404), ("GET", "/docs", 404), ("PUT", "/sign-in", 405)):
        answer = await web.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "There is no such page" in answer.text


@pytest.mark.parametrize("body", [f'{{"reason": ["{SECRET}"]}}', f'{{"{SECRET}": 1}}', f'"{SECRET}"', "{", "NaN"])
async def test_what_was_sent_is_not_echoed(web: httpx2.AsyncClient, stage: Stage, body: str) -> None:
    request = await stage.ask()
    answer = await web.post(
        f"/api/v1/requests/{request.id}/approve", content=body, headers=BOB | {"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["reason"]) == (422, "invalid")
    if not body.startswith('{"' + SECRET):  # the name of a key is named, its value is not
        assert SECRET not in answer.text


async def test_state_that_cannot_be_read_is_503(web: httpx2.AsyncClient, stage: Stage) -> None:
    await stage.store.close()
    answer = await web.get("/api/v1/requests", headers=BOB)
    assert (answer.status_code, answer.json()["reason"]) == (503, "unavailable")
