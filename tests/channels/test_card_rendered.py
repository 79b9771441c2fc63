"""The card as people see it: Microsoft's own renderer in a real browser, with statements that would rather be seen
otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgmaskproxy.approval.request import State, Vote
from pgmaskproxy.demo.cards import card_html
from pgmaskproxy.demo.teams import STYLE
from pgmaskproxy.proxy.deep import DeepThread
from tests.approval.making import NOW
from tests.channels.hostile import HOSTILE, Hostile
from tests.channels.rendering import Drawn, Renderer, renderer
from tests.channels.test_card import card, note, texts

OURS = {"div", "span", "p", "strong", "br", "button"}
"""Every element that our own words make: boxes, runs, one bold word, one button."""


@pytest.fixture(scope="module")
def deep() -> Iterator[DeepThread]:
    thread = DeepThread()
    yield thread
    thread.close()


@pytest.fixture(scope="module")
def screen() -> Iterator[Renderer]:
    with renderer() as made:
        yield made


def only_ours(drawn: Drawn) -> None:
    assert drawn.complaints == []
    assert set(drawn.counts) <= OURS
    assert drawn.counts.get("strong", 0) <= 1
    assert drawn.counts["button"] == 1
    assert drawn.width <= 760


def keep(screen: Renderer, name: str) -> None:
    """Pictures to be looked at, where somebody asks for them."""
    if place := os.environ.get("PGMASKPROXY_TEST_PICTURES"):
        screen.picture(Path(place) / f"card-{name.replace(' ', '-')}.png")


def test_an_ordinary_card(screen: Renderer) -> None:
    drawn = screen.draw(card(note()))
    keep(screen, "ordinary")
    only_ours(drawn)
    assert re.search(r"Decide before: .*8:15.*, .*2027 \(08:15:00 UTC\)", drawn.text), "in the reader's own time"
    assert "DELETE FROM customers\n  USING orders" in drawn.text
    assert drawn.text.endswith("Sign in and decide")


def test_the_demos_own_drawing_says_the_same(screen: Renderer) -> None:
    content = card(note())
    said = screen.draw(content).text
    screen.page.set_content(f'<meta charset="utf-8"><style>{STYLE}</style>{card_html(content)}')
    own = screen.page.inner_text("body").replace("\u00a0", " ")
    screen.reset()
    assert lines(own) == lines(said)


def lines(text: str) -> list[str]:
    """Without empty lines, indentation, and the time, which each writes in its own way."""
    found = (re.sub(r"before: .* \(", "before: (", line).strip() for line in text.splitlines())
    return [line for line in found if line]


def test_what_became_of_it(screen: Renderer) -> None:
    votes = (Vote("bob", False, "# not **before** [the](https://e.example) month", NOW),)
    drawn = screen.draw(card(note("approval.rejected", state=State.REJECTED, votes=votes)))
    keep(screen, "rejected")
    only_ours(drawn)
    assert "bob rejected it: # not **before** [the](https://e.example) month" in drawn.text


@pytest.mark.parametrize("payload", HOSTILE, ids=lambda payload: payload.name)
def test_a_hostile_statement_draws_nothing_but_text(payload: Hostile, screen: Renderer, deep: DeepThread) -> None:
    content = card(payload.notification(deep))
    drawn = screen.draw(content)
    keep(screen, payload.name)
    only_ours(drawn)
    for seen in payload.seen:
        assert seen in drawn.text
    assert drawn.top[payload.seen[0]] < 200, "what it does is at the top, whatever follows"
    assert drawn.height < 6000
    runs = [text for kind, text in texts(content) if kind == "TextRun"]
    assert screen.as_markdown(runs) <= {"p"}, "not even where runs were read as Markdown and HTML"
