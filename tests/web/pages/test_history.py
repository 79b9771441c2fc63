"""The history: filtered, in pages, and only what concerns the reader."""

from __future__ import annotations

import re

import pytest

from pgmaskproxy.approval.request import State
from pgmaskproxy.web.pages import history
from tests.web.pages.browser import Browser
from tests.web.stage import PEOPLE, Stage


async def listed(browser: Browser, path: str) -> list[str]:
    page = await browser.get(path)
    assert page.status_code == 200
    return re.findall(r'href="/requests/(apr_\w+)"', page.text)


async def test_each_state_can_be_asked_for(bob: Browser, stage: Stage) -> None:
    made = {word: await stage.ask(seconds=60 if word == "expired" else 600) for word in history.CHOICES if word}
    await stage.broker.decide(made["approved"].id, PEOPLE["bob"], approve=True)
    await stage.broker.decide(made["rejected"].id, PEOPLE["bob"], approve=False, reason="no")
    await stage.broker.withdraw(made["withdrawn"].id, State.WITHDRAWN)
    stage.clock.ahead = 61
    await stage.broker.expire_due()
    for word, request in made.items():
        assert await listed(bob, f"/history?state={word}") == [request.id], word
    assert await listed(bob, "/history") == [each.id for each in reversed(made.values())]
    assert len(await listed(bob, "/history?state=nonsense")) == 5


async def test_filters(bob: Browser, stage: Stage) -> None:
    one = await stage.ask(principal="one", database="a")
    two = await stage.ask(principal="two", database="b")
    assert await listed(bob, "/history?login=one") == [one.id]
    assert await listed(bob, "/history?database=b") == [two.id]
    assert await listed(bob, "/history?login=one&database=b") == []
    page = await bob.get("/history?login=%22%3E%3Cb%3E")
    assert 'value="&#34;&gt;&lt;b&gt;"' in page.text


async def test_pages(bob: Browser, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    made = [(await stage.ask()).id for _ in range(5)]
    path, seen = "/history?login=sales-agent", []
    while path:
        seen += await listed(bob, path)
        found = re.search(r'<a href="([^"]+)" rel="next">', (await bob.get(path)).text)
        path = found[1].replace("&amp;", "&") if found else ""
        assert not path or "login=sales-agent" in path
    assert seen == made[::-1]
    assert (await bob.get("/history?before=nonsense")).status_code == 400


async def test_only_what_concerns_one(browser: Browser, stage: Stage) -> None:
    await stage.ask()
    await browser.sign_in("dave")
    assert await listed(browser, "/history") == []
    assert "Nothing was asked yet." in (await browser.get("/history")).text
