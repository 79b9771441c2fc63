"""The approvals page in a real browser, before a real proxy: what is held from psql is decided by clicking."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browsing import CONTRASTS, STRUCTURE, Psql, chat_with, chromium, sign_in, visiting
from tests.e2e.waiting import Waiting, ask
from tests.harness.proxy import Proxy

HOSTILE = (
    "UPDATE products SET price = price + 1 -- \u202eharmless\u202c, \u200bzero width, \u0441yrillic"
    + "\n" * 200
    + " " * 400
    + ", name = '<script>alert(1)</script><img src=x onerror=alert(1)>', stock = 0\n"
    + "".join(f"  + {number} -- {'x' * (number % 90)}\n" for number in range(1000, 1150))
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def truth(proxy: Proxy, query: str) -> Any:
    with psycopg.connect(proxy.database.admin) as admin:
        row = admin.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_from_the_cards_link_through_sign_in_to_approved(browser: Browser, shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    before = truth(proxy, "SELECT sum(stock) FROM shop.products")
    statement = "/* reason: the autumn delivery */ UPDATE products SET stock = stock + 1"
    with Psql(proxy, statement) as psql, visiting(browser, proxy) as page:
        link = psql.link()
        assert link.startswith(proxy.web)
        chat_with(page, link)
        page.get_by_text("Decide").click()
        expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        sign_in(page, proxy)
        expect(page).to_have_url(link)
        expect(page.get_by_role("heading", level=1)).to_contain_text("shop.products")
        main = page.get_by_role("main")
        for part in ("agent", "alice", "the autumn delivery", "UPDATE products SET stock = stock + 1"):
            expect(main).to_contain_text(part)
        assert truth(proxy, "SELECT sum(stock) FROM shop.products") == before
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("status").filter(has_text="bob approved it")).to_be_visible()
        expect(page.get_by_role("button", name="Approve")).to_have_count(0)
        assert psql.end() == (0, "UPDATE 24\n")
        expect(page.locator("#state")).to_contain_text("it was sent to the database")
        # The next link from the chat: the strict cookie comes with it, by a step of our own.
        chat_with(page, link)
        page.get_by_text("Decide").click()
        expect(page).to_have_url(link)
        expect(page.get_by_role("heading", level=1)).to_contain_text("shop.products")
    assert truth(proxy, "SELECT sum(stock) FROM shop.products") == before + 24


def test_it_appears_by_itself_and_rejected_psql_says_why(browser: Browser, shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    paid = truth(proxy, "SELECT count(*) FROM shop.payments")
    with visiting(browser, proxy) as page:
        page.goto("/")
        sign_in(page, proxy)
        expect(page.get_by_text("Nothing waits for a decision.")).to_be_visible()
        expect(page.get_by_text("This page updates itself.")).to_be_visible()
        with Psql(proxy, "DELETE FROM payments") as psql:
            expect(page.get_by_role("heading", name="For you to decide 1")).to_be_visible()
            expect(page).to_have_title("(1) Inbox · pgmaskproxy")
            expect(page.locator("#news")).to_have_text("1 request waits for you.")
            page.get_by_role("link", name=re.compile("payments")).click()
            page.get_by_role("button", name="Reject").click()
            expect(page.get_by_role("alert")).to_contain_text("Say why you reject it")
            page.get_by_label("Reason").fill("not before the month is closed")
            page.get_by_role("button", name="Reject").click()
            expect(page.get_by_role("status").filter(has_text="bob rejected it")).to_be_visible()
            code, output = psql.end()
            assert (code, output) == (1, "")
            assert "not before the month is closed" in psql.stderr
            assert "the statement was rejected" in psql.stderr
        page.get_by_role("link", name="History").click()
        expect(page.get_by_role("main")).to_contain_text("Rejected")
    assert truth(proxy, "SELECT count(*) FROM shop.payments") == paid


def test_the_owner_sees_why_not_and_an_open_page_what_others_decide(browser: Browser, shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    with proxy.connect() as connection, visiting(browser, proxy) as page:
        waiting = ask(connection, "DELETE FROM payments")
        request = waiting.request()
        page.goto(f"/requests/{request}")
        sign_in(page, proxy, "alice")
        expect(page.get_by_text("alice answers for agent and cannot decide what it asks")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Approve|Reject"))).to_have_count(0)
        expect(page.get_by_text("This page updates itself.")).to_be_visible()
        with proxy.person() as bob:
            bob.reject(request, "no")
        expect(page.locator("#state")).to_contain_text("bob rejected it")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            waiting.result()


def test_by_keyboard_alone(browser: Browser, shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    with proxy.connect() as connection, visiting(browser, proxy) as page:
        waiting = ask(connection, "UPDATE products SET stock = stock + 0")
        waiting.request()
        page.goto("/")
        keys = page.keyboard
        keys.type("bob")
        keys.press("Tab")
        keys.type(proxy.passwords.second)
        keys.press("Enter")
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        keys.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        keys.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        keys.press("j")
        expect(page.locator(".request h3 a").first).to_be_focused()
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        keys.press("Enter")
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        assert around(page) >= 8
        keys.press("s")
        expect(page.locator("#sql")).to_be_focused()
        keys.press("d")
        expect(page.get_by_label("Reason")).to_be_focused()
        keys.type("just so")  # s, and j, are letters here
        keys.press("Tab")
        expect(page.get_by_role("button", name="Approve")).to_be_focused()
        keys.press("Enter")
        expect(page.get_by_role("status").filter(has_text="bob approved it")).to_be_visible()
        expect(page.locator(".votes")).to_contain_text("just so")
        assert waiting.result() == ("UPDATE 24", None)


def around(page: Page) -> int:
    """Tab through the page: every stop is visible, none holds the focus, and one comes around."""
    stops: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        at = page.evaluate(
            "(() => { const e = document.activeElement; return e === document.body ? '' : [...document.querySelectorAll"
            "('*')].indexOf(e) + (getComputedStyle(e).outlineStyle === 'none' ? ' unseen' : ''); })()"
        )
        if at in stops or at == "":
            break
        stops.append(at)
    assert len(stops) < 60
    assert not [stop for stop in stops if "unseen" in str(stop)]
    return len(stops)


@pytest.fixture
def held(shared_proxy18: Proxy) -> Iterator[str]:
    """A statement that does what it can to be misread."""
    with shared_proxy18.connect() as connection:
        waiting: Waiting = ask(connection, HOSTILE)
        yield waiting.request()
        connection.cancel_safe()
        with pytest.raises(psycopg.errors.QueryCanceled):
            waiting.result()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read(browser: Browser, shared_proxy18: Proxy, held: str, width: int, scheme: Any) -> None:
    """Contrast as computed by the browser, names for what has one, nothing wider than the screen, nothing run."""
    proxy = shared_proxy18
    with visiting(browser, proxy, viewport={"width": width, "height": 700}, color_scheme=scheme) as page:
        page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
        page.goto("/sign-in")
        readable(page)
        sign_in(page, proxy)
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        readable(page)
        for path in (f"/requests/{held}", "/history", "/history?login=nobody"):
            page.goto(path)
            readable(page)
        page.goto(f"/requests/{held}")
        page.locator("details.more").click()
        page.locator("#keys").click()
        readable(page)
        shown = page.locator("#sql").inner_text()
        for part in ("⟨U+202E⟩", "⟨U+200B⟩", "199 empty lines", "⟨400 blanks⟩", "<script>alert(1)</script>", "1149"):
            assert part in shown
        assert not set("\u202e\u202c\u200b") & set(page.content())


def readable(page: Page) -> None:
    seen, bad = page.evaluate(CONTRASTS)
    assert seen > 3
    assert bad == []
    found = page.evaluate(STRUCTURE)
    headings = found.pop("headings")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert headings.count(1) == 1
    assert found == {"unnamed": [], "dangling": [], "twice": [], "landmarks": [], "wide": 0, "language": "en"}


def test_without_scripts_everything_can_be_decided(browser: Browser, shared_proxy18: Proxy) -> None:
    proxy = shared_proxy18
    with (
        proxy.connect() as connection,
        visiting(browser, proxy, java_script_enabled=False) as page,
    ):
        waiting = ask(connection, "UPDATE products SET stock = stock + 0")
        waiting.request()
        page.goto("/")
        sign_in(page, proxy)
        expect(page.get_by_text("This page does not update itself.")).to_be_visible()
        page.get_by_role("link", name=re.compile("shop.products")).first.click()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_role("status").filter(has_text="bob approved it")).to_be_visible()
        assert waiting.result() == ("UPDATE 24", None)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You are signed out.")).to_be_visible()
