"""The demo's own drawing of a card: what the card says, and nothing that it does not."""

from __future__ import annotations

import re
from html import unescape

import pytest

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.demo.cards import card_html, card_text
from pgmaskproxy.proxy.deep import DeepThread
from tests.channels.hostile import HOSTILE, LINK
from tests.channels.test_card import card, note


def words(html: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_what_it_says() -> None:
    html = card_html(card(note()))
    for each in ("A statement waits for approval", "Asked by: sales-agent (agent) of alice", "DELETE FROM customers"):
        assert each in words(html)
    assert f'<a class="button" href="{LINK}">Sign in and decide</a>' in html
    assert "<strong>Decide before:</strong>" in html
    assert "{{" not in html
    assert "DELETE FROM customers" in card_text(card(note()))


def test_hostile_statements_are_text() -> None:
    deep = DeepThread()
    try:
        cards = [card(payload.notification(deep)) for payload in HOSTILE]
    finally:
        deep.close()
    for each in cards:
        html = card_html(each)
        assert set(re.findall(r"<(\w+)", html)) <= {"div", "p", "span", "strong", "a"}
        assert html.count("<a ") == html.count("<strong>") == 1
        assert re.findall(r'href="([^"]*)"', html) == [LINK]


@pytest.mark.parametrize(
    ("content", "html"),
    [
        ({"body": [{"type": "Image", "url": "https://e.example"}]}, "<p>(Image cannot be shown here)</p>"),
        ({"body": [{"type": "TextBlock", "text": "<b> {{TIME(never)}}", "color": '">'}]}, "&lt;b&gt; {{TIME(never)}}"),
        (
            {"actions": [{"type": "Action.OpenUrl", "url": "javascript:x", "title": "t"}]},
            '<div class="card"></div>',
        ),
        ({"body": "none"}, '<div class="card"></div>'),
    ],
)
def test_what_is_not_ours_is_not_drawn(content: dict[str, object], html: str) -> None:
    drawn = card_html(content)
    assert html in drawn
    assert "javascript:" not in drawn
    assert 'class="color-">' not in drawn


def test_an_ended_request() -> None:
    assert "Expired" in card_html(card(Notification("e", "approval.expired", 0, 0, {"id": "apr_1", "link": LINK})))
