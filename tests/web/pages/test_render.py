"""Templates: nothing unescaped, nothing unknown, nothing inline that the policy for content forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from pgmaskproxy.approval.request import State
from pgmaskproxy.web import pages
from pgmaskproxy.web.pages.assets import Assets
from pgmaskproxy.web.pages.render import STATES, Renderer, duration, many

TEMPLATES = sorted(Path(pages.__file__).with_name("templates").glob("*.html"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.9, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (3660, "1 h 1 min"),
        (200_000, "2 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts() -> None:
    assert [many(1, "line"), many(2, "line"), many(1000, "line")] == ["1 line", "2 lines", "1,000 lines"]
    assert many(2, "has", "have") == "2 have"


def test_every_state_has_a_name() -> None:
    assert set(STATES) == set(State)


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        Renderer(Assets()).page("error.html", me=None, token="", title="x", detail="y")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nothing_inline_and_nothing_unescaped(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"\sstyle=|\son\w+=|javascript:|\|\s*safe|autoescape|Markup|<style|hx-on|hx-vals|hx-vars", text
    )
    for tag in re.findall(r"<script[^>]*>", text):
        assert "src=" in tag
        assert "integrity=" in tag
    assert "http://" not in text
    assert "https://" not in text
