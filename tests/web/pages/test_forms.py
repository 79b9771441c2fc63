"""Forms: only a page of ours, in the browser that it was sent to, posts anything that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.web.pages.forms import origin_of
from tests.web.pages.browser import Browser, hidden
from tests.web.stage import Stage, staged


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("", ""),
        ("https://Approve.Example/", "https://approve.example"),
        ("https://approve.example:443/x", "https://approve.example"),
        ("http://127.0.0.1:8432", "http://127.0.0.1:8432"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "origin",
    ["", "null", "http://evil.example", "https://web.test", "http://web.test:81", "http://web.test.evil.example"],
)
async def test_a_form_of_elsewhere_does_nothing(bob: Browser, stage: Stage, origin: str) -> None:
    request = await stage.ask()
    path = f"/requests/{request.id}/approve"
    fields = hidden(await bob.open(request), path)
    answer = await bob.post(path, fields, Origin=origin)
    assert (answer.status_code, "own address" in answer.text) == (403, True)
    assert (await stage.broker.get(request.id)).votes == ()


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é", "carol's"])
async def test_a_form_without_its_token_does_nothing(bob: Browser, stage: Stage, token: str | None) -> None:
    request = await stage.ask()
    path = f"/requests/{request.id}/approve"
    fields = hidden(await bob.open(request), path)
    if token == "carol's":
        token = bob.site.forms.token(bob.site.sessions.begin("carol", "", stage.clock()))
    fields.pop("form_token")
    answer = await bob.post(path, fields | ({} if token is None else {"form_token": token}))
    assert (answer.status_code, "present session" in answer.text) == (403, True)
    assert (await stage.broker.get(request.id)).votes == ()
    assert (await bob.post("/sign-out", {} if token is None else {"form_token": token})).status_code == 403
    assert (await bob.get("/")).status_code == 200


async def test_a_sign_in_that_somebody_else_made_up_does_nothing(browser: Browser) -> None:
    """Login CSRF: to be signed in unknowingly, as somebody else."""
    fields = {"person": "bob", "password": "bob's password", "next": "/"}
    assert (await browser.post("/sign-in", fields)).status_code == 403
    assert (await browser.post("/sign-in", fields | {"form_token": browser.site.forms.token("")})).status_code == 403
    page = await browser.get("/sign-in")
    token = hidden(page, "/sign-in")["form_token"]
    browser.http.cookies.clear()
    assert (await browser.post("/sign-in", fields | {"form_token": token})).status_code == 403
    assert browser.site.cookies.session not in browser.http.cookies


async def test_behind_tls_only_the_public_origin_counts(tmp_path: Path) -> None:
    place = tmp_path / "tls"
    place.mkdir()
    async with staged(place, "https://approve.example") as stage:
        browser = Browser(stage, origin="https://approve.example")
        async with browser.http:
            page = await browser.get("/sign-in")
            fields = hidden(page, "/sign-in") | {"person": "bob", "password": "bob's password"}
            assert (await browser.post("/sign-in", fields, Origin="http://approve.example")).status_code == 403
            assert (await browser.post("/sign-in", fields)).status_code == 303


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a", b"&".join(b"f%d=1" % n for n in range(30)), b"\xff=1", b"a=%ff"])
async def test_what_is_no_form_is_refused(bob: Browser, body: bytes) -> None:
    headers = {"Origin": bob.origin, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await bob.http.post("/sign-out", content=body, headers=headers)
    assert answer.status_code == 400
