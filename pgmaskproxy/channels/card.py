"""The Adaptive Card (1.4) that tells approvers of a held statement, and of what became of it.

Built from Microsoft's own models. What the statement, its author or anybody else wrote is in text runs cut by `runs`;
only words of ours are in TextBlocks, where Markdown counts. First what it will do, then who asks, what is touched,
why, until when; the text last. The button leads to the page where one signs in: nothing is decided in the chat.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from microsoft_teams.cards import (
    Action,
    AdaptiveCard,
    CardElement,
    Container,
    OpenUrlAction,
    RichTextBlock,
    TeamsCardProperties,
    TextBlock,
    TextColor,
    TextRun,
)

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.summary import Excerpt, Summary
from pgmaskproxy.approval.visible import one_line
from pgmaskproxy.channels.runs import plain_runs

VERSION: Final = "1.4"
CONTENT_TYPE: Final = "application/vnd.microsoft.card.adaptive"
LIMIT: Final = 27_000
"""Bytes of a message: Teams takes 28 KB and does not say which."""

_ENDS: Final[Mapping[str, tuple[str, TextColor, str]]] = {
    "approval.approved": ("Approved", "Good", "It runs now, once."),
    "approval.rejected": ("Rejected", "Attention", "It did not run."),
    "approval.expired": ("Expired", "Warning", "Its time has passed. It did not run."),
    "approval.withdrawn": ("Withdrawn", "Default", "Whoever asked is gone. It did not run."),
    "approval.cancelled": ("Cancelled", "Default", "Whoever asked does not want it any more. It did not run."),
}


@dataclass(frozen=True, slots=True)
class _Room:
    """How much may be said, so that the whole fits."""

    characters: int
    """Of one item."""
    items: int
    sql: int
    """Characters of the statement, over all excerpts."""


_ROOMS: Final = (_Room(400, 25, 5000), _Room(200, 12, 2400), _Room(100, 8, 1000), _Room(60, 4, 400), _Room(30, 2, 120))
"""From what nearly everything fits into, to what fits whatever comes."""


def message(notification: Notification) -> bytes:
    """The body to be POSTed to a Workflows address: the same at every retry, and never over `LIMIT` bytes.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
    """
    made = b""
    for room in _ROOMS:
        made = envelope(_card(notification, room))
        if len(made) <= LIMIT:
            break
    return made


def envelope(card: AdaptiveCard) -> bytes:
    """A card in the message that Workflows takes."""
    content = card.model_dump(by_alias=True, exclude_none=True, mode="json")
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": content}
    return json.dumps(
        {"type": "message", "attachments": [attachment]}, ensure_ascii=False, separators=(",", ":")
    ).encode("utf-8", "replace")


def harmless(host: str) -> AdaptiveCard:
    """What `notify test` posts; `host` says from where."""
    words = "This is a test of pgmaskproxy's notifications. Nothing is waiting, and there is nothing to do."
    return _made([_heading("It works", "Good"), _block(words), _said(f"Sent by pgmaskproxy on {one_line(host)}.")], "")


def _card(notification: Notification, room: _Room) -> AdaptiveCard:
    data = notification.data
    link, kept = data.get("link"), data.get("summary")
    address = link if isinstance(link, str) and link.startswith(("https://", "http://")) else ""
    summary = Summary.from_json(kept) if isinstance(kept, dict) else None
    end = _ENDS.get(notification.type)
    if end is not None:
        return _made(list(_ended(end, data, summary, room)), address, "Open the request")
    if summary is None:  # put into the outbox by an earlier version
        return _made([_heading("A statement waits for approval", "Warning")], address)
    return _made(list(_asked(summary, room)), address)


def _asked(told: Summary, room: _Room) -> Iterable[CardElement]:
    yield _heading("A statement waits for approval", "Warning")
    yield Container(items=[_said(each, weight="Bolder", size="Medium") for each in _some(told.does, room)])
    if told.unmask:
        # Whoever lets somebody see what is masked is told why in the same breath.
        yield _said(f"Why: {_short(told.reason, room) or 'no reason was given'}", weight="Bolder")
    if told.card:
        yield _said(_short(told.card, room))
    for warning in _some(told.warnings, room):
        yield _said(f"Look twice: {warning}", color="Attention", weight="Bolder")
    yield Container(items=list(_facts(told, room)), separator=True, spacing="Medium")
    yield from _statement(told, room)


def _facts(told: Summary, room: _Room) -> Iterable[CardElement]:
    by = f"{told.principal} ({told.kind})" + (f" of {told.owner}" if told.owner else "")
    where = "".join(
        f" · {each}"
        for each in (
            f"login of {told.person}" if told.person else "",
            f"calls itself {told.application}" if told.application else "",
            f"from {told.address}" if told.address else "",
        )
        if each
    )
    yield _fact("Asked by", [by + where], room)
    yield _fact("Database", [f"{told.database} as role {told.role}"], room)
    yield _fact("Tables", told.tables, room)
    yield _fact("Labelled columns", told.columns or ["none"], room)
    if told.outputs:
        yield _fact("It returns", told.outputs, room)
    yield _fact("Rule", told.rules, room)
    yield _fact("Reason given", [told.reason or "none"], room)
    yield _fact("Who decides", [", ".join([*told.asked, *_never(told)])], room)
    at = datetime.fromtimestamp(told.deadline, UTC)
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    # Teams writes these in the reader's own time zone; they are ours alone, so Markdown and all may be in it.
    until = f"**Decide before:** {{{{TIME({stamp})}}}}, {{{{DATE({stamp},SHORT)}}}} ({at:%H:%M:%S} UTC)"
    yield TextBlock(text=until, wrap=True, spacing="Small")


def _never(told: Summary) -> list[str]:
    """Separation of duty, in so many words."""
    barred = ", ".join(dict.fromkeys(each for each in (told.owner, told.person) if each))
    return [f"never {barred}"] if barred else []


def _statement(told: Summary, room: _Room) -> Iterable[CardElement]:
    inlines: list[CardElement] = []
    for number, excerpt in enumerate(_fitting(told.sql, room.sql)):
        if excerpt.skipped:
            gap = f"{chr(10) if number else ''}… {excerpt.skipped:,} characters are not shown here …\n"
            inlines.append(TextRun(text=gap, italic=True, color="Attention"))
        inlines += _runs(excerpt.text, font_type="Monospace")
    yield Container(items=[RichTextBlock(inlines=inlines)], style="emphasis", separator=True, spacing="Medium")
    notes = [*(["Comments are left out."] * told.comments), *(["Literals are shown as ?."] * (not told.literals))]
    if told.parameters:
        notes.append(f"{told.parameters} parameters: their values are on the page.")
    notes.append(f"{told.sql_length:,} characters, digest {told.digest[:16]}…, request {told.id}")
    yield _said(" ".join(notes), size="Small", is_subtle=True)


def _ended(
    end: tuple[str, TextColor, str], data: Mapping[str, Any], told: Summary | None, room: _Room
) -> Iterable[CardElement]:
    title, color, what = end
    yield _heading(title, color)
    for each in data.get("votes", ()) if isinstance(data.get("votes"), Sequence) else ():
        if isinstance(each, Mapping):
            word = "approved" if each.get("approve") else "rejected"
            said = _short(one_line(str(each.get("reason") or ""), 600), room)
            yield _said(f"{one_line(str(each.get('person')))} {word} it{': ' + said if said else ''}")
    yield _block(what)
    if told is not None:
        yield _fact("Statement", _some(told.does, room)[:1], room)
        yield _fact("Asked by", [f"{told.principal} in {told.database}"], room)
    yield _said(f"request {one_line(str(data.get('id', '')))}", size="Small", is_subtle=True)


# -- elements -------------------------------------------------------------------------------------------------


def _made(body: Sequence[CardElement], link: str, title: str = "Sign in and decide") -> AdaptiveCard:
    actions: list[Action] | None = [OpenUrlAction(title=title, url=link)] if link else None
    return AdaptiveCard(
        version=VERSION,
        body=list(body),
        actions=actions,
        fallback_text="A statement was told of; this client cannot show the card.",
        msteams=TeamsCardProperties(width="full"),
    )


def _heading(words: str, color: TextColor) -> TextBlock:
    return TextBlock(text=words, size="Large", weight="Bolder", color=color, wrap=True)


def _block(words: str) -> TextBlock:
    return TextBlock(text=words, wrap=True)


def _said(text: str, **style: Any) -> RichTextBlock:
    """Anybody's words."""
    return RichTextBlock(inlines=_runs(text, **style))


def _runs(text: str, **style: Any) -> list[CardElement]:
    return [TextRun(text=run, **style) for run in plain_runs(text)]


def _fact(name: str, texts: Sequence[str], room: _Room) -> RichTextBlock:
    found = _some(texts, room) or ["none"]
    words = found[0] if len(found) == 1 else "".join(f"\n• {each}" for each in found)
    return RichTextBlock(inlines=[TextRun(text=f"{name}: ", weight="Bolder"), *_runs(words)], spacing="Small")


def _some(texts: Sequence[str], room: _Room) -> list[str]:
    shown = [_short(each, room) for each in texts[: room.items]]
    return shown if len(texts) <= room.items else [*shown, f"and more: {len(texts) - room.items} lines are on the page"]


def _short(text: str, room: _Room) -> str:
    if len(text) <= room.characters:
        return text
    half = (room.characters - 3) // 2
    return f"{text[: room.characters - 3 - half]} … {text[-half:]}"


def _fitting(excerpts: Sequence[Excerpt], most: int) -> list[Excerpt]:
    """The excerpts cut down to `most` characters together: of the first the beginning, of the last the end, of those
    between, which are around what changes something, the middle."""
    if sum(len(each.text) for each in excerpts) <= most:
        return list(excerpts)
    if len(excerpts) == 1:
        (only,) = excerpts
        head, tail = most * 2 // 3, most // 3
        return [Excerpt(0, only.text[:head]), Excerpt(len(only.text) - head - tail, only.text[-tail:])]
    each_one = most // len(excerpts)
    found: list[Excerpt] = []
    carried = 0
    for number, excerpt in enumerate(excerpts):
        text = excerpt.text
        over = max(0, len(text) - each_one)
        before = 0 if number == 0 else over if number == len(excerpts) - 1 else over // 2
        found.append(Excerpt(excerpt.skipped + carried + before, text[before : len(text) - (over - before)]))
        carried = over - before
    return found
