"""Signing in and out: who, how often, where to, and what a browser is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgmaskproxy.web.throttle import PAIR
from tests.web.pages.browser import Browser, hidden
from tests.web.stage import Stage, kinds, staged


async def test_a_person_signs_in_and_out(browser: Browser, stage: Stage) -> None:
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    answer = await browser.sign_in("bob")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "person.signed_in" in kinds(stage)
    page = await browser.get("/")
    assert (page.status_code, "Signed in as" in page.text) == (200, True)
    old = dict(browser.http.cookies)
    out = await browser.submit(page, "/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in?out=1")
    assert "You are signed out." in (await browser.get("/sign-in?out=1")).text
    browser.http.cookies.update(old)
    assert (await browser.get("/")).status_code == 303, "the server has forgotten it, too"


@pytest.mark.parametrize(
    ("person", "password"),
    [
        ("bob", "wrong"),
        ("nobody", "bob's password"),
        ("erin", ""),
        ("erin", "anything"),
        ("sales-agent", "x"),
        ("bob", "b" * 2000),
    ],
)
async def test_others_do_not(browser: Browser, person: str, password: str) -> None:
    answer = await browser.sign_in(person, password)
    assert answer.status_code in {403, 422}
    assert "www-authenticate" not in answer.headers, "a browser would open a window of its own"
    assert browser.site.cookies.session not in browser.http.cookies
    assert (await browser.get("/")).status_code == 303


async def test_guesses_are_limited_with_those_at_rest(browser: Browser, stage: Stage) -> None:
    for _ in range(PAIR.failures):
        assert (await browser.sign_in("bob", "guess")).status_code == 403
    answer = await browser.sign_in("bob")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Try again in" in answer.text
    from tests.web.stage import BOB

    assert (await browser.get("/api/v1/whoami", **BOB)).status_code == 429, "one count for both"
    stage.clock.ahead = PAIR.seconds + 1
    assert (await browser.sign_in("bob")).status_code == 303


async def test_the_id_of_a_session_is_new_each_time_and_the_old_one_is_dead(browser: Browser) -> None:
    name, form = browser.site.cookies.session, browser.site.cookies.form
    planted = "chosen-by-somebody-else"
    page = await browser.get("/sign-in", Cookie=f"{name}={planted}; {form}=known")
    fields = hidden(page, "/sign-in") | {"person": "bob", "password": "bob's password"}
    first = await browser.post("/sign-in", fields, Cookie=f"{name}={planted}; {form}=known")
    held = first.cookies[name]
    assert held != planted
    fields |= {"person": "carol", "password": "carol: päss"}
    second = await browser.post("/sign-in", fields, Cookie=f"{name}={held}; {form}=known")
    assert second.cookies[name] not in {held, planted}
    assert len(browser.site.sessions) == 1
    browser.http.cookies.clear()
    for value, status in ((planted, 303), (held, 303), (second.cookies[name], 200)):
        assert (await browser.get("/", Cookie=f"{name}={value}")).status_code == status


async def test_cookies_are_strict(browser: Browser, tmp_path: Path) -> None:
    answer = await browser.sign_in("bob")
    said = [value for value in answer.headers.get_list("set-cookie") if value.startswith("pgmaskproxy-session=")]
    assert len(said) == 1
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age="):
        assert attribute in said[0]
    assert "Domain" not in said[0]
    assert "Secure" not in said[0], "it would be lost over plain HTTP"
    place = tmp_path / "tls"
    place.mkdir()
    async with staged(place, "https://approve.example") as stage:
        there = Browser(stage, origin="https://approve.example")
        async with there.http:
            answer = await there.sign_in("bob")
            said = [value for value in answer.headers.get_list("set-cookie") if "-session=" in value]
            assert said[0].startswith("__Host-pgmaskproxy-session=")
            for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
                assert attribute in said[0]
            assert (await there.get("/")).status_code == 200


@pytest.mark.parametrize(
    "place", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/sign-out", ""]
)
async def test_one_is_led_nowhere_else(browser: Browser, place: str) -> None:
    assert (await browser.sign_in("bob", place=place)).headers["location"] == "/"
    assert (await browser.http.get("/sign-in", params={"next": place})).headers["location"] == "/"


async def test_one_is_led_to_what_was_asked_for(browser: Browser, stage: Stage) -> None:
    request = await stage.ask()
    wanted = f"/requests/{request.id}"
    asked = await browser.get(wanted)
    assert asked.status_code == 303
    page = await browser.get(asked.headers["location"])
    assert hidden(page, "/sign-in")["next"] == wanted
    answer = await browser.submit(page, "/sign-in", person="bob", password="bob's password")
    assert answer.headers["location"] == wanted


async def test_what_was_typed_is_shown_escaped_and_the_password_is_not(browser: Browser) -> None:
    answer = await browser.sign_in('"><script>x</script>', "a secret")
    assert "<script>x" not in answer.text
    assert "&lt;script&gt;x" in answer.text
    assert "a secret" not in answer.text


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_a_get_does_nothing(bob: Browser, path: str) -> None:
    await bob.get(path)
    assert (await bob.get("/")).status_code == 200


async def test_files(browser: Browser) -> None:
    assert (await browser.get("/static/page.css")).headers["content-type"] == "text/css; charset=utf-8"
    for path in ("/static/htmx-LICENSE.txt", "/static/..%2fsite.py", "/static/nothing.js"):
        assert (await browser.get(path)).status_code == 404
