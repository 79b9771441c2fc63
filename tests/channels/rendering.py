"""Microsoft's own renderer of Adaptive Cards (npm's `adaptivecards`) in Debian's Chromium."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
PACKAGES: Final = ("adaptivecards@3.0.5", "markdown-it@14.1.0")
SCRIPTS: Final = {
    "adaptivecards/dist/adaptivecards.js": "b3bd560d6ce3f64d5d99649a2e76c75741c2b8a3991dcbc5efdfcb87a44497d6",
    "markdown-it/dist/markdown-it.js": "433ba2a6946e8200c464d8845b98d826022a1836b4a713f01fa2830477c381e8",
}
"""SHA-256 of what runs."""

_PAGE: Final = """<!doctype html><meta charset="utf-8">
<body style="margin:16px;font:14px 'Segoe UI',sans-serif;background:#f5f5f5">
<div id="card" style="background:#fff;border:1px solid #ddd;border-radius:6px"></div></body>"""
_DRAW: Final = """([card]) => {
    const markdown = new markdownit();
    AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
        result.outputHtml = markdown.render(text);
        result.didProcess = true;
    };
    const adaptive = new AdaptiveCards.AdaptiveCard();
    adaptive.hostConfig = new AdaptiveCards.HostConfig({
        fontFamily: "'Segoe UI', sans-serif",
        spacing: {padding: 16},
        containerStyles: {default: {backgroundColor: '#ffffff'}, emphasis: {backgroundColor: '#f0f0f0'}},
    });
    const context = new AdaptiveCards.SerializationContext();
    adaptive.parse(card, context);
    const drawn = adaptive.render();
    document.getElementById('card').replaceChildren(drawn);
    const complaints = [];
    for (let i = 0; i < context.eventCount; i++) complaints.push(context.getEventAt(i).message);
    const counts = {};
    for (const each of drawn.querySelectorAll('*')) {
        const name = each.tagName.toLowerCase();
        counts[name] = (counts[name] || 0) + 1;
    }
    const top = {};
    for (const run of drawn.querySelectorAll('.ac-richTextBlock')) {
        top[run.innerText] = run.getBoundingClientRect().top;
    }
    return {text: drawn.innerText, complaints, counts, top, height: drawn.offsetHeight, width: drawn.scrollWidth};
}"""
_AS_MARKDOWN: Final = """([texts]) => {
    const markdown = new markdownit({html: true});
    const all = document.createElement('template');
    all.innerHTML = texts.map(text => markdown.render(text)).join('');
    return [...new Set([...all.content.querySelectorAll('*')].map(each => each.tagName.toLowerCase()))];
}"""


@dataclass(frozen=True)
class Drawn:
    """A card on the screen. `counts` are its elements by tag, `top` where each rich text begins, in pixels."""

    text: str
    complaints: list[str]
    counts: Mapping[str, int]
    top: Mapping[str, float]
    height: float
    width: float


@dataclass(frozen=True)
class Renderer:
    """A page that draws one card after the other."""

    page: Page
    modules: Path

    def reset(self) -> None:
        """An empty page with the two scripts."""
        self.page.set_content(_PAGE)
        for script in SCRIPTS:
            self.page.add_script_tag(content=(self.modules / script).read_text(encoding="utf-8"))

    def draw(self, card: Mapping[str, Any]) -> Drawn:
        drawn = self.page.evaluate(_DRAW, [card])
        return Drawn(**{**drawn, "text": drawn["text"].replace("\u00a0", " ")})

    def as_markdown(self, texts: list[str]) -> set[str]:
        """The tags that each of `texts` by itself would make where Markdown and HTML are both read."""
        return set(self.page.evaluate(_AS_MARKDOWN, [texts]))

    def picture(self, path: Path) -> None:
        self.page.screenshot(path=path, full_page=True)


@contextmanager
def renderer() -> Iterator[Renderer]:
    """Skips, with the reason, where there is no Chromium, no npm, or nowhere to get the packages from."""
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    modules = _modules()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 760, "height": 900}, locale="en-GB", timezone_id="UTC")
            page.route("**/*", lambda route: route.abort())  # a card that fetches something fails
            made = Renderer(page, modules)
            made.reset()
            yield made
        finally:
            browser.close()


def _modules() -> Path:
    """node_modules with both packages: installed once, and kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgmaskproxy-tests"
    place = cache / "-".join(PACKAGES).replace("@", "-")
    if not place.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as making:
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", making, *PACKAGES]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip("npm did not come to an end")
            if done.returncode:
                pytest.skip(f"npm could not install {' '.join(PACKAGES)}: {done.stderr[-300:]}")
            made = Path(making) / "done"
            shutil.copytree(Path(making) / "node_modules", made)
            if not place.exists():
                made.rename(place)
    for script, digest in SCRIPTS.items():
        assert hashlib.sha256((place / script).read_bytes()).hexdigest() == digest, f"{script} is another one"
    return place
