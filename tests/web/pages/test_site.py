"""What all pages share: headers that forbid what no page needs, and errors on a page of their own."""

from __future__ import annotations

import pytest

from tests.web.pages.browser import Browser
from tests.web.stage import Stage


@pytest.mark.parametrize("path", ["/", "/history", "/requests/apr_x", "/nowhere"])
async def test_headers(bob: Browser, path: str) -> None:
    headers = (await bob.get(path)).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert {policy[name] for name in ("frame-ancestors", "base-uri")} == {"'none'"}
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"


async def test_an_error_is_a_page(bob: Browser, stage: Stage) -> None:
    answer = await bob.get("/requests/apr_x")
    assert answer.status_code == 404
    assert "there is no such request" in answer.text
    assert "Signed in as" in answer.text
    await stage.store.close()
    answer = await bob.get("/")
    assert (answer.status_code, "Not now" in answer.text) == (503, True)


async def test_nothing_is_recorded_nothing_is_changed(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    page = await bob.open(request)
    stage.audit.close()
    from tests.web.pages.browser import hidden

    answer = await bob.post(f"/requests/{request.id}/approve", hidden(page, f"/requests/{request.id}/approve"))
    assert (answer.status_code, "nothing was changed" in answer.text) == (503, True)
