"""Adaptive Cards as HTML, for the demo's stand-in for Teams: the elements that our own card is made of, and no others.

What a client of Teams would do: Markdown and `{{TIME(...)}}` in TextBlocks, none in text runs. No script, no style of
the card's own; every text is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import Any, Final

_BOLD: Final = re.compile(r"\*\*([^*]+)\*\*")
_MOMENT: Final = re.compile(r"\{\{(TIME|DATE)\(([0-9TZ:-]+)(?:,\s*SHORT)?\)\}\}")
_FORMATS: Final = {"TIME": "%H:%M", "DATE": "%a, %d %b %Y"}
_STYLES: Final = ("size", "weight", "color", "fontType")


def card_html(card: Mapping[str, Any]) -> str:
    """A card's body and its buttons."""
    body = "".join(_each(card.get("body")))
    buttons = "".join(_button(action) for action in _items(card.get("actions")))
    return f'<div class="card">{body}{f"<p>{buttons}</p>" if buttons else ""}</div>'


def card_text(card: object) -> str:
    """All the text of a card, in its order."""
    if isinstance(card, Mapping):
        own = card.get("text")
        return (own if isinstance(own, str) else "") + "".join(card_text(each) for each in card.values())
    return "".join(card_text(each) for each in card) if isinstance(card, list) else ""


def _each(elements: object) -> Iterator[str]:
    for element in _items(elements):
        kind = element.get("type")
        if kind == "TextBlock":
            yield f'<p class="{_classes(element)}">{_markdown(str(element.get("text", "")))}</p>'
        elif kind == "RichTextBlock":
            runs = "".join(_run(run) for run in _items(element.get("inlines")))
            yield f'<p class="{_classes(element)}">{runs}</p>'
        elif kind == "Container":
            yield f'<div class="{_classes(element)}">{"".join(_each(element.get("items")))}</div>'
        else:
            yield f"<p>({escape(str(kind))} cannot be shown here)</p>"


def _run(run: Mapping[str, Any]) -> str:
    return f'<span class="{_classes(run)}">{escape(str(run.get("text", "")))}</span>'


def _button(action: Mapping[str, Any]) -> str:
    url = str(action.get("url", ""))
    if action.get("type") != "Action.OpenUrl" or not url.startswith(("http://", "https://")):
        return ""
    return f'<a class="button" href="{escape(url)}">{escape(str(action.get("title", "")))}</a>'


def _markdown(text: str) -> str:
    shown = _MOMENT.sub(_moment, escape(text))
    return _BOLD.sub(r"<strong>\1</strong>", shown)


def _moment(found: re.Match[str]) -> str:
    """In the time zone of whoever runs the demo, as Teams does in its reader's."""
    try:
        at = datetime.fromisoformat(found[2].replace("Z", "+00:00")).astimezone()
    except ValueError:
        return found[0]
    return at.strftime(_FORMATS[found[1]])


def _classes(element: Mapping[str, Any]) -> str:
    """What the style sheet knows: `size-large`, `weight-bolder`, `subtle`..."""
    found = [f"{name.lower()}-{str(element[name]).lower()}" for name in _STYLES if name in element]
    found += [
        name for name, key in (("subtle", "isSubtle"), ("italic", "italic"), ("line", "separator")) if element.get(key)
    ]
    if element.get("style") == "emphasis":
        found.append("emphasis")
    return escape(" ".join(found))


def _items(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
