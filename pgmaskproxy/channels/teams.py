"""Microsoft Teams: an Adaptive Card posted to the address of a Workflows flow ("Post to a channel when a webhook
request is received").

The flow answers 202 before it has posted anything, and never says what became of it: `accepted` is all we know. Its
address is a capability (it is signed), so it is told to nobody, not even in an error. The older Office 365 connectors,
whose addresses look similar, are retired; a flow that was deleted or turned off, or whose owner is gone, answers 4xx.
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Final

import httpx2

from pgmaskproxy.approval.notification import Notification
from pgmaskproxy.channels.channel import Receipt, Sent
from pgmaskproxy.channels.http import fingerprint, may_be_told, receipt_of, user_agent
from pgmaskproxy.errors import ConfigError, Problem

RETIRED: Final = ("outlook.office.com", "outlook.office365.com", "webhook.office.com")
"""Hosts of Office 365 connectors, with everything below them."""
GONE_HINT: Final = "make the flow again in Teams (Workflows) and put its address into the channel's url"
_GONE: Final = frozenset({401, 403, 404, 410})
"""Deleted, turned off, or the address's signature is no longer good: in each case only another address helps."""
_LONGEST_ANSWER: Final = 4096
_CODE: Final = re.compile(r"[A-Za-z]{1,64}")


def retired(url: str) -> bool:
    """Whether `url` is that of an Office 365 connector: nothing listens there any more."""
    try:
        host = httpx2.URL(url).host.lower().rstrip(".")
    except httpx2.InvalidURL:
        return False
    return any(host == name or host.endswith("." + name) for name in RETIRED)


def address_problems(name: str, url: str) -> list[Problem]:
    """What is wrong with a Teams channel's address; the address itself, a secret, is never in it."""
    if not may_be_told(url):
        return [Problem(f"channel {name}: the address must be https", hint="http only to this machine: 127.0.0.1, ::1")]
    if retired(url):
        return [
            Problem(
                f"channel {name}: Office 365 connectors are retired, so nothing posted to this address arrives",
                hint="in Teams: Workflows, 'Post to a channel when a webhook request is received'; use its address",
            )
        ]
    return []


class Teams:
    """A `Channel`. Raises ConfigError for an address that is neither https nor on this machine, or a retired one."""

    def __init__(self, name: str, url: str, *, groups: Collection[str] = (), seconds: float = 15.0) -> None:
        if problems := address_problems(name, url):
            raise ConfigError(problems)
        self.name = name
        self.groups = frozenset(groups)
        self.address = fingerprint(url)
        self._url = url
        self._client = httpx2.AsyncClient(timeout=seconds, headers={"user-agent": user_agent()})

    async def send(self, notification: Notification) -> Receipt:
        """POST the card once."""
        from pgmaskproxy.channels.card import message  # noqa: PLC0415 - the models take half a second to load

        return await self._post(message(notification))

    async def greet(self, host: str) -> Receipt:
        """POST a card that says it is a test."""
        from pgmaskproxy.channels.card import envelope, harmless  # noqa: PLC0415 - as above

        return await self._post(envelope(harmless(host)))

    async def _post(self, body: bytes) -> Receipt:
        """202 is accepted; 401, 403, 404 and 410 mean that the flow is gone."""
        headers = {"content-type": "application/json"}
        try:
            async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                receipt = receipt_of(response.status_code, response.headers)
                if response.status_code == 202:
                    return Receipt(Sent.ACCEPTED, "HTTP 202: the flow took it; its run history says whether it posted")
                if receipt.sent is not Sent.REFUSED:
                    return receipt
                return _refusal(response.status_code, await _beginning(response))
        except httpx2.HTTPError as error:
            return Receipt(Sent.RETRY, type(error).__name__)

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.aclose()


async def _beginning(response: httpx2.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) >= _LONGEST_ANSWER:
            break
    return body[:_LONGEST_ANSWER]


def _refusal(status: int, body: bytes) -> Receipt:
    """With the error's code where the answer has one (`WorkflowTriggerIsNotEnabled`), and nothing else of it."""
    code = ""
    try:
        answer = json.loads(body)
        error = answer.get("error") if isinstance(answer, dict) else None
        found = error.get("code") if isinstance(error, dict) else None
        code = f" {found}" if isinstance(found, str) and _CODE.fullmatch(found) else ""
    except (ValueError, RecursionError):
        pass
    if status in _GONE or code.strip().startswith("Workflow"):
        return Receipt(Sent.GONE, f"HTTP {status}{code}: the flow is gone or turned off; {GONE_HINT}")
    return Receipt(Sent.REFUSED, f"HTTP {status}{code}")
