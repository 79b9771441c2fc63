"""Who is there: a session lives as long as the person and their password do, and comes by the cookie alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pgmaskproxy.web.pages.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS
from tests.web.pages.browser import Browser
from tests.web.stage import BOB, PEOPLE, Stage, hashed

ELSEWHERE = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}


async def test_an_idle_session_ends_and_what_a_page_does_by_itself_is_no_use(bob: Browser, stage: Stage) -> None:
    stage.clock.ahead = IDLE_SECONDS - 5
    assert (await bob.get("/inbox")).status_code == 200
    stage.clock.ahead = IDLE_SECONDS + 5
    answer = await bob.get("/")
    assert answer.headers["location"] == "/sign-in?ended=1"
    assert "an hour without use" in (await bob.get("/sign-in?ended=1")).text


async def test_pages_keep_it_awake_until_its_time_is_over(bob: Browser, stage: Stage) -> None:
    while stage.clock.ahead < ABSOLUTE_SECONDS - 10:
        assert (await bob.get("/")).status_code == 200
        stage.clock.ahead += IDLE_SECONDS - 10
    stage.clock.ahead = ABSOLUTE_SECONDS + 1
    assert (await bob.get("/")).status_code == 303


@pytest.mark.parametrize("what", ["gone", "another password", "no password"])
async def test_it_ends_with_the_account(bob: Browser, stage: Stage, what: str) -> None:
    people = stage.directory.people
    assert isinstance(people, dict)
    people.pop("bob")
    if what != "gone":
        people["bob"] = replace(PEOPLE["bob"], password_hash=hashed("new") if what == "another password" else None)
    assert (await bob.get("/")).status_code == 303
    people["bob"] = PEOPLE["bob"]
    assert (await bob.get("/")).status_code == 303, "and does not come back"


async def test_groups_are_those_of_now(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    people = stage.directory.people
    assert isinstance(people, dict)
    people["bob"] = replace(PEOPLE["bob"], groups=frozenset({"sales"}))
    assert (await bob.open(request)).status_code == 403


async def test_credentials_of_rest_open_no_page_and_a_session_opens_no_rest(browser: Browser) -> None:
    assert (await browser.get("/", **BOB)).status_code == 303
    await browser.sign_in("bob")
    assert (await browser.get("/api/v1/whoami")).status_code == 401


async def test_a_link_of_another_site_comes_in_by_a_step_of_ours(bob: Browser, stage: Stage) -> None:
    """The browser sends a strict cookie only with what a page of ours has asked for."""
    request = await stage.ask()
    path = f"/requests/{request.id}"
    bob.http.cookies.clear()
    answer = await bob.get(path, **ELSEWHERE)
    assert answer.status_code == 200
    assert f'http-equiv="refresh" content="0; url={path}"' in answer.text
    assert "shop" not in answer.text
    assert (await bob.get('/nowhere"><script>', **ELSEWHERE)).text.count("<script>") == 0


async def test_a_part_of_a_page_is_told_that_it_is_over(browser: Browser) -> None:
    assert (await browser.get("/inbox", HX_Request="true")).status_code == 401


async def test_a_form_of_an_ended_session_leads_back_to_its_page(bob: Browser, stage: Stage) -> None:
    request = await stage.ask()
    stage.clock.ahead = IDLE_SECONDS + 5
    answer = await bob.post(f"/requests/{request.id}/approve", {})
    assert answer.headers["location"] == f"/sign-in?next=%2Frequests%2F{request.id}&ended=1"
