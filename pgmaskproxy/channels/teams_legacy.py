"""MessageCards by pymsteams, for receivers that take nothing else: the extra `teams-legacy`.

Microsoft has retired the connectors that these were made for; `teams.Teams` is the channel to use. The card is short,
since all of its text is Markdown.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Collection
from typing import Any, Final

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.approval.visible import one_line
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.http import fingerprint, receipt_of
from pgmaskproxy.channels.teams import GONE_HINT, address_problems
from pgmaskproxy.errors import ConfigError, Problem

EXTRA: Final = "pip install 'pgmaskproxy[teams-legacy]'"
_TITLES: Final = {
    "approval.requested": "A statement waits for approval",
    "approval.approved": "Approved",
    "approval.rejected": "Rejected",
    "approval.expired": "Expired",
}
_MARKS: Final = frozenset("\\`*_{}[]()<>#+-.!|~:&=/@$")


def escaped(text: str, limit: int = 300) -> str:
    """`text` on one line, visible, every mark of Markdown (CommonMark 2.4) behind a backslash, and no HTML."""
    return (
        "".join(f"\\{character}" if character in _MARKS else character for character in one_line(text, limit))
        .replace("\\<", "&lt;")
        .replace("\\>", "&gt;")
        .replace("\\&", "&amp;")
    )


class TeamsLegacy:
    """A `Channel`. Raises ConfigError for a bad address, and where pymsteams is not installed."""

    def __init__(self, name: str, url: str, *, groups: Collection[str] = (), seconds: float = 15.0) -> None:
        problems = address_problems(name, url)
        try:
            self._library: Any = importlib.import_module("pymsteams")
            self._exceptions: Any = importlib.import_module("requests.exceptions")
        except ImportError:
            problems.append(Problem(f"channel {name}: kind teams-legacy needs pymsteams", hint=EXTRA))
        if problems:
            raise ConfigError(problems)
        self.name = name
        self.groups = frozenset(groups)
        self.address = fingerprint(url)
        self._url = url
        self._seconds = seconds

    async def send(self, notification: Notification) -> Receipt:
        """POST once, in a thread: the library blocks."""
        return await asyncio.to_thread(self._post, self.card(notification))

    def card(self, notification: Notification) -> Any:
        """The `connectorcard` for a notification."""
        data = notification.data
        title = _TITLES.get(notification.type, notification.type)
        found = data.get("summary")
        summary = found if isinstance(found, dict) else {}
        does = summary.get("does")
        lines = [
            str(does[0]) if isinstance(does, list) and does else "",
            f"asked by {data.get('principal')} in {data.get('database')}",
            f"reason given: {summary.get('reason') or 'none'}",
        ]
        return self._made(title, "  \n".join(escaped(line) for line in lines if line), data.get("link"))

    async def greet(self, host: str) -> Receipt:
        """POST a card that says it is a test."""
        words = "This is a test of pgmaskproxy's notifications. Nothing is waiting, and there is nothing to do."
        return await asyncio.to_thread(self._post, self._made("It works", f"{words} Sent by {escaped(host)}.", None))

    async def close(self) -> None:
        """Nothing is kept open."""

    def _made(self, title: str, text: str, link: object) -> Any:
        card = self._library.connectorcard(self._url, http_timeout=self._seconds)
        card.title(title)
        card.summary(title)
        card.text(text)
        if isinstance(link, str) and link.startswith(("https://", "http://")):
            card.addLinkButton("Sign in and decide", link)
        return card

    def _post(self, card: Any) -> Receipt:
        try:
            card.send()
        except self._library.TeamsWebhookException:
            pass  # the answer is looked at below: the exception has its body
        except self._exceptions.RequestException as error:
            return Receipt(Sent.RETRY, type(error).__name__)
        answer = card.last_http_response
        receipt = receipt_of(answer.status_code, answer.headers)
        if receipt.sent is Sent.REFUSED and answer.status_code in {401, 403, 404, 410}:
            return Receipt(Sent.GONE, f"HTTP {answer.status_code}: nobody is there any more; {GONE_HINT}")
        return receipt
