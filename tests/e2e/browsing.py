"""Debian's Chromium, driven by Playwright: started once, with nothing of its own to say to the network."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, sync_playwright

from tests.e2e.drivers import psql_environment
from tests.e2e.waiting import SECONDS
from tests.harness.proxy import Proxy

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
CHAT: Final = "http://chat.example"
"""Another site, where the link is clicked; no request ever leaves for it."""
LINK: Final = re.compile(r"http://\S+/requests/apr_[0-9a-f]{32}")

# What is on the screen against what is behind it, WCAG 2.2 (1.4.3): every text that shows, and its ratio if it is bad.
CONTRASTS: Final = """() => {
  const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = element => { const found = [];
    for (let each = element; each; each = each.parentElement) found.push(parse(getComputedStyle(each).backgroundColor));
    return found.reverse().reduce((under, each) => over(each, under), [255, 255, 255, 1]); };
  const bad = []; let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement, style = getComputedStyle(element);
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest('.unseen, script')) continue;
    const ground = behind(element), ink = over(parse(style.color), ground);
    const [a, b] = [light(ink), light(ground)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    seen += 1;
    if (ratio < 4.5) bad.push(`${ratio.toFixed(2)}: ${node.textContent.trim().slice(0, 40)}`);
  }
  return [seen, bad];
}"""

# Whatever can be focused or named: controls without a name, headings that skip a level, landmarks.
STRUCTURE: Final = """() => ({
  unnamed: [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary,'
    + ' [tabindex="0"]')].filter(each => !(each.getAttribute('aria-label') || each.getAttribute('aria-labelledby')
    || (each.labels && each.labels.length) || each.textContent.trim())).map(each => each.outerHTML.slice(0, 120)),
  dangling: [...document.querySelectorAll('[aria-labelledby], [aria-describedby]')].flatMap(each =>
    [each.getAttribute('aria-labelledby'), each.getAttribute('aria-describedby')].filter(Boolean).join(' ').split(' '))
    .filter(id => !document.getElementById(id)),
  twice: [...document.querySelectorAll('[id]')].map(each => each.id).filter((id, at, all) => all.indexOf(id) !== at),
  headings: [...document.querySelectorAll('h1, h2, h3')].map(each => Number(each.tagName[1])),
  landmarks: ['header', 'main'].filter(name => document.querySelectorAll(`body > ${name}`).length !== 1),
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  language: document.documentElement.lang,
})"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; skips where there is none."""
    if not CHROMIUM.is_file():
        pytest.skip("Debian's chromium is not installed (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, proxy: Proxy, **options: Any) -> Iterator[Page]:
    """A fresh browser's page before `proxy`. Whatever the page complains of (a script, its policy) fails the test."""
    context = browser.new_context(base_url=proxy.web, **options)
    context.set_default_timeout(SECONDS * 1000)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _complains(said) else None)
    page.on("response", lambda answer: complaints.append(answer.url) if _lacks(answer) else None)
    try:
        yield page
    finally:
        context.close()
    assert complaints == [], complaints


def _complains(said: ConsoleMessage) -> bool:
    # What an answer's status is, the tests say themselves, and for what a page needs `_lacks` does.
    return said.type in {"error", "warning"} and not said.text.startswith("Failed to load resource")


def _lacks(answer: Response) -> bool:
    """Whether a page did not get something that it asked for by itself."""
    return answer.status >= 400 and not answer.request.is_navigation_request()


def sign_in(page: Page, proxy: Proxy, person: str = "bob") -> None:
    """Types id and password on the sign-in page that is open."""
    page.get_by_label("Your id").fill(person)
    page.get_by_label("Password").fill(proxy.passwords.second if person == "bob" else proxy.passwords.owner)
    page.get_by_role("button", name="Sign in").click()


def chat_with(page: Page, link: str) -> None:
    """Opens another site's page with a message in it that has `link`."""
    page.route(f"{CHAT}/*", lambda route: route.fulfill(content_type="text/html", body=f"<a href='{link}'>Decide</a>"))
    page.goto(f"{CHAT}/general")


@final
class Psql:
    """psql in another window, waiting for what people say."""

    def __init__(self, proxy: Proxy, statement: str) -> None:
        self._said = threading.Condition()
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            [str(proxy.database.server.bindir / "psql"), "-X", "-v", "ON_ERROR_STOP=1", "-c", statement],
            env=psql_environment(proxy.conninfo()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            with self._said:
                self._lines.append(line)
                self._said.notify_all()

    @property
    def stderr(self) -> str:
        """All so far."""
        with self._said:
            return "".join(self._lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def link(self) -> str:
        """Where the notice says that it can be decided."""
        with self._said:
            assert self._said.wait_for(lambda: LINK.search("".join(self._lines)) is not None, SECONDS), self._lines
            found = LINK.search("".join(self._lines))
        assert found is not None
        return found.group()

    def end(self) -> tuple[int, str]:
        """Its exit code and standard output."""
        code = self._process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self._process.stdout is not None
        return code, self._process.stdout.read()
