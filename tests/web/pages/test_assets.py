"""The files of the pages: htmx is the one that was vendored, and each is named with its hash."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from pgmaskproxy.errors import InternalError
from pgmaskproxy.web import pages
from pgmaskproxy.web.pages import assets
from pgmaskproxy.web.pages.assets import HTMX_SHA384, Assets
from tests.web.pages.browser import Browser

STATIC = Path(pages.__file__).with_name("static")


def test_htmx_is_as_it_was_published_and_its_licence_lies_beside_it() -> None:
    content = (STATIC / "htmx.min.js").read_bytes()
    assert base64.b64encode(hashlib.sha384(content).digest()).decode() == HTMX_SHA384
    assert "Zero-Clause BSD" in (STATIC / "htmx-LICENSE.txt").read_text(encoding="utf-8")
    assert b'version:"2.0.11"' in content


def test_another_file_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "HTMX_SHA384", "x" * 64)
    with pytest.raises(InternalError):
        Assets()


async def test_a_page_names_its_files_with_their_hash_and_they_may_be_kept(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).text
    found = Assets()
    for name in ("page.css", "page.js", "htmx.min.js"):
        assert found.url(name) in page
        assert f'integrity="{found.integrity(name)}"' in page
        answer = await browser.get(found.url(name))
        assert "immutable" in answer.headers["cache-control"]
        digest = base64.b64encode(hashlib.sha384(answer.content).digest()).decode()
        assert found.integrity(name) == f"sha384-{digest}"
        assert (await browser.get(f"/static/{name}?v=old")).headers["cache-control"] == "no-store"


async def test_htmx_evaluates_nothing(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).text
    for setting in ('"allowEval":false', '"includeIndicatorStyles":false', '"allowScriptTags":false'):
        assert setting in page
