"""A browser before a stage, with nobody signed in and with bob."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.web.pages.browser import Browser
from tests.web.stage import Stage


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[Browser]:
    found = Browser(stage)
    async with found.http:
        yield found


@pytest.fixture
async def bob(browser: Browser) -> Browser:
    assert (await browser.sign_in("bob")).status_code == 303
    return browser
