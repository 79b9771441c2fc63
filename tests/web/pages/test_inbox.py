"""The inbox: what waits for whom, soonest first; and the stream that says when to look again."""

from __future__ import annotations

import asyncio
import re

import pytest
from starlette.requests import Request

from pgmaskproxy.model import ApprovalTerms
from pgmaskproxy.web import pulse
from pgmaskproxy.web.pages import inbox
from pgmaskproxy.web.pages.inbox import stream
from pgmaskproxy.web.pages.sessions import IDLE_SECONDS
from tests.web.pages.browser import Browser
from tests.web.stage import EXPORTS, PEOPLE, Stage


async def test_nothing_waits(bob: Browser) -> None:
    page = await bob.get("/")
    assert "Nothing waits for a decision." in page.text
    assert "<title>Inbox · pgmaskproxy</title>" in page.text


async def test_what_waits_for_whom_soonest_first(bob: Browser, stage: Stage) -> None:
    later, sooner = await stage.ask(), await stage.ask(seconds=60)
    own = await stage.ask(principal="bobs-agent", owner="bob")
    hers = await stage.ask(principal="x", owner=None, terms=(ApprovalTerms(EXPORTS, ("sales",)),))
    done = await stage.ask()
    await stage.broker.decide(done.id, PEOPLE["bob"], approve=True)
    for path in ("/", "/inbox"):
        page = await bob.get(path)
        mine, _, others = page.text.partition("For others to decide")
        assert re.findall(r'href="/requests/(apr_\w+)"', mine) == [sooner.id, later.id]
        assert re.findall(r'href="/requests/(apr_\w+)"', others) == [own.id]
        assert "bob answers for bobs-agent" in others
        assert hers.id not in page.text
    assert "<title>(2) Inbox · pgmaskproxy</title>" in (await bob.get("/")).text
    assert 'data-count="2" data-all="3"' in page.text


async def test_more_than_are_shown_are_said_to_be(bob: Browser, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "SHOWN", 2)
    for _ in range(3):
        await stage.ask()
    assert "There are more than are shown here" in (await bob.get("/")).text


def asking(browser: Browser) -> Request:
    name = browser.site.cookies.session
    cookie = f"{name}={browser.http.cookies[name]}".encode()
    return Request({"type": "http", "method": "GET", "path": "/events", "headers": [(b"cookie", cookie)]})


async def test_the_stream_tells_of_what_changes(bob: Browser, stage: Stage) -> None:
    events = stream(asking(bob), bob.site, 20.0)
    assert "event: changed" in await anext(events), "once at first: something may have been missed"
    waiting = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    request = await stage.ask()
    assert "event: changed" in await asyncio.wait_for(waiting, 15)
    await stage.broker.decide(request.id, PEOPLE["bob"], approve=False, reason="no")
    assert "event: changed" in await asyncio.wait_for(anext(events), 15)
    await events.aclose()


async def test_the_stream_shows_that_it_lives_and_notices_others(bob: Browser, stage: Stage) -> None:
    events = stream(asking(bob), bob.site, 0.01)
    await anext(events)
    assert await anext(events) == ": still here\n\n"
    bob.site.services.pulse._waiting.clear()
    beats = stage.services.pulse.beats
    await stage.ask()
    stage.services.pulse.beats = beats  # as if another process had opened it
    assert "event: changed" in await anext(events)
    await events.aclose()


async def test_the_stream_ends_with_the_session_and_with_the_server(bob: Browser, stage: Stage) -> None:
    events = stream(asking(bob), bob.site, 0.01)
    await anext(events)
    stage.clock.ahead = IDLE_SECONDS + 1
    assert await anext(events) == "event: over\ndata: 0\n\n"
    with pytest.raises(StopAsyncIteration):
        await anext(events)
    stage.clock.ahead = 0.0
    await bob.sign_in("bob")
    events = stream(asking(bob), bob.site, 20.0)
    await anext(events)
    stage.services.pulse.close()
    assert [each async for each in events] == []
    assert (await bob.get("/events")).status_code == 503


async def test_so_many_streams_and_no_more(bob: Browser, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "WATCHERS", 1)
    events = stream(asking(bob), bob.site, 20.0)
    await anext(events)
    assert (await bob.get("/events")).status_code == 503
    await events.aclose()
    assert not stage.services.pulse.full


async def test_nobody_is_told_anything_without_signing_in(browser: Browser) -> None:
    for path in ("/events", "/inbox", "/", "/history"):
        assert (await browser.get(path)).status_code == 303
