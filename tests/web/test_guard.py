"""The outermost layer: bounds, headers, and that nothing of an unexpected error shows."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from pgmaskproxy.logs import configure
from pgmaskproxy.web.guard import BODY_BYTES, HEADERS, PAGE_HEADERS, Guard
from tests.web.stage import BOB, Stage

SECRET = "123-45-6789"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/whoami"),
        ("GET", "/api/nowhere"),
        ("PUT", "/api/v1/requests"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/nowhere"),
        ("POST", "/"),
        ("GET", "/"),
        ("GET", "/sign-in"),
        ("GET", "/events"),
        ("GET", "/static/page.css"),
    ],
)
async def test_every_answer_is_stamped(web: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await web.request(method, path)
    html = answer.headers.get("content-type", "").startswith("text/html")
    assert html == (path in {"/nowhere", "/sign-in"} or method == "POST")
    for name, value in (PAGE_HEADERS if html else HEADERS).items():
        assert answer.headers[name] == value
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


def test_what_a_browser_is_told() -> None:
    for headers in (HEADERS, PAGE_HEADERS):
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        allowed = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert (allowed["default-src"], allowed["base-uri"], allowed["frame-ancestors"]) == ("'none'",) * 3
        assert allowed["form-action"] == ("'none'" if headers is HEADERS else "'self'")
        assert allowed.get("script-src", "'none'") == ("'none'" if headers is HEADERS else "'self'")
    assert HEADERS["Referrer-Policy"] == "no-referrer"


async def test_no_cors_and_no_other_sites_page(web: httpx2.AsyncClient) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = await web.options("/api/v1/requests", headers=asked)
    assert answer.status_code == 405
    assert not any(name.lower().startswith("access-control") for name in answer.headers)
    for site in ("cross-site", "same-site"):
        answer = await web.get("/api/v1/whoami", headers=BOB | {"Sec-Fetch-Site": site})
        assert (answer.status_code, answer.json()["reason"]) == (403, "cross_site")
    assert (await web.get("/api/v1/whoami", headers=BOB | {"Sec-Fetch-Site": "same-origin"})).status_code == 200


NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


async def test_a_link_of_another_site_leads_to_a_page_and_nothing_else_does(web: httpx2.AsyncClient) -> None:
    assert (await web.get("/sign-in", headers=NAVIGATION)).status_code == 200
    for path, changed in (
        ("/api/v1/whoami", {}),
        ("/sign-in", {"Sec-Fetch-Dest": "iframe"}),
        ("/sign-in", {"Sec-Fetch-Mode": "no-cors"}),
        ("/events", {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}),
        ("/static/page.js", {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}),
    ):
        assert (await web.get(path, headers=BOB | NAVIGATION | changed)).status_code == 403, path
    answer = await web.post("/sign-in", headers=NAVIGATION)
    assert (answer.status_code, answer.json()["reason"]) == (403, "cross_site")


async def test_pages_take_forms_and_rest_takes_json(web: httpx2.AsyncClient) -> None:
    for path, kind in (("/sign-in", "application/json"), ("/sign-in", "multipart/form-data"), ("/sign-in", "")):
        answer = await web.post(path, content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415, kind


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_that_is_not_json_decides_nothing(web: httpx2.AsyncClient, stage: Stage, kind: str) -> None:
    """What a form of another site could send with a browser's remembered password."""
    request = await stage.ask()
    answer = await web.post(
        f"/api/v1/requests/{request.id}/approve", content=b'{"reason":""}', headers=BOB | {"Content-Type": kind}
    )
    assert (answer.status_code, answer.json()["reason"]) == (415, "not_json")
    assert (await stage.broker.get(request.id)).votes == ()


async def test_a_body_that_is_too_long_is_not_read(web: httpx2.AsyncClient) -> None:
    json_type = {"Content-Type": "application/json"}
    big = await web.post("/api/v1/tokens", content=b"x" * (BODY_BYTES + 1), headers=json_type)
    assert (big.status_code, big.json()["reason"]) == (413, "too_long")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(16 * BODY_BYTES // 1024):
            yield b"x" * 1024
        raise AssertionError("all of it was read")

    streamed = await web.post("/api/v1/tokens", content=endless(), headers=json_type)
    assert streamed.status_code == 413
    for length in ("-1", "9" * 11, "nonsense"):
        headers = json_type | {"Content-Length": length}
        assert (await web.post("/api/v1/tokens", content=b"{}", headers=headers)).status_code == 413


async def ask(guard: Guard, receive: Receive, **scope: Any) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    whole: Scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "query_string": b""} | scope
    await guard(whole, receive, send)
    return sent


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the application must not run")


async def test_a_body_that_never_comes_is_408() -> None:
    async def silent() -> Message:
        await asyncio.sleep(5)
        raise AssertionError

    sent = await ask(Guard(never, body_seconds=0.05), silent)
    assert sent[0]["status"] == 408


async def test_a_client_that_left_is_left_alone() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert await ask(Guard(never), gone) == []


async def test_a_websocket_is_closed() -> None:
    async def connect() -> Message:
        return {"type": "websocket.connect"}

    assert await ask(Guard(never), connect, type="websocket") == [{"type": "websocket.close", "code": 1008}]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("json", "info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def empty() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def test_an_unexpected_error_is_500_and_says_nothing(log: io.StringIO) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise LookupError(SECRET)

    sent = await ask(Guard(broken), empty)
    assert sent[0]["status"] == 500
    assert json.loads(sent[1]["body"])["reason"] == "internal"
    assert SECRET not in str(sent)
    line = json.loads(log.getvalue())
    assert (line["event"], line["error"], line["url_path"]) == ("web_request_failed", "LookupError", "/x")
    assert SECRET not in log.getvalue()


async def test_an_error_after_the_answer_began_adds_nothing(log: io.StringIO) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise LookupError(SECRET)

    sent = await ask(Guard(broken), empty)
    assert [message.get("status") for message in sent] == [200]
    assert "web_request_failed" in log.getvalue()
